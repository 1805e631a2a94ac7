package cloudformation

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"sundog/lang/cfn"
	"sundog/services/room"
)

// change is one entry of a plan.
type change struct {
	Action      string   `json:"action"` // Add, Modify, Remove
	ID          string   `json:"id"`
	Physical    string   `json:"physical,omitempty"`
	Type        string   `json:"type"`
	Replacement string   `json:"replacement,omitempty"` // True, False, Conditional
	Properties  []string `json:"properties,omitempty"`
	Dynamic     []string `json:"dynamic,omitempty"` // resources that it uses and whose values are not known yet
	Tags        bool     `json:"tags,omitempty"`
	Metadata    bool     `json:"metadata,omitempty"`
}

type plan struct {
	changes []change
	rest    bool // outputs, policies or other parts of the template differ
}

func (p plan) none() bool { return len(p.changes) == 0 && !p.rest }

// values answers for the resources that are there; those in unknown have no value yet.
type values struct {
	records map[string]*record
	unknown map[string]bool
	asked   []string // of unknown
}

func (v *values) Ref(id string) (any, error) {
	if rec := v.records[id]; rec != nil && !v.unknown[id] {
		return rec.Physical, nil
	}
	return v.miss(id)
}

func (v *values) GetAtt(id, attribute string) (any, error) {
	rec := v.records[id]
	if rec == nil || v.unknown[id] {
		return v.miss(id)
	}
	a, ok := rec.Attributes[attribute]
	if !ok {
		return nil, errValidation("Template error: resource %s does not support attribute type %s in Fn::GetAtt", id, attribute)
	}
	return a, nil
}

func (v *values) miss(id string) (any, error) {
	if v.unknown == nil {
		return nil, errValidation("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", id)
	}
	if !slices.Contains(v.asked, id) {
		v.asked = append(v.asked, id)
	}
	return "{{" + id + "}}", nil
}

// props evaluates a resource's properties.
func props(b *cfn.Bound, r *cfn.Resource, l cfn.Lookup) (room.Props, error) {
	m, err := b.Properties(r, l)
	if err != nil {
		return nil, err
	}
	out := make(room.Props, len(m))
	for k, v := range m {
		if out[k], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plan compares a stack with what an operation makes of it.
func (s *service) plan(ctx context.Context, st *stack, records map[string]*record, o *operation, body string) (plan, error) {
	var p plan
	b, err := s.bind(ctx, st, &o.Next, body, o.As)
	if err != nil {
		return p, err
	}
	g, err := b.Graph()
	if err != nil {
		return p, templateError(err)
	}
	retagged := !slices.Equal(o.Next.Tags, st.Revision.Tags)
	v := &values{records: records, unknown: map[string]bool{}}
	for _, id := range slices.Concat(g.Layers...) {
		c, same, err := s.compare(b, b.Resource(id), v, retagged)
		if err != nil {
			return p, err
		}
		if c != nil {
			p.changes = append(p.changes, *c)
			v.unknown[id] = c.Action == "Add" || c.Replacement == "True"
		}
		p.rest = p.rest || !same
	}
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if _, stays := g.Needs[id]; !stays && !slices.Contains(g.Order, id) {
			p.changes = append(p.changes, change{Action: "Remove", ID: id, Physical: records[id].Physical, Type: records[id].Type})
		}
	}
	v.asked = nil
	outputs, err := b.OutputValues(v)
	if err != nil {
		return p, templateError(err)
	}
	p.rest = p.rest || !slices.Equal(outputs, st.Outputs)
	return p, nil
}

// compare gives the change of one resource, or nil; same tells whether its policies and dependencies stay.
func (s *service) compare(b *cfn.Bound, r *cfn.Resource, v *values, retagged bool) (c *change, same bool, err error) {
	rec := v.records[r.ID]
	if rec == nil || rec.Status == "DELETE_COMPLETE" {
		return &change{Action: "Add", ID: r.ID, Type: r.Type}, false, nil
	}
	if rec.Type != r.Type {
		return nil, false, errValidation("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", r.ID)
	}
	v.asked = nil
	after, err := props(b, r, v)
	if err != nil {
		return nil, false, templateError(err)
	}
	typ := s.types()[r.Type]
	c = &change{Action: "Modify", ID: r.ID, Physical: rec.Physical, Type: r.Type, Properties: cfn.Changed(rec.Props, after), Dynamic: v.asked, Replacement: "Conditional"}
	c.Tags = retagged && taggable(typ)
	c.Metadata = metadata(r) != rec.Metadata
	if typ.Update == nil {
		c.Replacement = "True"
	}
	deletion, derr := b.Policy(r.DeletionPolicy)
	replace, rerr := b.Policy(r.UpdateReplacePolicy)
	same = derr == nil && rerr == nil && deletion == rec.Deletion && replace == rec.Replace
	if len(c.Properties) == 0 && !c.Tags {
		if c.Metadata {
			c.Replacement = "False"
			return c, same, nil
		}
		return nil, same, nil
	}
	return c, same, nil
}

// taggable tells whether the stack's tags reach resources of the type.
func taggable(t room.ResourceType) bool {
	return t.Update != nil && slices.Contains(t.Properties, "Tags")
}

func metadata(r *cfn.Resource) string {
	if r.Metadata.IsZero() {
		return ""
	}
	b, err := r.Metadata.MarshalJSON()
	if err != nil {
		return "" // cannot be: the value came from a parser
	}
	return string(b)
}

// noEffect lists the properties that mean nothing here, with the reasons.
func noEffect(t room.ResourceType, p room.Props) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(p)) {
		if why, ok := t.NoEffect[k]; ok {
			out = append(out, "accepted, no effect here: "+k+": "+why)
		}
	}
	return strings.Join(out, "; ")
}
