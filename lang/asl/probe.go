package asl

import "time"

// Probe watches the run of a single state, for TestState. Its methods do nothing on a nil Probe.
type Probe struct {
	Retries int     // how many retries have been before
	Mock    *string // the result of a Parallel or Map, JSON; nil: none

	// What the run gave. The documents are JSON; nil when that step of the data flow was not reached.
	Input, AfterInputPath, AfterParameters, Result, AfterResultSelector, AfterResultPath *string
	AfterItemsPath                                                                       *string
	MaxConcurrency                                                                       *int64
	Status                                                                               string // SUCCEEDED, FAILED, RETRIABLE or CAUGHT_ERROR
	Output                                                                               *string
	NextState                                                                            string
	Error                                                                                *string
	Cause                                                                                *string
	Variables                                                                            map[string]string
	CatchIndex                                                                           *int
	RetryIndex                                                                           *int
	Backoff                                                                              time.Duration
}

// Inspect runs one state with an input. The commands of the run, if it has a task, are answered by run.
func Inspect(s *State, env Env, info Info, variables map[string]string, p *Probe, run func(TaskCall) Event) {
	m := &Machine{StartAt: s.Name, Order: []string{s.Name}, States: map[string]*State{s.Name: s}}
	x := New(m, env, info)
	x.probe, x.now = p, info.Start
	p.Input = &info.Input
	t := x.newThread(0, 0)
	t.State, t.in, t.Entered, t.vars, t.Tries = s.Name, docText(info.Input), x.now, variables, p.Retries
	x.perform(t)
	x.run()
	for _, c := range x.Commands() {
		if c.Run != nil {
			x.Step(x.now, run(*c.Run))
		}
	}
}

func (p *Probe) before(effective, params *doc) {
	if p == nil {
		return
	}
	p.AfterInputPath = ptr(effective.str())
	if params != nil {
		p.AfterParameters = ptr(params.str())
	}
}

func (p *Probe) mapped(items []any, concurrency duration) {
	if p == nil {
		return
	}
	d := docValue(items)
	p.AfterItemsPath = ptr(d.str())
	if concurrency.set && concurrency.path == nil {
		p.MaxConcurrency = ptr(concurrency.fixed)
	}
}

func (p *Probe) result(d *doc) {
	if p != nil {
		p.Result = ptr(d.str())
	}
}

func (p *Probe) afterSelector(d *doc) {
	if p != nil {
		p.AfterResultSelector = ptr(d.str())
	}
}

func (p *Probe) afterResult(d *doc) {
	if p != nil {
		p.AfterResultPath = ptr(d.str())
	}
}

// mocked answers a Parallel or Map from the mock; true: the run is over.
func (p *Probe) mocked(x *Execution, t *thread, s *State) bool {
	if p == nil {
		return false
	}
	if p.Mock == nil {
		x.fail(t, runtime("A mock is required to test a state of the type %s.", s.Type))
		return true
	}
	d := docText(*p.Mock)
	if err := x.conclude(t, s, d); err != nil {
		x.fail(t, asFailure(err))
	}
	return true
}

func (p *Probe) caught(i int, f *Failure) {
	if p != nil {
		p.CatchIndex = &i
		p.Error, p.Cause = f.pointers()
	}
}

func (p *Probe) left(x *Execution, output, next string, variables map[string]string) {
	p.Output, p.NextState, p.Variables = &output, next, variables
	p.Status = "SUCCEEDED"
	if p.CatchIndex != nil {
		p.Status = "CAUGHT_ERROR"
	}
	x.head.Status = Succeeded
}

func (p *Probe) failed(x *Execution, f *Failure) {
	p.Error, p.Cause = f.pointers()
	p.Status, x.head.Status = "FAILED", Failed
}

func (p *Probe) retriable(x *Execution, f *Failure, i int, delay time.Duration) {
	p.Error, p.Cause = f.pointers()
	p.Status, p.RetryIndex, p.Backoff, x.head.Status = "RETRIABLE", &i, delay, Failed
}
