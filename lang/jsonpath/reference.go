package jsonpath

import "fmt"

// Reference is a reference path: a path of single names and indexes, which can be written to (Amazon States Language).
type Reference struct{ path *Path }

// maxIndex bounds the array elements that a write may have to make up.
const maxIndex = 10_000

// CompileReference reads a reference path; one that may name several nodes, or holds a function, gives a *PathError.
func CompileReference(text string) (*Reference, error) {
	p, err := Compile(text)
	if err != nil {
		return nil, err
	}
	if !p.definite || p.fn != nil {
		return nil, &PathError{Msg: fmt.Sprintf("%q is not a reference path: it must name exactly one node", text)}
	}
	for _, t := range p.tokens {
		if t.kind == indexes && (t.nums[0] < 0 || t.nums[0] > maxIndex) {
			return nil, &PathError{Msg: fmt.Sprintf("%q is not a reference path: its index is out of range", text)}
		}
	}
	return &Reference{path: p}, nil
}

// String gives the path as written.
func (r *Reference) String() string { return r.path.text }

// Root tells whether the reference is "$".
func (r *Reference) Root() bool { return len(r.path.tokens) == 0 }

// Get reads the node, as Path.Get does.
func (r *Reference) Get(root any) (any, error) { return r.path.Get(root) }

// Set gives a document in which the node has the value: absent objects on the way are made, an array may grow by one element.
// The given document is not changed; unchanged parts are shared. A scalar or an array where an object is needed gives an error.
func (r *Reference) Set(root, value any) (any, error) { return set(r.path.tokens, root, value) }

func set(ts []token, node, value any) (any, error) {
	if len(ts) == 0 {
		return value, nil
	}
	if ts[0].kind == indexes {
		return setIndex(ts, node, value)
	}
	var o *Object
	switch x := node.(type) {
	case *Object:
		o = x.Clone()
	case nil:
		o = NewObject(1)
	default:
		return nil, &PathError{Msg: "a " + TypeName(node) + " is where an object is needed"}
	}
	name := ts[0].names[0]
	child, _ := o.Get(name)
	v, err := set(ts[1:], child, value)
	if err != nil {
		return nil, err
	}
	o.Set(name, v)
	return o, nil
}

func setIndex(ts []token, node, value any) (any, error) {
	old, ok := node.([]any)
	if !ok && node != nil {
		return nil, &PathError{Msg: "a " + TypeName(node) + " is where an array is needed"}
	}
	i := ts[0].nums[0]
	if i > len(old) {
		return nil, &PathError{Msg: fmt.Sprintf("the index %d is beyond the array's end", i)}
	}
	list := append(make([]any, 0, len(old)+1), old...)
	if i == len(list) {
		list = append(list, nil)
	}
	v, err := set(ts[1:], list[i], value)
	if err != nil {
		return nil, err
	}
	list[i] = v
	return list, nil
}
