// Package record ties the shapes of an API model to the Go types that hold their values: which field is which member, and how
// scalars are set and read. All codecs stand on it. Plans are compiled on first use and kept with the shape.
package record

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"time"

	"sundog/cloud/schema"
)

// Plan is a shape together with the Go type of its values: a struct, slice, map or scalar (never a pointer). Plans are shared,
// read-only and may refer to themselves.
type Plan struct {
	Shape *schema.Shape
	Type  reflect.Type

	once   sync.Once
	fields []Field
	byWire map[string]*Field
	byName map[string]*Field
	elem   *Plan
	err    error
}

// Field is a member of a structure and the field that holds it.
type Field struct {
	*schema.Member
	Index int
	Plan  *Plan // nil for streams
}

// For gives the plan of a shape in a Go type. Pointers in t are followed. The plan's parts are checked when they are first used;
// a type that does not fit the shape panics then, since only generated code makes types.
func For(s *schema.Shape, t reflect.Type) *Plan {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p, ok := s.Plans().Load(t); ok {
		return p.(*Plan)
	}
	p, _ := s.Plans().LoadOrStore(t, &Plan{Shape: s, Type: t})
	return p.(*Plan)
}

// Of gives the plan of a shape for a value, and the value itself with pointers followed. v must be a non-nil pointer to a struct.
func Of(s *schema.Shape, v any) (*Plan, reflect.Value) {
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	return For(s, r.Type()), r
}

func (p *Plan) compile() {
	p.once.Do(func() {
		switch p.Shape.Kind {
		case schema.Structure:
			p.structure()
		case schema.List, schema.Map:
			p.elem = For(p.Shape.Elem.Shape, p.Type.Elem())
		}
	})
	if p.err != nil {
		panic(p.err)
	}
}

func (p *Plan) structure() {
	if p.Type.Kind() != reflect.Struct {
		p.err = fmt.Errorf("record: %s is a structure, %s is not", p.Shape.Name, p.Type)
		return
	}
	p.byWire, p.byName = map[string]*Field{}, map[string]*Field{}
	p.fields = make([]Field, 0, len(p.Shape.Members))
	for i := range p.Shape.Members {
		m := &p.Shape.Members[i]
		f, ok := p.Type.FieldByName(m.GoName())
		if !ok {
			p.err = fmt.Errorf("record: %s has no field for %s.%s", p.Type, p.Shape.Name, m.Name)
			return
		}
		field := Field{Member: m, Index: f.Index[0]}
		if f.Type.Kind() != reflect.Interface {
			field.Plan = For(m.Shape, f.Type)
		}
		p.fields = append(p.fields, field)
	}
	for i := range p.fields {
		f := &p.fields[i]
		p.byName[f.Name] = f
		if f.Location == schema.Body {
			p.byWire[f.Wire] = f
		}
	}
}

// Fields gives the fields of a structure in the model's order.
func (p *Plan) Fields() []Field {
	p.compile()
	return p.fields
}

// Wire gives the field of a body member by its wire name, or nil.
func (p *Plan) Wire(name []byte) *Field {
	p.compile()
	return p.byWire[string(name)]
}

// Name gives the field of a member by its name in the model, or nil.
func (p *Plan) Name(name []byte) *Field {
	p.compile()
	return p.byName[string(name)]
}

// Elem gives the plan of a list's elements or a map's values.
func (p *Plan) Elem() *Plan {
	p.compile()
	return p.elem
}

// Absent tells whether a field's value is not there: a nil pointer, slice, map or interface.
func Absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// Inner follows a pointer, making what it points at if it is nil. v must be settable.
func Inner(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	return v.Elem()
}

// Deref follows a pointer that is not nil.
func Deref(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		return v.Elem()
	}
	return v
}

// SetString sets a string, or the pointer to it.
func SetString(v reflect.Value, s string) {
	if p, ok := v.Addr().Interface().(**string); ok {
		*p = &s
		return
	}
	Inner(v).SetString(s)
}

// SetTime sets a time, or the pointer to it.
func SetTime(v reflect.Value, t time.Time) { Inner(v).Set(reflect.ValueOf(t)) }

// Time reads a time, or what the pointer points at.
func Time(v reflect.Value) time.Time { return Deref(v).Interface().(time.Time) }

// Each calls f for the entries of a map in the order of the keys.
func Each(v reflect.Value, f func(key string, elem reflect.Value) error) error {
	for _, k := range SortedKeys(v) {
		if err := f(k, v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))); err != nil {
			return err
		}
	}
	return nil
}

// RawMessage tells whether v is a document.
func RawMessage(v reflect.Value) (json.RawMessage, bool) {
	b, ok := v.Interface().(json.RawMessage)
	return b, ok
}
