package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
)

// Compile reads a path that begins with "$". A text that is no path gives a *PathError.
func Compile(text string) (*Path, error) {
	if len(text) > MaxPath {
		return nil, &PathError{Msg: "the path is too long"}
	}
	c := &compiler{s: text}
	if !strings.HasPrefix(text, "$") {
		return nil, c.fail("Illegal character at position 0, expected '$'")
	}
	p, err := c.path()
	if err != nil {
		return nil, err
	}
	if c.i != len(text) {
		return nil, c.fail(fmt.Sprintf("Could not parse token starting at position %d", c.i))
	}
	return p, nil
}

type compiler struct {
	s    string
	i    int
	nest int
}

func (c *compiler) fail(msg string) error { return &PathError{Msg: msg} }

func (c *compiler) badToken() error {
	return c.fail(fmt.Sprintf("Could not parse token starting at position %d", c.i))
}

func (c *compiler) peek() byte {
	if c.i < len(c.s) {
		return c.s[c.i]
	}
	return 0
}

func (c *compiler) space() {
	for c.i < len(c.s) && (c.s[c.i] == ' ' || c.s[c.i] == '\t' || c.s[c.i] == '\n' || c.s[c.i] == '\r') {
		c.i++
	}
}

// path reads from "$" or "@" to the first character that cannot belong to the path.
func (c *compiler) path() (*Path, error) {
	if c.nest++; c.nest > maxNest {
		return nil, c.fail("the path is nested too deeply")
	}
	defer func() { c.nest-- }()
	start := c.i
	p := &Path{relative: c.peek() == '@', definite: true}
	c.i++
	for more := true; more; {
		var err error
		if more, err = c.step(p); err != nil {
			return nil, err
		}
	}
	if n := len(p.tokens); n > 0 && p.tokens[n-1].kind == scan {
		return nil, c.fail("Path must not end with a '.' or '..'")
	}
	p.text = c.s[start:c.i]
	return p, nil
}

func (c *compiler) step(p *Path) (more bool, err error) {
	switch c.peek() {
	case '.':
		c.i++
		if c.peek() == '.' {
			c.i++
			p.tokens = append(p.tokens, token{kind: scan})
			p.definite = false
			if c.peek() == '[' {
				return true, nil
			}
		}
		return c.dotted(p)
	case '[':
		t, err := c.bracket()
		if err != nil {
			return false, err
		}
		p.add(t)
		return true, nil
	}
	return false, nil
}

func (p *Path) add(t token) {
	p.tokens = append(p.tokens, t)
	p.definite = p.definite && t.definite()
}

// dotted reads what follows a dot: a name, a wildcard or a function call.
func (c *compiler) dotted(p *Path) (more bool, err error) {
	if c.peek() == '*' {
		c.i++
		p.add(token{kind: wildcard})
		return true, nil
	}
	start := c.i
	for c.i < len(c.s) && !strings.ContainsRune(" \t\r\n.[]()=!<>&|,~*", rune(c.s[c.i])) {
		c.i++
	}
	name := c.s[start:c.i]
	switch {
	case name == "" && c.i >= len(c.s):
		return false, c.fail("Path must not end with a '.' or '..'")
	case name == "":
		return false, c.badToken()
	case c.peek() == '(':
		if p.fn, err = c.function(name); err != nil {
			return false, err
		}
		return false, nil
	}
	p.add(token{kind: property, names: []string{name}})
	return true, nil
}

func (c *compiler) bracket() (token, error) {
	c.i++
	c.space()
	switch b := c.peek(); {
	case b == '*':
		c.i++
		return token{kind: wildcard}, c.closing()
	case b == '\'' || b == '"':
		return c.names()
	case b == '?':
		return c.filter()
	case b == '-' || b == ':' || b >= '0' && b <= '9':
		return c.numbers()
	}
	return token{}, c.badToken()
}

func (c *compiler) closing() error {
	c.space()
	if c.peek() != ']' {
		return c.badToken()
	}
	c.i++
	return nil
}

func (c *compiler) names() (token, error) {
	t := token{kind: property}
	for {
		c.space()
		name, err := c.quoted()
		if err != nil {
			return t, err
		}
		t.names = append(t.names, name)
		c.space()
		if c.peek() != ',' {
			return t, c.closing()
		}
		c.i++
	}
}

// quoted reads a string in single or double quotes; a backslash takes the next character, \uXXXX and \n as JSON does.
func (c *compiler) quoted() (string, error) {
	q := c.peek()
	if q != '\'' && q != '"' {
		return "", c.badToken()
	}
	c.i++
	var b strings.Builder
	for c.i < len(c.s) {
		ch := c.s[c.i]
		switch {
		case ch == q:
			c.i++
			return b.String(), nil
		case ch == '\\' && c.i+1 < len(c.s):
			c.i++
			c.escape(&b)
		default:
			b.WriteByte(ch)
		}
		c.i++
	}
	return "", c.fail("Property has not been closed - missing closing " + string(q))
}

func (c *compiler) escape(b *strings.Builder) {
	switch ch := c.s[c.i]; ch {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'u':
		p := parser{s: c.s, i: c.i + 1}
		if r, err := p.unicode(); err == nil {
			b.WriteRune(r)
			c.i = p.i - 1
			return
		}
		b.WriteByte('u')
	default:
		b.WriteByte(ch)
	}
}

// numbers reads one index, several, or a slice. The step of a slice is read and ignored, as Jayway does.
func (c *compiler) numbers() (token, error) {
	end := strings.IndexByte(c.s[c.i:], ']')
	if end < 0 {
		return token{}, c.badToken()
	}
	body := c.s[c.i : c.i+end]
	at := c.i
	c.i += end + 1
	if strings.Contains(body, ":") {
		parts := strings.Split(body, ":")
		if len(parts) > 3 {
			return token{}, c.fail("Could not parse token starting at position " + strconv.Itoa(at))
		}
		lo, err1 := bound(parts[0])
		hi, err2 := bound(parts[1])
		if err1 != nil || err2 != nil {
			return token{}, c.fail("Failed to parse SliceOperation: " + body)
		}
		return token{kind: slice, lo: lo, hi: hi}, nil
	}
	t := token{kind: indexes}
	for part := range strings.SplitSeq(body, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return t, c.fail("Failed to parse ArrayIndexOperation: " + body)
		}
		t.nums = append(t.nums, n)
	}
	return t, nil
}

func bound(s string) (*int, error) {
	if s = strings.TrimSpace(s); s == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(s)
	return &n, err
}
