package xmlbody

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// Append appends the element name, with its namespace, for v, whose plan is p. There is no XML declaration.
func Append(b []byte, name string, space schema.XMLName, p *record.Plan, v reflect.Value, dialect Dialect) []byte {
	e := encoder{b, dialect}
	e.element(name, space, nil, p, v)
	return e.b
}

// AppendMembers appends only the members of a structure.
func AppendMembers(b []byte, p *record.Plan, v reflect.Value, dialect Dialect) []byte {
	e := encoder{b, dialect}
	e.members(p, record.Deref(v))
	return e.b
}

type encoder struct {
	b       []byte
	dialect Dialect
}

func (e *encoder) open(name string, space schema.XMLName) {
	e.b = append(append(e.b, '<'), name...)
	if space.Namespace != "" {
		e.b = append(e.b, " xmlns"...)
		if space.Prefix != "" {
			e.b = append(append(e.b, ':'), space.Prefix...)
		}
		e.b = append(e.b, '=', '"')
		e.b = AppendText(e.b, space.Namespace)
		e.b = append(e.b, '"')
	}
}

func (e *encoder) close(name string) {
	e.b = append(append(append(e.b, '<', '/'), name...), '>')
}

func (e *encoder) element(name string, space schema.XMLName, m *schema.Member, p *record.Plan, v reflect.Value) {
	v = record.Deref(v)
	if space.Namespace == "" {
		space = p.Shape.XML
	}
	e.open(name, space)
	switch p.Shape.Kind {
	case schema.Structure:
		e.attributes(p, v)
		e.b = append(e.b, '>')
		e.members(p, v)
	case schema.List:
		e.b = append(e.b, '>')
		e.list(e.dialect.elem(p.Shape), p.Shape.Elem.XML, p, v)
	case schema.Map:
		e.b = append(e.b, '>')
		e.mapping("entry", schema.XMLName{}, p, v)
	default:
		e.b = append(e.b, '>')
		e.b = AppendText(e.b, record.Text(p, m, v, record.ISO8601))
	}
	e.close(name)
}

func (e *encoder) attributes(p *record.Plan, v reflect.Value) {
	for _, f := range p.Fields() {
		fv := v.Field(f.Index)
		if !f.XMLAttribute || f.Plan == nil || record.Absent(fv) {
			continue
		}
		e.b = append(append(append(e.b, ' '), f.Wire...), '=', '"')
		e.b = AppendText(e.b, record.Text(f.Plan, f.Member, fv, record.ISO8601))
		e.b = append(e.b, '"')
	}
}

func (e *encoder) members(p *record.Plan, v reflect.Value) {
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if len(p.Shape.XMLOrder) > 0 {
			f = inOrder(p, i)
		}
		if f.Plan == nil || f.Location != schema.Body || f.XMLAttribute {
			continue
		}
		if fv := v.Field(f.Index); !record.Absent(fv) {
			e.member(f, fv)
		}
	}
}

// inOrder gives the i-th field in the shape's own order of elements; members that the order does not name come last.
func inOrder(p *record.Plan, i int) *record.Field {
	order := p.Shape.XMLOrder
	if i < len(order) {
		if f := p.Name([]byte(order[i])); f != nil {
			return f
		}
	}
	left := i - len(order)
	fields := p.Fields()
	for j := range fields {
		if slices.Contains(order, fields[j].Name) {
			continue
		}
		if left == 0 {
			return &fields[j]
		}
		left--
	}
	return &fields[i]
}

func (e *encoder) member(f *record.Field, v reflect.Value) {
	name := e.dialect.tag(f.Member)
	kind := f.Shape.Kind
	if !e.dialect.flat(f.Member) || kind != schema.List && kind != schema.Map {
		e.element(name, f.XML, f.Member, f.Plan, v)
		return
	}
	if kind == schema.Map {
		e.mapping(name, f.XML, f.Plan, v)
		return
	}
	e.list(name, f.XML, f.Plan, v)
}

func (e *encoder) list(name string, space schema.XMLName, p *record.Plan, v reflect.Value) {
	for i := range v.Len() {
		el := v.Index(i)
		if el.Kind() == reflect.Pointer && el.IsNil() {
			e.open(name, space)
			e.b = append(e.b, '/', '>')
			continue
		}
		e.element(name, space, p.Shape.Elem, p.Elem(), el)
	}
}

func (e *encoder) mapping(name string, space schema.XMLName, p *record.Plan, v reflect.Value) {
	key, val := p.Shape.Key, p.Shape.Elem
	for _, k := range record.SortedKeys(v) {
		e.open(name, space)
		e.b = append(e.b, '>')
		keyTag := e.dialect.tag(key)
		e.open(keyTag, key.XML)
		e.b = append(e.b, '>')
		e.b = AppendText(e.b, k)
		e.close(keyTag)
		el := v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))
		if el.Kind() != reflect.Pointer || !el.IsNil() {
			e.element(e.dialect.tag(val), val.XML, val, p.Elem(), el)
		}
		e.close(name)
	}
}

// AppendText appends text with the characters escaped that XML 1.0 does not allow as they are; those that it does not allow at all
// become U+FFFD.
func AppendText(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		esc := escape(r, n)
		if esc != "" {
			b = append(append(b, s[start:i]...), esc...)
			start = i + n
		}
		i += n
	}
	return append(b, s[start:]...)
}

func escape(r rune, n int) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '"':
		return "&quot;"
	case '\r':
		return "&#xD;"
	case '\n':
		return "&#xA;"
	case '\t':
		return "\t"
	case 0x85:
		return "&#x85;"
	case 0x2028:
		return "&#x2028;"
	}
	if r < ' ' || r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError && n == 1 {
		return "\ufffd"
	}
	return ""
}

// Escape gives AppendText's text.
func Escape(s string) string {
	if !strings.ContainsAny(s, "&<>\"\r\n") && utf8.ValidString(s) {
		return s
	}
	return string(AppendText(nil, s))
}
