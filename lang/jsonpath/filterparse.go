package jsonpath

import (
	"regexp"
	"strings"
)

// filter reads "?(expression)]".
func (c *compiler) filter() (token, error) {
	c.i++
	c.space()
	if c.peek() != '(' {
		return token{}, c.badToken()
	}
	c.i++
	cond, err := c.disjunction()
	if err != nil {
		return token{}, err
	}
	c.space()
	if c.peek() != ')' {
		return token{}, c.badToken()
	}
	c.i++
	return token{kind: filter, cond: cond}, c.closing()
}

func (c *compiler) takes(op string) bool {
	c.space()
	if !strings.HasPrefix(c.s[c.i:], op) {
		return false
	}
	c.i += len(op)
	return true
}

func (c *compiler) disjunction() (condition, error) {
	if c.nest++; c.nest > maxNest {
		return nil, c.fail("the filter is nested too deeply")
	}
	defer func() { c.nest-- }()
	a, err := c.conjunction()
	for err == nil && c.takes("||") {
		var b condition
		b, err = c.conjunction()
		a = either{a, b}
	}
	return a, err
}

func (c *compiler) conjunction() (condition, error) {
	a, err := c.unary()
	for err == nil && c.takes("&&") {
		var b condition
		b, err = c.unary()
		a = both{a, b}
	}
	return a, err
}

func (c *compiler) unary() (condition, error) {
	c.space()
	if c.peek() == '!' {
		c.i++
		if c.nest++; c.nest > maxNest {
			return nil, c.fail("the filter is nested too deeply")
		}
		a, err := c.unary()
		c.nest--
		return negation{a}, err
	}
	if c.peek() == '(' {
		c.i++
		a, err := c.disjunction()
		if err != nil {
			return nil, err
		}
		if !c.takes(")") {
			return nil, c.badToken()
		}
		return a, nil
	}
	return c.comparison()
}

// operators, longest first.
var operators = []string{"==", "!=", "<=", ">=", "=~", "<", ">", "subsetof", "contains", "anyof", "noneof", "empty", "size", "nin", "in",
	"SUBSETOF", "CONTAINS", "ANYOF", "NONEOF", "EMPTY", "SIZE", "NIN", "IN"}

func (c *compiler) comparison() (condition, error) {
	left, err := c.operand()
	if err != nil {
		return nil, err
	}
	for _, op := range operators {
		if !c.takes(op) {
			continue
		}
		right, err := c.operand()
		if err != nil {
			return nil, err
		}
		if op == "=~" && right.pattern == nil {
			return nil, c.fail("the right side of =~ must be a pattern")
		}
		return compared{left: left, right: right, op: strings.ToLower(op)}, nil
	}
	if left.path == nil {
		return nil, c.fail("Expected a comparison after the literal")
	}
	return exists{left.path}, nil
}

func (c *compiler) operand() (operand, error) {
	c.space()
	switch b := c.peek(); {
	case b == '$' || b == '@':
		p, err := c.path()
		return operand{path: p}, err
	case b == '\'' || b == '"':
		s, err := c.quoted()
		return operand{literal: s}, err
	case b == '/':
		re, err := c.pattern()
		return operand{pattern: re}, err
	case b == 0:
		return operand{}, c.badToken()
	}
	v, err := c.literal(0)
	return operand{literal: v}, err
}

// literal reads a number, word, list or object; strings in it may be in single quotes.
func (c *compiler) literal(depth int) (any, error) {
	c.space()
	if depth > maxNest {
		return nil, c.fail("the literal is nested too deeply")
	}
	switch b := c.peek(); b {
	case '\'', '"':
		return c.quoted()
	case '[':
		c.i++
		list := []any{}
		for !c.takes("]") {
			if len(list) > 0 && !c.takes(",") {
				return nil, c.badToken()
			}
			v, err := c.literal(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	p := parser{s: c.s, i: c.i}
	v, err := p.value(depth)
	if err != nil {
		return nil, c.badToken()
	}
	c.i = p.i
	return v, nil
}

// pattern reads /text/flags and anchors it at both ends, as Java's matches does.
func (c *compiler) pattern() (*regexp.Regexp, error) {
	start := c.i + 1
	i := start
	for i < len(c.s) && c.s[i] != '/' {
		if c.s[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(c.s) {
		return nil, c.badToken()
	}
	body := strings.ReplaceAll(c.s[start:i], `\/`, `/`)
	i++
	flags := ""
	for i < len(c.s) && strings.IndexByte("ismxduU", c.s[i]) >= 0 {
		if strings.IndexByte("ism", c.s[i]) >= 0 {
			flags += string(c.s[i])
		}
		i++
	}
	c.i = i
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	re, err := regexp.Compile(flags + `^(?:` + body + `)$`)
	if err != nil {
		return nil, c.fail("Failed to parse the pattern /" + body + "/")
	}
	return re, nil
}
