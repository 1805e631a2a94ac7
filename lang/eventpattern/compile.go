package eventpattern

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Dialect is whose rules a pattern follows.
type Dialect uint8

// The dialects. Lambda's event filters follow EventBridge.
const (
	EventBridge   Dialect = iota
	SNSAttributes         // an SNS filter policy on message attributes: no nesting
	SNSBody               // an SNS filter policy on the message body
)

func (d Dialect) sns() bool { return d != EventBridge }

const maxAlternatives = 1000

// Pattern is a compiled pattern. It is immutable: any number of goroutines may match with it.
type Pattern struct{ alternatives []alternative }

// alternative is a conjunction of leaves: a pattern without $or has one.
type alternative []leaf

type leaf struct {
	path   []string
	tests  []test
	absent bool // {"exists": false} is among the values
}

// object is a pattern object as written; a later field takes the place of an earlier one of the same name.
type object struct {
	fields []member
	ors    [][]*object
}

type member struct {
	name string
	sub  *object
	leaf leaf
}

// Compile reads a pattern. The error is an *Error.
func Compile(pattern []byte, d Dialect) (*Pattern, error) {
	if d.sns() {
		if err := (&lexer{src: string(pattern), dialect: d}).valid(); err != nil {
			return nil, err
		}
		var b bytes.Buffer // SNS's errors show the policy without white space
		if err := json.Compact(&b, pattern); err != nil {
			return nil, plain(d, "failed to parse JSON. %v", err)
		}
		pattern = b.Bytes()
	}
	o, err := (&lexer{src: string(pattern), dialect: d}).document()
	if err != nil {
		return nil, err
	}
	alts, err := o.expand(nil, d)
	if err != nil {
		return nil, err
	}
	if d.sns() {
		if err := checkLimits(o, alts, d); err != nil {
			return nil, err
		}
	}
	return &Pattern{alternatives: alts}, nil
}

func (l *lexer) valid() *Error {
	t, err := l.next()
	if err != nil {
		return err
	}
	if err := l.skip(t); err != nil {
		return err
	}
	return l.ended()
}

func (l *lexer) ended() *Error {
	if l.space(); l.pos < len(l.src) {
		return l.unexpected("expected the end of the document")
	}
	return nil
}

func (l *lexer) document() (*object, *Error) {
	t, err := l.next()
	if err != nil {
		return nil, err
	}
	if t.kind != beginObject {
		return nil, l.fail(t.end, "Filter is not an object")
	}
	o, err := l.object()
	if err != nil {
		return nil, err
	}
	return o, l.ended()
}

// object reads the rest of a pattern object.
func (l *lexer) object() (*object, *Error) {
	o := &object{}
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if t.kind == endObject {
			if len(o.fields)+len(o.ors) == 0 {
				return nil, l.fail(t.end, "Empty objects are not allowed")
			}
			return o, nil
		}
		if err := l.member(o, t.text); err != nil {
			return nil, err
		}
	}
}

func (l *lexer) member(o *object, name string) *Error {
	if name == "$or" && l.alternativesFollow() {
		ors, err := l.or()
		o.ors = append(o.ors, ors)
		return err
	}
	t, err := l.next()
	if err != nil {
		return err
	}
	m := member{name: name}
	switch t.kind {
	case beginObject:
		if l.dialect == SNSAttributes {
			e := plain(l.dialect, "Filter policy scope MessageAttributes does not support nested filter policy")
			e.Scope = true
			return e
		}
		m.sub, err = l.object()
	case beginArray:
		m.leaf, err = l.values()
	default:
		return l.fail(t.seen, "%q must be an object or an array", name)
	}
	if i := slices.IndexFunc(o.fields, func(f member) bool { return f.name == name }); i >= 0 {
		o.fields = slices.Delete(o.fields, i, i+1)
	}
	o.fields = append(o.fields, m)
	return err
}

// operators are the names that cannot begin an alternative of $or: a list of objects with these is a list of values.
var operators = []string{"exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists"}

// alternativesFollow looks ahead: $or is the operator only before a list of two or more pattern objects, else it is a name.
func (l *lexer) alternativesFollow() bool {
	ahead := *l
	ahead.open = slices.Clone(l.open)
	t, err := ahead.next()
	if err != nil || t.kind != beginArray {
		return false
	}
	for n := 0; ; n++ {
		t, err := ahead.next()
		if err != nil || t.kind == endArray {
			return err == nil && n >= 2
		}
		if t.kind != beginObject || !ahead.patternObject() {
			return false
		}
	}
}

// patternObject passes over the rest of an object; it tells whether some name in it is no operator.
func (l *lexer) patternObject() bool {
	found := false
	for {
		t, err := l.next()
		if err != nil {
			return false
		}
		if t.kind == endObject {
			return found
		}
		found = found || !slices.Contains(operators, t.text)
		if t, err = l.next(); err != nil || l.skip(t) != nil {
			return false
		}
	}
}

func (l *lexer) or() ([]*object, *Error) {
	if _, err := l.next(); err != nil {
		return nil, err
	}
	var all []*object
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if t.kind == endArray {
			return all, nil
		}
		o, err := l.object()
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
}

// expand multiplies $or out: every alternative is a list of leaves.
func (o *object) expand(under []string, d Dialect) ([]alternative, *Error) {
	product := []alternative{nil}
	for _, f := range o.fields {
		path := append(slices.Clip(under), strings.Split(f.name, ".")...)
		factor := []alternative{{{path: path, tests: f.leaf.tests, absent: f.leaf.absent}}}
		if f.sub != nil {
			var err *Error
			if factor, err = f.sub.expand(path, d); err != nil {
				return nil, err
			}
		}
		if err := affordable(product, factor, d); err != nil {
			return nil, err
		}
		product = times(product, factor)
	}
	for _, ors := range o.ors {
		var sum []alternative
		for _, sub := range ors {
			alts, err := sub.expand(under, d)
			if err != nil {
				return nil, err
			}
			sum = append(sum, alts...)
		}
		if err := affordable(product, sum, d); err != nil {
			return nil, err
		}
		product = times(product, sum)
	}
	return product, nil
}

func affordable(a, b []alternative, d Dialect) *Error {
	if len(a)*len(b) > maxAlternatives {
		return plain(d, "Rule is too complex - try reducing the number of $or combinations to %d or fewer", maxAlternatives)
	}
	return nil
}

func times(a, b []alternative) []alternative {
	out := make([]alternative, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, append(slices.Clip(x), y...))
		}
	}
	return out
}
