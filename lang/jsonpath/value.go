package jsonpath

import (
	"encoding/json"
	"iter"
	"math/big"
)

// Number is a JSON number with its text, so that 1 stays 1, 1.0 stays 1.0 and large integers lose nothing.
type Number = json.Number

// Values are nil, bool, Number, string, []any and *Object.

// Object is a JSON object that keeps the order of its members. The zero Object is empty and ready to use. It is not safe for
// concurrent writes.
type Object struct {
	keys  []string
	vals  []any
	index map[string]int // built when the object has grown past indexFrom members
}

const indexFrom = 12

// NewObject gives an object with room for n members.
func NewObject(n int) *Object {
	return &Object{keys: make([]string, 0, n), vals: make([]any, 0, n)}
}

// Len gives the number of members.
func (o *Object) Len() int { return len(o.keys) }

func (o *Object) find(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i, k := range o.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// Get gives the member's value; false when it is absent.
func (o *Object) Get(key string) (any, bool) {
	if i := o.find(key); i >= 0 {
		return o.vals[i], true
	}
	return nil, false
}

// Set adds the member at the end, or replaces its value in place.
func (o *Object) Set(key string, v any) {
	if i := o.find(key); i >= 0 {
		o.vals[i] = v
		return
	}
	o.keys = append(o.keys, key)
	o.vals = append(o.vals, v)
	switch {
	case o.index != nil:
		o.index[key] = len(o.keys) - 1
	case len(o.keys) > indexFrom:
		o.index = make(map[string]int, 2*len(o.keys))
		for i, k := range o.keys {
			o.index[k] = i
		}
	}
}

// All walks the members in order.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i, k := range o.keys {
			if !yield(k, o.vals[i]) {
				return
			}
		}
	}
}

// Keys gives the names of the members in order; the slice is the caller's.
func (o *Object) Keys() []string { return append([]string(nil), o.keys...) }

// Clone gives a copy that shares the members' values.
func (o *Object) Clone() *Object {
	c := NewObject(len(o.keys) + 1)
	for i, k := range o.keys {
		c.Set(k, o.vals[i])
	}
	return c
}

// Equal compares two values: objects without order, numbers by value.
func Equal(a, b any) bool {
	switch x := a.(type) {
	case *Object:
		y, ok := b.(*Object)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for k, v := range x.All() {
			w, ok := y.Get(k)
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case Number:
		y, ok := b.(Number)
		return ok && CompareNumbers(x, y) == 0
	}
	switch b.(type) {
	case *Object, []any, Number:
		return false
	}
	return a == b
}

// CompareNumbers gives -1, 0 or 1. Numbers of sane size are compared exactly, those with huge exponents as floats.
func CompareNumbers(a, b Number) int {
	if a == b {
		return 0
	}
	if i, err := a.Int64(); err == nil {
		if j, err := b.Int64(); err == nil {
			return compare(i, j)
		}
	}
	if x, y := exact(a), exact(b); x != nil && y != nil {
		return x.Cmp(y)
	}
	x, _ := a.Float64()
	y, _ := b.Float64()
	return compare(x, y)
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// exact gives the number as a fraction; nil when its text or exponent is so long that exactness would cost too much.
func exact(n Number) *big.Rat {
	if len(n) > 400 {
		return nil
	}
	f, err := n.Float64()
	if err != nil || f > 1e300 || f < -1e300 || (f != 0 && f < 1e-300 && f > -1e-300) {
		return nil
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return r
}

// TypeName names the type of a value as JSON does: null, boolean, number, string, array, object.
func TypeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// Fits tells whether a value's compact JSON has at most limit bytes. It takes no longer than writing that much: shared parts, which
// can make a small value huge as text, are not walked to the end.
func Fits(v any, limit int) bool { return room(v, limit) >= 0 }

// room gives what is left of limit after v; negative when v does not fit.
func room(v any, limit int) int {
	switch x := v.(type) {
	case string:
		return limit - stringSize(x)
	case Number:
		return limit - len(x)
	case []any:
		limit -= 2 + max(0, len(x)-1)
		for i := 0; i < len(x) && limit >= 0; i++ {
			limit = room(x[i], limit)
		}
		return limit
	case *Object:
		limit -= 2 + max(0, len(x.keys)-1)
		for i := 0; i < len(x.keys) && limit >= 0; i++ {
			limit = room(x.vals[i], limit-stringSize(x.keys[i])-1)
		}
		return limit
	case bool:
		if !x {
			return limit - 5
		}
	}
	return limit - 4
}

func stringSize(s string) int {
	n := len(s) + 2
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f':
			n++
		case c < 0x20:
			n += 5
		}
	}
	return n
}
