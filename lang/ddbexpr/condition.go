package ddbexpr

import (
	"slices"
	"strings"
)

type condOp uint8

const (
	opAnd condOp = iota
	opOr
	opNot
	opEQ
	opNE
	opLT
	opLE
	opGT
	opGE
	opBetween
	opIn
	opExists
	opNotExists
	opType
	opBeginsWith
	opContains
)

var comparators = map[string]condOp{"=": opEQ, "<>": opNE, "<": opLT, "<=": opLE, ">": opGT, ">=": opGE}

var booleanFunctions = map[string]condOp{
	"attribute_exists": opExists, "attribute_not_exists": opNotExists, "attribute_type": opType, "begins_with": opBeginsWith, "contains": opContains,
}

// Condition is a condition or filter expression. The nil Condition holds for every item. Safe for concurrent use.
type Condition struct {
	op   condOp
	name string // as written, for messages
	kids []*Condition
	args []Operand
}

// Condition parses a condition; kind is the parameter's name for messages, such as "FilterExpression".
func (p *Params) Condition(kind, text string) (*Condition, error) {
	ps, err := p.parser(kind, text)
	if err != nil {
		return nil, err
	}
	c := ps.condition()
	if err := ps.finish(); err != nil {
		return nil, err
	}
	return c, nil
}

// Match tells whether the condition holds for an item; an absent item is the empty one.
func (c *Condition) Match(it Item) bool {
	if c == nil {
		return true
	}
	switch c.op {
	case opAnd:
		return c.kids[0].Match(it) && c.kids[1].Match(it)
	case opOr:
		return c.kids[0].Match(it) || c.kids[1].Match(it)
	case opNot:
		return !c.kids[0].Match(it)
	}
	v := c.args[0].eval(it)
	switch c.op {
	case opExists:
		return v.Kind != None
	case opNotExists:
		return v.Kind == None
	case opIn:
		return slices.ContainsFunc(c.args[1:], func(o Operand) bool { return equal(v, o.eval(it)) })
	case opBetween:
		lo, hi := c.args[1].eval(it), c.args[2].eval(it)
		return ordered(v, lo) && ordered(v, hi) && Compare(v, lo) >= 0 && Compare(v, hi) <= 0
	}
	return c.op.holds(v, c.args[1].eval(it))
}

func equal(a, b Value) bool { return a.Kind != None && a.Equal(b) }

// holds applies an operator of two operands.
func (op condOp) holds(v, w Value) bool {
	switch op {
	case opEQ:
		return equal(v, w)
	case opNE:
		return !equal(v, w)
	case opType:
		return w.Kind == S && v.Kind != None && v.Kind.String() == w.Text
	case opBeginsWith:
		return v.Kind == w.Kind && (v.Kind == S || v.Kind == B) && strings.HasPrefix(v.Text, w.Text)
	case opContains:
		return v.contains(w)
	}
	if !ordered(v, w) {
		return false
	}
	switch d := Compare(v, w); op {
	case opLT:
		return d < 0
	case opLE:
		return d <= 0
	case opGT:
		return d > 0
	default:
		return d >= 0
	}
}

func (v Value) contains(w Value) bool {
	switch v.Kind {
	case S, B:
		return w.Kind == v.Kind && strings.Contains(v.Text, w.Text)
	case SS, NS, BS, L:
		return slices.ContainsFunc(v.List, func(e Value) bool { return equal(e, w) })
	}
	return false
}

// Walk calls f for every document path of the condition.
func (c *Condition) Walk(f func(Path)) {
	if c == nil {
		return
	}
	for _, k := range c.kids {
		k.Walk(f)
	}
	for i := range c.args {
		c.args[i].walk(f)
	}
}

// node is a parsed part: a condition, or an operand that awaits its comparator.
type node struct {
	cond    *Condition
	operand Operand
	at      int  // first token
	parens  bool // stands in parentheses of its own
}

func (p *parser) condition() *Condition {
	n, ok := p.or()
	if !ok {
		return nil
	}
	return p.boolean(n)
}

// boolean makes a condition of a node; an operand other than a boolean function is a fault.
func (p *parser) boolean(n node) *Condition {
	if n.cond != nil {
		return n.cond
	}
	c := &Condition{name: n.operand.Func, args: n.operand.Args}
	switch op, ok := booleanFunctions[n.operand.Func]; {
	case ok:
		c.op = op
	case n.operand.Func == "":
		p.unexpected()
	case n.operand.Func == "size":
		p.note(faultMisusedFunction, "The function is not allowed to be used this way in an expression; function: size")
	}
	p.settle()
	return c
}

// settle fixes the fault of the first faulty condition.
func (p *parser) settle() {
	for _, f := range [...]fault{faultName, faultOperand, faultDistinct, faultFunction} {
		if p.faults[f] != "" {
			p.note(faultCondition, "%s", p.faults[f])
		}
	}
}

func (p *parser) or() (node, bool) { return p.junction("OR", opOr, p.and) }

func (p *parser) and() (node, bool) { return p.junction("AND", opAnd, p.not) }

