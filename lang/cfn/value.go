package cfn

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Kind is what a Value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

// Value is a piece of a template as written. Functions are maps with one key, however they were written.
type Value struct {
	Kind         Kind
	Text         string   // of a scalar; "true" or "false" of a Bool
	Items        []Value  // of a List, and of a Map in the order of Keys
	Keys         []string // of a Map
	Line, Column int      // from 1; 0 when made by the parser
}

// Get gives a map's member.
func (v Value) Get(key string) (Value, bool) {
	for i, k := range v.Keys {
		if k == key {
			return v.Items[i], true
		}
	}
	return Value{}, false
}

// IsZero tells whether v is null or absent.
func (v Value) IsZero() bool { return v.Kind == Null }

// MarshalJSON writes the value as JSON, with members in the template's order.
func (v Value) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := v.write(&b)
	return b.Bytes(), err
}

func (v Value) write(b *bytes.Buffer) error {
	switch v.Kind {
	case Null:
		b.WriteString("null")
	case Bool, Number:
		b.WriteString(v.Text)
	case String:
		s, err := json.Marshal(v.Text)
		if err != nil {
			return err
		}
		b.Write(s)
	case List, Map:
		return v.writeItems(b)
	}
	return nil
}

func (v Value) writeItems(b *bytes.Buffer) error {
	begin, end := byte('['), byte(']')
	if v.Kind == Map {
		begin, end = '{', '}'
	}
	b.WriteByte(begin)
	for i, item := range v.Items {
		if i > 0 {
			b.WriteByte(',')
		}
		if v.Kind == Map {
			k, err := json.Marshal(v.Keys[i])
			if err != nil {
				return err
			}
			b.Write(k)
			b.WriteByte(':')
		}
		if err := item.write(b); err != nil {
			return err
		}
	}
	b.WriteByte(end)
	return nil
}

// Error is a template's fault. Message is CloudFormation's ValidationError text.
type Error struct {
	Message string
	// Line and Column say where in the template, from 1; 0 when there is no one place.
	Line, Column int
	// NotDone tells that the template may be right, but uses what this package refuses by name.
	NotDone bool
}

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) *Error { return &Error{Message: fmt.Sprintf(format, args...)} }

func (v Value) errorf(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Line: v.Line, Column: v.Column}
}

func (v Value) refuse(what string) *Error {
	e := v.errorf("%s is not implemented", what)
	e.NotDone = true
	return e
}
