package asl

import (
	"errors"
	"fmt"
	"strings"

	"sundog/lang/jsonpath"
)

// call is an intrinsic function with its arguments (Step Functions Developer Guide, "Intrinsic functions").
type call struct {
	name string
	fn   intrinsic
	args []argument
}

type argument struct {
	literal any
	expr    *expr
}

// maxCalls is how deep calls may nest.
const maxCalls = 10

// errNotPath is for members whose value must be a path or a call and is neither.
var errCall = errors.New("not a valid intrinsic function call")

type callParser struct {
	s string
	i int
}

func compileCall(s string) (*call, error) {
	p := &callParser{s: s}
	c, err := p.call(1)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i != len(s) {
		return nil, errCall
	}
	return c, nil
}

func (p *callParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

func (p *callParser) call(depth int) (*call, error) {
	open := strings.IndexByte(p.s[p.i:], '(')
	if open < 0 || depth > maxCalls {
		return nil, errCall
	}
	c := &call{name: strings.TrimSpace(p.s[p.i : p.i+open])}
	spec, ok := intrinsics[c.name]
	if !ok {
		return nil, errCall
	}
	c.fn = spec.fn
	p.i += open + 1
	p.space()
	for p.i < len(p.s) && p.s[p.i] != ')' {
		a, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, a)
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			p.space()
			if p.i < len(p.s) && p.s[p.i] == ')' {
				return nil, errCall
			}
		} else if p.i < len(p.s) && p.s[p.i] != ')' {
			return nil, errCall
		}
	}
	if p.i >= len(p.s) || len(c.args) < spec.min || spec.max >= 0 && len(c.args) > spec.max {
		return nil, errCall
	}
	p.i++
	return c, nil
}

func (p *callParser) argument(depth int) (argument, error) {
	switch b := p.s[p.i]; {
	case b == '\'':
		s, err := p.quoted()
		return argument{literal: s}, err
	case b == '$':
		text := p.pathText()
		x, err := compilePath(text)
		return argument{expr: x}, err
	case strings.HasPrefix(p.s[p.i:], "States."):
		start := p.i
		c, err := p.call(depth + 1)
		if err != nil {
			return argument{}, err
		}
		return argument{expr: &expr{text: p.s[start:p.i], call: c}}, nil
	}
	end := p.i
	for end < len(p.s) && strings.IndexByte(",) \t\n", p.s[end]) < 0 {
		end++
	}
	v, err := jsonpath.Parse(p.s[p.i:end])
	switch v.(type) {
	case string, []any, *jsonpath.Object:
		return argument{}, errCall
	}
	p.i = end
	return argument{literal: v}, err
}

// pathText takes the characters of a path: up to the comma or parenthesis that is outside brackets, quotes and calls.
func (p *callParser) pathText() string {
	start, depth := p.i, 0
	var quote byte
	for p.i < len(p.s) {
		b := p.s[p.i]
		switch {
		case quote != 0 && b == '\\':
			p.i++
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case depth > 0 && (b == '\'' || b == '"'):
			quote = b
		case b == '[' || b == '(':
			depth++
		case depth > 0 && (b == ']' || b == ')'):
			depth--
		case depth == 0 && (b == ',' || b == ')'):
			return strings.TrimSpace(p.s[start:p.i])
		}
		p.i++
	}
	p.i = min(p.i, len(p.s))
	return strings.TrimSpace(p.s[start:p.i])
}

// quoted reads a literal in single quotes. \' \\ \{ \} stand for the character; in Format's template the braces are told apart
// later, so there the backslash before a brace is kept.
func (p *callParser) quoted() (string, error) {
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		ch := p.s[p.i]
		switch {
		case ch == '\'':
			p.i++
			return b.String(), nil
		case ch == '\\' && p.i+1 < len(p.s):
			p.i++
			next := p.s[p.i]
			if next == '{' || next == '}' || next != '\'' && next != '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(next)
		default:
			b.WriteByte(ch)
		}
		p.i++
	}
	return "", errCall
}

func (c *call) eval(sc *scope, depth int) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		v := a.literal
		switch {
		case a.expr == nil:
			if s, ok := v.(string); ok && (c.name != "States.Format" || i > 0) {
				v = unescapeBraces(s)
			}
		case a.expr.call != nil:
			inner, err := a.expr.call.eval(sc, depth+1)
			if err != nil {
				return nil, err
			}
			v = inner
		default:
			var err error
			if v, err = a.expr.eval(sc); err != nil {
				return nil, argumentError(a.expr, sc, err)
			}
		}
		args[i] = v
	}
	return c.fn(sc.env, args)
}

func argumentError(x *expr, sc *scope, err error) error {
	if errors.Is(err, errNoVariable) {
		return fmt.Errorf("the variable '%s' has not been assigned", x.text)
	}
	return fmt.Errorf("The JsonPath argument for the field '%s' could not be found in the input '%s'", x.text, sc.raw()) //nolint:staticcheck // as AWS words it
}

func unescapeBraces(s string) string {
	return strings.NewReplacer(`\{`, `{`, `\}`, `}`).Replace(s)
}

func (c *call) variables(add func(string)) {
	for _, a := range c.args {
		a.expr.variables(add)
	}
}