func (p *parser) junction(word string, op condOp, part func() (node, bool)) (node, bool) {
	left, ok := part()
	if !ok {
		return left, false
	}
	for p.peek().is(word) {
		if left.cond == nil {
			left.cond = p.boolean(left)
		}
		p.take()
		p.countOperator()
		right, ok := part()
		if !ok {
			return right, false
		}
		c := &Condition{op: op, name: word, kids: []*Condition{left.cond, p.boolean(right)}}
		left = node{cond: c, at: left.at}
	}
	return left, p.syntax == nil
}

func (p *parser) not() (node, bool) {
	at := p.pos
	if !p.acceptWord("NOT") {
		return p.comparison()
	}
	p.countOperator()
	n, ok := p.not()
	if !ok {
		return n, false
	}
	return node{cond: &Condition{op: opNot, name: "NOT", kids: []*Condition{p.boolean(n)}}, at: at}, p.syntax == nil
}

// comparison parses a primary and, when it is an operand, the comparator that may follow.
func (p *parser) comparison() (node, bool) {
	n, ok := p.primary()
	if !ok || n.cond != nil {
		return n, ok
	}
	t := p.peek()
	switch {
	case t.kind == tokPunct && comparators[t.text] != opAnd:
		return p.compare(n, t.text)
	case t.is("BETWEEN"):
		return p.between(n)
	case t.is("IN"):
		return p.in(n)
	}
	if n.operand.Func != "" {
		p.settle()
	}
	return n, true
}

func (p *parser) primary() (node, bool) {
	at := p.pos
	if !p.accept("(") {
		o, ok := p.operand()
		return node{operand: o, at: at}, ok
	}
	n, ok := p.or()
	if !ok || !p.expect(")") {
		return n, false
	}
	if n.parens && n.at == at+1 {
		p.note(faultParens, "The expression has redundant parentheses;")
	}
	n.parens, n.at = true, at
	return n, true
}

func (p *parser) compare(left node, op string) (node, bool) {
	p.take()
	p.countOperator()
	right, ok := p.operand()
	if !ok {
		return left, false
	}
	c := &Condition{op: comparators[op], name: op, args: []Operand{left.operand, right}}
	p.checkMisused(c.args...)
	p.checkDistinct(op, c.args)
	if c.op > opNE {
		p.checkOrdered(op, c.args)
	}
	p.settle()
	return node{cond: c, at: left.at}, true
}

func (p *parser) checkOrdered(op string, args []Operand) {
	for i := range args {
		if k := args[i].kind(); k != None && k != S && k != N && k != B && args[i].Func == "" {
			p.note(faultFunction, "Incorrect operand type for operator or function; operator: %s, operand type: %s", op, k)
		}
	}
}

func (p *parser) between(left node) (node, bool) {
	p.take()
	p.countOperator()
	lo, ok := p.operand()
	if !ok {
		return left, false
	}
	if !p.acceptWord("AND") {
		return left, p.unexpected()
	}
	hi, ok := p.operand()
	if !ok {
		return left, false
	}
	c := &Condition{op: opBetween, name: "BETWEEN", args: []Operand{left.operand, lo, hi}}
	p.checkMisused(c.args...)
	p.checkOrdered("BETWEEN", c.args)
	p.checkBounds(lo, hi)
	p.settle()
	return node{cond: c, at: left.at}, true
}

func (p *parser) checkBounds(lo, hi Operand) {
	if lo.Value.Kind == None || hi.Value.Kind == None {
		return
	}
	const bounds = "; lower bound operand: AttributeValue: {%s}, upper bound operand: AttributeValue: {%s}"
	if lo.Value.Kind != hi.Value.Kind {
		p.note(faultFunction, "The BETWEEN operator requires same data type for lower and upper bounds"+bounds, lo.Value.show(), hi.Value.show())
	} else if Compare(lo.Value, hi.Value) > 0 {
		p.note(faultFunction, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"+bounds, lo.Value.show(), hi.Value.show())
	}
}

// show gives a scalar as messages show it: "N:1".
func (v Value) show() string {
	switch v.Kind {
	case B:
		return "B:" + strings.Trim(showElements(BS, []Value{v}), "[]")
	case BOOL:
		if v.Bool {
			return "BOOL:true"
		}
		return "BOOL:false"
	}
	return v.Kind.String() + ":" + v.Text
}

const maxIn = 100

func (p *parser) in(left node) (node, bool) {
	p.take()
	p.countOperator()
	if !p.expect("(") {
		return left, false
	}
	c := &Condition{op: opIn, name: "IN", args: []Operand{left.operand}}
	for {
		o, ok := p.operand()
		if !ok {
			return left, false
		}
		c.args = append(c.args, o)
		if p.accept(",") {
			continue
		}
		if !p.expect(")") {
			return left, false
		}
		break
	}
	if len(c.args)-1 > maxIn {
		p.note(faultOperand, "The IN operator is provided with too many operands; number of operands: %d", len(c.args)-1)
	}
	p.checkMisused(c.args...)
	p.settle()
	return node{cond: c, at: left.at}, true
}
