package ddbexpr

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the item in DynamoDB's JSON: {"id":{"S":"a"}}.
func (it Item) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range it {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, it[i].Name), ':')
		dst = it[i].Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// MarshalJSON gives the item in DynamoDB's JSON.
func (it Item) MarshalJSON() ([]byte, error) { return it.AppendJSON(nil), nil }

// MarshalJSON gives the value in DynamoDB's JSON.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// AppendJSON appends the value in DynamoDB's JSON: {"N":"1"}.
func (v Value) AppendJSON(dst []byte) []byte {
	if v.Kind == None {
		return append(dst, "{}"...)
	}
	dst = append(dst, '{', '"')
	dst = append(dst, v.Kind.String()...)
	dst = append(dst, '"', ':')
	switch v.Kind {
	case S, N, B:
		dst = appendScalar(dst, v)
	case NULL:
		dst = append(dst, "true"...)
	case BOOL:
		dst = strconv.AppendBool(dst, v.Bool)
	case M:
		dst = v.Map.AppendJSON(dst)
	default:
		dst = append(dst, '[')
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			if v.Kind == L {
				dst = e.AppendJSON(dst)
			} else {
				dst = appendScalar(dst, e)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendScalar(dst []byte, v Value) []byte {
	if v.Kind != B {
		return appendQuoted(dst, v.Text)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(v.Text))
	return append(dst, '"')
}

func appendQuoted(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			b, err := json.Marshal(s)
			if err != nil { // cannot be: json replaces what is not UTF-8
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// UnmarshalJSON reads an item in DynamoDB's JSON, and checks and normalises its values.
func (it *Item) UnmarshalJSON(b []byte) error {
	var m map[string]Value
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	fields := make([]Field, 0, len(m))
	for k, v := range m {
		fields = append(fields, Field{k, v})
	}
	*it = Sorted(fields)
	return nil
}

// UnmarshalJSON reads a value in DynamoDB's JSON, and checks and normalises it.
func (v *Value) UnmarshalJSON(b []byte) error {
	var w struct {
		S, N       *string
		B          []byte
		SS, NS     []string
		BS         [][]byte
		M          *Item
		L          []Value
		NULL, BOOL *bool
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	var n int
	var err error
	set := func(is bool, f func() (Value, error)) {
		if is && err == nil {
			n++
			*v, err = f()
		}
	}
	plain := func(x Value) func() (Value, error) { return func() (Value, error) { return x, nil } }
	set(w.S != nil, func() (Value, error) { return String(*w.S), nil })
	set(w.N != nil, func() (Value, error) { return Number(*w.N) })
	set(w.B != nil, plain(Binary(w.B)))
	set(w.SS != nil, func() (Value, error) { return StringSet(w.SS) })
	set(w.NS != nil, func() (Value, error) { return NumberSet(w.NS) })
	set(w.BS != nil, func() (Value, error) { return BinarySet(w.BS) })
	set(w.M != nil, func() (Value, error) { return MapOf(*w.M), nil })
	set(w.L != nil, plain(ListOf(w.L...)))
	set(w.NULL != nil, plain(Null()))
	set(w.BOOL != nil, func() (Value, error) { return Boolean(*w.BOOL), nil })
	if err != nil {
		return err
	}
	return OneKind(n)
}

// OneKind checks the number of types that an AttributeValue of a request has set.
func OneKind(n int) error {
	switch {
	case n == 0:
		return Invalidf("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case n > 1:
		return Invalidf("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	return nil
}

// StringSet makes an SS.
func StringSet(ss []string) (Value, error) {
	vs := make([]Value, len(ss))
	for i, s := range ss {
		vs[i] = String(s)
	}
	return Set(SS, vs)
}

// NumberSet makes an NS.
func NumberSet(ns []string) (Value, error) {
	vs := make([]Value, len(ns))
	for i, s := range ns {
		v, err := Number(s)
		if err != nil {
			return Value{}, err
		}
		vs[i] = v
	}
	return Set(NS, vs)
}

// BinarySet makes a BS.
func BinarySet(bs [][]byte) (Value, error) {
	vs := make([]Value, len(bs))
	for i, b := range bs {
		vs[i] = Binary(b)
	}
	return Set(BS, vs)
}
