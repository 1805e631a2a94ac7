package jsonpath

import (
	"errors"
	"regexp"
	"strings"
)

// condition is a filter's expression.
type condition interface {
	holds(e *evaluation, item any) (bool, error)
}

type (
	both     struct{ a, b condition }
	either   struct{ a, b condition }
	negation struct{ a condition }
	exists   struct{ p *Path }
	compared struct {
		left, right operand
		op          string
	}
)

func (c both) holds(e *evaluation, item any) (bool, error) {
	ok, err := c.a.holds(e, item)
	if err != nil || !ok {
		return false, err
	}
	return c.b.holds(e, item)
}

func (c either) holds(e *evaluation, item any) (bool, error) {
	ok, err := c.a.holds(e, item)
	if err != nil || ok {
		return ok, err
	}
	return c.b.holds(e, item)
}

func (c negation) holds(e *evaluation, item any) (bool, error) {
	ok, err := c.a.holds(e, item)
	return !ok, err
}

func (c exists) holds(e *evaluation, item any) (bool, error) {
	v, ok, err := operand{path: c.p}.value(e, item)
	if err != nil || !ok {
		return false, err
	}
	if list, many := v.([]any); many && !c.p.definite && c.p.fn == nil {
		return len(list) > 0, nil
	}
	return true, nil
}

// operand is one side of a comparison: a literal, a pattern or a path.
type operand struct {
	path    *Path
	literal any
	pattern *regexp.Regexp
}

// value gives false when a definite path has no node.
func (o operand) value(e *evaluation, item any) (any, bool, error) {
	if o.path == nil {
		return o.literal, true, nil
	}
	from := e.root
	if o.path.relative {
		from = item
	}
	v, err := o.path.get(e, from)
	if err == nil {
		return v, true, nil
	}
	if errors.Is(err, ErrTooMuch) {
		return nil, false, err
	}
	return nil, false, nil
}

func (c compared) holds(e *evaluation, item any) (bool, error) {
	l, lok, err := c.left.value(e, item)
	if err != nil {
		return false, err
	}
	r, rok, err := c.right.value(e, item)
	if err != nil {
		return false, err
	}
	switch c.op {
	case "==":
		return lok && rok && loosely(l, r), nil
	case "!=":
		return !(lok && rok && loosely(l, r)), nil
	}
	if !lok || !rok {
		return false, nil
	}
	return c.other(l, r), nil
}

func (c compared) other(l, r any) bool {
	switch c.op {
	case "<", "<=", ">", ">=":
		return ordered(c.op, l, r)
	case "=~":
		s, ok := l.(string)
		if !ok {
			if n, num := l.(Number); num {
				s, ok = string(n), true
			}
		}
		return ok && c.right.pattern != nil && c.right.pattern.MatchString(s)
	case "in":
		return member(l, r)
	case "nin":
		return !member(l, r)
	case "contains":
		if s, ok := l.(string); ok {
			sub, ok := r.(string)
			return ok && strings.Contains(s, sub)
		}
		return member(r, l)
	case "size":
		return sized(l, r)
	case "empty":
		want, ok := r.(bool)
		n := length(l)
		return ok && n >= 0 && (n == 0) == want
	}
	return sets(c.op, l, r)
}

func length(v any) int {
	switch x := v.(type) {
	case string:
		return len([]rune(x))
	case []any:
		return len(x)
	case *Object:
		return x.Len()
	}
	return -1
}

func sized(l, r any) bool {
	n, ok := r.(Number)
	if !ok {
		return false
	}
	want, err := n.Int64()
	return err == nil && int64(length(l)) == want
}

func sets(op string, l, r any) bool {
	a, ok1 := l.([]any)
	b, ok2 := r.([]any)
	if !ok1 || !ok2 {
		return false
	}
	hits := 0
	for _, x := range a {
		if member(x, b) {
			hits++
		}
	}
	switch op {
	case "subsetof":
		return hits == len(a)
	case "anyof":
		return hits > 0
	case "noneof":
		return hits == 0
	}
	return false
}

func member(x, list any) bool {
	l, ok := list.([]any)
	if !ok {
		return false
	}
	for _, y := range l {
		if loosely(x, y) {
			return true
		}
	}
	return false
}

// loosely is Jayway's ==: a number equals the string that spells it.
func loosely(a, b any) bool {
	switch x := a.(type) {
	case Number:
		if s, ok := b.(string); ok {
			v, err := Parse(s)
			n, num := v.(Number)
			return err == nil && num && CompareNumbers(x, n) == 0
		}
	case string:
		if n, ok := b.(Number); ok {
			return x == string(n)
		}
	}
	return Equal(a, b)
}

func ordered(op string, l, r any) bool {
	var cmp int
	switch x := l.(type) {
	case Number:
		y, ok := r.(Number)
		if !ok {
			return false
		}
		cmp = CompareNumbers(x, y)
	case string:
		y, ok := r.(string)
		if !ok {
			return false
		}
		cmp = strings.Compare(x, y)
	default:
		return false
	}
	switch op {
	case "<":
		return cmp < 0
	case "<=":
		return cmp <= 0
	case ">":
		return cmp > 0
	}
	return cmp >= 0
}
