package asl

import (
	"strconv"
	"time"

	"sundog/lang/jsonpath"
)

type phase uint8

const (
	phaseEnter phase = iota // about to enter State
	phaseBegin              // its task is scheduled and about to start
	phaseTask               // its task runs
	phaseWait               // waits for Due, then leaves the state
	phaseRetry              // waits for Due, then runs the state again
	phaseGroup              // waits for its branches or iterations
)

// thread is one line of states: the execution itself, a branch, or an iteration.
type thread struct {
	ID      int       `json:"id"`
	Parent  int       `json:"parent,omitempty"` // 0: the execution itself
	Slot    int       `json:"slot,omitempty"`   // which branch or iteration
	State   string    `json:"state"`
	Phase   phase     `json:"phase"`
	Input   string    `json:"input"` // of the state, JSON; `in` while in memory
	Entered time.Time `json:"entered,omitzero"`
	Event   int64     `json:"event,omitempty"` // the id of the event by which the state was entered
	Prev    int64     `json:"prev"`            // the id of the thread's last event
	Tries   int       `json:"tries,omitempty"` // retries of the state so far
	Retried []int     `json:"retried,omitempty"`
	Due     time.Time `json:"due,omitzero"`
	Beat    time.Time `json:"beat,omitzero"` // when the next heartbeat must have come
	Task    *TaskCall `json:"task,omitempty"`
	Group   *group    `json:"group,omitempty"`
	Item    *string   `json:"item,omitempty"` // the item of an iteration, JSON

	in    doc
	vars  map[string]string // own variables, JSON; their own row
	items []string          // of a Map, JSON; their own row
	token string            // while Parameters are rendered
	step  *Machine          // the machine that the thread walks
}

// group is a Parallel or Map in progress.
type group struct {
	Count int `json:"count"`
	Next  int `json:"next"` // the first iteration that has not begun
	Done  int `json:"done"`
	Max   int `json:"max"` // concurrent iterations
}

// maxThreads bounds the branches and iterations that run at once in one execution.
const maxThreads = 10_000

// maxForked bounds the bytes of input that the branches of one Parallel get together.
const maxForked = 12 << 20

func (x *Execution) newThread(parent, slot int) *thread {
	x.head.Threads++
	t := &thread{ID: x.head.Threads, Parent: parent, Slot: slot}
	x.threads[t.ID] = t
	x.touch(t)
	return t
}

// touch marks the thread's row as changed.
func (x *Execution) touch(t *thread) { x.changed["t"+strconv.Itoa(t.ID)] = true }

// drop deletes the thread and its rows.
func (x *Execution) drop(t *thread) {
	delete(x.threads, t.ID)
	x.changed["t"+strconv.Itoa(t.ID)] = false
	if t.vars != nil {
		x.changed["v"+strconv.Itoa(t.ID)] = false
	}
	x.dropGroup(t)
}

// dropGroup forgets the items and outputs of the thread's Parallel or Map.
func (x *Execution) dropGroup(t *thread) {
	id := strconv.Itoa(t.ID)
	if t.items != nil {
		x.changed["i"+id] = false
		t.items = nil
	}
	for slot := range x.outputs[t.ID] {
		x.changed["o"+id+"."+strconv.Itoa(slot)] = false
	}
	delete(x.outputs, t.ID)
	t.Group = nil
}

func (x *Execution) push(t *thread) {
	x.head.Queue = append(x.head.Queue, t.ID)
	x.changed["h"] = true
	x.touch(t)
}

// program gives the machine that the thread walks.
func (x *Execution) program(t *thread) *Machine {
	if t.step != nil {
		return t.step
	}
	t.step = x.machine
	if p := x.threads[t.Parent]; p != nil {
		s := x.state(p)
		if s.Type == Parallel {
			t.step = s.Branches[t.Slot]
		} else {
			t.step = s.Processor
		}
	}
	return t.step
}

func (x *Execution) state(t *thread) *State { return x.program(t).States[t.State] }

