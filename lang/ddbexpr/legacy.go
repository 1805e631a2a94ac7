package ddbexpr

import (
	"maps"
	"slices"
)

// Comparator is one condition of ScanFilter, QueryFilter, KeyConditions or Expected: ComparisonOperator and AttributeValueList.
type Comparator struct {
	Operator string
	Values   []Value
}

// Expectation is one entry of Expected. Exists and Value are the older form; Operator "" means that form.
type Expectation struct {
	Comparator
	Exists *bool
	Value  *Value
}

// AttributeUpdate is one entry of AttributeUpdates. Action "" is PUT.
type AttributeUpdate struct {
	Action string
	Value  *Value
}

type legacyOp struct {
	op       condOp
	negated  bool
	min, max int
	kinds    []Kind // allowed kinds of the operands; nil: all
}

var orderedKinds = []Kind{S, N, B}

var legacyOps = map[string]legacyOp{
	"EQ": {op: opEQ, min: 1, max: 1}, "NE": {op: opNE, min: 1, max: 1},
	"LT": {op: opLT, min: 1, max: 1, kinds: orderedKinds}, "LE": {op: opLE, min: 1, max: 1, kinds: orderedKinds},
	"GT": {op: opGT, min: 1, max: 1, kinds: orderedKinds}, "GE": {op: opGE, min: 1, max: 1, kinds: orderedKinds},
	"BETWEEN": {op: opBetween, min: 2, max: 2, kinds: orderedKinds}, "IN": {op: opIn, min: 1, max: maxIn, kinds: orderedKinds},
	"NOT_NULL": {op: opExists}, "NULL": {op: opNotExists},
	"BEGINS_WITH": {op: opBeginsWith, min: 1, max: 1, kinds: []Kind{S, B}},
	"CONTAINS":    {op: opContains, min: 1, max: 1, kinds: orderedKinds}, "NOT_CONTAINS": {op: opContains, negated: true, min: 1, max: 1, kinds: orderedKinds},
}

func (c Comparator) check() (legacyOp, error) {
	op, ok := legacyOps[c.Operator]
	if !ok {
		return op, Invalidf("Unsupported operator on ComparisonOperator: %s", c.Operator)
	}
	if len(c.Values) < op.min || len(c.Values) > op.max {
		return op, Invalidf("One or more parameter values were invalid: Invalid number of argument(s) for the %s ComparisonOperator", c.Operator)
	}
	for _, v := range c.Values {
		if op.kinds != nil && !slices.Contains(op.kinds, v.Kind) {
			return op, Invalidf("One or more parameter values were invalid: ComparisonOperator %s is not valid for %s AttributeValue type", c.Operator, v.Kind)
		}
		if op.kinds != nil && v.Kind != c.Values[0].Kind {
			return op, Invalidf("One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type")
		}
	}
	if op.op == opBetween && Compare(c.Values[0], c.Values[1]) > 0 {
		return op, Invalidf("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
	}
	return op, nil
}

func (c Comparator) condition(name string) (*Condition, error) {
	op, err := c.check()
	if err != nil {
		return nil, err
	}
	out := &Condition{op: op.op, name: c.Operator, args: []Operand{{Path: NamePath(name)}}}
	for _, v := range c.Values {
		out.args = append(out.args, Operand{Value: v})
	}
	if op.negated { // NOT_CONTAINS does not hold for an absent attribute
		exists := &Condition{op: opExists, args: out.args[:1]}
		return all(opAnd, []*Condition{exists, {op: opNot, kids: []*Condition{out}}}), nil
	}
	return out, nil
}

// all joins conditions; nil when there are none.
func all(op condOp, cs []*Condition) *Condition {
	var out *Condition
	for _, c := range cs {
		if out == nil {
			out = c
		} else {
			out = &Condition{op: op, kids: []*Condition{out, c}}
		}
	}
	return out
}

func junctionOf(operator string) (condOp, error) {
	switch operator {
	case "", "AND":
		return opAnd, nil
	case "OR":
		return opOr, nil
	}
	return opAnd, Invalidf("1 validation error detected: Value '%s' at 'conditionalOperator' failed to satisfy constraint: Member must satisfy enum value set: [OR, AND]", operator)
}

// LegacyFilter translates ScanFilter or QueryFilter, joined by a ConditionalOperator ("" is AND).
func LegacyFilter(filter map[string]Comparator, operator string) (*Condition, error) {
	join, err := junctionOf(operator)
	if err != nil {
		return nil, err
	}
	var cs []*Condition
	for _, name := range slices.Sorted(maps.Keys(filter)) {
		c, err := filter[name].condition(name)
		if err != nil {
			return nil, err
		}
		cs = append(cs, c)
	}
	return all(join, cs), nil
}

// LegacyExpected translates Expected, joined by a ConditionalOperator ("" is AND).
func LegacyExpected(expected map[string]Expectation, operator string) (*Condition, error) {
	join, err := junctionOf(operator)
	if err != nil {
		return nil, err
	}
	var cs []*Condition
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		c, err := expected[name].condition(name)
		if err != nil {
			return nil, err
		}
		cs = append(cs, c)
	}
	return all(join, cs), nil
}

