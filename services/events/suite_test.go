//go:build suites

package events

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sundog/cloud"
)

type apiCase struct {
	ID    string
	Calls []struct {
		Service, Operation, Region string
		Params                     json.RawMessage
		Times                      int
		StubError                  any `json:"stub_error"`
		NotSent                    any `json:"not_sent"`
		Caller                     any
	}
	Snapshot map[string]any
	Pairs    []struct {
		Call            int
		Operation       string
		Label           string
		Service, Caller any
		StubValues      any   `json:"stub_values"`
		ClientUnknown   any   `json:"client_unknown"`
		LabelPath       []any `json:"label_path"`
		AnswerPath      []any `json:"answer_path"`
		Expected        json.RawMessage
	}
	Transforms []json.RawMessage
}

// The calls of the recorded tests are replayed in order; answers and errors must be AWS's. Tests that call what is refused are left out.
func TestRecordedAnswers(t *testing.T) {
	expected := expectedToFail(t)
	passed, seen := 0, 0
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "suites", "api", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var c apiCase
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if len(c.Pairs) == 0 || !c.served() {
			continue
		}
		seen++
		var problems []string
		t.Run(c.ID, func(t *testing.T) { problems = c.replay(t) })
		if len(problems) == 0 {
			passed++
		}
		if failed := len(problems) > 0; failed != expected[c.ID] {
			t.Errorf("%s: listed as failing: %v\n  %s", c.ID, expected[c.ID], strings.Join(problems, "\n  "))
		}
	}
	t.Logf("%d of %d", passed, seen)
}

func (c *apiCase) served() bool {
	for _, call := range c.Calls {
		if _, no := refused()[call.Operation]; no || call.StubError != nil && call.Service == name {
			return false
		}
	}
	return true
}

func expectedToFail(t *testing.T) map[string]bool {
	b, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for l := range strings.Lines(string(b)) {
		if id, _, ok := strings.Cut(strings.TrimSpace(l), "\t"); ok && l[0] != '#' {
			out[id] = true
		}
	}
	return out
}

func (c *apiCase) replay(t *testing.T) (problems []string) {
	b := open(t)
	next := "" // the last answer's token, in place of the recorded one
	for i, call := range c.Calls {
		if call.Service != name || call.NotSent != nil {
			continue
		}
		region := "us-east-1"
		if call.Region != "" {
			region = call.Region
		}
		account := "000000000000"
		if call.Caller == "second account" {
			account = "000000000002"
		}
		ctx := cloud.WithCall(context.Background(), cloud.Call{Principal: cloud.RootOf(account), Scope: cloud.Scope{Account: account, Region: region}})
		out, err := b.op(ctx, call.Operation, expand(call.Params, next))
		if o, merr := json.Marshal(out); merr == nil {
			var page struct{ NextToken string }
			_ = json.Unmarshal(o, &page)
			next = page.NextToken
		}
		for _, p := range c.Pairs {
			if p.Call != i || p.StubValues != nil || p.ClientUnknown != nil {
				continue
			}
			var fault struct {
				Error *struct{ Code, Message string }
			}
			if p.Expected != nil && json.Unmarshal(p.Expected, &fault) != nil {
				continue // a part of an answer that the test has changed
			}
			if problem := c.compare(p.Label, p.LabelPath, p.AnswerPath, fault.Error, out, err); problem != "" {
				problems = append(problems, call.Operation+" "+p.Label+": "+problem)
			}
		}
	}
	return problems
}

// expand makes long texts long again, times what the decoder reads, and puts our own token in.
func expand(raw json.RawMessage, next string) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return raw
	}
	if m, ok := v.(map[string]any); ok && m["NextToken"] != nil {
		m["NextToken"] = next
	}
	b, _ := json.Marshal(expandValue(v))
	return b
}

func expandValue(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = expandValue(v[i])
		}
	case map[string]any:
		if head, ok := v["$string"].(string); ok {
			n, _ := v["length"].(float64)
			return head + strings.Repeat("p", max(0, int(n)-len(head)))
		}
		if at, ok := v["$time"].(string); ok {
			return at
		}
		for k := range v {
			v[k] = expandValue(v[k])
		}
	}
	return v
}

func (c *apiCase) compare(label string, labelPath, answerPath []any, fault *struct{ Code, Message string }, out any, err error) string {
	if fault != nil {
		if err == nil {
			return "accepted, want " + fault.Code
		}
		e := cloud.AsError(err)
		if m, _, _ := strings.Cut(e.Message, "\n"); e.Code != fault.Code || !fits(strings.Split(fault.Message, "\n")[0], m) {
			return "got " + e.Code + ": " + e.Message + ", want " + fault.Code + ": " + fault.Message
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	b, _ := json.Marshal(out)
	var got any
	_ = json.Unmarshal(b, &got)
	if want := at(c.Snapshot[label], labelPath); !c.same(want, at(got, answerPath)) {
		w, _ := json.Marshal(want)
		return "got " + string(b) + ", want " + string(w)
	}
	return ""
}

func at(v any, path []any) any {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case float64:
			if l, ok := v.([]any); ok && int(k) < len(l) {
				v = l[int(k)]
			}
		}
	}
	return v
}

var hole = regexp.MustCompile(`<<?[^<>]+>(:[0-9]+>)?`)

// fits tells whether a text has a form with holes.
func fits(form, s string) bool {
	var b strings.Builder
	last := 0
	for _, m := range hole.FindAllStringIndex(form, -1) {
		b.WriteString(regexp.QuoteMeta(form[last:m[0]]) + "(?s:.*)")
		last = m[1]
	}
	return regexp.MustCompile("^" + b.String() + regexp.QuoteMeta(form[last:]) + "$").MatchString(s)
}

func (c *apiCase) same(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		if s, ok := got.(string); ok {
			var parsed any
			if json.Unmarshal([]byte(s), &parsed) == nil {
				got = parsed
			}
		}
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range w {
			if k != "ResponseMetadata" && !c.same(v, g[k]) {
				return false
			}
		}
		for k, v := range g {
			if _, there := w[k]; !there && v != nil {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(w, g, c.same)
	case string:
		s, ok := got.(string)
		return ok && (w == "datetime" || w == "date" || w == "timestamp" || c.replaced(w) || fits(strings.ReplaceAll(w, "111111111111", "<account>"), s))
	}
	return want == got
}

// replaced tells whether a word stands for a value that the test took out.
func (c *apiCase) replaced(w string) bool {
	for _, t := range c.Transforms {
		if strings.Contains(string(t), `"`+w+`"`) {
			return true
		}
	}
	return false
}
