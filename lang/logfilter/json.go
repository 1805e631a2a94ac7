package logfilter

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxDepth bounds parentheses and the path's elements.
const maxDepth = 64

// condition is a node of a JSON pattern.
type condition func(doc any) bool

func parseJSON(text string) (*Pattern, error) {
	s := &scanner{text: text, pos: 1}
	cond, err := s.either(0)
	if err != nil {
		return nil, err
	}
	if !s.take("}") {
		return nil, invalid("} is missing at %q", s.text[s.pos:])
	}
	if s.space(); !s.end() {
		return nil, invalid("text after the pattern: %q", s.text[s.pos:])
	}
	return &Pattern{func(message string) bool {
		message = strings.TrimSpace(message)
		if !strings.HasPrefix(message, "{") {
			return false
		}
		var doc any
		return json.Unmarshal([]byte(message), &doc) == nil && cond(doc)
	}}, nil
}

// either reads conditions joined by ||, which binds less than &&.
func (s *scanner) either(depth int) (condition, error) {
	left, err := s.both(depth)
	for err == nil && s.take("||") {
		var right condition
		l := left
		right, err = s.both(depth)
		left = func(doc any) bool { return l(doc) || right(doc) }
	}
	return left, err
}

func (s *scanner) both(depth int) (condition, error) {
	left, err := s.single(depth)
	for err == nil && s.take("&&") {
		var right condition
		l := left
		right, err = s.single(depth)
		left = func(doc any) bool { return l(doc) && right(doc) }
	}
	return left, err
}

func (s *scanner) single(depth int) (condition, error) {
	if depth > maxDepth {
		return nil, invalid("parentheses are nested too deeply")
	}
	if s.take("(") {
		cond, err := s.either(depth + 1)
		if err == nil && !s.take(")") {
			err = invalid(") is missing at %q", s.text[s.pos:])
		}
		return cond, err
	}
	p, err := s.path()
	if err != nil {
		return nil, err
	}
	return s.test(p)
}

// test reads what a condition asks of a path.
func (s *scanner) test(p path) (condition, error) {
	if s.keyword("NOT") {
		if !s.keyword("EXISTS") {
			return nil, invalid("EXISTS is missing after NOT")
		}
		return func(doc any) bool { return len(p.find(doc)) == 0 }, nil
	}
	if s.keyword("EXISTS") {
		return func(doc any) bool { return len(p.find(doc)) > 0 }, nil
	}
	if s.keyword("IS") {
		var want any
		switch {
		case s.keyword("NULL"):
		case s.keyword("TRUE"):
			want = true
		case s.keyword("FALSE"):
			want = false
		default:
			return nil, invalid("IS takes NULL, TRUE or FALSE")
		}
		return p.any(func(v any) bool { return scalar(v) && v == want }), nil
	}
	c, err := s.comparison(" \t\r\n)}&|")
	if err != nil {
		return nil, err
	}
	return p.any(c.value), nil
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// value compares a member's value. Objects, lists and null compare with nothing.
func (c *comparison) value(v any) bool {
	switch v := v.(type) {
	case string:
		// A member that is a text is compared with a bare number as a text, too.
		return c.holds(v, 0, false)
	case float64:
		if c.literal {
			return c.op == "!="
		}
		return c.holds(strconv.FormatFloat(v, 'f', -1, 64), v, true)
	case bool:
		return c.holds(strconv.FormatBool(v), 0, false)
	}
	return false
}

// path is a selector such as $.a.b[0]; an element is a name, an index, or nil for [*].
type path []any

func (s *scanner) path() (path, error) {
	if !s.take("$") {
		return nil, invalid("a selector that begins with $ is missing at %q", s.text[s.pos:])
	}
	var p path
	for !s.end() && len(p) < maxDepth {
		var e any
		var err error
		switch s.text[s.pos] {
		case '.':
			s.pos++
			if !s.end() && s.text[s.pos] == '[' {
				continue
			}
			name := s.word(func(c byte) bool { return strings.IndexByte(" \t\r\n.[]=!<>()&|{}", c) < 0 })
			if e = name; name == "" {
				err = invalid("a selector's name is missing")
			}
		case '[':
			s.pos++
			e, err = s.index()
		default:
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		p = append(p, e)
	}
	return p, nil
}

// index reads what stands in brackets: a number, a quoted name, or *.
func (s *scanner) index() (e any, err error) {
	s.space()
	switch {
	case s.end():
	case s.text[s.pos] == '"':
		e, err = s.quoted()
	case s.text[s.pos] == '\'':
		end := strings.IndexByte(s.text[s.pos+1:], '\'')
		if end < 0 {
			return nil, invalid("a quotation mark is not closed")
		}
		e = s.text[s.pos+1 : s.pos+1+end]
		s.pos += end + 2
	case s.text[s.pos] == '*':
		s.pos++
	default:
		n, bad := strconv.Atoi(s.word(func(c byte) bool { return c >= '0' && c <= '9' }))
		if e = n; bad != nil {
			err = invalid("an index is no number")
		}
	}
	if err == nil && !s.take("]") {
		err = invalid("] is missing")
	}
	return e, err
}

// any tells whether one of the values that the path selects passes.
func (p path) any(pass func(any) bool) condition {
	return func(doc any) bool {
		for _, v := range p.find(doc) {
			if pass(v) {
				return true
			}
		}
		return false
	}
}

// find gives the values that the path selects.
func (p path) find(doc any) []any {
	found := []any{doc}
	for _, e := range p {
		var next []any
		for _, v := range found {
			switch e := e.(type) {
			case string:
				if m, ok := v.(map[string]any); ok {
					if c, ok := m[e]; ok {
						next = append(next, c)
					}
				}
			case int:
				if l, ok := v.([]any); ok && e < len(l) {
					next = append(next, l[e])
				}
			default:
				if l, ok := v.([]any); ok {
					next = append(next, l...)
				}
			}
		}
		found = next
	}
	return found
}