func (e Expectation) condition(name string) (*Condition, error) {
	const wrong = "One or more parameter values were invalid: "
	if e.Operator != "" {
		if e.Exists != nil {
			return nil, Invalidf(wrong+"Exists and ComparisonOperator cannot be used together for Attribute: %s", name)
		}
		if e.Value != nil && e.Values != nil {
			return nil, Invalidf(wrong+"Value and AttributeValueList cannot be used together for Attribute: %s", name)
		}
		c := e.Comparator
		if e.Value != nil {
			c.Values = []Value{*e.Value}
		}
		return c.condition(name)
	}
	if e.Values != nil {
		return nil, Invalidf(wrong+"AttributeValueList can only be used with a ComparisonOperator for Attribute: %s", name)
	}
	if e.Exists != nil && !*e.Exists {
		if e.Value != nil {
			return nil, Invalidf(wrong+"Value cannot be used when Exists is false for Attribute: %s", name)
		}
		return Comparator{Operator: "NULL"}.condition(name)
	}
	if e.Value == nil {
		shown := "null"
		if e.Exists != nil {
			shown = "true"
		}
		return nil, Invalidf(wrong+"Value must be provided when Exists is %s for Attribute: %s", shown, name)
	}
	return Comparator{Operator: "EQ", Values: []Value{*e.Value}}.condition(name)
}

// LegacyKeyCondition translates KeyConditions for a key.
func LegacyKeyCondition(conditions map[string]Comparator, key KeySchema) (KeyCondition, error) {
	var terms []keyTerm
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		c := conditions[name]
		op, err := c.check()
		if err != nil {
			return KeyCondition{}, err
		}
		if _, ok := comparisons[op.op]; !ok {
			return KeyCondition{}, Invalidf("Attempted conditional constraint is not an indexable operation")
		}
		terms = append(terms, keyTerm{name, op.op, c.Values})
	}
	return key.condition(terms)
}

// LegacyUpdate translates AttributeUpdates.
func LegacyUpdate(updates map[string]AttributeUpdate) (*Update, error) {
	const wrong = "One or more parameter values were invalid: "
	u := &Update{legacy: true}
	for _, name := range slices.Sorted(maps.Keys(updates)) {
		a := updates[name]
		if a.Value == nil {
			if a.Action != "DELETE" {
				return nil, Invalidf(wrong + "Only DELETE action is allowed when no attribute value is specified")
			}
			u.removes = append(u.removes, NamePath(name))
			continue
		}
		change := setAction{NamePath(name), Operand{Value: *a.Value}}
		switch k := a.Value.Kind; a.Action {
		case "", "PUT":
			u.sets = append(u.sets, change)
		case "ADD":
			if k != N && k != L && k.element() == None {
				return nil, Invalidf(wrong+"ADD action is not supported for the type %s", k)
			}
			u.adds = append(u.adds, change)
		case "DELETE":
			if k.element() == None {
				return nil, Invalidf(wrong+"DELETE action with value is not supported for the type %s", k)
			}
			u.deletes = append(u.deletes, change)
		default:
			return nil, Invalidf("1 validation error detected: Value '%s' at 'attributeUpdates.%s.member.action' failed to satisfy constraint: Member must satisfy enum value set: [ADD, PUT, DELETE]", a.Action, name)
		}
	}
	return u, nil
}
