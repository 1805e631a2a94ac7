package cfn

import (
	"slices"
	"strings"

	"sundog/internal/pattern"
)

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	Description string
	Metadata    Value
	Parameters  []Parameter
	Mappings    Value
	Conditions  Value
	Resources   []*Resource // in the template's order
	Outputs     []Output
	Transforms  []string // declared; only AWS::LanguageExtensions
	extended    bool
	byID        map[string]*Resource
}

// Resource is one member of Resources.
type Resource struct {
	ID, Type            string
	Condition           string
	DependsOn           []string
	Properties          Value
	Metadata            Value
	DeletionPolicy      Value
	UpdateReplacePolicy Value
	Line, Column        int
}

// Output is one member of Outputs.
type Output struct {
	ID, Description, Condition string
	Value                      Value
	Export                     Value // the export's name; null when there is none
}

const (
	maxResources  = 500
	maxParameters = 200
	maxOutputs    = 200
)

var (
	alphanumeric = pattern.New(`^[a-zA-Z0-9]{1,255}$`)
	sections     = []string{"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform", "Resources", "Outputs", "Hooks"}
	resourceKeys = []string{"Type", "Properties", "Metadata", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy"}
)

// Parse reads a template and checks its form: sections, names, references, functions. The error is an *Error.
func Parse(body []byte) (*Template, error) {
	root, err := ParseValue(body)
	if err != nil {
		return nil, err
	}
	if root.Kind != Map {
		return nil, errorf("Template format error: unsupported structure.")
	}
	t := &Template{byID: map[string]*Resource{}}
	if err := t.sections(root); err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// Resource gives a resource by its logical id, or nil.
func (t *Template) Resource(id string) *Resource { return t.byID[id] }

func (t *Template) sections(root Value) error {
	for i, k := range root.Keys {
		v := root.Items[i]
		switch {
		case k == "Rules" || k == "Hooks":
			return v.refuse("The template section " + k)
		case strings.HasPrefix(k, "Fn::"):
			return v.refuse(k)
		case !slices.Contains(sections, k):
			return v.errorf("Invalid template property or properties [%s]", k)
		}
	}
	if v, ok := root.Get("AWSTemplateFormatVersion"); ok && v.Text != "2010-09-09" {
		return v.errorf("Template format error: unsupported value for AWSTemplateFormatVersion.")
	}
	if v, ok := root.Get("Description"); ok {
		if v.Kind != String {
			return v.errorf("Template format error: Description must be a string.")
		}
		t.Description = v.Text
	}
	t.Metadata, _ = root.Get("Metadata")
	for _, read := range []func(Value) error{t.transforms, t.parameters, t.mappings, t.conditions, t.resources, t.outputs} {
		if err := read(root); err != nil {
			return err
		}
	}
	return nil
}

// section gives a section that is an object; an absent one is an empty object.
func section(root Value, name string) (Value, error) {
	v, ok := root.Get(name)
	if !ok || v.Kind == Null && name != "Resources" {
		return Value{Kind: Map}, nil
	}
	if v.Kind != Map {
		return v, v.errorf("Template format error: %s must be an object.", name)
	}
	for i, k := range v.Keys {
		if strings.HasPrefix(k, "Fn::") {
			return v, v.Items[i].refuse(k)
		}
	}
	return v, nil
}

func (t *Template) transforms(root Value) error {
	v, ok := root.Get("Transform")
	if !ok {
		return nil
	}
	items := []Value{v}
	if v.Kind == List {
		items = v.Items
	}
	for _, i := range items {
		if i.Kind != String || i.Text != "AWS::LanguageExtensions" {
			name := i.Text
			if n, ok := i.Get("Name"); ok {
				name = n.Text
			}
			return i.refuse("The transform " + name)
		}
		t.extended = true
		t.Transforms = append(t.Transforms, i.Text)
	}
	return nil
}

func (t *Template) mappings(root Value) (err error) {
	if t.Mappings, err = section(root, "Mappings"); err != nil {
		return err
	}
	for i, name := range t.Mappings.Keys {
		top := t.Mappings.Items[i]
		if top.Kind != Map {
			return top.errorf("Template format error: Every Mappings member %s must be a map", name)
		}
		for j, key := range top.Keys {
			if top.Items[j].Kind != Map {
				return top.Items[j].errorf("Template format error: Every Mappings member %s must be a map; %s is not", name, key)
			}
		}
	}
	return nil
}

func (t *Template) conditions(root Value) (err error) {
	t.Conditions, err = section(root, "Conditions")
	return err
}

func (t *Template) resources(root Value) error {
	v, err := section(root, "Resources")
	if err != nil {
		return err
	}
	if len(v.Items) == 0 {
		return v.errorf("Template format error: At least one Resources member must be defined.")
	}
	if len(v.Items) > maxResources {
		return v.errorf("Template format error: Number of resources, %d, is greater than maximum allowed, %d", len(v.Items), maxResources)
	}
	for i, id := range v.Keys {
		r, err := readResource(id, v.Items[i])
		if err != nil {
			return err
		}
		t.Resources = append(t.Resources, r)
		t.byID[id] = r
	}
	return nil
}

func readResource(id string, v Value) (*Resource, error) {
	if !alphanumeric.MatchString(id) {
		return nil, v.errorf("Template format error: Resource name %s is non alphanumeric.", id)
	}
	if v.Kind != Map {
		return nil, v.errorf("Template format error: [/Resources/%s] resource definition is malformed", id)
	}
	for i, k := range v.Keys {
		if !slices.Contains(resourceKeys, k) {
			return nil, v.Items[i].errorf("Invalid template resource property '%s'", k)
		}
		if k == "CreationPolicy" || k == "UpdatePolicy" {
			return nil, v.Items[i].refuse("The attribute " + k + " of resource " + id)
		}
	}
	typ, _ := v.Get("Type")
	if typ.Kind != String || typ.Text == "" {
		return nil, v.errorf("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", id)
	}
	r := &Resource{ID: id, Type: typ.Text, Line: v.Line, Column: v.Column}
	r.Properties, _ = v.Get("Properties")
	if r.Properties.Kind != Map && r.Properties.Kind != Null {
		return nil, r.Properties.errorf("Template format error: [/Resources/%s/Properties] Properties must be an object", id)
	}
	r.Metadata, _ = v.Get("Metadata")
	r.DeletionPolicy, _ = v.Get("DeletionPolicy")
	r.UpdateReplacePolicy, _ = v.Get("UpdateReplacePolicy")
	if c, ok := v.Get("Condition"); ok {
		if c.Kind != String {
			return nil, c.errorf("Template format error: Every Condition member must be a string.")
		}
		r.Condition = c.Text
	}
	return r, r.dependsOn(v)
}

func (r *Resource) dependsOn(v Value) error {
	d, ok := v.Get("DependsOn")
	if !ok {
		return nil
	}
	items := []Value{d}
	if d.Kind == List {
		items = d.Items
	}
	for _, i := range items {
		if i.Kind != String {
			return i.errorf("Template format error: DependsOn must be a string or list of strings.")
		}
		if !slices.Contains(r.DependsOn, i.Text) {
			r.DependsOn = append(r.DependsOn, i.Text)
		}
	}
	return nil
}

func (t *Template) outputs(root Value) error {
	v, err := section(root, "Outputs")
	if err != nil {
		return err
	}
	if len(v.Items) > maxOutputs {
		return v.errorf("Template format error: Number of outputs, %d, is greater than maximum allowed, %d", len(v.Items), maxOutputs)
	}
	for i, id := range v.Keys {
		item := v.Items[i]
		if !alphanumeric.MatchString(id) {
			return item.errorf("Template format error: Output name %s is non alphanumeric.", id)
		}
		value, ok := item.Get("Value")
		if !ok || value.Kind == Null {
			return item.errorf("Template format error: Every Outputs member must contain a Value object")
		}
		o := Output{ID: id, Value: value}
		for j, k := range item.Keys {
			switch k {
			case "Value":
			case "Description":
				o.Description = item.Items[j].Text
			case "Condition":
				o.Condition = item.Items[j].Text
			case "Export":
				if o.Export, ok = item.Items[j].Get("Name"); !ok {
					return item.errorf("Template format error: Output %s is malformed. The Name field of every Export member must be specified", id)
				}
			default:
				return item.Items[j].errorf("Invalid template output property '%s'", k)
			}
		}
		t.Outputs = append(t.Outputs, o)
	}
	return nil
}
