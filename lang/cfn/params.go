package cfn

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parameter is one member of Parameters.
type Parameter struct {
	Name, Type, Description, Constraint string
	Default                             *string
	AllowedValues                       []string
	Pattern                             string
	MinLength, MaxLength                *int64
	MinValue, MaxValue                  *float64
	NoEcho                              bool
}

// ParameterValue is a parameter as a stack uses it. Resolved is what a Systems Manager parameter holds; "" for other types.
type ParameterValue struct {
	Name, Value, Resolved string
	NoEcho                bool
}

const ssmPrefix = "AWS::SSM::Parameter::Value<"

// plainTypes are the types whose values are texts; a List<...> of them is a list.
var plainTypes = []string{"String", "Number", "AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id", "AWS::EC2::KeyPair::KeyName",
	"AWS::EC2::SecurityGroup::GroupName", "AWS::EC2::SecurityGroup::Id", "AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id"}

func (t *Template) parameters(root Value) error {
	v, err := section(root, "Parameters")
	if err != nil {
		return err
	}
	if len(v.Items) > maxParameters {
		return v.errorf("Template format error: Number of parameters, %d, is greater than maximum allowed, %d", len(v.Items), maxParameters)
	}
	for i, name := range v.Keys {
		if !alphanumeric.MatchString(name) {
			return v.Items[i].errorf("Template format error: Parameter name %s is non alphanumeric.", name)
		}
		p, err := readParameter(name, v.Items[i])
		if err != nil {
			return err
		}
		t.Parameters = append(t.Parameters, p)
	}
	return nil
}

func readParameter(name string, v Value) (Parameter, error) {
	p := Parameter{Name: name}
	if v.Kind != Map {
		return p, v.errorf("Template format error: Every Parameters object must contain a Type member.")
	}
	for i, k := range v.Keys {
		item := v.Items[i]
		var err error
		switch k {
		case "Type":
			p.Type = item.Text
		case "Description":
			p.Description = item.Text
		case "ConstraintDescription":
			p.Constraint = item.Text
		case "Default":
			d := item.Text
			if item.Kind == List || item.Kind == Map {
				return p, item.errorf("Template format error: Every Default member must be a string.")
			}
			p.Default = &d
		case "NoEcho":
			p.NoEcho = strings.EqualFold(item.Text, "true")
		case "AllowedPattern":
			p.Pattern = item.Text
		case "AllowedValues":
			for _, a := range item.Items {
				p.AllowedValues = append(p.AllowedValues, a.Text)
			}
		case "MinLength", "MaxLength", "MinValue", "MaxValue":
			err = p.bound(k, item)
		default:
			err = item.errorf("Invalid template parameter property '%s'", k)
		}
		if err != nil {
			return p, err
		}
	}
	if p.Type == "" {
		return p, v.errorf("Template format error: Every Parameters object must contain a Type member.")
	}
	if !p.known() {
		return p, v.errorf("Template format error: Unrecognized parameter type: %s", p.Type)
	}
	return p, nil
}

func (p *Parameter) bound(k string, v Value) error {
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil {
		return v.errorf("Template format error: Every %s member must be a number.", k)
	}
	n := int64(f)
	switch k {
	case "MinLength":
		p.MinLength = &n
	case "MaxLength":
		p.MaxLength = &n
	case "MinValue":
		p.MinValue = &f
	default:
		p.MaxValue = &f
	}
	return nil
}

// inner gives the type of the value itself: what an SSM type holds.
func (p *Parameter) inner() (typ string, ssm bool) {
	if rest, ok := strings.CutPrefix(p.Type, ssmPrefix); ok && strings.HasSuffix(rest, ">") {
		return rest[:len(rest)-1], true
	}
	return p.Type, false
}

func (p *Parameter) known() bool {
	typ, _ := p.inner()
	if rest, ok := strings.CutPrefix(typ, "List<"); ok && strings.HasSuffix(rest, ">") {
		typ = rest[:len(rest)-1]
	}
	return slices.Contains(plainTypes, typ) || typ == "CommaDelimitedList" || typ == "AWS::SSM::Parameter::Name"
}

// IsList tells whether Ref of the parameter gives a list.
func (p *Parameter) IsList() bool {
	typ, _ := p.inner()
	return typ == "CommaDelimitedList" || strings.HasPrefix(typ, "List<")
}

// bind decides the value of every parameter.
func (b *Bound) bind(given map[string]string) error {
	var unknown, without []string
	for name := range given {
		if b.parameter(name) == nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return errorf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}
	for i := range b.Parameters {
		p := &b.Parameters[i]
		value, ok := given[p.Name]
		if !ok && p.Default != nil {
			value, ok = *p.Default, true
		}
		if !ok {
			without = append(without, p.Name)
			continue
		}
		if err := p.validate(value); err != nil {
			return err
		}
		v := ParameterValue{Name: p.Name, Value: value, NoEcho: p.NoEcho}
		if _, ssm := p.inner(); ssm {
			var err error
			if v.Resolved, err = b.env.resolve("ssm", value); err != nil {
				return err
			}
		}
		b.values[p.Name] = v
	}
	if len(without) > 0 {
		return errorf("Parameters: [%s] must have values", strings.Join(without, ", "))
	}
	return nil
}

func (p *Parameter) validate(s string) error {
	fail := func(format string, args ...any) error {
		if p.Constraint != "" {
			return errorf("Parameter %s failed to satisfy constraint: %s", p.Name, p.Constraint)
		}
		return errorf("Parameter '%s' "+format, append([]any{p.Name}, args...)...)
	}
	items := []string{s}
	if p.IsList() {
		items = splitList(s)
	}
	for _, item := range items {
		if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, item) {
			return fail("must be one of AllowedValues")
		}
		if p.Pattern != "" {
			re, err := regexp.Compile("^(?:" + p.Pattern + ")$")
			if err != nil {
				return errorf("Template error: Parameter '%s' AllowedPattern is not a regular expression that is understood here: %v", p.Name, err)
			}
			if !re.MatchString(item) {
				return fail("must match pattern %s", p.Pattern)
			}
		}
		if err := p.number(item, fail); err != nil {
			return err
		}
	}
	if p.MinLength != nil && int64(len(s)) < *p.MinLength {
		return fail("must contain at least %d characters", *p.MinLength)
	}
	if p.MaxLength != nil && int64(len(s)) > *p.MaxLength {
		return fail("must contain at most %d characters", *p.MaxLength)
	}
	return nil
}

func (p *Parameter) number(s string, fail func(string, ...any) error) error {
	if p.Type != "Number" && p.Type != "List<Number>" {
		return nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return errorf("Parameter '%s' must be a number", p.Name)
	}
	if p.MinValue != nil && f < *p.MinValue {
		return fail("must be a number not less than %v", *p.MinValue)
	}
	if p.MaxValue != nil && f > *p.MaxValue {
		return fail("must be a number not greater than %v", *p.MaxValue)
	}
	return nil
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	items := strings.Split(s, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}
