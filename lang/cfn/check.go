package cfn

import (
	"slices"
	"strings"
)

// functions are the intrinsic functions that are evaluated, in the order in which CloudFormation lists them.
var functions = []string{"Fn::Base64", "Fn::GetAtt", "Fn::GetAZs", "Fn::ImportValue", "Fn::Join", "Fn::Split", "Fn::FindInMap", "Fn::Select", "Ref", "Fn::Equals",
	"Fn::If", "Fn::Not", "Condition", "Fn::And", "Fn::Or", "Fn::Cidr", "Fn::Sub", "Fn::Length", "Fn::ToJsonString"}

var pseudo = []string{"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}

// call gives the function that v is; ok is false for other values. Condition is a function only inside Conditions.
func (v Value) call() (name string, arg Value, ok bool) {
	if v.Kind != Map || len(v.Keys) != 1 {
		return "", Value{}, false
	}
	if k := v.Keys[0]; k == "Ref" || strings.HasPrefix(k, "Fn::") {
		return k, v.Items[0], true
	}
	return "", Value{}, false
}

// check finds references to what is not there and functions that do not exist, in all branches.
func (t *Template) check() error {
	if err := t.checkConditions(); err != nil {
		return err
	}
	c := &checker{t: t, block: "Resources"}
	for _, r := range t.Resources {
		if r.Condition != "" && !t.hasCondition(r.Condition) {
			return errorf("Template format error: Unresolved condition dependency %s in the Resources block of the template", r.Condition)
		}
		for _, d := range r.DependsOn {
			if t.byID[d] == nil {
				c.missing(d)
			}
		}
		for _, v := range []Value{r.Properties, r.DeletionPolicy, r.UpdateReplacePolicy} {
			if err := c.walk(v); err != nil {
				return err
			}
		}
	}
	if err := c.verdict(); err != nil {
		return err
	}
	c = &checker{t: t, block: "Outputs"}
	for _, o := range t.Outputs {
		if o.Condition != "" && !t.hasCondition(o.Condition) {
			return errorf("Template format error: Unresolved condition dependency %s in the Outputs block of the template", o.Condition)
		}
		if err := c.walk(o.Value); err != nil {
			return err
		}
		if err := c.walk(o.Export); err != nil {
			return err
		}
	}
	return c.verdict()
}

func (t *Template) hasCondition(name string) bool { return slices.Contains(t.Conditions.Keys, name) }

func (t *Template) parameter(name string) *Parameter {
	for i := range t.Parameters {
		if t.Parameters[i].Name == name {
			return &t.Parameters[i]
		}
	}
	return nil
}

func (t *Template) knows(name string) bool {
	return t.byID[name] != nil || t.parameter(name) != nil || slices.Contains(pseudo, name)
}

type checker struct {
	t          *Template
	block      string
	unresolved []string
}

func (c *checker) missing(name string) {
	if !slices.Contains(c.unresolved, name) {
		c.unresolved = append(c.unresolved, name)
	}
}

func (c *checker) verdict() error {
	if len(c.unresolved) == 0 {
		return nil
	}
	return errorf("Template format error: Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(c.unresolved, ", "), c.block)
}

func (c *checker) walk(v Value) error {
	name, arg, ok := v.call()
	if !ok {
		for i, item := range v.Items {
			if v.Kind == Map && strings.HasPrefix(v.Keys[i], "Fn::") {
				return c.function(v.Keys[i], item, len(v.Keys))
			}
			if err := c.walk(item); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.function(name, arg, 1); err != nil {
		return err
	}
	switch name {
	case "Ref":
		if arg.Kind != String {
			return arg.errorf("Template format error: All References must be of type string")
		}
		if !c.t.knows(arg.Text) {
			c.missing(arg.Text)
		}
		return nil
	case "Fn::GetAtt":
		return c.getAtt(arg)
	case "Fn::Sub":
		return c.sub(arg)
	case "Fn::If":
		if arg.Kind != List || len(arg.Items) != 3 {
			return arg.errorf("Template error: Fn::If requires a list argument with three elements")
		}
		if cond := arg.Items[0]; cond.Kind != String || !c.t.hasCondition(cond.Text) {
			return arg.errorf("Template error: unresolved condition dependency %s in Fn::If", arg.Items[0].Text)
		}
	}
	return c.walk(arg)
}

func (c *checker) function(name string, at Value, members int) error {
	switch {
	case name == "Fn::Transform" || strings.HasPrefix(name, "Fn::ForEach"):
		return at.refuse(name)
	case !slices.Contains(functions, name) || members > 1:
		return at.errorf("Template format error: Encountered unsupported function: %s Supported functions are: [%s]", name, strings.Join(functions, ", "))
	case (name == "Fn::Length" || name == "Fn::ToJsonString") && !c.t.extended:
		return at.errorf("Template format error: Encountered unsupported function: %s Supported functions are: [%s]; it needs the transform AWS::LanguageExtensions", name, strings.Join(functions, ", "))
	}
	return nil
}

func (c *checker) getAtt(arg Value) error {
	id, _, err := attributeOf(arg)
	if err != nil {
		return err
	}
	if c.t.byID[id] == nil {
		return arg.errorf("Template error: instance of Fn::GetAtt references undefined resource %s", id)
	}
	return nil
}

// attributeOf takes the argument of Fn::GetAtt apart; the attribute may be a function.
func attributeOf(arg Value) (id string, attribute Value, err error) {
	switch {
	case arg.Kind == String:
		id, name, ok := strings.Cut(arg.Text, ".")
		if ok && id != "" && name != "" {
			return id, text(arg, name), nil
		}
	case arg.Kind == List && len(arg.Items) >= 2 && arg.Items[0].Kind == String:
		attribute = arg.Items[1]
		for _, more := range arg.Items[2:] {
			attribute = text(arg, attribute.Text+"."+more.Text)
		}
		if !attribute.IsZero() && (attribute.Kind != String || attribute.Text != "") {
			return arg.Items[0].Text, attribute, nil
		}
	}
	return "", Value{}, arg.errorf("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
}

func (c *checker) sub(arg Value) error {
	parts, vars, err := readSub(arg)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, own := vars.Get(p.name); p.name == "" || own {
			continue
		}
		id, attribute, dotted := strings.Cut(p.name, ".")
		if !dotted && !c.t.knows(p.name) {
			c.missing(p.name)
		}
		if dotted && (c.t.byID[id] == nil || attribute == "") {
			return arg.errorf("Template error: instance of Fn::Sub references invalid resource attribute %s", p.name)
		}
	}
	return c.walk(vars)
}

// subPart is literal text, or a name between ${ and }.
type subPart struct{ text, name string }

func readSub(arg Value) (parts []subPart, vars Value, err error) {
	vars = Value{Kind: Map}
	if arg.Kind == List {
		if len(arg.Items) != 2 || arg.Items[0].Kind != String || arg.Items[1].Kind != Map {
			return nil, vars, arg.errorf("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string")
		}
		arg, vars = arg.Items[0], arg.Items[1]
	}
	if arg.Kind == Map || arg.Kind == Null || arg.Kind == List {
		return nil, vars, arg.errorf("Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string")
	}
	rest := arg.Text
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			return append(parts, subPart{text: rest}), vars, nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return append(parts, subPart{text: rest}), vars, nil
		}
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, subPart{text: before + "${" + literal + "}"})
		} else {
			if name = strings.TrimSpace(name); !subName(name) {
				return nil, vars, arg.errorf("Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
			}
			parts = append(parts, subPart{text: before}, subPart{name: name})
		}
		rest = tail
	}
}

func subName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != ':' {
			return false
		}
	}
	return s != ""
}
