//go:build suites

package wiretest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"time"

	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// unroll bounds how often a type that refers to itself is repeated: reflect cannot make recursive types.
const unroll = 6

var scalars = map[schema.Kind]reflect.Type{
	schema.String: reflect.TypeFor[string](), schema.Blob: reflect.TypeFor[[]byte](), schema.Boolean: reflect.TypeFor[bool](),
	schema.Integer: reflect.TypeFor[int32](), schema.Long: reflect.TypeFor[int64](), schema.Float: reflect.TypeFor[float32](),
	schema.Double: reflect.TypeFor[float64](), schema.Timestamp: reflect.TypeFor[time.Time](), schema.Document: reflect.TypeFor[json.RawMessage](),
}

// typeOf makes the type that apigen would write for a shape.
func typeOf(s *schema.Shape, out bool, seen map[*schema.Shape]int) reflect.Type {
	switch s.Kind {
	case schema.Structure:
		return structOf(s, out, seen)
	case schema.List:
		return reflect.SliceOf(elemOf(s, out, seen))
	case schema.Map:
		return reflect.MapOf(reflect.TypeFor[string](), elemOf(s, out, seen))
	}
	return scalars[s.Kind]
}

func elemOf(s *schema.Shape, out bool, seen map[*schema.Shape]int) reflect.Type {
	t := typeOf(s.Elem.Shape, out, seen)
	k := s.Elem.Shape.Kind
	if s.Sparse && k != schema.List && k != schema.Map && k != schema.Blob && k != schema.Document {
		return reflect.PointerTo(t)
	}
	return t
}

func structOf(s *schema.Shape, out bool, seen map[*schema.Shape]int) reflect.Type {
	seen[s]++
	defer func() { seen[s]-- }()
	var fields []reflect.StructField
	for i := range s.Members {
		m := &s.Members[i]
		if !reaches(m.Shape, seen) {
			fields = append(fields, reflect.StructField{Name: m.GoName(), Type: fieldOf(s, m, out, seen)})
			continue
		}
		// the end of the unrolled type: an interface field has no plan, so codecs pass it over
		fields = append(fields, reflect.StructField{Name: m.GoName(), Type: reflect.TypeFor[any]()})
	}
	return reflect.StructOf(fields)
}

// reaches tells whether a shape leads to a structure that has been unrolled enough.
func reaches(s *schema.Shape, seen map[*schema.Shape]int) bool {
	switch s.Kind {
	case schema.Structure:
		return seen[s] >= unroll
	case schema.List, schema.Map:
		return reaches(s.Elem.Shape, seen)
	}
	return false
}

func fieldOf(s *schema.Shape, m *schema.Member, out bool, seen map[*schema.Shape]int) reflect.Type {
	switch {
	case s.Payload == m && m.Streaming && m.Shape.Kind == schema.Blob && out:
		return reflect.TypeFor[io.ReadCloser]()
	case s.Payload == m && m.Streaming && m.Shape.Kind == schema.Blob:
		return reflect.TypeFor[io.Reader]()
	case m.Shape.EventStream:
		return reflect.TypeFor[schema.EventStream]()
	}
	t := typeOf(m.Shape, out, seen)
	switch m.Shape.Kind {
	case schema.List, schema.Map, schema.Blob, schema.Document:
		return t
	}
	return reflect.PointerTo(t)
}

// fill sets v from a case's JSON value.
func fill(s *schema.Shape, v reflect.Value, x any) error {
	if x == nil {
		return nil
	}
	switch v.Type() {
	case reflect.TypeFor[io.ReadCloser]():
		v.Set(reflect.ValueOf(io.NopCloser(bytes.NewReader([]byte(x.(string))))))
		return nil
	case reflect.TypeFor[io.Reader]():
		v.Set(reflect.ValueOf(bytes.NewReader([]byte(x.(string)))))
		return nil
	}
	v = record.Inner(v)
	switch s.Kind {
	case schema.Structure:
		m, ok := x.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %T", s.Name, x)
		}
		for k, val := range m {
			mem := s.Member(k)
			if mem == nil {
				continue
			}
			if err := fill(mem.Shape, v.FieldByName(mem.GoName()), val); err != nil {
				return err
			}
		}
	case schema.List:
		items := x.([]any)
		list := reflect.MakeSlice(v.Type(), len(items), len(items))
		for i, it := range items {
			if err := fill(s.Elem.Shape, list.Index(i), it); err != nil {
				return err
			}
		}
		v.Set(list)
	case schema.Map:
		out := reflect.MakeMap(v.Type())
		for k, it := range x.(map[string]any) {
			el := reflect.New(v.Type().Elem()).Elem()
			if err := fill(s.Elem.Shape, el, it); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(k), el)
		}
		v.Set(out)
	default:
		return fillScalar(s, v, x)
	}
	return nil
}

