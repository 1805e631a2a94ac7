package asl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"sundog/lang/jsonpath"
)

// Status is an execution's status.
type Status string

// The statuses.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Info is what an execution is told of itself: its input and the constant part of the context object.
type Info struct {
	Input      string    `json:"input"` // JSON
	ARN        string    `json:"arn"`
	Name       string    `json:"name"`
	RoleARN    string    `json:"role"`
	MachineARN string    `json:"machine"`
	Machine    string    `json:"machineName"`
	Region     string    `json:"region"`
	VersionARN string    `json:"version,omitempty"`
	AliasARN   string    `json:"alias,omitempty"`
	Start      time.Time `json:"start"`
	Express    bool      `json:"express,omitempty"`
	// Context is a context object given from outside (TestState), JSON; "": made from the members above.
	Context string `json:"context,omitempty"`
}

// Execution is a running workflow. It is not safe for concurrent use.
type Execution struct {
	machine *Machine
	env     Env
	info    Info
	head    head
	threads map[int]*thread
	outputs map[int]map[int]string // of finished branches and iterations: parent thread -> slot -> JSON
	now     time.Time

	commands []Command
	history  []HistoryEvent
	changed  map[string]bool // rows to write; false: to delete
	probe    *Probe
	input    *doc
	bytes    int // of the documents in this step's events
}

type head struct {
	Status   Status    `json:"status"`
	Output   string    `json:"output,omitempty"`
	Error    *string   `json:"error,omitempty"`
	Cause    *string   `json:"cause,omitempty"`
	Deadline time.Time `json:"deadline,omitzero"`
	Threads  int       `json:"threads"`
	Tasks    int       `json:"tasks"`
	Events   int64     `json:"events"`
	Queue    []int     `json:"queue,omitempty"` // threads that can go on at once
}

// Command is what the execution asks of its surroundings. Exactly one member is set.
type Command struct {
	Run    *TaskCall // start this task and report its outcome by its ID
	Cancel string    // the outcome of the task with this ID no longer matters
}

// TaskCall is a task to run.
type TaskCall struct {
	ID         string        `json:"id"` // unique in the execution, stable over restarts
	State      string        `json:"state"`
	Resource   Resource      `json:"resource"`
	Parameters string        `json:"parameters"`           // JSON
	Token      string        `json:"token,omitempty"`      // of activities and .waitForTaskToken
	RoleARN    string        `json:"role,omitempty"`       // of Credentials; "": the state machine's
	Timeout    time.Duration `json:"timeout,omitempty"`    // 0: none
	Heartbeat  time.Duration `json:"heartbeat,omitempty"`  // 0: none
	Submitted  bool          `json:"submitted,omitempty"`  // the service has accepted the work; a callback or the end of the job is awaited
	Submission string        `json:"submission,omitempty"` // what the service answered then, JSON
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	Wake          EventKind = iota // Due has been reached, or a step was cut short (see Runnable)
	TaskSubmitted                  // the service accepted the work of a .sync or .waitForTaskToken task; Output is its answer
	TaskSucceeded                  // Output is the result, JSON
	TaskFailed                     // Error and Cause
	TaskHeartbeat
	TaskTaken // a worker has taken an activity's task; Worker is its name
	Crash     // fails the execution with Error and Cause, whatever it does: its step cannot be stored
	Stop      // StopExecution; Error and Cause may be nil
)

// Event is something that happened to an execution.
type Event struct {
	Kind   EventKind
	Task   string // the task's ID
	Output string
	Error  *string
	Cause  *string
	Worker string
}

// stepBudget is how many moves one Step makes at most, so that a step's changes stay small.
const stepBudget = 256

// stepBytes is how many bytes of documents one Step puts into the history before it stops for a breath.
const stepBytes = 8 << 20

// New prepares an execution; Start sets it going.
func New(m *Machine, env Env, info Info) *Execution {
	x := &Execution{machine: m, env: env, info: info, threads: map[int]*thread{}, outputs: map[int]map[int]string{}, changed: map[string]bool{}}
	x.head.Status = Running
	x.changed["c"], x.changed["h"] = true, true
	in := docText(info.Input)
	x.input = &in
	return x
}

