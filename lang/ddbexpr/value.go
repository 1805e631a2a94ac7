package ddbexpr

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
)

// Kind is the type of an attribute value.
type Kind uint8

// The kinds of attribute values. None is the kind of the zero Value: no attribute.
const (
	None Kind = iota
	S
	N
	B
	SS
	NS
	BS
	M
	L
	NULL
	BOOL
)

var kindNames = [...]string{"", "S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"}

// String gives the kind's name in the API: "S", "NS", "BOOL".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// ParseKind gives the kind with an API name; None when there is none.
func ParseKind(name string) Kind {
	for i, n := range kindNames {
		if n == name {
			return Kind(i)
		}
	}
	return None
}

// element gives the kind of a set's elements; None for kinds that are not sets.
func (k Kind) element() Kind {
	switch k {
	case SS:
		return S
	case NS:
		return N
	case BS:
		return B
	default:
		return None
	}
}

// Value is one attribute value. The zero Value is "no attribute". Values made by this package's constructors and decoders are
// normalised: numbers in plain notation without needless zeros, sets sorted without duplicates, maps sorted by name.
type Value struct {
	Kind Kind
	Bool bool    // BOOL
	Text string  // S: UTF-8; N: plain decimal notation; B: the bytes
	List []Value // L; SS, NS and BS: the elements
	Map  Item    // M
}

// Field is a named attribute.
type Field struct {
	Name  string
	Value Value
}

// Item is the attributes of an item or of a map, sorted by name in byte order, without duplicates.
type Item []Field

// String makes an S.
func String(s string) Value { return Value{Kind: S, Text: s} }

// Binary makes a B.
func Binary(b []byte) Value { return Value{Kind: B, Text: string(b)} }

// Boolean makes a BOOL.
func Boolean(b bool) Value { return Value{Kind: BOOL, Bool: b} }

// Null makes a NULL.
func Null() Value { return Value{Kind: NULL} }

// ListOf makes an L, which takes vs over.
func ListOf(vs ...Value) Value { return Value{Kind: L, List: vs} }

// MapOf makes an M of an item.
func MapOf(it Item) Value { return Value{Kind: M, Map: it} }

// Set makes an SS, NS or BS of elements and checks them: no empty set, no duplicates, no empty strings or binaries. It takes
// elements over and sorts them; their texts must be normalised.
func Set(kind Kind, elements []Value) (Value, error) {
	if len(elements) == 0 {
		return Value{}, emptySet(kind)
	}
	shown := ""
	for _, e := range elements {
		if e.Text == "" {
			return Value{}, emptyElement(kind)
		}
	}
	if kind != NS {
		shown = showElements(kind, elements)
	}
	slices.SortFunc(elements, Compare)
	for i := 1; i < len(elements); i++ {
		if elements[i].Text == elements[i-1].Text {
			return Value{}, duplicates(kind, shown)
		}
	}
	return Value{Kind: kind, List: elements}, nil
}

func emptySet(kind Kind) error {
	switch kind {
	case SS:
		return Invalidf("One or more parameter values were invalid: An string set  may not be empty")
	case NS:
		return Invalidf("One or more parameter values were invalid: An number set  may not be empty")
	default:
		return Invalidf("One or more parameter values were invalid: Binary sets should not be empty")
	}
}

func emptyElement(kind Kind) error {
	switch kind {
	case SS:
		return Invalidf("One or more parameter values were invalid: An string set may not have a empty string as a member")
	case NS:
		return errNotANumber("")
	default:
		return Invalidf("One or more parameter values were invalid: Binary sets may not contain null or empty values")
	}
}

func duplicates(kind Kind, shown string) error {
	switch kind {
	case SS:
		return Invalidf("One or more parameter values were invalid: Input collection %s contains duplicates.", shown)
	case NS:
		return Invalidf("Input collection contains duplicates")
	default:
		return Invalidf("One or more parameter values were invalid: Input collection %sof type BS contains duplicates.", shown)
	}
}

func showElements(kind Kind, elements []Value) string {
	parts := make([]string, len(elements))
	for i, e := range elements {
		parts[i] = e.Text
		if kind == BS {
			parts[i] = base64.StdEncoding.EncodeToString([]byte(e.Text))
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Sorted sorts fields in place and gives the item. Names must be distinct.
func Sorted(fields []Field) Item {
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return Item(fields)
}

// Get gives an attribute of the item; the zero Value when it has none of that name.
func (it Item) Get(name string) Value {
	if len(it) <= 8 {
		for i := range it {
			if it[i].Name == name {
				return it[i].Value
			}
		}
		return Value{}
	}
	if i, ok := it.find(name); ok {
		return it[i].Value
	}
	return Value{}
}

func (it Item) find(name string) (int, bool) {
	return slices.BinarySearchFunc(it, name, func(f Field, n string) int { return cmp.Compare(f.Name, n) })
}

// With gives the item with an attribute set; the receiver stays as it is.
func (it Item) With(name string, v Value) Item {
	i, ok := it.find(name)
	if ok {
		c := slices.Clone(it)
		c[i].Value = v
		return c
	}
	c := make(Item, 0, len(it)+1)
	c = append(c, it[:i]...)
	c = append(c, Field{name, v})
	return append(c, it[i:]...)
}

// Without gives the item without an attribute; the receiver stays as it is.
func (it Item) Without(name string) Item {
	i, ok := it.find(name)
	if !ok {
		return it
	}
	c := make(Item, 0, len(it)-1)
	c = append(c, it[:i]...)
	return append(c, it[i+1:]...)
}

// Pick gives the attributes of that names, as far as the item has them.
func (it Item) Pick(names ...string) Item {
	out := make(Item, 0, len(names))
	for _, f := range it {
		if slices.Contains(names, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// Equal tells whether two items have the same attributes.
func (it Item) Equal(o Item) bool {
	return slices.EqualFunc(it, o, func(a, b Field) bool { return a.Name == b.Name && a.Value.Equal(b.Value) })
}

// Equal tells whether two values have the same kind and content. Two absent values are equal.
func (v Value) Equal(o Value) bool {
	return v.Kind == o.Kind && v.Bool == o.Bool && v.Text == o.Text && slices.EqualFunc(v.List, o.List, Value.Equal) && v.Map.Equal(o.Map)
}

// Compare orders two values of the same kind S, N or B: by UTF-8 bytes, by number, by unsigned bytes. Values of other kinds have no
// order; the answer is then only fit for sorting.
func Compare(a, b Value) int {
	if a.Kind != b.Kind {
		return cmp.Compare(a.Kind, b.Kind)
	}
	if a.Kind == N {
		return compareNumbers(a.Text, b.Text)
	}
	return cmp.Compare(a.Text, b.Text)
}

// ordered tells whether two values can be compared by <.
func ordered(a, b Value) bool { return a.Kind == b.Kind && (a.Kind == S || a.Kind == N || a.Kind == B) }

// Depth gives the nesting depth: 0 for a value without elements of its own.
func (v Value) Depth() int {
	d := 0
	switch v.Kind {
	case L:
		for _, e := range v.List {
			d = max(d, e.Depth()+1)
		}
	case M:
		for _, f := range v.Map {
			d = max(d, f.Value.Depth()+1)
		}
	}
	return d
}
