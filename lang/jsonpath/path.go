package jsonpath

import (
	"errors"
	"strconv"
	"strings"
)

// Limits of a path's text and of the work that one evaluation may do.
const (
	MaxPath  = 8 << 10
	maxSteps = 2_000_000
	maxNest  = 32 // filters in filters, parentheses, paths in function arguments
)

// ErrNotFound is in the chain of the error that a definite path gives when its node is absent.
var ErrNotFound = errors.New("path not found")

// ErrTooMuch is given when an evaluation visits too many nodes.
var ErrTooMuch = errors.New("the path visits too many nodes")

// PathError is a path that cannot be read, or a definite path without a node; Msg is worded as Jayway does.
type PathError struct {
	Msg   string
	cause error
}

func (e *PathError) Error() string { return e.Msg }

// Unwrap gives ErrNotFound when the path is sound but its node is absent, else nil.
func (e *PathError) Unwrap() error { return e.cause }

func notFound(msg string) error { return &PathError{Msg: msg, cause: ErrNotFound} }

// Path is a compiled path.
type Path struct {
	text     string
	relative bool // begins with @: only inside filters
	tokens   []token
	fn       *function // the trailing function, or nil
	definite bool
}

type tokenKind uint8

const (
	property tokenKind = iota // names: one, or several (a union)
	wildcard
	indexes // one, or several
	slice
	scan // the following token is tried on every descendant
	filter
)

type token struct {
	kind   tokenKind
	names  []string
	nums   []int
	lo, hi *int
	cond   condition
}

func (t token) definite() bool {
	return t.kind == property && len(t.names) == 1 || t.kind == indexes && len(t.nums) == 1
}

// text is the token as Jayway prints it.
func (t token) text() string {
	switch t.kind {
	case property:
		q := make([]string, len(t.names))
		for i, n := range t.names {
			q[i] = "'" + n + "'"
		}
		return "[" + strings.Join(q, ",") + "]"
	case wildcard:
		return "[*]"
	case indexes:
		q := make([]string, len(t.nums))
		for i, n := range t.nums {
			q[i] = strconv.Itoa(n)
		}
		return "[" + strings.Join(q, ",") + "]"
	case slice:
		s := "["
		if t.lo != nil {
			s += strconv.Itoa(*t.lo)
		}
		s += ":"
		if t.hi != nil {
			s += strconv.Itoa(*t.hi)
		}
		return s + "]"
	case scan:
		return ".."
	}
	return "[?]"
}

// Definite tells whether the path names at most one node.
func (p *Path) Definite() bool { return p.definite }

// String gives the path as it was written.
func (p *Path) String() string { return p.text }

// Canonical gives the path in bracket notation, as Jayway prints it: $['a'][0].
func (p *Path) Canonical() string { return p.canonical(len(p.tokens)) }

func (p *Path) canonical(n int) string {
	var b strings.Builder
	if p.relative {
		b.WriteByte('@')
	} else {
		b.WriteByte('$')
	}
	for _, t := range p.tokens[:n] {
		b.WriteString(t.text())
	}
	if n == len(p.tokens) && p.fn != nil {
		b.WriteString("." + p.fn.name + "()")
	}
	return b.String()
}

// Get evaluates the path in a document. A definite path gives its node, or an error with ErrNotFound in its chain; any other
// gives a []any, empty when nothing matches. Returned values share the document's: treat them as read-only.
func (p *Path) Get(root any) (any, error) {
	e := &evaluation{root: root}
	return p.get(e, root)
}

func (p *Path) get(e *evaluation, from any) (any, error) {
	v, err := p.nodes(e, from)
	if err != nil || p.fn == nil {
		return v, err
	}
	return p.fn.call(e, v)
}

func (p *Path) nodes(e *evaluation, from any) (any, error) {
	if p.definite {
		return p.single(e, from)
	}
	out := []any{}
	err := e.walk(p.tokens, from, func(v any) { out = append(out, v) })
	return out, err
}

// single follows a definite path without allocating.
func (p *Path) single(e *evaluation, v any) (any, error) {
	for i, t := range p.tokens {
		if v == nil && i > 0 {
			return nil, notFound("Missing property in path " + p.canonical(i))
		}
		next, ok := t.one(v)
		if !ok {
			if i == len(p.tokens)-1 {
				return nil, notFound("No results for path: " + p.canonical(i+1))
			}
			return nil, notFound("Missing property in path " + p.canonical(i+1))
		}
		v = next
	}
	return v, nil
}