// Start begins the execution at the moment info.Start and makes its first step.
func (x *Execution) Start() {
	x.now = x.info.Start
	if n := x.machine.TimeoutSeconds; n > 0 {
		x.head.Deadline = x.now.Add(time.Duration(n) * time.Second)
	}
	if end := x.now.Add(maxExpress); x.info.Express {
		x.head.Deadline = earlier(x.head.Deadline, end)
	}
	x.event("ExecutionStarted", 0, &Details{Input: &x.info.Input, RoleARN: &x.info.RoleARN,
		StateMachineVersionARN: optional(x.info.VersionARN), StateMachineAliasARN: optional(x.info.AliasARN)})
	t := x.newThread(0, 0)
	t.State, t.in = x.machine.StartAt, docText(x.info.Input)
	x.push(t)
	x.run()
}

// Step applies one event at a time. False: the event concerns a task that is no longer awaited, or the execution has ended; then
// nothing changed.
func (x *Execution) Step(now time.Time, ev Event) bool {
	if x.head.Status != Running {
		return false
	}
	x.now = now
	switch ev.Kind {
	case Wake:
		x.wake()
	case Stop:
		x.stop(ev)
	case Crash:
		x.close(Failed, "ExecutionFailed", ev.Error, ev.Cause, 0)
	default:
		t := x.taskThread(ev.Task)
		if t == nil {
			return false
		}
		x.taskEvent(t, ev)
	}
	x.run()
	return true
}

// run lets threads go on, one move each in turn, until all wait or the budget is used up.
func (x *Execution) run() {
	x.bytes = 0
	for moves := 0; len(x.head.Queue) > 0 && x.head.Status == Running && moves < stepBudget && x.bytes < stepBytes; moves++ {
		id := x.head.Queue[0]
		x.head.Queue = x.head.Queue[1:]
		x.changed["h"] = true
		if t := x.threads[id]; t != nil {
			x.advance(t)
		}
		if x.head.Events >= MaxHistory-1 && !x.info.Express && x.head.Status == Running {
			x.abort(Failed, "ExecutionFailed", &Failure{Name: ErrRuntime, Cause: "The execution reached the maximum number of history events (25000)."})
		}
	}
}

// Runnable tells whether the last step was cut short: a Wake event makes the next one.
func (x *Execution) Runnable() bool { return x.head.Status == Running && len(x.head.Queue) > 0 }

