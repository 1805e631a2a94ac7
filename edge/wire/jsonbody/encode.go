package jsonbody

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// Append appends the document of v, whose plan is p. Absent members are left out; so are, in Wire mode, those that travel outside
// the body, and streams always.
func Append(b []byte, p *record.Plan, v reflect.Value, mode Mode) []byte {
	e := encoder{b, mode}
	e.value(p, nil, v)
	return e.b
}

type encoder struct {
	b    []byte
	mode Mode
}

func (e *encoder) value(p *record.Plan, m *schema.Member, v reflect.Value) {
	if record.Absent(v) {
		e.empty(p, v)
		return
	}
	v = record.Deref(v)
	switch p.Shape.Kind {
	case schema.Structure:
		e.structure(p, v)
	case schema.List:
		e.list(p, v)
	case schema.Map:
		e.mapping(p, v)
	case schema.Document:
		e.b = append(e.b, v.Bytes()...)
	case schema.String:
		e.b = AppendString(e.b, v.String())
	case schema.Blob:
		e.b = append(e.b, '"')
		e.b = base64.StdEncoding.AppendEncode(e.b, v.Bytes())
		e.b = append(e.b, '"')
	case schema.Boolean:
		e.b = strconv.AppendBool(e.b, v.Bool())
	case schema.Integer, schema.Long:
		e.b = strconv.AppendInt(e.b, v.Int(), 10)
	case schema.Float:
		e.float(v.Float(), 32)
	case schema.Double:
		e.float(v.Float(), 64)
	case schema.Timestamp:
		e.timestamp(m, v)
	}
}

// empty writes an element that is nil: null for pointers and documents, else an empty value, for only sparse collections have nulls.
func (e *encoder) empty(p *record.Plan, v reflect.Value) {
	text := "null"
	if v.Kind() != reflect.Pointer {
		switch p.Shape.Kind {
		case schema.List:
			text = "[]"
		case schema.Map:
			text = "{}"
		case schema.Blob:
			text = `""`
		}
	}
	e.b = append(e.b, text...)
}

func (e *encoder) float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		e.b = append(record.AppendFloat(append(e.b, '"'), f, bits), '"')
		return
	}
	e.b = record.AppendFloat(e.b, f, bits)
}

func (e *encoder) timestamp(m *schema.Member, v reflect.Value) {
	t, format := record.Time(v), record.Epoch
	if e.mode == Wire {
		format = record.TimeFormat(m, record.Epoch)
	}
	if format == record.Epoch {
		e.b = record.AppendEpoch(e.b, t)
		return
	}
	e.b = AppendString(e.b, record.FormatTime(t, format))
}

func (e *encoder) structure(p *record.Plan, v reflect.Value) {
	e.b = append(e.b, '{')
	first := true
	fields := p.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Plan == nil || e.mode == Wire && f.Location != schema.Body {
			continue
		}
		fv := v.Field(f.Index)
		if record.Absent(fv) {
			continue
		}
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		name := f.Wire
		if e.mode == Model {
			name = f.Name
		}
		e.b = AppendString(e.b, name)
		e.b = append(e.b, ':')
		e.value(f.Plan, f.Member, fv)
	}
	e.b = append(e.b, '}')
}

func (e *encoder) list(p *record.Plan, v reflect.Value) {
	e.b = append(e.b, '[')
	elem := p.Elem()
	for i := range v.Len() {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.value(elem, p.Shape.Elem, v.Index(i))
	}
	e.b = append(e.b, ']')
}

func (e *encoder) mapping(p *record.Plan, v reflect.Value) {
	e.b = append(e.b, '{')
	elem := p.Elem()
	first := true
	for it := v.MapRange(); it.Next(); {
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		e.b = AppendString(e.b, it.Key().String())
		e.b = append(e.b, ':')
		e.value(elem, p.Shape.Elem, it.Value())
	}
	e.b = append(e.b, '}')
}

const hexDigits = "0123456789abcdef"

// AppendString appends a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
