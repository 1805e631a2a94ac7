//go:build suites

package asl

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// judgeTestState runs the TestState requests of a case that are about one state on its own and have no configuration.
func judgeTestState(c *suiteCase) error {
	if len(c.TestState) != 1 || c.Snapshot["test_case_response"] == nil {
		return errors.New("needs the service: what TestState refuses")
	}
	req := c.TestState[0]
	if req["stateConfiguration"] != nil {
		return errors.New("needs the service: stateConfiguration")
	}
	definition, _ := req["definition"].(string)
	s, err := stateOf(definition, req["stateName"])
	if err != nil {
		return err
	}
	input, _ := req["input"].(string)
	if input == "" {
		input = "{}"
	}
	info := Info{Input: input, Start: suiteStart, Region: "us-east-1"}
	info.Context, _ = req["context"].(string)
	p := &Probe{}
	mock, _ := req["mock"].(map[string]any)
	if s.Type == Parallel || s.Type == Map {
		if r, ok := mock["result"].(string); ok {
			p.Mock = &r
		}
	}
	r := &execution{c: c}
	r.Execution = New(&Machine{}, &fixedEnv{}, info)
	Inspect(s, &fixedEnv{}, info, nil, p, func(call TaskCall) Event {
		if result, ok := mock["result"].(string); ok {
			return Event{Kind: TaskSucceeded, Task: call.ID, Output: result}
		}
		if e, ok := mock["errorOutput"].(map[string]any); ok {
			name, _ := e["error"].(string)
			cause, _ := e["cause"].(string)
			return Event{Kind: TaskFailed, Task: call.ID, Error: &name, Cause: &cause}
		}
		ev, _ := r.answer(call)
		return ev
	})
	want, _ := c.Snapshot["test_case_response"].(map[string]any)
	return newMatcher(c).match(want, probed(p, fmt.Sprint(req["inspectionLevel"])), "response")
}

func stateOf(definition string, name any) (*State, error) {
	n, ok := name.(string)
	if !ok {
		return CompileState(definition)
	}
	m, err := Compile(definition, Options{})
	if err != nil {
		return nil, err
	}
	var found *State
	m.Walk(func(s *State) {
		if s.Name == n {
			found = s
		}
	})
	if found == nil {
		return nil, fmt.Errorf("no state %q", n)
	}
	return found, nil
}

func probed(p *Probe, level string) map[string]any {
	o := map[string]any{"status": p.Status}
	put := func(to map[string]any, k string, v *string) {
		if v != nil {
			to[k] = *v
		}
	}
	put(o, "output", p.Output)
	put(o, "error", p.Error)
	put(o, "cause", p.Cause)
	if p.NextState != "" {
		o["nextState"] = p.NextState
	}
	if level == "DEBUG" || level == "TRACE" {
		d := map[string]any{}
		put(d, "input", p.Input)
		put(d, "afterInputPath", p.AfterInputPath)
		put(d, "afterParameters", p.AfterParameters)
		put(d, "result", p.Result)
		put(d, "afterItemsPath", p.AfterItemsPath)
		if p.MaxConcurrency != nil {
			d["maxConcurrency"] = json.Number(fmt.Sprint(*p.MaxConcurrency))
		}
		put(d, "afterResultSelector", p.AfterResultSelector)
		put(d, "afterResultPath", p.AfterResultPath)
		o["inspectionData"] = d
	}
	return o
}

// TestValidationRows compares the diagnostics of the rows of validation.jsonl.
func TestValidationRows(t *testing.T) {
	known := expected(t)
	f, err := os.Open(suiteDir + "/validation.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	passed, listed := 0, 0
	for lines.Scan() {
		var row struct {
			ID, Via, Type, Definition string
			Error                     struct{ Code, Message string }
			Request                   struct{ Definition, Type string }
			Result                    string
			Diagnostics               []struct{ Code, Location, Message, Severity string }
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		var problem string
		if row.Via == "CreateStateMachine" {
			problem = judgeCreate(row.Definition, row.Type, row.Error.Code, row.Error.Message)
		} else {
			got := Validate(row.Request.Definition, Options{Express: row.Request.Type == "EXPRESS"})
			problem = judgeDiagnostics(fmt.Sprint(got), fmt.Sprint(row.Diagnostics), len(got) == len(row.Diagnostics))
			for i, d := range row.Diagnostics {
				if problem != "" && len(got) == len(row.Diagnostics) && got[i] == (Diagnostic{d.Severity, d.Code, strings.TrimSpace(d.Message), d.Location}) {
					problem = ""
				}
			}
		}
		_, inList := known["row "+row.ID]
		switch {
		case problem == "" && inList:
			t.Errorf("row %s is listed as failing but passes", row.ID)
		case problem == "":
			passed++
		case inList:
			listed++
		default:
			t.Errorf("row %s\t%s", row.ID, problem)
		}
	}
	t.Logf("%d rows passed, %d fail as listed", passed, listed)
}

func judgeCreate(definition, typ, code, message string) string {
	_, err := Compile(definition, Options{Express: typ == "EXPRESS"})
	if code != "InvalidDefinition" {
		return "not about the definition: " + code
	}
	if err == nil {
		return "accepted; want " + message
	}
	got := err.Error()
	if !newMatcher(&suiteCase{}).text(message, got) {
		return "got " + got + "; want " + message
	}
	return ""
}

func judgeDiagnostics(got, want string, same bool) string {
	if same && got == want {
		return ""
	}
	return "got " + got + "; want " + want
}
