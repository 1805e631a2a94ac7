package sns

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	api "sundog/api/sns"
)

// The property: what arrives is what a literal reading of the filter policy lets through.

// condition is one value of a policy's list, with its meaning for a value of the message.
type condition struct {
	doc    any
	absent bool // {"exists": false}
	fits   func(v any) bool
}

// policy is a filter policy: all fields must fit, and one branch of either, if there are any. A nested policy stands in nested.
type policy struct {
	fields map[string][]condition
	nested map[string]policy
	either []policy
}

func (p policy) doc() map[string]any {
	out := map[string]any{}
	for name, list := range p.fields {
		docs := []any{}
		for _, c := range list {
			docs = append(docs, c.doc)
		}
		out[name] = docs
	}
	for name, sub := range p.nested {
		out[name] = sub.doc()
	}
	if p.either != nil {
		var branches []any
		for _, b := range p.either {
			branches = append(branches, b.doc())
		}
		out["$or"] = branches
	}
	return out
}

// lets reads the policy literally. A message's values are scalars, lists of scalars, and objects.
func (p policy) lets(message map[string]any) bool {
	for name, list := range p.fields {
		if !slices.ContainsFunc(list, func(c condition) bool { return c.of(message[name]) }) {
			return false
		}
	}
	for name, sub := range p.nested {
		inner, _ := message[name].(map[string]any)
		if !sub.lets(inner) {
			return false
		}
	}
	return p.either == nil || slices.ContainsFunc(p.either, func(b policy) bool { return b.lets(message) })
}

// of holds a condition against what a message has under a name: nil is nothing, and so are an empty list and an object.
func (c condition) of(v any) bool {
	values, ok := v.([]any)
	switch v := v.(type) {
	case nil, map[string]any:
	default:
		if !ok {
			values = []any{v}
		}
	}
	if c.absent {
		return len(values) == 0
	}
	return slices.ContainsFunc(values, c.fits)
}

var (
	someWords   = []string{"a", "ab", "B", "bA", "10.0.0.1", "10.1.0.1"}
	someNumbers = []float64{-1, 0, 1.5, 2, 300}
	someNames   = []string{"k", "l", "m"}
	branchNames = []string{"x", "y"} // of $or: a name that stands outside too would ask for one element that fits both
)

func ofText(fits func(string) bool) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && fits(s)
	}
}

func drawNumeric(t *rapid.T) condition {
	n, m := rapid.SampledFrom(someNumbers).Draw(t, "low"), rapid.SampledFrom(someNumbers).Draw(t, "high")
	within := func(fits func(float64) bool) func(any) bool {
		return func(v any) bool {
			f, ok := v.(float64)
			return ok && fits(f)
		}
	}
	switch op := rapid.SampledFrom([]string{"=", "<", "<=", ">", ">=", "between"}).Draw(t, "comparison"); {
	case op == "=":
		return condition{doc: []any{"=", n}, fits: within(func(f float64) bool { return f == n })}
	case op == "<":
		return condition{doc: []any{"<", n}, fits: within(func(f float64) bool { return f < n })}
	case op == "<=":
		return condition{doc: []any{"<=", n}, fits: within(func(f float64) bool { return f <= n })}
	case op == ">=" || op == "between" && n >= m:
		return condition{doc: []any{">=", n}, fits: within(func(f float64) bool { return f >= n })}
	case op == ">":
		return condition{doc: []any{">", n}, fits: within(func(f float64) bool { return f > n })}
	}
	return condition{doc: []any{">", n, "<=", m}, fits: within(func(f float64) bool { return f > n && f <= m })}
}

func drawCondition(t *rapid.T) condition {
	s := rapid.SampledFrom(someWords).Draw(t, "word")
	switch op := rapid.SampledFrom([]string{"text", "number", "exists", "absent", "prefix", "suffix", "equals-ignore-case", "cidr", "numeric", "but", "but numbers", "but prefix"}).Draw(t, "operator"); op {
	case "number":
		n := rapid.SampledFrom(someNumbers).Draw(t, "number")
		return condition{doc: n, fits: func(v any) bool { return v == n }}
	case "exists":
		return condition{doc: map[string]any{"exists": true}, fits: func(any) bool { return true }}
	case "absent":
		return condition{doc: map[string]any{"exists": false}, absent: true}
	case "prefix":
		return condition{doc: map[string]any{op: s}, fits: ofText(func(v string) bool { return strings.HasPrefix(v, s) })}
	case "suffix":
		return condition{doc: map[string]any{op: s}, fits: ofText(func(v string) bool { return strings.HasSuffix(v, s) })}
	case "equals-ignore-case":
		return condition{doc: map[string]any{op: s}, fits: ofText(func(v string) bool { return strings.EqualFold(v, s) })}
	case "cidr":
		p := netip.MustParsePrefix("10.0.0.0/16")
		return condition{doc: map[string]any{op: p.String()}, fits: ofText(func(v string) bool {
			a, err := netip.ParseAddr(v)
			return err == nil && p.Contains(a)
		})}
	case "numeric":
		c := drawNumeric(t)
		c.doc = map[string]any{op: c.doc}
		return c
	case "but":
		not := rapid.SliceOfNDistinct(rapid.SampledFrom(someWords), 1, 2, rapid.ID).Draw(t, "not")
		return condition{doc: map[string]any{"anything-but": not}, fits: func(v any) bool { return !slices.ContainsFunc(not, func(s string) bool { return v == s }) }}
	case "but numbers":
		n := rapid.SampledFrom(someNumbers).Draw(t, "not")
		return condition{doc: map[string]any{"anything-but": n}, fits: func(v any) bool { return v != n }}
	case "but prefix":
		return condition{doc: map[string]any{"anything-but": map[string]any{"prefix": s}}, fits: func(v any) bool {
			text, ok := v.(string)
			return !ok || !strings.HasPrefix(text, s)
		}}
	}
	return condition{doc: s, fits: func(v any) bool { return v == s }}
}

