package cfn

import (
	"slices"
	"strings"
)

// checkConditions finds references from Conditions to what is not there.
func (t *Template) checkConditions() error {
	var unresolved []string
	var walk func(v Value) error
	walk = func(v Value) error {
		if name, arg, ok := v.call(); ok {
			switch {
			case name == "Ref" && t.byID[arg.Text] == nil && t.knows(arg.Text):
				return nil
			case name == "Ref" || name == "Fn::GetAtt":
				if id := arg.Text; !slices.Contains(unresolved, id) {
					unresolved = append(unresolved, id)
				}
				return nil
			}
			if err := (&checker{t: t}).function(name, arg, 1); err != nil {
				return err
			}
		}
		if v.Kind == Map && len(v.Keys) == 1 && v.Keys[0] == "Condition" && !t.hasCondition(v.Items[0].Text) {
			return v.errorf("Template format error: Unresolved condition dependency %s in the Conditions block of the template", v.Items[0].Text)
		}
		for _, item := range v.Items {
			if err := walk(item); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(t.Conditions); err != nil {
		return err
	}
	if len(unresolved) > 0 {
		return errorf("Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", strings.Join(unresolved, ", "))
	}
	return nil
}

// decide evaluates a condition by name; under are the conditions that wait for it.
func (b *Bound) decide(name string, under []string) (bool, error) {
	if v, ok := b.decided[name]; ok {
		return v, nil
	}
	if slices.Contains(under, name) {
		return false, errorf("Template error: Found circular condition dependency between [%s]", strings.Join(append(under, name), ", "))
	}
	v, ok := b.Conditions.Get(name)
	if !ok {
		return false, errorf("Template error: unresolved condition dependency %s", name)
	}
	d, err := b.truth(v, append(slices.Clip(under), name))
	if err == nil {
		b.decided[name] = d
	}
	return d, err
}

func (b *Bound) truth(v Value, under []string) (bool, error) {
	if v.Kind != Map || len(v.Keys) != 1 {
		if v.Kind == Bool {
			return v.Text == "true", nil
		}
		return false, v.errorf("Template format error: Every Conditions member must be a condition function")
	}
	arg := v.Items[0]
	switch name := v.Keys[0]; name {
	case "Condition":
		return b.decide(arg.Text, under)
	case "Fn::Equals":
		if arg.Kind != List || len(arg.Items) != 2 {
			return false, arg.errorf("Template error: every Fn::Equals object requires a list of 2 string parameters.")
		}
		e := &evaluator{b: b, under: under}
		x, err := e.eval(arg.Items[0])
		if err != nil {
			return false, err
		}
		y, err := e.eval(arg.Items[1])
		return err == nil && sameText(x, y), err
	case "Fn::Not":
		if arg.Kind != List || len(arg.Items) != 1 {
			return false, arg.errorf("Template error: every Fn::Not object requires one boolean parameter.")
		}
		t, err := b.truth(arg.Items[0], under)
		return !t, err
	case "Fn::And", "Fn::Or":
		if arg.Kind != List || len(arg.Items) < 2 || len(arg.Items) > 10 {
			return false, arg.errorf("Template error: every %s object requires a list of at least 2 and at most 10 boolean parameters.", name)
		}
		all := name == "Fn::And"
		for _, item := range arg.Items {
			t, err := b.truth(item, under)
			if err != nil || t != all {
				return t, err
			}
		}
		return all, nil
	}
	return false, v.errorf("Template format error: Every Conditions member must be a condition function; %s is none", v.Keys[0])
}

func sameText(x, y any) bool {
	a, okA := asText(x)
	b, okB := asText(y)
	return okA && okB && a == b
}
