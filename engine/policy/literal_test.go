package policy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sundog/cloud"
)

// literal is a second, slow reading of the rules, straight from the documents and with regular expressions: allow needs one
// allowing identity statement that nothing denies, and boundary and session policies that allow as well.
type literal struct {
	action, resource string
	keys             map[string][]string
}

func pattern(s string, fold bool) *regexp.Regexp {
	q := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(s))
	if fold {
		q = "(?i)" + q
	}
	return regexp.MustCompile("(?s)^(?:" + q + ")$")
}

func (l literal) any(patterns []string, s string, fold bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return pattern(p, fold).MatchString(s) })
}

func (l literal) applies(s cloud.Statement) bool {
	if l.any(s.Actions, l.action, true) == s.NotAction || l.any(s.Resources, l.resource, false) == s.NotResource {
		return false
	}
	for _, c := range s.Conditions {
		values, ok := l.keys[strings.ToLower(c.Key)]
		hit := ok && l.any(c.Values, values[0], false)
		switch c.Operator {
		case "StringLike":
		case "StringNotLike":
			hit = !hit
		case "StringLikeIfExists":
			hit = hit || !ok
		}
		if !hit {
			return false
		}
	}
	return true
}

func (l literal) has(allow bool, policies ...*cloud.Policy) bool {
	for _, p := range policies {
		if p != nil && slices.ContainsFunc(p.Statements, func(s cloud.Statement) bool { return s.Allow == allow && l.applies(s) }) {
			return true
		}
	}
	return false
}

func (l literal) allowed(s cloud.PolicySet) bool {
	all := append(slices.Clone(s.Identity), s.Session...)
	if l.has(false, append(all, s.Boundary)...) {
		return false
	}
	return l.has(true, s.Identity...) && (s.Boundary == nil || l.has(true, s.Boundary)) && (len(s.Session) == 0 || l.has(true, s.Session...))
}

func drawPolicy(t *rapid.T, name string) *cloud.Policy {
	text := func(alphabet []string, label string) []string {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 4).Draw(t, "parts"), "")
		}), 1, 2).Draw(t, label)
	}
	p := &cloud.Policy{Version: "2012-10-17"}
	for range rapid.IntRange(1, 3).Draw(t, name) {
		s := cloud.Statement{
			Allow:     rapid.IntRange(0, 3).Draw(t, "effect") > 0,
			Actions:   text([]string{"s:", "A", "b", "*", "?"}, "actions"),
			NotAction: rapid.IntRange(0, 4).Draw(t, "notAction") == 0,
			Resources: text([]string{"*", "x", "y", "?", "/"}, "resources"),
		}
		s.NotResource = rapid.IntRange(0, 4).Draw(t, "notResource") == 0
		for i := range s.Resources {
			s.Resources[i] = "*" + s.Resources[i]
		}
		if rapid.Bool().Draw(t, "conditional") {
			s.Conditions = []cloud.Condition{{
				Operator: rapid.SampledFrom([]string{"StringLike", "StringNotLike", "StringLikeIfExists"}).Draw(t, "operator"),
				Key:      rapid.SampledFrom([]string{"a:K", "a:l"}).Draw(t, "key"), Values: text([]string{"v", "w", "*", "?"}, "values"),
			}}
		}
		p.Statements = append(p.Statements, s)
	}
	return p
}

func TestAgreesWithLiteralReading(t *testing.T) {
	e := NewEvaluator(8)
	rapid.Check(t, func(t *rapid.T) {
		var set cloud.PolicySet
		for range rapid.IntRange(0, 2).Draw(t, "identity") {
			set.Identity = append(set.Identity, drawPolicy(t, "i"))
		}
		if rapid.Bool().Draw(t, "bounded") {
			set.Boundary = drawPolicy(t, "b")
		}
		if rapid.Bool().Draw(t, "session") {
			set.Session = append(set.Session, drawPolicy(t, "s"))
		}
		l := literal{
			action:   rapid.SampledFrom([]string{"s:A", "s:AB", "S:ab", "t:A"}).Draw(t, "action"),
			resource: "arn:aws:s:r:111111111111:" + rapid.SampledFrom([]string{"x", "xy", "x/y", "y/é"}).Draw(t, "resource"),
			keys:     rapid.SampledFrom([]map[string][]string{{}, {"a:k": {"v"}}, {"a:k": {"vw"}, "a:l": {"é"}}}).Draw(t, "keys"),
		}
		r := Request{
			Principal: principals["session"], Action: l.action, Resource: cloud.MustARN(l.resource),
			Keys: func(k string) ([]string, bool) { v, ok := l.keys[k]; return v, ok },
		}
		want := l.allowed(set)
		if got := Evaluate(r, set); got.Allow != want {
			t.Fatalf("got %+v, want %v", got, want)
		}
		if got := e.Evaluate(r, set); got.Allow != want {
			t.Fatalf("remembered: got %+v, want %v", got, want)
		}
	})
	if n := e.known.Len(); n > 8 {
		t.Errorf("%d policies remembered", n)
	}
}