func fillScalar(s *schema.Shape, v reflect.Value, x any) error {
	switch s.Kind {
	case schema.String:
		if str, ok := x.(string); ok {
			v.SetString(str)
			return nil
		}
		b, err := json.Marshal(x) // a JSON value in a header
		v.SetString(string(b))
		return err
	case schema.Blob:
		v.SetBytes([]byte(x.(string)))
	case schema.Document:
		b, err := json.Marshal(x)
		v.SetBytes(b)
		return err
	case schema.Boolean:
		v.SetBool(x.(bool))
	case schema.Integer, schema.Long:
		n, err := x.(json.Number).Int64()
		v.SetInt(n)
		return err
	case schema.Float, schema.Double:
		f, err := float(x)
		v.SetFloat(f)
		return err
	case schema.Timestamp:
		t, err := record.ParseTime(fmt.Sprint(x))
		v.Set(reflect.ValueOf(t))
		return err
	}
	return nil
}

func float(x any) (float64, error) {
	if s, ok := x.(string); ok {
		return record.ParseFloat(s, 64)
	}
	return x.(json.Number).Float64()
}

// differ tells how v differs from a case's JSON value; "" when it does not.
func differ(s *schema.Shape, v reflect.Value, x any, path string) string {
	if x == nil {
		if s.Kind == schema.Structure && !record.Absent(v) {
			return differStructure(s, record.Deref(v), map[string]any{}, path) // {} says no more than nothing
		}
		if !record.Absent(v) {
			return path + ": want nothing"
		}
		return ""
	}
	if record.Absent(v) {
		if m, ok := x.(map[string]any); ok && len(m) == 0 && s.Kind == schema.Structure {
			return ""
		}
		return fmt.Sprintf("%s: want %v, got nothing", path, x)
	}
	if r, ok := v.Interface().(io.Reader); ok {
		b, err := io.ReadAll(r)
		if err != nil || string(b) != x.(string) {
			return fmt.Sprintf("%s: want %q, got %q %v", path, x, b, err)
		}
		return ""
	}
	v = record.Deref(v)
	switch s.Kind {
	case schema.Structure:
		return differStructure(s, v, x.(map[string]any), path)
	case schema.List:
		items := x.([]any)
		if len(items) != v.Len() {
			return fmt.Sprintf("%s: want %d elements, got %d", path, len(items), v.Len())
		}
		for i, it := range items {
			if d := differ(s.Elem.Shape, v.Index(i), it, fmt.Sprintf("%s[%d]", path, i)); d != "" {
				return d
			}
		}
		return ""
	case schema.Map:
		m := x.(map[string]any)
		if len(m) != v.Len() {
			return fmt.Sprintf("%s: want %d entries, got %d", path, len(m), v.Len())
		}
		for k, it := range m {
			el := v.MapIndex(reflect.ValueOf(k))
			if !el.IsValid() {
				return path + ": no " + k
			}
			if d := differ(s.Elem.Shape, el, it, path+"."+k); d != "" {
				return d
			}
		}
		return ""
	}
	return differScalar(s, v, x, path)
}

func differStructure(s *schema.Shape, v reflect.Value, m map[string]any, path string) string {
	for i := range s.Members {
		mem := &s.Members[i]
		if _, given := m[mem.Name]; !given && mem.Idempotency {
			continue // the client made it
		}
		if _, given := m[mem.Name]; !given && mem.Location == schema.Query && mem.Shape.Kind == schema.Map {
			continue // a server's map has the other parameters too
		}
		if d := differ(mem.Shape, v.FieldByName(mem.GoName()), m[mem.Name], path+"."+mem.Name); d != "" {
			return d
		}
	}
	return ""
}

func differScalar(s *schema.Shape, v reflect.Value, x any, path string) string {
	want := reflect.New(v.Type()).Elem()
	if err := fillScalar(s, want, x); err != nil {
		return path + ": " + err.Error()
	}
	same := reflect.DeepEqual(v.Interface(), want.Interface())
	switch s.Kind {
	case schema.Timestamp:
		same = record.Time(v).Equal(record.Time(want))
	case schema.Float, schema.Double:
		a, b := v.Float(), want.Float()
		same = a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-6*math.Abs(b)
	case schema.Document:
		same = sameJSON(v.Bytes(), want.Bytes())
	case schema.Blob:
		// blobs in parameters are text, or base64 in some files
		plain, err := base64.StdEncoding.DecodeString(string(want.Bytes()))
		same = bytes.Equal(v.Bytes(), want.Bytes()) || err == nil && bytes.Equal(v.Bytes(), plain)
	case schema.String:
		if _, text := x.(string); !text {
			same = sameJSON([]byte(v.String()), []byte(want.String()))
		}
	}
	if same {
		return ""
	}
	return fmt.Sprintf("%s: want %v, got %v", path, want.Interface(), v.Interface())
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