// scope is what the expressions of the thread's state see, with input as "$".
func (x *Execution) scope(t *thread, input *doc) *scope {
	return &scope{
		input:    input.val(),
		raw:      input.str,
		context:  func() *jsonpath.Object { return x.contextObject(t) },
		variable: func(name string) (any, bool) { return x.variable(t, name) },
		env:      x.env,
	}
}

// variable finds a variable of the thread or of the threads around it.
func (x *Execution) variable(t *thread, name string) (any, bool) {
	for ; t != nil; t = x.threads[t.Parent] {
		if s, ok := t.vars[name]; ok {
			d := docText(s)
			return d.val(), true
		}
	}
	return nil, false
}

// advance makes the thread's next move.
func (x *Execution) advance(t *thread) {
	x.touch(t)
	switch t.Phase {
	case phaseEnter:
		x.enter(t)
	case phaseBegin:
		x.begin(t)
	}
}

// fire handles what was due for a thread.
func (x *Execution) fire(t *thread) {
	x.touch(t)
	switch t.Phase {
	case phaseWait:
		t.Due = time.Time{}
		x.finishWait(t)
	case phaseRetry:
		t.Due = time.Time{}
		x.perform(t)
	case phaseTask:
		x.taskTimedOut(t)
	}
}

func (x *Execution) enter(t *thread) {
	s := x.state(t)
	if s == nil {
		x.fail(t, &Failure{Name: ErrRuntime, Cause: "The state '" + t.State + "' does not exist."})
		return
	}
	t.Entered, t.Tries, t.Retried = x.now, 0, nil
	t.Event = x.emit(t, string(s.Type)+"StateEntered", &Details{Name: &s.Name, Input: ptr(t.in.str())})
	x.perform(t)
}

// perform runs the state, for the first time or again.
func (x *Execution) perform(t *thread) {
	s := x.state(t)
	var err error
	switch s.Type {
	case Pass:
		err = x.pass(t, s)
	case Succeed:
		err = x.through(t, s, nil, "")
	case Choice:
		err = x.choose(t, s)
	case Fail:
		err = x.failState(t, s)
	case Wait:
		err = x.wait(t, s)
	case Task:
		err = x.schedule(t, s)
	case Parallel:
		err = x.fork(t, s)
	case Map:
		err = x.mapItems(t, s)
	}
	if err != nil {
		x.fail(t, asFailure(err))
	}
}

// leave ends the state: the event, the variables, then the next state or the end of the thread. assigned is nil or the rendered
// Assign, whose size has been checked.
func (x *Execution) leave(t *thread, s *State, out doc, assigned *jsonpath.Object, next string) error {
	if !out.fits() {
		return tooLarge(s.Name)
	}
	d := &Details{Name: &s.Name, Output: ptr(out.str())}
	if assigned != nil {
		d.AssignedVariables = x.assign(t, assigned)
	}
	if x.probe != nil {
		x.probe.left(x, out.str(), next, d.AssignedVariables)
		return nil
	}
	x.emit(t, string(s.Type)+"StateExited", d)
	if next == "" {
		x.end(t, out)
		return nil
	}
	t.State, t.in, t.Phase = next, out, phaseEnter
	x.push(t)
	return nil
}

func (x *Execution) assign(t *thread, o *jsonpath.Object) map[string]string {
	if t.vars == nil {
		t.vars = map[string]string{}
	}
	out := make(map[string]string, o.Len())
	for k, v := range o.All() {
		s := jsonpath.Text(v)
		out[k], t.vars[k] = s, s
	}
	x.changed["v"+strconv.Itoa(t.ID)] = true
	return out
}

// end is the end of a thread's last state.
func (x *Execution) end(t *thread, out doc) {
	if t.Parent != 0 {
		x.childDone(x.threads[t.Parent], t, out)
		return
	}
	x.head.Status, x.head.Output = Succeeded, out.str()
	x.emit(t, "ExecutionSucceeded", &Details{Output: ptr(out.str())})
	x.drop(t)
}
