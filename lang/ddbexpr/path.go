package ddbexpr

import (
	"slices"
	"strconv"
	"strings"
)

// Step is one step of a document path: a name, or an index into a list when Name is "" and Index is not negative.
type Step struct {
	Name  string
	Index int // -1 for a name
}

// Path is a document path; the first step is the name of an attribute.
type Path []Step

// NamePath makes the path of a top-level attribute.
func NamePath(name string) Path { return Path{{name, -1}} }

// String gives the path as error messages show it: "[a, [1], b]".
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		if parts[i] = s.Name; s.Index >= 0 {
			parts[i] = "[" + strconv.Itoa(s.Index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Head gives the top-level attribute's name.
func (p Path) Head() string { return p[0].Name }

// Get gives the value at the path; the zero Value when there is none.
func (p Path) Get(it Item) Value {
	v := it.Get(p[0].Name)
	for _, s := range p[1:] {
		v = v.at(s)
	}
	return v
}

func (v Value) at(s Step) Value {
	if s.Index >= 0 {
		if v.Kind == L && s.Index < len(v.List) {
			return v.List[s.Index]
		}
		return Value{}
	}
	if v.Kind == M {
		return v.Map.Get(s.Name)
	}
	return Value{}
}

func errBadPath() error {
	return Invalidf("The document path provided in the update expression is invalid for update")
}

// set gives the item with the value at a path; the receiver stays. The parent must exist. An index past the end appends.
func (p Path) set(it Item, v Value) (Item, error) {
	if len(p) == 1 {
		return it.With(p[0].Name, v), nil
	}
	parent := it.Get(p[0].Name)
	if parent.Kind == None {
		return nil, errBadPath()
	}
	changed, err := parent.with(p[1:], v)
	if err != nil {
		return nil, err
	}
	return it.With(p[0].Name, changed), nil
}

func (v Value) with(p Path, x Value) (Value, error) {
	s := p[0]
	if s.Index < 0 != (v.Kind == M) || s.Index >= 0 != (v.Kind == L) {
		return Value{}, errBadPath()
	}
	if len(p) > 1 {
		child := v.at(s)
		if child.Kind == None {
			return Value{}, errBadPath()
		}
		changed, err := child.with(p[1:], x)
		if err != nil {
			return Value{}, err
		}
		x = changed
	}
	if v.Kind == M {
		return MapOf(v.Map.With(s.Name, x)), nil
	}
	list := slices.Clone(v.List)
	if s.Index >= len(list) {
		return ListOf(append(list, x)...), nil
	}
	list[s.Index] = x
	return ListOf(list...), nil
}

// remove gives the item without the value at a path; the receiver stays. An absent last step is no error, an absent parent is.
func (p Path) remove(it Item) (Item, error) {
	if len(p) == 1 {
		return it.Without(p[0].Name), nil
	}
	parent := it.Get(p[0].Name)
	if parent.Kind == None {
		return nil, errBadPath()
	}
	changed, err := parent.without(p[1:])
	if err != nil {
		return nil, err
	}
	return it.With(p[0].Name, changed), nil
}

func (v Value) without(p Path) (Value, error) {
	s := p[0]
	if s.Index < 0 != (v.Kind == M) || s.Index >= 0 != (v.Kind == L) {
		return Value{}, errBadPath()
	}
	if len(p) > 1 {
		child := v.at(s)
		if child.Kind == None {
			return Value{}, errBadPath()
		}
		changed, err := child.without(p[1:])
		if err != nil {
			return Value{}, err
		}
		return v.with(p[:1], changed)
	}
	if v.Kind == M {
		return MapOf(v.Map.Without(s.Name)), nil
	}
	if s.Index >= len(v.List) {
		return v, nil
	}
	return ListOf(slices.Delete(slices.Clone(v.List), s.Index, s.Index+1)...), nil
}
