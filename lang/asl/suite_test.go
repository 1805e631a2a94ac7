//go:build suites

package asl

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sundog/lang/jsonpath"
)

const suiteDir = "../../../shared/suites/asl"

type suiteCase struct {
	ID       string `json:"id"`
	Class    string `json:"class"`
	Kind     string `json:"kind"`
	Complete bool   `json:"complete"`
	Machines []struct {
		Name, Type, Definition, Arn string
	} `json:"state_machines"`
	Executions []struct {
		Machine int     `json:"state_machine"`
		Input   *string `json:"input"`
		Name    string  `json:"name"`
		Sync    bool    `json:"sync"`
	} `json:"executions"`
	TestState  []map[string]any `json:"test_state"`
	Lambdas    []struct{ Name, Source string }
	Transforms []struct {
		Replacement string `json:"replacement"`
	} `json:"transforms"`
	Unverified []string       `json:"unverified_paths"`
	Recorded   string         `json:"validated_date"`
	Snapshot   map[string]any `json:"snapshot"`
}

func readCases(t *testing.T) []suiteCase {
	files, err := filepath.Glob(suiteDir + "/cases/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var out []suiteCase
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var c suiteCase
			d := json.NewDecoder(strings.NewReader(strings.NewReplacer("123456789012", "111111111111", "000000000000", "111111111111").Replace(lines.Text())))
			d.UseNumber()
			if err := d.Decode(&c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out = append(out, c)
		}
		_ = f.Close()
	}
	return out
}

// expected reads the list of cases that are known to fail.
func expected(t *testing.T) map[string]string {
	out := map[string]string{}
	b, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, ok := strings.Cut(line, "\t")
		if !ok {
			t.Fatalf("expected-fail.txt: no reason in %q", line)
		}
		out[id] = reason
	}
	return out
}

