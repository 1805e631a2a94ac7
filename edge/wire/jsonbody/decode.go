package jsonbody

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// Mode says how members are called and times are written.
type Mode uint8

// The modes.
const (
	Wire  Mode = iota // the protocols' bodies
	Model             // by the model's member names, times as epoch seconds, every member of the structure: cloud.Caller
)

// Decode reads a document into v, whose plan is p. Members that the model does not have are passed over; null is absent.
func Decode(data []byte, p *record.Plan, v reflect.Value, mode Mode) error {
	d := decoder{scanner{b: data}, mode}
	if err := d.value(p, nil, v); err != nil {
		return err
	}
	if d.peek(); d.i < len(d.b) {
		return d.syntax()
	}
	return nil
}

type decoder struct {
	scanner
	mode Mode
}

func (d *decoder) value(p *record.Plan, m *schema.Member, v reflect.Value) error {
	c := d.peek()
	if c == 'n' {
		_, err := d.word()
		return err
	}
	if m != nil && m.JSONValue && p.Shape.Kind == schema.String && d.mode == Wire {
		return d.string(v, c)
	}
	switch p.Shape.Kind {
	case schema.Structure:
		return d.structure(p, v, c)
	case schema.List:
		return d.list(p, v, c)
	case schema.Map:
		return d.mapping(p, v, c)
	case schema.Document:
		return d.document(v)
	case schema.String:
		return d.string(v, c)
	case schema.Blob:
		return d.blob(v, c)
	case schema.Boolean:
		return d.boolean(v, c)
	case schema.Timestamp:
		return d.timestamp(m, v, c)
	}
	return d.numeric(p, v, c)
}

func (d *decoder) structure(p *record.Plan, v reflect.Value, c byte) error {
	if c != '{' {
		return d.mismatch(c, "structure")
	}
	s := record.Inner(v)
	return d.object(func(key []byte) error {
		f := p.Wire(key)
		if d.mode == Model {
			f = byName(p, key)
		}
		if f == nil || f.Plan == nil {
			return d.skip()
		}
		return d.value(f.Plan, f.Member, s.Field(f.Index))
	})
}

// byName finds a member whatever the case of its first letter: workflows write all names in Pascal case.
func byName(p *record.Plan, key []byte) *record.Field {
	if f := p.Name(key); f != nil || len(key) == 0 {
		return f
	}
	other := bytes.Clone(key)
	if c := other[0] | 0x20; c >= 'a' && c <= 'z' {
		other[0] ^= 0x20
	}
	return p.Name(other)
}

func (d *decoder) list(p *record.Plan, v reflect.Value, c byte) error {
	if c != '[' {
		return d.mismatch(c, "list")
	}
	elem := p.Elem()
	if ss, ok := v.Addr().Interface().(*[]string); ok {
		return d.stringList(ss)
	}
	list := reflect.New(v.Type()).Elem()
	list.Set(reflect.MakeSlice(v.Type(), 0, 0))
	err := d.array(func(int) error {
		if d.peek() == 'n' && !p.Shape.Sparse {
			_, err := d.word()
			return err
		}
		n := list.Len()
		list.Grow(1)
		list.SetLen(n + 1)
		slot := list.Index(n)
		slot.SetZero()
		return d.value(elem, p.Shape.Elem, slot)
	})
	if err == nil {
		v.Set(list)
	}
	return err
}

func (d *decoder) stringList(out *[]string) error {
	list := []string{}
	err := d.array(func(int) error {
		if c := d.peek(); c == 'n' {
			_, err := d.word()
			return err
		} else if c != '"' {
			return d.notString(c)
		}
		s, err := d.text()
		list = append(list, string(s))
		return err
	})
	if err == nil {
		*out = list
	}
	return err
}

func (d *decoder) mapping(p *record.Plan, v reflect.Value, c byte) error {
	if c != '{' {
		return d.mismatch(c, "map")
	}
	elem := p.Elem()
	out := reflect.MakeMap(v.Type())
	slot := reflect.New(v.Type().Elem()).Elem()
	err := d.object(func(key []byte) error {
		k := string(key)
		if d.peek() == 'n' && !p.Shape.Sparse {
			_, err := d.word()
			return err
		}
		slot.SetZero()
		if err := d.value(elem, p.Shape.Elem, slot); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(k), slot)
		return nil
	})
	if err == nil {
		v.Set(out)
	}
	return err
}

func (d *decoder) document(v reflect.Value) error {
	d.peek()
	start := d.i
	if err := d.skip(); err != nil {
		return err
	}
	v.SetBytes(bytes.Clone(d.b[start:d.i]))
	return nil
}

