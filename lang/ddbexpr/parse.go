package ddbexpr

import (
	"fmt"
	"strconv"

	"sundog/cloud"
)

// fault ranks what can be wrong with an expression that is syntactically right: of several, the lowest is reported.
type fault uint8

const (
	faultParens fault = iota
	faultUnknownFunction
	faultMisusedFunction
	faultReserved
	faultSection
	faultCondition // the first of the four below, of the first condition that has one
	faultName
	faultValue
	faultOverlap
	faultConflict
	faultOperand
	faultDistinct
	faultFunction
	faultLimit
	faults
)

// parser is a recursive descent parser over the tokens of one expression. Its depth is bounded by the expression's size of 4 KB.
type parser struct {
	kind   string // "ConditionExpression"
	src    string
	toks   []token
	pos    int
	params *Params
	update bool
	faults [faults]string
	ops    int
	syntax *cloud.Error
}

const (
	maxOperators = 300
	maxPathDepth = 32
)

func (p *Params) parser(kind, src string) (*parser, error) {
	if src == "" {
		return nil, Invalidf("Invalid %s: The expression can not be empty;", kind)
	}
	if len(src) > maxExpression {
		return nil, Invalidf("Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %d", kind, len(src))
	}
	return &parser{kind: kind, src: src, toks: scan(src), params: p}, nil
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) take() token {
	t := p.toks[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

func (p *parser) accept(punct string) bool {
	if p.peek().punct(punct) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) acceptWord(word string) bool {
	if p.peek().is(word) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(punct string) bool { return p.accept(punct) || p.unexpected() }

// unexpected records a syntax error at the current token, with what stands beside it, and gives false.
func (p *parser) unexpected() bool {
	if p.syntax != nil {
		return false
	}
	t := p.peek()
	from, to := t.from, t.to
	if p.pos > 0 {
		from = p.toks[p.pos-1].from
	}
	if p.pos+1 < len(p.toks) {
		to = p.toks[p.pos+1].to
	}
	p.syntax = Invalidf("Invalid %s: Syntax error; token: \"%s\", near: \"%s\"", p.kind, t.text, p.src[from:to])
	return false
}

// note records a fault; the first of each rank counts.
func (p *parser) note(f fault, format string, args ...any) {
	if p.faults[f] == "" {
		p.faults[f] = fmt.Sprintf(format, args...)
	}
}

// countOperator counts towards the limit of operators and functions.
func (p *parser) countOperator() {
	if p.ops++; p.ops > maxOperators {
		p.note(faultLimit, "The expression contains too many operators; operator count: %d", p.ops)
	}
}

// finish checks that all tokens are used and gives the error to report, or nil.
func (p *parser) finish() error {
	if p.syntax == nil && p.peek().kind != tokEOF {
		p.unexpected()
	}
	if p.syntax != nil {
		return p.syntax
	}
	for _, f := range p.faults {
		if f != "" {
			return Invalidf("Invalid %s: %s", p.kind, f)
		}
	}
	return nil
}

// keyword tells whether a name token is a word of the grammar and so cannot begin a path.
func (p *parser) keyword(t token) bool {
	if p.update {
		return t.is("SET") || t.is("REMOVE") || t.is("ADD") || t.is("DELETE")
	}
	return t.is("AND") || t.is("OR") || t.is("NOT") || t.is("IN") || t.is("BETWEEN")
}

// path parses a document path: name or #name, then .name and [index].
func (p *parser) path() (Path, bool) {
	first, ok := p.pathName()
	if !ok {
		return nil, false
	}
	path := Path{first}
	for {
		switch {
		case p.accept("."):
			s, ok := p.pathName()
			if !ok {
				return nil, false
			}
			path = append(path, s)
		case p.accept("["):
			s, ok := p.pathIndex()
			if !ok {
				return nil, false
			}
			path = append(path, s)
		default:
			if len(path) > maxPathDepth {
				p.note(faultLimit, "The document path has too many nesting levels; nesting levels: %d", len(path))
			}
			return path, true
		}
	}
}

func (p *parser) pathName() (Step, bool) {
	t := p.peek()
	switch {
	case t.kind == tokHash:
		p.pos++
		name, ok := p.params.names[t.text]
		if !ok {
			p.note(faultName, "An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		p.params.use(t.text)
		return Step{name, -1}, true
	case t.kind == tokName && !p.keyword(t):
		p.pos++
		if Reserved(t.text) {
			p.note(faultReserved, "Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		return Step{t.text, -1}, true
	}
	return Step{}, p.unexpected()
}

func (p *parser) pathIndex() (Step, bool) {
	t := p.peek()
	if t.kind != tokNumber {
		return Step{}, p.unexpected()
	}
	i, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil {
		p.note(faultLimit, "List index is not within the allowable range; index: [%s]", t.text)
	}
	p.pos++
	return Step{"", int(i)}, p.expect("]")
}

// value parses :name.
func (p *parser) value() (Operand, bool) {
	t := p.peek()
	if t.kind != tokColon {
		return Operand{}, p.unexpected()
	}
	p.pos++
	v, ok := p.params.values[t.text]
	if !ok {
		f := faultValue
		if !p.update {
			f = faultName // conditions report the first undefined of either kind
		}
		p.note(f, "An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	p.params.use(t.text)
	return Operand{Value: v}, true
}

// operand parses a path, a value or a function with its arguments, in parentheses or not.
func (p *parser) operand() (Operand, bool) {
	t := p.peek()
	switch {
	case t.punct("("):
		return p.parenthesised()
	case t.kind == tokColon:
		return p.value()
	case t.kind == tokName && !p.keyword(t) && p.toks[p.pos+1].punct("("):
		return p.function()
	}
	path, ok := p.path()
	return Operand{Path: path}, ok
}

func (p *parser) parenthesised() (Operand, bool) {
	p.take()
	doubled := p.peek().punct("(")
	o, ok := p.operand()
	if !ok {
		return o, false
	}
	if doubled && !p.update {
		p.note(faultParens, "The expression has redundant parentheses;")
	}
	return o, p.expect(")")
}

func (p *parser) function() (Operand, bool) {
	o := Operand{Func: p.take().text}
	p.take() // (
	p.countOperator()
	for {
		a, ok := p.operand()
		if !ok {
			return o, false
		}
		o.Args = append(o.Args, a)
		if p.accept(",") {
			continue
		}
		if !p.expect(")") {
			return o, false
		}
		p.checkFunction(&o)
		return o, true
	}
}
