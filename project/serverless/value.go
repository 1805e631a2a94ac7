package serverless

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Kind is the kind of a Value: the JSON types.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

// String gives the kind's name as a user would say it.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a text", "a list", "a map"}[k]
}

// Value is a JSON value that keeps the order of its keys and the place where it was written. A nil *Value is an absent one;
// every method may be called on it. A Value that is part of a resolved document or of a template is shared and must not be
// changed by readers.
type Value struct {
	Kind   Kind
	Flag   bool    // of Bool
	Num    float64 // of Number
	Text   string  // of String; of Number as JavaScript writes it
	Items  []*Value
	Fields []Field
	Pos    Pos
}

// Field is one entry of a Map.
type Field struct {
	Key   string
	Pos   Pos // of the key
	Value *Value
}

func str(s string) *Value     { return &Value{Kind: String, Text: s} }
func boolean(b bool) *Value   { return &Value{Kind: Bool, Flag: b} }
func number(f float64) *Value { return &Value{Kind: Number, Num: f, Text: jsNumber(f)} }
func list(v ...*Value) *Value { return &Value{Kind: List, Items: v} }
func null() *Value            { return &Value{Kind: Null} }
func strs(s ...string) *Value {
	l := list()
	for _, x := range s {
		l.Items = append(l.Items, str(x))
	}
	return l
}

// object makes a Map of alternating keys and values; a value may be a *Value, a string, a bool or an int. An absent value
// (a nil *Value) leaves its key out.
func object(pairs ...any) *Value {
	m := &Value{Kind: Map}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i].(string), toValue(pairs[i+1]))
	}
	return m
}

func toValue(x any) *Value {
	switch x := x.(type) {
	case *Value:
		return x
	case string:
		return str(x)
	case bool:
		return boolean(x)
	case int:
		return number(float64(x))
	}
	return nil
}

// Get walks down a path of keys; it gives nil when a step is absent or is not a map.
func (v *Value) Get(path ...string) *Value {
	for _, key := range path {
		f := v.field(key)
		if f == nil {
			return nil
		}
		v = f.Value
	}
	return v
}

func (v *Value) field(key string) *Field {
	if v == nil || v.Kind != Map {
		return nil
	}
	for i := range v.Fields {
		if v.Fields[i].Key == key {
			return &v.Fields[i]
		}
	}
	return nil
}

// Has tells whether the map has the key with a value other than null.
func (v *Value) Has(key string) bool { return !v.Get(key).IsNull() }

// IsNull tells whether the value is absent or null.
func (v *Value) IsNull() bool { return v == nil || v.Kind == Null }

// Is tells whether the value is there and of kind k.
func (v *Value) Is(k Kind) bool { return v != nil && v.Kind == k }

// Truthy follows JavaScript: absent, null, false, 0 and "" are not.
func (v *Value) Truthy() bool {
	if v == nil {
		return false
	}
	switch v.Kind {
	case Null:
		return false
	case Bool:
		return v.Flag
	case Number:
		return v.Num != 0
	case String:
		return v.Text != ""
	}
	return true
}

// Str gives the text of a String, Number or Bool, and "" for anything else.
func (v *Value) Str() string {
	if v == nil {
		return ""
	}
	switch v.Kind {
	case String, Number:
		return v.Text
	case Bool:
		return strconv.FormatBool(v.Flag)
	}
	return ""
}

// Where gives the value's position; the zero Pos when absent.
func (v *Value) Where() Pos {
	if v == nil {
		return Pos{}
	}
	return v.Pos
}

// Set replaces or appends an entry of a map; an absent value leaves the map as it is.
func (v *Value) Set(key string, x *Value) {
	if x == nil {
		return
	}
	if f := v.field(key); f != nil {
		f.Value = x
		return
	}
	v.Fields = append(v.Fields, Field{Key: key, Pos: x.Pos, Value: x})
}

// Keys gives the keys of a map in order.
func (v *Value) Keys() []string {
	if v == nil {
		return nil
	}
	keys := make([]string, 0, len(v.Fields))
	for _, f := range v.Fields {
		keys = append(keys, f.Key)
	}
	return keys
}

// entries gives the entries of a map; none for anything else.
func (v *Value) entries() []Field {
	if v == nil {
		return nil
	}
	return v.Fields
}

// items gives the items of a list; none for anything else.
func (v *Value) items() []*Value {
	if v == nil {
		return nil
	}
	return v.Items
}

// Clone copies the value whole, so that the copy may be changed.
func (v *Value) Clone() *Value {
	if v == nil {
		return nil
	}
	c := *v
	c.Items, c.Fields = nil, nil
	for _, it := range v.Items {
		c.Items = append(c.Items, it.Clone())
	}
	for _, f := range v.Fields {
		c.Fields = append(c.Fields, Field{Key: f.Key, Pos: f.Pos, Value: f.Value.Clone()})
	}
	return &c
}

// JSON gives the value as compact JSON with its keys in order.
func (v *Value) JSON() string {
	var b bytes.Buffer
	v.write(&b)
	return b.String()
}

// Indent gives the value as JSON with two blanks per level, as JSON.stringify(v, null, 2) would.
func (v *Value) Indent() string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(v.JSON()), "", "  "); err != nil {
		return v.JSON()
	}
	return b.String()
}

// MarshalJSON writes JSON.
func (v *Value) MarshalJSON() ([]byte, error) { return []byte(v.JSON()), nil }

func (v *Value) write(b *bytes.Buffer) {
	if v == nil {
		b.WriteString("null")
		return
	}
	switch v.Kind {
	case Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(strconv.FormatBool(v.Flag))
	case Number:
		if math.IsNaN(v.Num) || math.IsInf(v.Num, 0) {
			b.WriteString("null")
			return
		}
		b.WriteString(v.Text)
	case String:
		writeText(b, v.Text)
	case List:
		b.WriteByte('[')
		for i, it := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			it.write(b)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, f := range v.Fields {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, f.Key)
			b.WriteByte(':')
			f.Value.write(b)
		}
		b.WriteByte('}')
	}
}

// writeText writes a JSON string without the escapes for HTML that encoding/json would add.
func writeText(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string always encodes
		return
	}
	b.Truncate(b.Len() - 1)
}

// jsNumber writes a number as JavaScript's String(n) does.
func jsNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	n := len(s)
	if n >= 4 && s[n-4] == 'e' && s[n-2] == '0' { // 1e-07 is 1e-7 in JavaScript
		s = s[:n-2] + s[n-1:]
	}
	return s
}

// fromJSON reads JSON, keeping the order of keys; every value gets position p.
func fromJSON(data []byte, p Pos) (*Value, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return decodeJSON(dec, p, 0)
}