func (t token) one(v any) (any, bool) {
	if t.kind == property {
		o, ok := v.(*Object)
		if !ok {
			return nil, false
		}
		return o.Get(t.names[0])
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	i := t.nums[0]
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

type evaluation struct {
	root  any
	steps int
}

// walk gives every node that the tokens name, in document order.
func (e *evaluation) walk(ts []token, v any, emit func(any)) error {
	if e.steps++; e.steps > maxSteps {
		return ErrTooMuch
	}
	if len(ts) == 0 {
		emit(v)
		return nil
	}
	t, rest := ts[0], ts[1:]
	if t.kind == scan {
		return e.scan(rest, v, emit)
	}
	return e.children(t, rest, v, func(child any) error { return e.walk(rest, child, emit) })
}

// scan tries the tokens on v and on all that is below it. A filter behind ".." is tried on each object itself, as Jayway does,
// so that an object in an array is not found twice.
func (e *evaluation) scan(rest []token, v any, emit func(any)) error {
	if err := e.scanned(rest, v, emit); err != nil {
		return err
	}
	return each(v, func(c any) error {
		switch c.(type) {
		case *Object, []any:
			return e.scan(rest, c, emit)
		}
		e.steps++
		return nil
	})
}

func (e *evaluation) scanned(rest []token, v any, emit func(any)) error {
	if len(rest) == 0 || rest[0].kind != filter {
		return e.walk(rest, v, emit)
	}
	if _, ok := v.(*Object); !ok {
		return nil
	}
	ok, err := rest[0].cond.holds(e, v)
	if err != nil || !ok {
		return err
	}
	return e.walk(rest[1:], v, emit)
}

// children calls f for every node below v that the token names.
func (e *evaluation) children(t token, rest []token, v any, f func(any) error) error {
	switch t.kind {
	case property:
		return e.properties(t, rest, v, f)
	case wildcard:
		return each(v, f)
	case indexes:
		for _, i := range t.nums {
			if c, ok := (token{kind: indexes, nums: []int{i}}).one(v); ok {
				if err := f(c); err != nil {
					return err
				}
			}
		}
	case slice:
		list, ok := v.([]any)
		if !ok {
			return nil
		}
		lo, hi := t.bounds(len(list))
		for i := lo; i < hi; i++ {
			if err := f(list[i]); err != nil {
				return err
			}
		}
	case filter:
		return e.filtered(t, v, f)
	}
	return nil
}

func each(v any, f func(any) error) error {
	switch x := v.(type) {
	case *Object:
		for _, c := range x.vals {
			if err := f(c); err != nil {
				return err
			}
		}
	case []any:
		for _, c := range x {
			if err := f(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// properties: one name gives its value; several give, at the path's end, one object of those that are there, else each value.
func (e *evaluation) properties(t token, rest []token, v any, f func(any) error) error {
	o, ok := v.(*Object)
	if !ok {
		return nil
	}
	if len(t.names) > 1 && len(rest) == 0 {
		sub := NewObject(len(t.names))
		for _, n := range t.names {
			if c, ok := o.Get(n); ok {
				sub.Set(n, c)
			}
		}
		return f(sub)
	}
	for _, n := range t.names {
		if c, ok := o.Get(n); ok {
			if err := f(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) filtered(t token, v any, f func(any) error) error {
	switch x := v.(type) {
	case *Object:
		ok, err := t.cond.holds(e, x)
		if err != nil || !ok {
			return err
		}
		return f(x)
	case []any:
		for _, c := range x {
			if e.steps++; e.steps > maxSteps {
				return ErrTooMuch
			}
			ok, err := t.cond.holds(e, c)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := f(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds clips the slice to a list of n elements.
func (t token) bounds(n int) (lo, hi int) {
	clip := func(p *int, absent int) int {
		if p == nil {
			return absent
		}
		i := *p
		if i < 0 {
			i += n
		}
		return max(0, min(i, n))
	}
	return clip(t.lo, 0), clip(t.hi, n)
}
