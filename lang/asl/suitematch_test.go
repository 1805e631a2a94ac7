//go:build suites

package asl

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sundog/lang/jsonpath"
)

// matcher compares answers with a case's snapshot by the rules of the suite's README.
type matcher struct {
	holes   map[string]string
	words   map[string]bool
	ignored []string // last names of unverified paths
}

func newMatcher(c *suiteCase) *matcher {
	m := &matcher{holes: map[string]string{}, words: map[string]bool{}}
	for _, w := range strings.Fields("timestamp datetime date snf_role_arn sfn_role_arn RequestId x-amzn-RequestId X-Amzn-Trace-Id x-amz-crc32 task_token") {
		m.words[w] = true
	}
	for _, t := range c.Transforms {
		m.words[t.Replacement] = true
	}
	for _, u := range c.Unverified {
		if i := strings.LastIndexAny(u, "."); i >= 0 {
			m.ignored = append(m.ignored, strings.Trim(u[i+1:], "[]'"))
		}
	}
	return m
}

func (m *matcher) clone() *matcher {
	c := &matcher{holes: map[string]string{}, words: m.words, ignored: m.ignored}
	for k, v := range m.holes {
		c.holes[k] = v
	}
	return c
}

func (m *matcher) match(want, got any, at string) error {
	if w, ok := want.(string); ok && m.words[strings.Trim(w, `"`)] {
		return nil
	}
	if s, ok := got.(string); ok {
		if _, text := want.(string); !text && want != nil {
			got = parsed(s)
		}
	}
	switch w := want.(type) {
	case map[string]any:
		return m.object(w, got, at)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s: want %s, got %s", at, short(want), short(got))
		}
		for i := range w {
			if err := m.match(w[i], g[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case string:
		if g, ok := got.(string); ok && m.text(w, g) {
			return nil
		}
	case json.Number:
		if g, ok := got.(json.Number); ok && jsonpath.CompareNumbers(w, g) == 0 {
			return nil
		}
	default:
		if want == got {
			return nil
		}
	}
	return fmt.Errorf("%s: want %s, got %s", at, short(want), short(got))
}

func parsed(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return s
	}
	return v
}

func (m *matcher) object(w map[string]any, got any, at string) error {
	g, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want %s, got %s", at, short(w), short(got))
	}
	keys := map[string]bool{}
	for k := range w {
		keys[k] = true
	}
	for k := range g {
		keys[k] = true
	}
	names := make([]string, 0, len(keys))
	for k := range keys {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		if slices.Contains(m.ignored, k) || k == "ResponseMetadata" || k == "billingDetails" {
			continue
		}
		if strings.Contains(strings.ToLower(k), "timestamp") && w[k] != nil {
			if s, ok := w[k].(string); ok && strings.Contains(s, "timestamp") {
				continue
			}
		}
		a, has := w[k]
		b, have := g[k]
		if has != have {
			if alt, ok := m.holeKey(w, k, b); ok && !has {
				if err := m.match(alt, b, at+"/"+k); err == nil {
					continue
				}
			}
			if has && strings.Contains(k, "<") {
				continue // its counterpart was compared above
			}
			return fmt.Errorf("%s/%s: want %s, got %s", at, k, short(a), short(b))
		}
		if err := m.match(a, b, at+"/"+k); err != nil {
			return err
		}
	}
	return nil
}

func (m *matcher) holeKey(w map[string]any, key string, _ any) (any, bool) {
	for k, v := range w {
		if strings.Contains(k, "<") && m.text(k, key) {
			return v, true
		}
	}
	return nil, false
}

var hole = regexp.MustCompile(`<[A-Za-z][^<>\s]*>`)