func (d *decoder) string(v reflect.Value, c byte) error {
	if c != '"' {
		return d.notString(c)
	}
	s, err := d.text()
	if err != nil {
		return err
	}
	record.SetString(v, string(s))
	return nil
}

func (d *decoder) blob(v reflect.Value, c byte) error {
	if c != '"' {
		return d.mismatch(c, "Blob")
	}
	s, err := d.text()
	if err != nil {
		return err
	}
	b, err := record.ParseBase64(string(s))
	if err != nil {
		return typeError("Invalid Base64 character or length in a Blob")
	}
	v.SetBytes(b)
	return nil
}

func (d *decoder) boolean(v reflect.Value, c byte) error {
	if c != 't' && c != 'f' {
		return d.mismatch(c, "Boolean")
	}
	w, err := d.word()
	if err != nil {
		return err
	}
	record.Inner(v).SetBool(w == "true")
	return nil
}

func (d *decoder) timestamp(m *schema.Member, v reflect.Value, c byte) error {
	var t time.Time
	var err error
	if c == '"' {
		var s []byte
		if s, err = d.text(); err != nil {
			return err
		}
		t, err = record.ParseTime(string(s))
	} else {
		var n []byte
		if n, err = d.number(); err != nil {
			return d.mismatch(c, "Timestamp")
		}
		t, err = record.ParseTime(string(n))
	}
	if err != nil {
		return typeError("The value can not be converted to a Timestamp")
	}
	record.SetTime(v, t)
	return nil
}

var numberNames = map[schema.Kind]string{schema.Integer: "Integer", schema.Long: "Long", schema.Float: "Float", schema.Double: "Double"}

func (d *decoder) numeric(p *record.Plan, v reflect.Value, c byte) error {
	name := numberNames[p.Shape.Kind]
	floating := p.Shape.Kind == schema.Float || p.Shape.Kind == schema.Double
	if c == '"' && floating {
		s, err := d.text()
		if err != nil {
			return err
		}
		f, err := record.ParseFloat(string(s), p.Type.Bits())
		if err != nil {
			return typeError("STRING_VALUE can not be converted to %s %s", article(name), name)
		}
		record.Inner(v).SetFloat(f)
		return nil
	}
	if c != '-' && (c < '0' || c > '9') {
		return d.mismatch(c, name)
	}
	n, err := d.number()
	if err != nil {
		return err
	}
	if floating {
		f, err := strconv.ParseFloat(string(n), p.Type.Bits())
		if err != nil {
			return typeError("NUMBER_VALUE can not be converted to %s %s", article(name), name)
		}
		record.Inner(v).SetFloat(f)
		return nil
	}
	i, err := integer(string(n), p.Type.Bits())
	if err != nil {
		return typeError("NUMBER_VALUE can not be converted to %s %s", article(name), name)
	}
	record.Inner(v).SetInt(i)
	return nil
}

// integer reads a whole number; 5.0 and 5e2 are whole numbers too.
func integer(s string, bits int) (int64, error) {
	if !strings.ContainsAny(s, ".eE") {
		return strconv.ParseInt(s, 10, bits)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.Abs(f) >= 1<<53 || bits == 32 && math.Abs(f) > math.MaxInt32 {
		return 0, strconv.ErrRange
	}
	return int64(f), nil
}

func article(name string) string {
	if name == "Integer" {
		return "an"
	}
	return "a"
}

func (d *decoder) notString(c byte) error { return d.mismatch(c, "String") }

// mismatch says, in the words of AWS's serializers, that a value of one kind stands where another is expected.
func (d *decoder) mismatch(c byte, want string) error {
	start := d.i
	if err := d.skip(); err != nil { // not JSON: that is the better message
		return err
	}
	if want == "structure" || want == "list" || want == "map" {
		switch c {
		case '{':
			return typeError("Start of structure or map found where not expected.")
		case '[':
			return typeError("Start of list found where not expected")
		}
		if want == "structure" {
			return typeError("Unexpected value type in payload")
		}
		return typeError("Unexpected field type")
	}
	switch c {
	case '{':
		return typeError("Start of structure or map found where not expected.")
	case '[':
		return typeError("Unrecognized collection type class java.util.ArrayList")
	case '"':
		return typeError("STRING_VALUE can not be converted to %s %s", article(want), want)
	case 't', 'f':
		return typeError("%s_VALUE can not be converted to %s %s", strings.ToUpper(string(d.b[start:d.i])), article(want), want)
	}
	if bytes.ContainsAny(d.b[start:d.i], ".eE") {
		return typeError("DECIMAL_VALUE can not be converted to %s %s", article(want), want)
	}
	return typeError("NUMBER_VALUE can not be converted to %s %s", article(want), want)
}
