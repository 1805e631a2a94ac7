package xmlbody

import (
	"fmt"
	"reflect"
	"strings"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// Dialect says how names and flattening are chosen.
type Dialect uint8

// The dialects.
const (
	Rest  Dialect = iota
	Query         // the tags of the older query models come first
)

// Decode reads an element into v, whose plan is p. Elements that the model does not have are passed over.
func Decode(n *Node, p *record.Plan, v reflect.Value, dialect Dialect) error {
	return decoder{dialect}.value(n, p, v)
}

type decoder struct{ dialect Dialect }

func (d decoder) value(n *Node, p *record.Plan, v reflect.Value) error {
	switch p.Shape.Kind {
	case schema.Structure:
		return d.structure(n, p, v)
	case schema.List:
		return d.list(n.Kids, p, v, d.dialect.elem(p.Shape))
	case schema.Map:
		return d.mapping(n.Kids, p, v, "entry")
	case schema.Blob:
		if strings.TrimSpace(n.Text()) == "" {
			v.SetBytes([]byte{})
			return nil
		}
	}
	if err := record.SetText(p, v, n.Text()); err != nil {
		return fmt.Errorf("element %s: %w", n.Name, err)
	}
	return nil
}

func (d decoder) structure(n *Node, p *record.Plan, v reflect.Value) error {
	s := record.Inner(v)
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Plan == nil || f.Location != schema.Body {
			continue
		}
		if err := d.member(n, f, s.Field(f.Index)); err != nil {
			return err
		}
	}
	return nil
}

func (d decoder) member(n *Node, f *record.Field, v reflect.Value) error {
	name := d.dialect.tag(f.Member)
	if f.XMLAttribute {
		text, ok := n.attr(name)
		if !ok {
			return nil
		}
		return record.SetText(f.Plan, v, text)
	}
	if i := strings.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	kind := f.Shape.Kind
	if (kind == schema.List || kind == schema.Map) && d.dialect.flat(f.Member) {
		return d.flattened(n, f, v, name)
	}
	for _, k := range n.Kids {
		if k.Name == name {
			if err := d.value(k, f.Plan, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d decoder) flattened(n *Node, f *record.Field, v reflect.Value, name string) error {
	other := d.dialect.elem(f.Shape)
	var mine []*Node
	for _, k := range n.Kids {
		if k.Name == name || f.Shape.Elem.Renamed && f.Shape.Kind == schema.List && k.Name == other {
			mine = append(mine, k)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	if f.Shape.Kind == schema.Map {
		return d.mapping(mine, f.Plan, v, "")
	}
	return d.list(mine, f.Plan, v, "")
}

// list reads elements; name "" takes all.
func (d decoder) list(kids []*Node, p *record.Plan, v reflect.Value, name string) error {
	list := reflect.New(v.Type()).Elem()
	list.Set(reflect.MakeSlice(v.Type(), 0, len(kids)))
	for _, k := range kids {
		if name != "" && k.Name != name {
			continue
		}
		n := list.Len()
		list.Grow(1)
		list.SetLen(n + 1)
		list.Index(n).SetZero()
		if err := d.value(k, p.Elem(), list.Index(n)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func (d decoder) mapping(kids []*Node, p *record.Plan, v reflect.Value, name string) error {
	out := reflect.MakeMap(v.Type())
	keyTag, valueTag := d.dialect.tag(p.Shape.Key), d.dialect.tag(p.Shape.Elem)
	for _, k := range kids {
		if name != "" && k.Name != name {
			continue
		}
		key, val := k.Kid(keyTag), k.Kid(valueTag)
		if key == nil || val == nil {
			continue
		}
		slot := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(val, p.Elem(), slot); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(key.Text()), slot)
	}
	v.Set(out)
	return nil
}

// tag is the element name of a member.
func (d Dialect) tag(m *schema.Member) string {
	if d == Query && m.QueryTag != "" {
		return m.QueryTag
	}
	return m.Wire
}

// elem is the element name of a list's elements.
func (d Dialect) elem(s *schema.Shape) string {
	if s.Elem == nil {
		return ""
	}
	return d.tag(s.Elem)
}

// flat tells whether a member's list or map has no element of its own.
func (d Dialect) flat(m *schema.Member) bool {
	return m.Flattened || m.Shape.Flattened || d == Query && m.QueryFlattened
}
