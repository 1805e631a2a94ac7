package serverless

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// variables resolves the ${...} of one application. It is used by one goroutine.
type variables struct {
	ctx    context.Context
	dir    string
	opts   Options
	env    func(string) (string, bool)
	root   *Value            // the unresolved serverless.yml
	done   map[*Value]*Value // resolved texts, by the text's place in its document
	active []*Value          // texts being resolved, outermost first
	files  map[string]*Value // documents read, by path
	refers map[string]bool   // files that ${file()} names, whether they are there or not
	nodes  int
	loads  int
}

func newVariables(ctx context.Context, dir string, opts Options, root *Value) *variables {
	v := &variables{ctx: ctx, dir: dir, opts: opts, env: opts.Env, root: root, done: map[*Value]*Value{}, files: map[string]*Value{}, refers: map[string]bool{}}
	if v.env == nil {
		v.env = func(string) (string, bool) { return "", false }
	}
	return v
}

// maxText is the longest text that variables may make.
const maxText = 256 << 10

// absent says that a source has no value, so that the next one is tried.
type absent struct{ why string }

func (a *absent) Error() string { return a.why }

// whole gives the document with every variable in it resolved.
func (r *variables) whole(v *Value, depth int) (*Value, error) {
	r.nodes++
	if depth > maxDepth || r.nodes > 2*maxNodes {
		return nil, failure(v.Where(), "", "the resolved configuration is too deep or too large")
	}
	switch v.Kind {
	case String:
		return r.resolve(v)
	case List:
		out := &Value{Kind: List, Pos: v.Pos, Items: make([]*Value, 0, len(v.Items))}
		for _, it := range v.Items {
			x, err := r.whole(it, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, x)
		}
		return out, nil
	case Map:
		out := &Value{Kind: Map, Pos: v.Pos, Fields: make([]Field, 0, len(v.Fields))}
		for _, f := range v.Fields {
			x, err := r.whole(f.Value, depth+1)
			if err != nil {
				return nil, err
			}
			out.Fields = append(out.Fields, Field{Key: f.Key, Pos: f.Pos, Value: x})
		}
		return out, nil
	}
	return v, nil
}

// resolve gives the value of a text, with the text's position; a text without variables is its own value.
func (r *variables) resolve(v *Value) (*Value, error) {
	shallow, err := r.shallow(v)
	if err != nil || shallow == v || shallow.Kind != List && shallow.Kind != Map {
		return shallow, err
	}
	return r.whole(shallow, 0)
}

// shallow gives a text's value whose own parts may still hold variables.
func (r *variables) shallow(v *Value) (*Value, error) {
	if v.Kind != String || !strings.Contains(v.Text, "${") {
		return v, nil
	}
	if x, ok := r.done[v]; ok {
		return x, nil
	}
	for i, a := range r.active {
		if a == v {
			return nil, r.cycle(i)
		}
	}
	if len(r.active) > 100 {
		return nil, failure(v.Pos, "", "variables refer to one another more than 100 steps deep")
	}
	segs, err := parseSegments(v.Text, 0)
	if err != nil {
		return nil, failure(v.Pos, "", "%v", err)
	}
	r.active = append(r.active, v)
	x, err := r.eval(segs, v.Pos)
	r.active = r.active[:len(r.active)-1]
	if err != nil {
		var a *absent
		if errors.As(err, &a) {
			err = failure(v.Pos, "", "%s", a.why)
		}
		return nil, err
	}
	if x.Pos != v.Pos {
		c := *x
		c.Pos = v.Pos
		x = &c
	}
	r.done[v] = x
	return x, nil
}

func (r *variables) cycle(from int) error {
	steps := make([]string, 0, len(r.active)-from+1)
	for _, a := range r.active[from:] {
		steps = append(steps, fmt.Sprintf("%s (%s)", clip(a.Text, 60), a.Pos))
	}
	first := r.active[from]
	steps = append(steps, clip(first.Text, 60))
	return failure(first.Pos, "", "the variable refers to itself: %s", strings.Join(steps, " -> "))
}

// eval gives the value of a text in segments: one variable alone keeps its type, otherwise everything is joined as text.
func (r *variables) eval(segs []segment, at Pos) (*Value, error) {
	if len(segs) == 1 && segs[0].variable != nil {
		return r.variable(segs[0].variable, at)
	}
	var b strings.Builder
	for _, s := range segs {
		if s.variable == nil {
			b.WriteString(s.text)
			continue
		}
		x, err := r.variable(s.variable, at)
		if err != nil {
			return nil, err
		}
		if x.Kind == List || x.Kind == Map || x.Kind == Null {
			return nil, failure(at, "", "%s is %s and cannot stand inside a text", s.variable.raw, x.Kind)
		}
		if b.WriteString(x.Str()); b.Len() > maxText {
			return nil, failure(at, "", "the text grows to more than %d bytes", maxText)
		}
	}
	return &Value{Kind: String, Text: b.String(), Pos: at}, nil
}

// variable tries the sources in order. An *absent error says that none had a value.
func (r *variables) variable(v *variable, at Pos) (*Value, error) {
	var reasons []string
	for _, s := range v.sources {
		x, err := r.source(s, at)
		var a *absent
		if errors.As(err, &a) {
			reasons = append(reasons, a.why)
			continue
		}
		if err != nil {
			return nil, err
		}
		if x.IsNull() && s.literal == nil {
			reasons = append(reasons, "the value is null")
			continue
		}
		return x, nil
	}
	return nil, &absent{why: fmt.Sprintf("cannot resolve %s: %s", v.raw, strings.Join(reasons, "; "))}
}

func (r *variables) source(s source, at Pos) (*Value, error) {
	if s.literal != nil {
		return s.literal, nil
	}
	if s.quoted != nil {
		return r.eval(s.quoted, at)
	}
	address, err := r.text(s.address, at)
	if err != nil {
		return nil, err
	}
	params, err := r.text(s.params, at)
	if err != nil {
		return nil, err
	}
	x, err := r.fetch(s, params, address, at)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, &absent{why: "no value at " + s.typ + ":" + address}
	}
	return r.again(x)
}

// again resolves variables in what a source gave, when that is a text.
func (r *variables) again(x *Value) (*Value, error) {
	if x.Kind == String && hasVariable(x.Text) {
		return r.shallow(x)
	}
	return x, nil
}

func (r *variables) text(segs []segment, at Pos) (string, error) {
	if len(segs) == 0 {
		return "", nil
	}
	x, err := r.eval(segs, at)
	if err != nil {
		return "", err
	}
	if x.Kind == List || x.Kind == Map {
		return "", failure(at, "", "an address must be a text, not %s", x.Kind)
	}
	return x.Str(), nil
}

// dig follows a dotted path from v, resolving on the way what it must; nil when a step is absent.
func (r *variables) dig(v *Value, path string) (*Value, error) {
	cur, err := r.shallow(v)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return cur, nil
	}
	for _, key := range strings.Split(path, ".") {
		var next *Value
		switch cur.Kind {
		case Map:
			next = cur.Get(key)
		case List:
			if n, err := strconv.Atoi(key); err == nil && n >= 0 && n < len(cur.Items) {
				next = cur.Items[n]
			}
		}
		if next == nil {
			return nil, nil
		}
		if cur, err = r.shallow(next); err != nil {
			return nil, err
		}
	}
	return cur, nil
}
