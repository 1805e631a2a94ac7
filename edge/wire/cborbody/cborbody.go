// Package cborbody reads and writes CBOR bodies by an operation's schema, for the protocols that have such.
package cborbody

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// MaxDepth bounds the nesting of a body.
const MaxDepth = 128

// Codec says how a protocol writes what CBOR leaves open.
type Codec struct {
	Millis bool // times are milliseconds, not seconds
}

type library struct {
	dec cbor.DecMode
	enc cbor.EncMode
}

// modes makes the codec once; its modes are immutable.
var modes = sync.OnceValues(newLibrary)

func newLibrary() (library, error) {
	dec, err := cbor.DecOptions{
		MaxNestedLevels: MaxDepth, MaxArrayElements: 1 << 20, MaxMapPairs: 1 << 20,
		DefaultMapType: reflect.TypeFor[map[string]any](), TimeTag: cbor.DecTagIgnored, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		return library{}, err
	}
	enc, err := cbor.EncOptions{Time: cbor.TimeUnixDynamic}.EncMode()
	return library{dec, enc}, err
}

// Unmarshal reads a body into v, whose plan is p.
func (c Codec) Unmarshal(b []byte, p *record.Plan, v reflect.Value) error {
	var raw any
	if err := Decode(b, &raw); err != nil {
		return err
	}
	return c.set(raw, p, v)
}

var errType = errors.New("a value has the wrong type")

func (c Codec) set(raw any, p *record.Plan, v reflect.Value) error {
	if raw == nil {
		return nil
	}
	switch p.Shape.Kind {
	case schema.Structure:
		m, ok := raw.(map[string]any)
		if !ok {
			return errType
		}
		s := record.Inner(v)
		for k, val := range m {
			if f := p.Wire([]byte(k)); f != nil && f.Plan != nil {
				if err := c.set(val, f.Plan, s.Field(f.Index)); err != nil {
					return fmt.Errorf("%s: %w", k, err)
				}
			}
		}
		return nil
	case schema.List:
		return c.setList(raw, p, v)
	case schema.Map:
		return c.setMap(raw, p, v)
	}
	return c.setScalar(raw, p, v)
}

func (c Codec) setList(raw any, p *record.Plan, v reflect.Value) error {
	items, ok := raw.([]any)
	if !ok {
		return errType
	}
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for _, it := range items {
		if it == nil && !p.Shape.Sparse {
			continue
		}
		el := reflect.New(v.Type().Elem()).Elem()
		if err := c.set(it, p.Elem(), el); err != nil {
			return err
		}
		list = reflect.Append(list, el)
	}
	v.Set(list)
	return nil
}

func (c Codec) setMap(raw any, p *record.Plan, v reflect.Value) error {
	m, ok := raw.(map[string]any)
	if !ok {
		return errType
	}
	out := reflect.MakeMap(v.Type())
	for k, it := range m {
		if it == nil && !p.Shape.Sparse {
			continue
		}
		el := reflect.New(v.Type().Elem()).Elem()
		if err := c.set(it, p.Elem(), el); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(k), el)
	}
	v.Set(out)
	return nil
}

func (c Codec) setScalar(raw any, p *record.Plan, v reflect.Value) error {
	switch p.Shape.Kind {
	case schema.String:
		if s, ok := raw.(string); ok {
			record.SetString(v, s)
			return nil
		}
	case schema.Blob:
		if b, ok := raw.([]byte); ok {
			if b == nil {
				b = []byte{}
			}
			v.SetBytes(b)
			return nil
		}
	case schema.Boolean:
		if b, ok := raw.(bool); ok {
			record.Inner(v).SetBool(b)
			return nil
		}
	case schema.Timestamp:
		if f, ok := number(raw); ok {
			if c.Millis {
				f /= 1000
			}
			t, err := record.EpochTime(f)
			if err == nil {
				record.SetTime(v, t)
			}
			return err
		}
	case schema.Integer, schema.Long:
		if f, ok := number(raw); ok && f == math.Trunc(f) {
			n := whole(raw, f)
			if inner := record.Inner(v); !inner.OverflowInt(n) {
				inner.SetInt(n)
				return nil
			}
		}
	case schema.Float, schema.Double:
		if f, ok := number(raw); ok {
			record.Inner(v).SetFloat(f)
			return nil
		}
	}
	return errType
}

func number(raw any) (float64, bool) {
	switch n := raw.(type) {
	case time.Time:
		return float64(n.UnixMilli()) / 1000, true
	case cbor.Tag:
		return number(n.Content)
	case uint64:
		return float64(n), true
	case int64:
		return float64(n), true
	case float32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func whole(raw any, f float64) int64 {
	switch n := raw.(type) {
	case uint64:
		return int64(n)
	case int64:
		return n
	}
	return int64(f)
}

// Marshal writes the body of v, whose plan is p.
func (c Codec) Marshal(p *record.Plan, v reflect.Value) ([]byte, error) { return Encode(c.Plain(p, v)) }

// Encode writes a value of the plain kinds.
func Encode(v any) ([]byte, error) {
	l, err := modes()
	if err != nil {
		return nil, err
	}
	return l.enc.Marshal(v)
}

// Decode reads a body as plain kinds.
func Decode(b []byte, v any) error {
	l, err := modes()
	if err != nil {
		return err
	}
	return l.dec.Unmarshal(b, v)
}

// Plain gives what the library writes as the protocol wants it.
func (c Codec) Plain(p *record.Plan, v reflect.Value) any {
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	v = record.Deref(v)
	switch p.Shape.Kind {
	case schema.Structure:
		out := map[string]any{}
		for _, f := range p.Fields() {
			if fv := v.Field(f.Index); f.Plan != nil && !record.Absent(fv) {
				out[f.Wire] = c.Plain(f.Plan, fv)
			}
		}
		return out
	case schema.List:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = c.Plain(p.Elem(), v.Index(i))
		}
		return out
	case schema.Map:
		out := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			out[it.Key().String()] = c.Plain(p.Elem(), it.Value())
		}
		return out
	case schema.Timestamp:
		return c.epoch(record.Time(v))
	}
	return v.Interface()
}

func (c Codec) epoch(t time.Time) cbor.Tag {
	ms := t.UnixMilli()
	switch {
	case c.Millis:
		return cbor.Tag{Number: 1, Content: ms}
	case ms%1000 == 0:
		return cbor.Tag{Number: 1, Content: ms / 1000}
	}
	return cbor.Tag{Number: 1, Content: float64(ms) / 1000}
}
