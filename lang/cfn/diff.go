package cfn

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Changed gives the names of the top-level properties that differ between two evaluated property sets, sorted. Numbers and
// booleans equal the texts that show them, as CloudFormation coerces scalars; order of members does not count.
func Changed(before, after map[string]json.RawMessage) []string {
	var out []string
	for k, v := range after {
		if old, ok := before[k]; !ok || !sameJSON(old, v) {
			out = append(out, k)
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := decode(a)
	y, errY := decode(b)
	return errX == nil && errY == nil && same(x, y)
}

func decode(raw json.RawMessage) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func same(x, y any) bool {
	switch a := x.(type) {
	case []any:
		b, ok := y.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := y.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	case nil:
		return y == nil
	}
	return sameText(x, y)
}
