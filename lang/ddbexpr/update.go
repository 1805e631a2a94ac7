package ddbexpr

import (
	"cmp"
	"slices"
)

// Update is an update expression. Safe for concurrent use.
type Update struct {
	sets    []setAction
	removes []Path
	adds    []setAction // Operand is a value
	deletes []setAction
	legacy  bool // made from AttributeUpdates, whose errors are worded otherwise
}

type setAction struct {
	path  Path
	value Operand
}

// Update parses an update expression.
func (p *Params) Update(text string) (*Update, error) {
	ps, err := p.parser("UpdateExpression", text)
	if err != nil {
		return nil, err
	}
	ps.update = true
	u := &Update{}
	ps.sections(u)
	ps.checkPaths(u.paths())
	if err := ps.finish(); err != nil {
		return nil, err
	}
	return u, nil
}

func (p *parser) sections(u *Update) {
	seen := map[string]bool{}
	for ok := true; ok; {
		t := p.peek()
		section := ""
		switch {
		case t.is("SET"):
			section, ok = "SET", p.list(func() bool { return p.set(u) })
		case t.is("REMOVE"):
			section, ok = "REMOVE", p.list(func() bool { return p.remove(u) })
		case t.is("ADD"):
			section, ok = "ADD", p.list(func() bool { return p.change("ADD", &u.adds) })
		case t.is("DELETE"):
			section, ok = "DELETE", p.list(func() bool { return p.change("DELETE", &u.deletes) })
		case t.kind == tokEOF && len(seen) > 0:
			return
		default:
			ok = p.unexpected()
		}
		if seen[section] {
			p.note(faultSection, "The \"%s\" section can only be used once in an update expression;", section)
		}
		seen[section] = true
	}
}

// list parses a section's keyword and its actions.
func (p *parser) list(action func() bool) bool {
	p.take()
	for {
		if !action() {
			return false
		}
		p.countOperator()
		if !p.accept(",") {
			return true
		}
	}
}

func (p *parser) set(u *Update) bool {
	path, ok := p.path()
	if !ok || !p.expect("=") {
		return false
	}
	v, ok := p.setValue()
	u.sets = append(u.sets, setAction{path, v})
	return ok
}

// setValue parses operand, operand + operand or operand - operand, in parentheses or not.
func (p *parser) setValue() (Operand, bool) {
	left, ok := p.setOperand()
	if !ok {
		return left, false
	}
	t := p.peek()
	if !t.punct("+") && !t.punct("-") {
		return left, true
	}
	p.take()
	p.countOperator()
	right, ok := p.setOperand()
	if !ok {
		return left, false
	}
	o := Operand{Func: t.text, Args: []Operand{left, right}}
	for i := range o.Args {
		if k := o.Args[i].kind(); k != None && k != N {
			p.note(faultFunction, operandType, t.text, k)
		}
	}
	return o, true
}

func (p *parser) setOperand() (Operand, bool) {
	if !p.accept("(") {
		return p.operand()
	}
	o, ok := p.setValue()
	return o, ok && p.expect(")")
}

func (p *parser) remove(u *Update) bool {
	path, ok := p.path()
	u.removes = append(u.removes, path)
	return ok
}

var longNames = map[Kind]string{S: "STRING", N: "NUMBER", B: "BINARY", NULL: "NULL", BOOL: "BOOLEAN", L: "LIST", M: "MAP"}

// change parses an action of ADD or DELETE: a path and a value.
func (p *parser) change(section string, to *[]setAction) bool {
	path, ok := p.path()
	if !ok {
		return false
	}
	v, ok := p.value()
	if name := longNames[v.Value.Kind]; name != "" && !(section == "ADD" && v.Value.Kind == N) {
		p.note(faultOperand, "Incorrect operand type for operator or function; operator: %s, operand type: %s", section, name)
	}
	*to = append(*to, setAction{path, v})
	return ok
}

func (u *Update) paths() []Path {
	var out []Path
	for _, a := range u.sets {
		out = append(out, a.path)
	}
	out = append(out, u.removes...)
	for _, a := range u.adds {
		out = append(out, a.path)
	}
	for _, a := range u.deletes {
		out = append(out, a.path)
	}
	return out
}

// Paths gives the document paths that the update writes.
func (u *Update) Paths() []Path { return u.paths() }

// checkPaths notes paths of which one is part of another, or which take one attribute for a list and a map at once.
func (p *parser) checkPaths(paths []Path) {
	const words = "Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s"
	if p.syntax != nil || p.faults[faultName] != "" {
		return
	}
	for i, a := range paths {
		for _, b := range paths[:i] {
			switch relate(a, b) {
			case faultOverlap:
				p.note(faultOverlap, words, "overlap", b, a)
			case faultConflict:
				p.note(faultConflict, words, "conflict", b, a)
			}
		}
	}
}

// relate compares two paths: faultOverlap, faultConflict, or faults when they have nothing to do with each other.
func relate(a, b Path) fault {
	for i := range min(len(a), len(b)) {
		if (a[i].Index < 0) != (b[i].Index < 0) {
			return faultConflict
		}
		if a[i] != b[i] {
			return faults
		}
	}
	return faultOverlap
}