// drawPolicy stays below the limit of 150 combinations.
func drawPolicy(t *rapid.T, names []string, nests, branches bool, values int) policy {
	p := policy{fields: map[string][]condition{}, nested: map[string]policy{}}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID).Draw(t, "names") {
		if nests && rapid.Bool().Draw(t, "nested") {
			p.nested[name] = drawPolicy(t, someNames, false, false, 1)
			continue
		}
		for range rapid.IntRange(1, values).Draw(t, "conditions") {
			p.fields[name] = append(p.fields[name], drawCondition(t))
		}
	}
	if branches && rapid.Bool().Draw(t, "or") {
		p.either = []policy{drawPolicy(t, branchNames, false, false, 2), drawPolicy(t, branchNames, false, false, 2)}
	}
	return p
}

func drawScalar(t *rapid.T) any {
	if rapid.Bool().Draw(t, "is text") {
		return rapid.SampledFrom(someWords).Draw(t, "text")
	}
	return rapid.SampledFrom(someNumbers).Draw(t, "number")
}

func drawMessage(t *rapid.T, nests bool) map[string]any {
	out := map[string]any{}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(slices.Concat(someNames, branchNames)), rapid.ID).Draw(t, "names") {
		switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
		case kind == 0 && nests:
			out[name] = drawMessage(t, false)
		case kind == 1:
			list := []any{}
			for range rapid.IntRange(0, 2).Draw(t, "elements") {
				list = append(list, drawScalar(t))
			}
			out[name] = list
		default:
			out[name] = drawScalar(t)
		}
	}
	return out
}

// asAttributes writes a message's values as message attributes.
func asAttributes(t *rapid.T, message map[string]any) map[string]api.MessageAttributeValue {
	out := map[string]api.MessageAttributeValue{}
	for name, v := range message {
		a := api.MessageAttributeValue{DataType: new("String")}
		switch v := v.(type) {
		case string:
			a.StringValue = &v
		case float64:
			a.DataType, a.StringValue = new("Number"), new(strconv.FormatFloat(v, 'f', -1, 64))
		default:
			a.DataType, a.StringValue = new("String.Array"), new(jsonOf(t, v))
		}
		out[name] = a
	}
	return out
}

func jsonOf(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDeliveryIsTheLiteralReading(t *testing.T) {
	b := open(t)
	rounds := 0
	rapid.Check(t, func(t *rapid.T) {
		rounds++
		topic := b.topic(fmt.Sprint("t", rounds), nil)
		body := rapid.Bool().Draw(t, "on the body")
		attrs := map[string]string{"RawMessageDelivery": "true", "FilterPolicyScope": map[bool]string{true: "MessageBody", false: "MessageAttributes"}[body]}
		policies := map[string]policy{}
		for i := range 3 {
			p := drawPolicy(t, someNames, body, true, 2)
			attrs["FilterPolicy"] = jsonOf(t, p.doc())
			q := fmt.Sprint(queue, i)
			policies[q] = p
			b.subscribe(topic, "sqs", q, attrs)
		}
		want, got := map[string]int{}, map[string]int{}
		for i := range 5 {
			m := drawMessage(t, body)
			text, values := fmt.Sprint(i), asAttributes(t, m)
			if body {
				m["id"] = float64(i)
				text, values = jsonOf(t, m), nil
			}
			b.publish(topic, text, values)
			for q, p := range policies {
				if p.lets(m) {
					want[q+" "+text]++
				}
			}
		}
		b.Settle()
		for len(b.sink.got) > 0 {
			d := <-b.sink.got
			got[d.Target.String()+" "+string(d.Payload)]++
		}
		if !maps.Equal(got, want) {
			for q, p := range policies {
				t.Log(q, jsonOf(t, p.doc()))
			}
			t.Fatalf("arrived %v\nliterally %v", got, want)
		}
	})
}