// Due gives the next moment at which a Wake event is needed; the zero time when there is none.
func (x *Execution) Due() time.Time {
	if x.head.Status != Running {
		return time.Time{}
	}
	due := x.head.Deadline
	for _, t := range x.threads {
		due = earlier(earlier(due, t.Due), t.Beat)
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// wake fires what is due, the earliest first.
func (x *Execution) wake() {
	if d := x.head.Deadline; !d.IsZero() && !x.now.Before(d) {
		x.timeOut()
		return
	}
	var due []*thread
	for _, t := range x.threads {
		if at := earlier(t.Due, t.Beat); !at.IsZero() && !x.now.Before(at) {
			due = append(due, t)
		}
	}
	sort.Slice(due, func(i, j int) bool {
		a, b := earlier(due[i].Due, due[i].Beat), earlier(due[j].Due, due[j].Beat)
		if a.Equal(b) {
			return due[i].ID < due[j].ID
		}
		return a.Before(b)
	})
	for _, t := range due {
		if x.threads[t.ID] == t && x.head.Status == Running { // one before may have ended it
			x.fire(t)
		}
	}
}

// Commands gives and forgets the commands of the last step.
func (x *Execution) Commands() []Command {
	c := x.commands
	x.commands = nil
	return c
}

// History gives and forgets the events that the last step added.
func (x *Execution) History() []HistoryEvent {
	h := x.history
	x.history = nil
	return h
}

// Status gives the execution's status.
func (x *Execution) Status() Status { return x.head.Status }

// Info gives what the execution was started with.
func (x *Execution) Info() Info { return x.info }

// Events gives how many history events there are.
func (x *Execution) Events() int64 { return x.head.Events }

// Output gives the output of an execution that succeeded, JSON.
func (x *Execution) Output() string { return x.head.Output }

// Failure gives error and cause of an execution that failed, was stopped or timed out; each may be nil.
func (x *Execution) Failure() (name, cause *string) { return x.head.Error, x.head.Cause }

// InFlight gives the tasks that are awaited: after a restart they are to be run again, except the submitted ones.
func (x *Execution) InFlight() []TaskCall {
	var out []TaskCall
	for _, t := range x.threads {
		if t.Phase == phaseTask && t.Task != nil {
			out = append(out, *t.Task)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Changes gives the rows that the steps since the last call have changed, nil for a deleted one, and forgets them. All rows
// together are the execution's state.
func (x *Execution) Changes() (map[string][]byte, error) {
	out := make(map[string][]byte, len(x.changed))
	for key, write := range x.changed {
		if !write {
			out[key] = nil
			continue
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // rows stay small
		if err := e.Encode(x.row(key)); err != nil {
			return nil, err
		}
		out[key] = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	}
	x.changed = map[string]bool{}
	return out, nil
}

func (x *Execution) row(key string) any {
	id, slot, _ := strings.Cut(key[1:], ".")
	n, _ := strconv.Atoi(id)
	switch key[0] {
	case 'c':
		return x.info
	case 'h':
		return x.head
	case 'v':
		return x.threads[n].vars
	case 'i':
		return x.threads[n].items
	case 'o':
		k, _ := strconv.Atoi(slot)
		return x.outputs[n][k]
	}
	t := x.threads[n]
	t.Input = t.in.str()
	return t
}

// Load makes the execution of its rows.
func Load(m *Machine, env Env, rows map[string][]byte) (*Execution, error) {
	x := New(m, env, Info{})
	x.changed = map[string]bool{}
	keys := make([]string, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return (keys[i][0] == 't') && (keys[j][0] != 't') }) // threads before what hangs on them
	for _, k := range keys {
		if err := x.load(k, rows[k]); err != nil {
			return nil, fmt.Errorf("asl: row %q of an execution: %w", k, err)
		}
	}
	in := docText(x.info.Input)
	x.input = &in
	return x, nil
}

func (x *Execution) load(key string, row []byte) error {
	id, slot, _ := strings.Cut(key[1:], ".")
	n, _ := strconv.Atoi(id)
	switch key[0] {
	case 'c':
		return json.Unmarshal(row, &x.info)
	case 'h':
		return json.Unmarshal(row, &x.head)
	case 't':
		t := &thread{}
		if err := json.Unmarshal(row, t); err != nil {
			return err
		}
		t.in = docText(t.Input)
		x.threads[n] = t
		return nil
	case 'o':
		var s string
		k, _ := strconv.Atoi(slot)
		if x.outputs[n] == nil {
			x.outputs[n] = map[int]string{}
		}
		err := json.Unmarshal(row, &s)
		x.outputs[n][k] = s
		return err
	}
	t := x.threads[n]
	if t == nil {
		return fmt.Errorf("there is no thread %d", n)
	}
	if key[0] == 'v' {
		return json.Unmarshal(row, &t.vars)
	}
	return json.Unmarshal(row, &t.items)
}

// contextObject is the context object for a thread (Step Functions Developer Guide, "Accessing execution data from the Context
// object"); t nil: without State, Task and Map.
func (x *Execution) contextObject(t *thread) *jsonpath.Object {
	if x.info.Context != "" {
		given := docText(x.info.Context)
		if o, ok := given.val().(*jsonpath.Object); ok {
			return o
		}
	}
	obj := func(kv ...any) *jsonpath.Object {
		o := jsonpath.NewObject(len(kv) / 2)
		for i := 0; i+1 < len(kv); i += 2 {
			o.Set(kv[i].(string), kv[i+1])
		}
		return o
	}
	o := obj("Execution", obj("Id", x.info.ARN, "Input", x.input.val(), "StartTime", stamp(x.info.Start), "Name", x.info.Name,
		"RoleArn", x.info.RoleARN, "RedriveCount", jsonpath.Number("0")),
		"StateMachine", obj("Id", x.info.MachineARN, "Name", x.info.Machine))
	if t == nil {
		return o
	}
	o.Set("State", obj("Name", t.State, "EnteredTime", stamp(t.Entered), "RetryCount", number(int64(t.Tries))))
	for p := t; p != nil; p = x.threads[p.Parent] {
		if p.Item != nil {
			item := docText(*p.Item)
			o.Set("Map", obj("Item", obj("Index", number(int64(p.Slot)), "Value", item.val())))
			break
		}
	}
	if t.token != "" {
		o.Set("Task", obj("Token", t.token))
	}
	return o
}

// stamp is a time as the context object shows it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