// Apply gives the item as updated; the receiver and old stay as they are. All operands are read from old. Errors: an operand refers
// to an absent attribute, or has the wrong type; a path whose parent is absent or of the wrong type; a number out of range.
func (u *Update) Apply(old Item) (Item, error) {
	it := old
	var err error
	for _, a := range sortedByIndex(u.sets) {
		v, err := a.value.compute(old)
		if err != nil {
			return nil, err
		}
		if it, err = a.path.set(it, v); err != nil {
			return nil, err
		}
	}
	for _, a := range u.adds {
		v, err := a.sum(old, u.legacy)
		if err != nil {
			return nil, err
		}
		if it, err = a.path.set(it, v); err != nil {
			return nil, err
		}
	}
	for _, a := range u.deletes {
		if it, err = a.subtract(old, it, u.legacy); err != nil {
			return nil, err
		}
	}
	for _, path := range backwards(u.removes) {
		if it, err = path.remove(it); err != nil {
			return nil, err
		}
	}
	return it, nil
}

// sortedByIndex puts appends to one list into the order of their indices.
func sortedByIndex(sets []setAction) []setAction {
	if len(sets) < 2 {
		return sets
	}
	c := slices.Clone(sets)
	slices.SortStableFunc(c, func(a, b setAction) int {
		x, y := a.path[len(a.path)-1].Index, b.path[len(b.path)-1].Index
		if x < 0 || y < 0 {
			return cmp.Compare(min(x, 0), min(y, 0))
		}
		return cmp.Compare(x, y)
	})
	return c
}

// backwards puts removals from one list into descending order, so that indices mean the item as it was.
func backwards(paths []Path) []Path {
	if len(paths) < 2 {
		return paths
	}
	c := slices.Clone(paths)
	slices.SortStableFunc(c, func(a, b Path) int {
		for i := range min(len(a), len(b)) {
			if d := cmp.Compare(b[i].Index, a[i].Index); d != 0 {
				return d
			}
		}
		return cmp.Compare(len(b), len(a))
	})
	return c
}

func errOperandType() error {
	return Invalidf("An operand in the update expression has an incorrect data type")
}

// compute gives the operand's value for SET; an absent attribute is an error.
func (o *Operand) compute(it Item) (Value, error) {
	switch {
	case o.Path != nil:
		v := o.Path.Get(it)
		if v.Kind == None {
			return v, Invalidf("The provided expression refers to an attribute that does not exist in the item")
		}
		return v, nil
	case o.Func == "":
		return o.Value, nil
	case o.Func == "if_not_exists":
		if v := o.Args[0].Path.Get(it); v.Kind != None {
			return v, nil
		}
		return o.Args[1].compute(it)
	}
	a, err := o.Args[0].compute(it)
	if err != nil {
		return a, err
	}
	b, err := o.Args[1].compute(it)
	if err != nil {
		return b, err
	}
	if o.Func == "list_append" {
		if a.Kind != L || b.Kind != L {
			return a, errOperandType()
		}
		return ListOf(slices.Concat(a.List, b.List)...), nil
	}
	if a.Kind != N || b.Kind != N {
		return a, errOperandType()
	}
	return sum(a, b, o.Func == "-")
}

// sum gives the value of ADD: a sum of numbers, a union of sets; for AttributeUpdates also a concatenation of lists.
func (a *setAction) sum(old Item, legacy bool) (Value, error) {
	v, w := a.path.Get(old), a.value.Value
	switch {
	case v.Kind == None:
		return w, nil
	case v.Kind != w.Kind && legacy:
		return v, Invalidf("Type mismatch for attribute to update")
	case v.Kind != w.Kind:
		return v, errOperandType()
	case v.Kind == N:
		return sum(v, w, false)
	case v.Kind == L:
		return ListOf(slices.Concat(v.List, w.List)...), nil
	case v.Kind.element() == None:
		return v, errOperandType()
	}
	union := slices.Clone(v.List)
	for _, e := range w.List {
		if !slices.ContainsFunc(v.List, func(x Value) bool { return x.Text == e.Text }) {
			union = append(union, e)
		}
	}
	return Set(v.Kind, union)
}

// subtract removes elements from a set, and the attribute with the last one.
func (a *setAction) subtract(old, it Item, legacy bool) (Item, error) {
	v, w := a.path.Get(old), a.value.Value
	if v.Kind == None {
		return it, nil
	}
	if v.Kind != w.Kind || v.Kind.element() == None {
		if legacy {
			return nil, Invalidf("Type mismatch for attribute to update")
		}
		return nil, errOperandType()
	}
	rest := make([]Value, 0, len(v.List))
	for _, e := range v.List {
		if !slices.ContainsFunc(w.List, func(x Value) bool { return x.Text == e.Text }) {
			rest = append(rest, e)
		}
	}
	if len(rest) == 0 {
		return a.path.remove(it)
	}
	return a.path.set(it, Value{Kind: v.Kind, List: rest})
}

// OnlyRemoves tells whether the update can only take away: such an update of an absent item does not make one.
func (u *Update) OnlyRemoves() bool {
	return len(u.sets) == 0 && len(u.adds) == 0 && len(u.removes)+len(u.deletes) > 0
}
