package room

import (
	"encoding/json"
	"slices"
)

// Statements is a resource policy's text as operations like AddPermission edit it: statements of other origin stay as they are.
type Statements struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

// ParseStatements reads a policy's text; "" is a policy without statements.
func ParseStatements(text string) (Statements, error) {
	var s Statements
	if text == "" {
		return s, nil
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// Find gives the place of the statement with a Sid; -1 when there is none.
func (s *Statements) Find(sid string) int {
	return slices.IndexFunc(s.Statement, func(raw json.RawMessage) bool {
		var st struct{ Sid string }
		return json.Unmarshal(raw, &st) == nil && st.Sid == sid
	})
}

// Add appends a statement.
func (s *Statements) Add(statement any) error {
	b, err := json.Marshal(statement)
	s.Statement = append(s.Statement, b)
	return err
}

// Remove takes the statement at place i out.
func (s *Statements) Remove(i int) { s.Statement = slices.Delete(s.Statement, i, i+1) }

// Text gives the policy's text; "" when it has no statements.
func (s *Statements) Text() (string, error) {
	if len(s.Statement) == 0 {
		return "", nil
	}
	b, err := json.Marshal(s)
	return string(b), err
}

// OneOrMany gives a list of one as the one, as policies are written.
func OneOrMany(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}
