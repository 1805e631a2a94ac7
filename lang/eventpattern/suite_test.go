//go:build suites

package eventpattern

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func lines(t *testing.T, name string, each func([]byte)) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "suites", "eventpattern", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		each(s.Bytes())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

func expectedToFail(t *testing.T) map[string]bool {
	b, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for l := range strings.Lines(string(b)) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			id, _, _ := strings.Cut(strings.ReplaceAll(l, "\t", "  "), "  ")
			out[id] = true
		}
	}
	return out
}

type verdicts struct {
	t            *testing.T
	expected     map[string]bool
	passed, seen int
}

func (v *verdicts) report(id, problem string) {
	v.seen++
	switch {
	case problem == "":
		if v.passed++; v.expected[id] {
			v.t.Errorf("%s passes but is listed in expected-fail.txt", id)
		}
	case !v.expected[id]:
		v.t.Errorf("%s: %s", id, problem)
	}
}

type patternCase struct {
	ID, Event, Pattern, Verdict string
	Error                       struct{ Code, Message string }
}

func (c patternCase) problem() string {
	got, code, message := "nomatch", "", ""
	p, err := Compile([]byte(c.Pattern), EventBridge)
	if err != nil {
		got, code, message = "exception", "InvalidEventPatternException", err.Error()
	} else if !json.Valid([]byte(c.Event)) || !strings.HasPrefix(strings.TrimSpace(c.Event), "{") {
		got, code, message = "exception", "ValidationException", "Parameter Event is not valid."
	} else if ok, err := p.MatchJSON([]byte(c.Event)); err != nil {
		return err.Error()
	} else if ok {
		got = "match"
	}
	if got != c.Verdict || code != c.Error.Code {
		return "got " + got + " " + message + ", want " + c.Verdict + " " + c.Error.Message
	}
	message, _, _ = strings.Cut(message, "\n")
	want, _, _ := strings.Cut(c.Error.Message, "\n")
	if message != want && !strings.HasPrefix(c.ID, "invalid_json_event_pattern") {
		return "message " + message + ", want " + want
	}
	return ""
}

func TestEventPatternSuite(t *testing.T) {
	v := &verdicts{t: t, expected: expectedToFail(t)}
	lines(t, "cases.jsonl", func(b []byte) {
		var c patternCase
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		v.report(c.ID, c.problem())
	})
	t.Logf("%d of %d", v.passed, v.seen)
}

func TestSNSFilterPolicySuite(t *testing.T) {
	v := &verdicts{t: t, expected: expectedToFail(t)}
	lines(t, "sns_filter_policy.jsonl", func(b []byte) {
		var c struct {
			ID     string
			Errors []struct {
				Label  string
				Policy *string `json:"filter_policy"`
				Error  struct{ Message string }
			}
			Calls []struct {
				Op     string
				Params struct {
					Attributes struct{ FilterPolicy, FilterPolicyScope string }
				}
			}
		}
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range c.Errors {
			policy, dialect := "", SNSAttributes
			if e.Policy != nil {
				policy = *e.Policy
			} else { // the subscriptions of this case, in order
				for n < len(c.Calls) && c.Calls[n].Params.Attributes.FilterPolicy == "" {
					n++
				}
				if n == len(c.Calls) {
					continue
				}
				if policy = c.Calls[n].Params.Attributes.FilterPolicy; c.Calls[n].Params.Attributes.FilterPolicyScope == "MessageBody" {
					dialect = SNSBody
				}
				n++
			}
			v.report(c.ID+"/"+e.Label, snsProblem(policy, dialect, e.Error.Message))
		}
	})
	t.Logf("%d of %d", v.passed, v.seen)
}

func snsProblem(policy string, d Dialect, want string) string {
	_, err := Compile([]byte(policy), d)
	if err == nil {
		return "accepted " + policy
	}
	got, _, _ := strings.Cut("Invalid parameter: Attributes Reason: FilterPolicy: "+err.Error(), "\n")
	if want, _, _ = strings.Cut(want, "\n"); got != want {
		return "got " + got + ", want " + want
	}
	return ""
}
