package ddbexpr

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Operand is a document path, a value, or a function of operands. "+" and "-" are functions of two.
type Operand struct {
	Path  Path
	Value Value
	Func  string
	Args  []Operand
}

// kind gives the kind that the operand has whatever the item is; None for paths.
func (o *Operand) kind() Kind {
	switch o.Func {
	case "":
		return o.Value.Kind
	case "size", "+", "-":
		return N
	case "list_append":
		return L
	case "if_not_exists":
		return None
	default:
		return BOOL
	}
}

// eval gives the operand's value for a condition; the zero Value when it has none.
func (o *Operand) eval(it Item) Value {
	switch {
	case o.Path != nil:
		return o.Path.Get(it)
	case o.Func == "size":
		n, ok := o.Args[0].eval(it).count()
		if !ok {
			return Value{}
		}
		return Int(int64(n))
	}
	return o.Value
}

// count is the size function: the length of a string in UTF-16 units, the bytes of a binary, the elements of the rest. Numbers,
// booleans and null have none.
func (v Value) count() (int, bool) {
	switch v.Kind {
	case S:
		n := 0
		for _, r := range v.Text {
			if r == utf8.RuneError {
				n++
				continue
			}
			n += utf16.RuneLen(r)
		}
		return n, true
	case B:
		return len(v.Text), true
	case SS, NS, BS, L:
		return len(v.List), true
	case M:
		return len(v.Map), true
	}
	return 0, false
}

// walk calls f for the operand's paths.
func (o *Operand) walk(f func(Path)) {
	if o.Path != nil {
		f(o.Path)
	}
	for i := range o.Args {
		o.Args[i].walk(f)
	}
}

// errOperandType words a wrong type of an operand of a function or operator.
const operandType = "Incorrect operand type for operator or function; operator or function: %s, operand type: %s"

var arity = map[bool]map[string]int{
	false: {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1},
	true:  {"if_not_exists": 2, "list_append": 2},
}

// checkFunction notes what is wrong with a function and its operands.
func (p *parser) checkFunction(o *Operand) {
	p.checkMisused(o.Args...)
	want, ok := arity[p.update][o.Func]
	if !ok {
		if _, other := arity[!p.update][o.Func]; other {
			where := "a condition"
			if p.update {
				where = "an update"
			}
			p.note(faultUnknownFunction, "The function is not allowed in %s expression; function: %s", where, o.Func)
			return
		}
		p.note(faultUnknownFunction, "Invalid function name; function: %s", o.Func)
		return
	}
	if len(o.Args) != want {
		f := faultOperand
		if p.update {
			f = faultFunction
		}
		p.note(f, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", o.Func, len(o.Args))
		return
	}
	p.checkDistinct(o.Func, o.Args)
	p.checkArguments(o)
}

func (p *parser) checkArguments(o *Operand) {
	switch o.Func {
	case "attribute_exists", "attribute_not_exists", "if_not_exists":
		if o.Args[0].Path == nil {
			p.note(faultFunction, "Operator or function requires a document path; operator or function: %s", o.Func)
		}
	case "begins_with":
		for i := range o.Args {
			if k := o.Args[i].kind(); k != None && k != S && k != B {
				p.note(faultFunction, operandType, o.Func, k)
			}
		}
	case "attribute_type":
		p.checkAttributeType(o.Args[1])
	case "size":
		if k := o.Args[0].kind(); k == N || k == BOOL || k == NULL {
			p.note(faultFunction, operandType, o.Func, k)
		}
	case "list_append":
		for i := range o.Args {
			if k := o.Args[i].kind(); k != None && k != L {
				p.note(faultFunction, operandType, o.Func, k)
			}
		}
	}
}

func (p *parser) checkAttributeType(o Operand) {
	switch k := o.kind(); {
	case k == None && o.Path == nil: // an undefined value has been noted
	case k == None:
		p.note(faultFunction, operandType, "attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
	case k != S:
		p.note(faultFunction, operandType, "attribute_type", k)
	case ParseKind(o.Value.Text) == None:
		p.note(faultFunction, "Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", o.Value.Text)
	}
}

// checkMisused notes functions that stand where an operand is wanted and give none.
func (p *parser) checkMisused(args ...Operand) {
	for i := range args {
		if f := args[i].Func; f != "" && f != "size" && !p.update {
			if _, known := arity[false][f]; known {
				p.note(faultMisusedFunction, "The function is not allowed to be used this way in an expression; function: %s", f)
			}
		}
	}
}

func (p *parser) checkDistinct(operator string, args []Operand) {
	if p.update || len(args) != 2 || args[0].Path == nil || args[1].Path == nil || args[0].Path.String() != args[1].Path.String() {
		return
	}
	p.note(faultDistinct, "The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s",
		operator, args[0].Path)
}
