//go:build !linux

package app

// dropProgram does nothing where the system is not told about single pages.
func dropProgram() error { return nil }
