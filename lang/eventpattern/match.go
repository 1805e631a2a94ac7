package eventpattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// MatchJSON is Match for an event as JSON text, with its numbers kept exact. The error says that the text is not one JSON value.
func (p *Pattern) MatchJSON(event []byte) (bool, error) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return false, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return false, errors.New("more than one JSON value")
	}
	return p.Match(v), nil
}

// Match tells whether an event fits. The event is decoded JSON: map[string]any, []any, string, bool, nil, json.Number or float64
// (int and int64 too). An event that is no object fits no pattern. Work is bounded: an event whose dotted keys and nested arrays
// would need more than a million steps does not fit.
func (p *Pattern) Match(event any) bool {
	root, ok := event.(map[string]any)
	if !ok {
		return false
	}
	m := matcher{steps: maxSteps}
	for _, a := range p.alternatives {
		if m.alternative(a, root) {
			return true
		}
	}
	return false
}

const maxSteps = 1_000_000

type matcher struct{ steps int }

// want is a leaf with the part of its path that is still to go.
type want struct {
	path []string
	leaf *leaf
}

func (m *matcher) alternative(a alternative, root map[string]any) bool {
	wants := make([]want, 0, len(a))
	for i := range a {
		// Absence is a matter of the whole event, not of one element of an array.
		if a[i].absent && !m.anywhere(a[i].path, root) {
			continue
		}
		if len(a[i].tests) == 0 {
			return false
		}
		wants = append(wants, want{path: a[i].path, leaf: &a[i]})
	}
	return m.all(wants, root)
}

// anywhere tells whether the event has a leaf at path.
func (m *matcher) anywhere(path []string, v any) bool {
	if m.steps--; m.steps < 0 {
		return true
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if m.anywhere(path, e) {
				return true
			}
		}
		return false
	case map[string]any:
		for n := 1; n <= len(path); n++ {
			if sub, ok := v[strings.Join(path[:n], ".")]; ok && m.anywhere(path[n:], sub) {
				return true
			}
		}
		return false
	}
	return len(path) == 0
}

// all tells whether v satisfies all wants at once: in an array of objects one element must.
func (m *matcher) all(wants []want, v any) bool {
	if m.steps -= 1 + len(wants); m.steps < 0 {
		return false
	}
	if len(wants) == 0 {
		return true
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if m.all(wants, e) {
				return true
			}
		}
		return false
	case map[string]any:
		return m.keys(wants, v, nil)
	}
	for _, w := range wants {
		if len(w.path) > 0 || !w.leaf.fits(v) {
			return false
		}
	}
	return true
}

// keys shares the wants out among the object's keys: a path may go on under its first name or, as dots join names, under longer ones.
func (m *matcher) keys(wants []want, o map[string]any, taken map[string][]want) bool {
	if len(wants) == 0 {
		for k, ws := range taken {
			if !m.all(ws, o[k]) {
				return false
			}
		}
		return true
	}
	w := wants[0]
	if taken == nil {
		taken = make(map[string][]want, len(wants))
	}
	for n := 1; n <= len(w.path); n++ {
		k := w.path[0]
		if n > 1 {
			k = strings.Join(w.path[:n], ".")
		}
		if _, ok := o[k]; !ok {
			continue
		}
		before := taken[k]
		taken[k] = append(before[:len(before):len(before)], want{path: w.path[n:], leaf: w.leaf})
		if m.keys(wants[1:], o, taken) {
			return true
		}
		if taken[k] = before; before == nil {
			delete(taken, k)
		}
		if m.steps < 0 {
			return false
		}
	}
	return false
}

func (l *leaf) fits(v any) bool {
	for _, t := range l.tests {
		if t.fits(v) {
			return true
		}
	}
	return false
}
