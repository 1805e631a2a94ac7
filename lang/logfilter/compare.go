package logfilter

import (
	"regexp"
	"strconv"
	"strings"
)

// comparison is an operator with its right side: a text (with * as wildcard), a number, or a regular expression.
type comparison struct {
	op      string
	text    string
	literal bool // the text was quoted: it is no number
	number  float64
	numeric bool
	regex   *regexp.Regexp
}

var operators = []string{"!=", ">=", "<=", "=", ">", "<"}

// comparison reads operator and right side; stop tells where a bare text ends.
func (s *scanner) comparison(stop string) (*comparison, error) {
	c := &comparison{}
	for _, op := range operators {
		if s.take(op) {
			c.op = op
			break
		}
	}
	if c.op == "" {
		return nil, invalid("an operator is missing at %q", s.text[s.pos:])
	}
	s.space()
	var err error
	switch {
	case s.end():
		return nil, invalid("a value is missing")
	case s.text[s.pos] == '"':
		c.literal = true
		c.text, err = s.quoted()
	case s.text[s.pos] == '%':
		c.regex, err = s.regex()
	default:
		c.text = s.word(func(b byte) bool { return strings.IndexByte(stop, b) < 0 })
		if c.text == "" {
			err = invalid("a value is missing")
		}
		c.number, c.numeric = number(c.text)
	}
	if err == nil && strings.ContainsAny(c.op, "<>") && !c.numeric {
		err = invalid("%s needs a number", c.op)
	}
	if err == nil && c.regex != nil && c.op != "=" && c.op != "!=" {
		err = invalid("%s needs a number", c.op)
	}
	return c, err
}

// number reads a decimal number.
func number(s string) (float64, bool) {
	if s == "" || strings.ContainsAny(s, "xXpPnNiI_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// holds compares a value's text; n is its number when it is one.
func (c *comparison) holds(text string, n float64, numeric bool) bool {
	switch c.op {
	case "=":
		return c.equal(text, n, numeric)
	case "!=":
		return !c.equal(text, n, numeric)
	}
	if !numeric {
		return false
	}
	switch c.op {
	case ">":
		return n > c.number
	case ">=":
		return n >= c.number
	case "<":
		return n < c.number
	}
	return n <= c.number
}

func (c *comparison) equal(text string, n float64, numeric bool) bool {
	switch {
	case c.regex != nil:
		return c.regex.MatchString(text)
	case c.numeric && numeric:
		return n == c.number
	}
	return wildcard(c.text, text)
}

// wildcard matches a text with a pattern in which * stands for any characters, in time linear in their product.
func wildcard(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
