package ddbexpr

import "slices"

// KeySchema is the key of a table or index: the partition key, and the sort key, whose name is "" when there is none.
type KeySchema struct {
	Hash, Range         string
	HashKind, RangeKind Kind
}

// Names gives the key attributes' names.
func (k KeySchema) Names() []string {
	if k.Range == "" {
		return []string{k.Hash}
	}
	return []string{k.Hash, k.Range}
}

// Has tells whether an attribute is part of the key.
func (k KeySchema) Has(name string) bool { return name == k.Hash || k.Range != "" && name == k.Range }

// Comparison is how a key condition bounds the sort key.
type Comparison uint8

// The comparisons of a sort key. AnyRange is no condition.
const (
	AnyRange Comparison = iota
	EqualTo
	LessThan
	AtMost
	GreaterThan
	AtLeast
	Between
	BeginsWith
)

var comparisons = map[condOp]Comparison{
	opEQ: EqualTo, opLT: LessThan, opLE: AtMost, opGT: GreaterThan, opGE: AtLeast, opBetween: Between, opBeginsWith: BeginsWith,
}

// KeyCondition is one partition and a range in it. High is only set for Between.
type KeyCondition struct {
	Hash      Value
	Compare   Comparison
	Low, High Value
}

// Holds tells whether a sort key is in the range.
func (k KeyCondition) Holds(v Value) bool {
	switch c := Compare(v, k.Low); k.Compare {
	case EqualTo:
		return v.Equal(k.Low)
	case LessThan:
		return c < 0
	case AtMost:
		return c <= 0
	case GreaterThan:
		return c > 0
	case AtLeast:
		return c >= 0
	case Between:
		return c >= 0 && Compare(v, k.High) <= 0
	case BeginsWith:
		return opBeginsWith.holds(v, k.Low)
	}
	return true
}

// keyTerm is one condition on one attribute, from an expression or from KeyConditions.
type keyTerm struct {
	name   string
	op     condOp
	values []Value
}

// KeyTerms is a parsed key condition expression, not yet set against a key.
type KeyTerms struct{ terms []keyTerm }

// KeyTerms parses a key condition expression. The key is only known once the table is read: see For.
func (p *Params) KeyTerms(text string) (KeyTerms, error) {
	c, err := p.Condition("KeyConditionExpression", text)
	if err != nil {
		return KeyTerms{}, err
	}
	terms, err := keyTerms(c, nil)
	return KeyTerms{terms}, err
}

// For checks the terms against a key.
func (k KeyTerms) For(key KeySchema) (KeyCondition, error) { return key.condition(k.terms) }

// KeyCondition parses a key condition expression for a key.
func (p *Params) KeyCondition(text string, key KeySchema) (KeyCondition, error) {
	k, err := p.KeyTerms(text)
	if err != nil {
		return KeyCondition{}, err
	}
	return k.For(key)
}

// keyTerms takes a conjunction of simple conditions apart.
func keyTerms(c *Condition, terms []keyTerm) ([]keyTerm, error) {
	switch c.op {
	case opAnd:
		terms, err := keyTerms(c.kids[0], terms)
		if err != nil {
			return nil, err
		}
		return keyTerms(c.kids[1], terms)
	case opOr, opNot, opNE, opIn, opExists, opNotExists, opType, opContains:
		return nil, Invalidf("Invalid operator used in KeyConditionExpression: %s", c.name)
	}
	t, err := keyTermOf(c)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(terms, func(o keyTerm) bool { return o.name == t.name }) {
		return nil, Invalidf("KeyConditionExpressions must only contain one condition per key")
	}
	return append(terms, t), nil
}

// mirrored gives the operator with its operands exchanged, for :v < name.
var mirrored = map[condOp]condOp{opEQ: opEQ, opLT: opGT, opLE: opGE, opGT: opLT, opGE: opLE}

func keyTermOf(c *Condition) (keyTerm, error) {
	t := keyTerm{op: c.op}
	for i, o := range c.args {
		switch {
		case o.Func != "":
			return t, Invalidf("KeyConditionExpressions cannot contain nested operations")
		case o.Path == nil:
			t.values = append(t.values, o.Value)
		case t.name != "":
			return t, Invalidf("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case len(o.Path) > 1:
			return t, Invalidf("KeyConditionExpressions cannot have conditions on nested attributes")
		default:
			t.name = o.Path.Head()
			if i == 0 {
				continue
			}
			m, ok := mirrored[c.op]
			if !ok || len(c.args) != 2 {
				return t, Invalidf("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", c.name)
			}
			t.op = m
		}
	}
	if t.name == "" {
		return t, Invalidf("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	return t, nil
}

// condition checks terms against the key.
func (k KeySchema) condition(terms []keyTerm) (KeyCondition, error) {
	var out KeyCondition
	if len(terms) > 2 {
		return out, Invalidf("Conditions can be of length 1 or 2 only")
	}
	hash := slices.IndexFunc(terms, func(t keyTerm) bool { return t.name == k.Hash })
	if hash < 0 {
		return out, Invalidf("Query condition missed key schema element: %s", k.Hash)
	}
	if len(terms) == 2 && terms[1-hash].name != k.Range {
		if k.Range == "" {
			return out, Invalidf("Query key condition not supported")
		}
		return out, Invalidf("Query condition missed key schema element: %s", k.Range)
	}
	h := terms[hash]
	if h.op != opEQ {
		return out, Invalidf("Query key condition not supported")
	}
	if err := keyOperands(h.values, k.Hash, k.HashKind); err != nil {
		return out, err
	}
	out.Hash = h.values[0]
	if len(terms) == 1 {
		return out, nil
	}
	r := terms[1-hash]
	if err := keyOperands(r.values, k.Range, k.RangeKind); err != nil {
		return out, err
	}
	out.Compare, out.Low = comparisons[r.op], r.values[0]
	if r.op == opBetween {
		out.High = r.values[1]
	}
	return out, nil
}

func keyOperands(values []Value, name string, kind Kind) error {
	for _, v := range values {
		if v.Kind != kind {
			return Invalidf("One or more parameter values were invalid: Condition parameter type does not match schema type")
		}
		if v.Text == "" {
			return Invalidf("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s",
				map[Kind]string{S: "string", B: "binary"}[kind], name)
		}
	}
	return nil
}

// KindOf gives the type of a key attribute; None for other attributes.
func (k KeySchema) KindOf(name string) Kind {
	switch {
	case name == k.Hash:
		return k.HashKind
	case name == k.Range && name != "":
		return k.RangeKind
	}
	return None
}