// text matches a string with holes.
func (m *matcher) text(want, got string) bool {
	if want == got {
		return true
	}
	for w := range m.words {
		if strings.Contains(w, "_name") {
			want = strings.ReplaceAll(want, w, "<"+w+">")
		}
	}
	want = strings.NewReplacer("<<", "<", ">>", ">").Replace(want)
	var re strings.Builder
	re.WriteString(`(?s)^`)
	var names []string
	rest := want
	for {
		loc := hole.FindStringIndex(rest)
		if loc == nil {
			break
		}
		re.WriteString(regexp.QuoteMeta(rest[:loc[0]]))
		name := rest[loc[0]:loc[1]]
		if v, ok := m.holes[name]; ok && !loose(name) {
			re.WriteString(regexp.QuoteMeta(v))
		} else {
			re.WriteString(`(.*?)`)
			names = append(names, name)
		}
		rest = rest[loc[1]:]
	}
	re.WriteString(regexp.QuoteMeta(rest) + `$`)
	found := regexp.MustCompile(re.String()).FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, n := range names {
		m.holes[n] = found[i+1]
	}
	return true
}

func loose(name string) bool {
	return strings.HasPrefix(name, "<json-input") || name == "<request_id>" || name == "<timestamp>" || name == "<start-time>" || name == "<entered-time>"
}

func short(v any) string {
	b, _ := json.Marshal(v)
	if len(b) > 300 {
		return string(b[:300]) + "..."
	}
	return string(b)
}

// history compares the events. Where threads run at once, their order may differ.
func (m *matcher) history(want []any, r *execution, c *suiteCase) error {
	got, err := asAPI(r.events)
	if err != nil {
		return err
	}
	if slices.Contains(m.ignored, "events") {
		return nil
	}
	if len(want) < len(got) && !strings.HasPrefix(fmt.Sprint(want[len(want)-1].(map[string]any)["type"]), "Execution") {
		got = got[:len(want)] // the history was read before the end
	}
	exact := m.clone()
	first := exact.match(want, got, "events")
	if first == nil {
		*m = *exact
		return nil
	}
	definition := c.Machines[0].Definition
	if !strings.Contains(definition, `"Parallel"`) && !strings.Contains(definition, `"Map"`) {
		return first
	}
	if err := m.unordered(want, got); err != nil {
		return fmt.Errorf("%w (in order: %w)", err, first)
	}
	return nil
}

// unordered finds for each event of the snapshot one of ours that is the same but for its ids.
func (m *matcher) unordered(want, got []any) error {
	left := slices.Clone(got)
	for i, w := range want {
		found := false
		for j, g := range left {
			if g == nil {
				continue
			}
			trial := m.clone()
			if trial.match(bare(w), bare(g), "") == nil {
				*m = *trial
				left[j], found = nil, true
				break
			}
		}
		if !found {
			return fmt.Errorf("no event like [%d] %s", i, short(w))
		}
	}
	for _, g := range left {
		if g != nil && !strings.HasPrefix(fmt.Sprint(g.(map[string]any)["type"]), "ParallelState") { // the source's tests drop some of these
			return fmt.Errorf("an event too many: %s", short(g))
		}
	}
	return nil
}

func bare(v any) any {
	o := map[string]any{}
	for k, e := range v.(map[string]any) {
		if k != "id" && k != "previousEventId" && k != "timestamp" {
			o[k] = e
		}
	}
	return o
}

// sync compares the answer of StartSyncExecution as far as the interpreter decides it.
func (m *matcher) sync(snapshot map[string]any, r *execution) error {
	for label, v := range snapshot {
		w, ok := v.(map[string]any)
		if !ok || w["status"] == nil {
			continue
		}
		got := map[string]any{"status": string(r.Status())}
		want := map[string]any{}
		for _, k := range []string{"status", "output", "error", "cause"} {
			if x, ok := w[k]; ok {
				want[k] = x
			}
		}
		if r.Status() == Succeeded {
			got["output"] = r.Output()
		}
		name, cause := r.Failure()
		if name != nil {
			got["error"] = *name
		}
		if cause != nil {
			got["cause"] = *cause
		}
		if err := m.match(want, got, label); err != nil {
			return err
		}
	}
	return nil
}
