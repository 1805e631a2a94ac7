// Package schema is the vocabulary of the generated API packages.
package schema

// Operation describes one operation of an API model.
type Operation struct {
	Name string
}