func TestSuite(t *testing.T) {
	known := expected(t)
	seen := map[string]bool{}
	passed, listed := 0, 0
	var fresh []string
	for _, c := range readCases(t) {
		if c.Class != "pure" && c.Class != "lambda" || c.Kind != "execution" && c.Kind != "test_state" {
			continue
		}
		seen[c.ID] = true
		err := judge(&c)
		_, listedHere := known[c.ID]
		switch {
		case err == nil && listedHere:
			t.Errorf("%s is listed as failing but passes", c.ID)
		case err == nil:
			passed++
		case listedHere:
			listed++
		default:
			fresh = append(fresh, c.ID+"\t"+strings.SplitN(err.Error(), "\n", 2)[0])
			t.Errorf("%s: %v", c.ID, err)
		}
	}
	for id := range known {
		if !seen[id] && !strings.HasPrefix(id, "row ") {
			t.Errorf("%s is listed but not in the suite", id)
		}
	}
	if path := os.Getenv("ASL_FAILURES"); path != "" {
		if err := os.WriteFile(path, []byte(strings.Join(fresh, "\n")+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d cases passed, %d fail as listed", passed, listed)
}

func judge(c *suiteCase) error {
	if c.Kind == "test_state" {
		return judgeTestState(c)
	}
	m := newMatcher(c)
	label := 0
	judged := false
	for i, e := range c.Executions {
		x, err := execute(c, i)
		if err != nil {
			return err
		}
		if e.Sync {
			judged = true
			if err := m.sync(c.Snapshot, x); err != nil {
				return err
			}
			continue
		}
		want := historyLabel(c.Snapshot, len(c.Executions), label)
		label++
		if want == nil {
			continue
		}
		judged = true
		if err := m.history(want, x, c); err != nil {
			return fmt.Errorf("execution %d: %w", i, err)
		}
	}
	if !judged {
		return errors.New("needs the service: the snapshot has no history")
	}
	return nil
}

func historyLabel(snapshot map[string]any, executions, i int) []any {
	names := []string{fmt.Sprintf("exec_hist_resp_%d", i), fmt.Sprintf("get_execution_history_%d", i)}
	if executions == 1 {
		names = append(names, "get_execution_history", "exec_hist_resp", "execution_history")
	}
	for _, n := range names {
		if l, ok := snapshot[n].(map[string]any); ok {
			if events, ok := l["events"].([]any); ok {
				return events
			}
		}
	}
	return nil
}

// execute runs an execution to its end, with a clock that jumps.
func execute(c *suiteCase, i int) (*execution, error) {
	e := c.Executions[i]
	sm := c.Machines[e.Machine]
	m, err := Compile(sm.Definition, Options{Express: sm.Type == "EXPRESS"})
	if err != nil {
		return nil, err
	}
	input := "{}"
	if e.Input != nil {
		input = *e.Input
	}
	if days := regexp.MustCompile(`too_far_in_future_boundary\[(\d+)\]`).FindStringSubmatch(c.ID); days != nil {
		input = strings.ReplaceAll(input, input[strings.Index(input, "20"):strings.Index(input, "Z")+1], boundary(days[1]))
	}
	name := "exec-name-1"
	info := Info{Input: input, ARN: "arn:aws:states:us-east-1:111111111111:execution:" + sm.Name + ":" + name, Name: name,
		RoleARN: "arn:aws:iam::111111111111:role/role-1", MachineARN: sm.Arn, Machine: sm.Name, Region: "us-east-1", Start: suiteStart, Express: sm.Type == "EXPRESS"}
	run := &execution{Execution: New(m, &fixedEnv{}, info), c: c}
	run.Start()
	if c.Snapshot["stop_res"] != nil {
		run.events = append(run.events, run.History()...)
		run.Step(suiteStart, Event{Kind: Stop})
	}
	return run, run.drive(m)
}

var suiteStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func boundary(days string) string {
	n := 0
	_, _ = fmt.Sscan(days, &n)
	return suiteStart.Add(time.Duration(n)*24*time.Hour + 0).Format("2006-01-02T15:04:05Z")
}

type execution struct {
	*Execution
	c      *suiteCase
	events []HistoryEvent
}

// drive feeds the execution; after every step its state goes through its rows, as after a crash.
func (r *execution) drive(m *Machine) error {
	now := suiteStart
	rows := map[string][]byte{}
	for steps := 0; r.Status() == Running; steps++ {
		if steps > 10_000 {
			return errors.New("the execution does not end")
		}
		r.events = append(r.events, r.History()...)
		commands := r.Commands()
		changes, err := r.Changes()
		if err != nil {
			return err
		}
		for k, v := range changes {
			if rows[k] = v; v == nil {
				delete(rows, k)
			}
		}
		if r.Execution, err = Load(m, r.env, rows); err != nil {
			return err
		}
		progress := r.Runnable()
		for _, c := range commands {
			if c.Run == nil {
				continue
			}
			if ev, ok := r.answer(*c.Run); ok {
				r.Step(now, ev)
				progress = true
				break // the others are in flight: they are issued again below
			}
		}
		if !progress {
			progress = r.answerInFlight(now)
		}
		if progress {
			if r.Runnable() {
				r.Step(now, Event{Kind: Wake})
			}
			continue
		}
		due := r.Due()
		if due.IsZero() {
			return errors.New("the execution waits for nothing")
		}
		if due.After(now) {
			now = due
		}
		r.Step(now, Event{Kind: Wake})
	}
	r.events = append(r.events, r.History()...)
	return nil
}

func (r *execution) answerInFlight(now time.Time) bool {
	for _, c := range r.InFlight() {
		if ev, ok := r.answer(c); ok {
			return r.Step(now, ev)
		}
	}
	return false
}

var lambdaName = regexp.MustCompile(`(no_such_)?lambda[A-Za-z0-9_]*$|function_name_[0-9a-f]+$`)

// answer is what the functions of the suite do; false: the task does not end by itself.
func (r *execution) answer(call TaskCall) (Event, bool) {
	name, payload := call.Resource.ARN, call.Parameters
	if call.Resource.Kind == Service {
		v, _ := jsonpath.Parse(call.Parameters)
		o, _ := v.(*jsonpath.Object)
		fn, _ := o.Get("FunctionName")
		name, _ = fn.(string)
		p, _ := o.Get("Payload")
		if payload = jsonpath.Text(p); p == nil {
			payload = "{}"
		}
	}
	source := ""
	for _, l := range r.c.Lambdas {
		if strings.HasSuffix(name, l.Name) && !strings.Contains(name, "no_such_") {
			source = filepath.Base(l.Source)
		}
	}
	reply := LambdaReply{Version: "$LATEST", RequestID: r.env.UUID(), TraceID: "Root=1-00000000-000000000000000000000000", Date: suiteStart}
	switch source {
	case "id_function.py":
		reply.Payload = payload
	case "echo_function.py":
		reply.Payload = `{"Return": "HelloWorld"}`
	case "return_bytes_str.py":
		reply.Payload = `"HelloWorld!"`
	case "large_output_string.py":
		reply.Payload = `"` + strings.Repeat("a", 257<<10) + `"`
	case "wait_60_seconds.py":
		return Event{}, false
	case "raise_exception.py":
		reply.FunctionError = "Unhandled"
		reply.Payload = `{"errorMessage": "Some exception was raised.", "errorType": "Exception", "requestId": "` + reply.RequestID +
			`", "stackTrace": ["  File \"/var/task/handler.py\", line 2, in handler\n    raise Exception(\"Some exception was raised.\")\n"]}`
	case "raise_custom_exception.py":
		reply.FunctionError = "Unhandled"
		reply.Payload = `{"errorMessage": "", "errorType": "CustomException", "requestId": "` + reply.RequestID +
			`", "stackTrace": ["  File \"/var/task/handler.py\", line 9, in handler\n    raise CustomException()\n"]}`
	default:
		name := "Lambda.ResourceNotFoundException"
		cause := "Function not found: arn:aws:lambda:us-east-1:111111111111:function:" + lambdaName.FindString(name2(call)) +
			":$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: " + reply.RequestID + "; Proxy: null)"
		return Event{Kind: TaskFailed, Task: call.ID, Error: &name, Cause: &cause}, true
	}
	return LambdaOutcome(call, reply), true
}

func name2(call TaskCall) string {
	v, _ := jsonpath.Parse(call.Parameters)
	if o, ok := v.(*jsonpath.Object); ok {
		if n, ok := o.Get("FunctionName"); ok {
			s, _ := n.(string)
			return s
		}
	}
	return call.Resource.ARN
}

// asAPI gives the events as GetExecutionHistory would.
func asAPI(events []HistoryEvent) ([]any, error) {
	out := make([]any, 0, len(events))
	for _, e := range events {
		o := map[string]any{"id": e.ID, "previousEventId": e.PreviousID, "type": e.Type, "timestamp": e.Time.String()}
		if e.Details != nil {
			b, err := json.Marshal(e.Details)
			if err != nil {
				return nil, err
			}
			var d map[string]any
			dec := json.NewDecoder(strings.NewReader(string(b)))
			dec.UseNumber()
			if err := dec.Decode(&d); err != nil {
				return nil, err
			}
			if e.Details.Input != nil {
				d["inputDetails"] = map[string]any{"truncated": false}
			}
			if e.Details.Output != nil {
				d["outputDetails"] = map[string]any{"truncated": false}
			}
			if e.Details.AssignedVariables != nil {
				d["assignedVariablesDetails"] = map[string]any{"truncated": false}
			}
			if e.Type == "MapIterationStarted" && d["index"] == nil {
				d["index"] = json.Number("0")
			}
			o[e.Member()] = d
		}
		b, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		dec := json.NewDecoder(strings.NewReader(string(b)))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
