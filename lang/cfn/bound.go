package cfn

import (
	"maps"
	"slices"
)

// Env is what a template is evaluated in.
type Env struct {
	Account, Region, Partition, URLSuffix, StackName, StackID string
	NotificationARNs                                          []string
	// Import gives the value of an export; nil refuses Fn::ImportValue by name.
	Import func(name string) (string, error)
	// Dynamic gives the value of a Systems Manager parameter (service "ssm") or of a dynamic reference {{resolve:service:reference}};
	// nil refuses both by name.
	Dynamic func(service, reference string) (string, error)
}

func (e *Env) resolve(service, reference string) (string, error) {
	if e.Dynamic == nil {
		return "", (Value{}).refuse("The dynamic reference " + service + ":" + reference)
	}
	return e.Dynamic(service, reference)
}

// Lookup gives the values of other resources. Both may answer with any decoded JSON. An error is passed on as it is.
type Lookup interface {
	Ref(id string) (any, error)
	GetAtt(id, attribute string) (any, error)
}

// Bound is a template with parameter values in an environment: its conditions are decided. It is immutable and safe for concurrent
// use as far as Env's functions are.
type Bound struct {
	*Template
	env     Env
	values  map[string]ParameterValue
	decided map[string]bool
}

// Bind checks parameter values against the template, and decides the conditions. Parameters that are not given take their default.
func (t *Template) Bind(given map[string]string, env Env) (*Bound, error) {
	b := &Bound{Template: t, env: env, values: map[string]ParameterValue{}, decided: map[string]bool{}}
	if b.env.Partition == "" {
		b.env.Partition = "aws"
	}
	if b.env.URLSuffix == "" {
		b.env.URLSuffix = "amazonaws.com"
	}
	if err := b.bind(given); err != nil {
		return nil, err
	}
	for _, name := range t.Conditions.Keys {
		if _, err := b.decide(name, nil); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Values gives the parameters' values in the template's order.
func (b *Bound) Values() []ParameterValue {
	var out []ParameterValue
	for _, p := range b.Parameters {
		out = append(out, b.values[p.Name])
	}
	return out
}

// Conditions gives what each condition is.
func (b *Bound) Decisions() map[string]bool { return maps.Clone(b.decided) }

// Active tells whether a condition (or "") holds.
func (b *Bound) Active(condition string) bool { return condition == "" || b.decided[condition] }

// ActiveResources gives the resources whose condition holds, in the template's order.
func (b *Bound) ActiveResources() []*Resource {
	return slices.DeleteFunc(slices.Clone(b.Resources), func(r *Resource) bool { return !b.Active(r.Condition) })
}

// Properties evaluates a resource's properties. Members that are AWS::NoValue are left out. The error is an *Error, or what l gave.
func (b *Bound) Properties(r *Resource, l Lookup) (map[string]any, error) {
	if r.Properties.Kind != Map {
		return map[string]any{}, nil
	}
	v, err := (&evaluator{b: b, l: l}).eval(r.Properties)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, r.Properties.errorf("Template format error: [/Resources/%s/Properties] Properties must be an object", r.ID)
	}
	return m, nil
}

// Policy evaluates a DeletionPolicy or UpdateReplacePolicy; "" when it is absent.
func (b *Bound) Policy(v Value) (string, error) {
	if v.IsZero() {
		return "", nil
	}
	s, err := (&evaluator{b: b}).str(v, "DeletionPolicy")
	if err != nil {
		return "", err
	}
	switch s {
	case "Delete", "Retain", "RetainExceptOnCreate", "Snapshot":
		return s, nil
	}
	return "", v.errorf("Template error: Unrecognized DeletionPolicy %s", s)
}

// OutputValue is an evaluated output.
type OutputValue struct {
	ID, Description, Value, Export string
}

// OutputValues evaluates the outputs whose condition holds.
func (b *Bound) OutputValues(l Lookup) ([]OutputValue, error) {
	var out []OutputValue
	e := &evaluator{b: b, l: l}
	for _, o := range b.Outputs {
		if !b.Active(o.Condition) {
			continue
		}
		s, err := e.str(o.Value, "Outputs")
		if err != nil {
			return nil, err
		}
		v := OutputValue{ID: o.ID, Description: o.Description, Value: s}
		if !o.Export.IsZero() {
			if v.Export, err = e.str(o.Export, "Export"); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}
