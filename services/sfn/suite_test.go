//go:build suites

package sfn

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	api "sundog/api/sfn"
	"sundog/cloud"
)

const suiteDir = "../../../shared/suites/asl/cases"

type suiteCase struct {
	ID    string `json:"id"`
	Class string `json:"class"`
	Kind  string `json:"kind"`
	Calls []struct {
		Op     string          `json:"op"`
		Params json.RawMessage `json:"params"`
	} `json:"calls"`
	TestState []json.RawMessage                `json:"test_state"`
	Complete  bool                             `json:"complete"`
	Errors    []struct{ Code, Message string } `json:"errors"`
	Snapshot  map[string]any                   `json:"snapshot"`
}

// TestSuite runs the cases about the API itself: every request in order, comparing the errors that AWS gave (code and message); and what
// TestState refuses. The bodies of good answers are judged where the whole platform runs.
func TestSuite(t *testing.T) {
	known := map[string]bool{}
	list, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(list), "\n") {
		if id, _, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(line, "#") {
			known[id] = true
		}
	}
	files, err := filepath.Glob(suiteDir + "/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	passed, listed := 0, 0
	for _, f := range files {
		for _, c := range readCases(t, f) {
			problem, judged := judge(t, c)
			switch {
			case !judged:
			case problem == "" && known[c.ID]:
				t.Errorf("%s is listed as failing but passes", c.ID)
			case problem == "":
				passed++
			case known[c.ID]:
				listed++
			default:
				t.Errorf("%s\t%s", c.ID, problem)
			}
		}
	}
	t.Logf("%d cases passed, %d fail as listed", passed, listed)
}

func readCases(t *testing.T, path string) []suiteCase {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []suiteCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c suiteCase
		text := strings.ReplaceAll(lines.Text(), "123456789012", testScope.Account)
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(path, err)
		}
		out = append(out, c)
	}
	return out
}

func judge(t *testing.T, c suiteCase) (problem string, judged bool) {
	var got []string
	switch {
	case c.Kind == "api" && len(c.Calls) > 0 && c.Complete:
		got = replay(t, c)
	case c.Kind == "test_state" && len(c.TestState) == 1 && c.Snapshot["test_case_response"] == nil:
		w := newWorld(t)
		var in api.TestStateInput
		if err := json.Unmarshal(c.TestState[0], &in); err != nil {
			return err.Error(), true
		}
		if _, err := w.sfn.testState(w.ctx, &in); err != nil {
			got = append(got, word(err))
		}
	default:
		return "", false
	}
	var want []string
	for _, e := range c.Errors {
		if !strings.Contains(e.Message, "validation error detected") { // the gateway's, by the model
			want = append(want, e.Code+": "+e.Message)
		}
	}
	for _, g := range got {
		switch {
		case len(want) > 0 && alike(want[0], g):
			want = want[1:]
		case strings.Contains(strings.SplitN(g, ":", 2)[0], "DoesNotExist"): // the source's cleaning up
		default:
			return fmt.Sprintf("error %q, want %q", g, want), true
		}
	}
	if len(want) > 0 {
		return fmt.Sprintf("no error, want %q", want), true
	}
	return "", true
}

func word(err error) string {
	e := cloud.AsError(err)
	return e.Code + ": " + e.Message
}

var hole = regexp.MustCompile(`<[^<>]*>|111111111111|[a-z_]+_arn\b|state_machine_alias_name`)

func alike(want, got string) bool {
	var re strings.Builder
	rest := want
	for {
		loc := hole.FindStringIndex(rest)
		if loc == nil {
			break
		}
		re.WriteString(regexp.QuoteMeta(rest[:loc[0]]) + `.*?`)
		rest = rest[loc[1]:]
	}
	return regexp.MustCompile(`(?s)^` + re.String() + regexp.QuoteMeta(rest) + `$`).MatchString(got)
}

// replay makes a case's requests and gives the errors, but those that the gateway's validation would have given before.
func replay(t *testing.T, c suiteCase) []string {
	w := newWorld(t)
	w.sfn.d.Directory = anyGroup{}
	var out []string
	for _, k := range c.Calls {
		for _, o := range w.room.Operations {
			if o.Name != k.Op {
				continue
			}
			in := o.New()
			if err := json.Unmarshal(k.Params, in); err != nil || o.Schema.Service == nil {
				continue
			}
			if _, err := o.Call(w.ctx, in); err != nil {
				out = append(out, word(err))
			}
		}
	}
	return out
}

// anyGroup knows the log groups whose names do not say that they are missing.
type anyGroup struct{ cloud.Directory }

func (anyGroup) Describe(_ context.Context, a cloud.ARN) (cloud.Description, error) {
	if strings.Contains(a.Resource, "nonexistent") || strings.Contains(a.Resource, "no_such") {
		return cloud.Description{}, cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "no such group")
	}
	return cloud.Description{}, nil
}
