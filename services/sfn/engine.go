package sfn

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/timer"
	"sundog/lang/asl"
	"sundog/services/room"
)

const (
	timerKind  = "sfn.wake"
	expireKind = "sfn.expire"
	// retention is how long an execution is remembered after its end.
	retention = 90 * 24 * time.Hour
	// maxTasks is how many tasks run at once in this process; more wait their turn.
	maxTasks = 512
	// maxCompiled bounds the cache of compiled definitions.
	maxCompiled = 1000
	retryDelay  = time.Second
)

// engine runs executions. Each has at most one run in memory, whose lock orders its steps; a run without work in flight is dropped
// from memory and loaded again when something happens to it.
//
// Lock order: run.mu before engine.mu.
type engine struct {
	d      room.Deps
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	slots  chan struct{}

	mu       sync.Mutex
	closed   bool
	runs     map[string]*run
	compiled map[string]*asl.Machine // by machine and revision
	waiting  map[string][]chan func()
}

// run is one execution in memory.
type run struct {
	mu    sync.Mutex
	users int // holders and waiters of mu, and tasks; guarded by engine.mu
	rec   *record
	x     *asl.Execution // nil: to be loaded
	tasks map[string]context.CancelFunc
}

func newEngine(d room.Deps) *engine {
	ctx, cancel := context.WithCancel(context.Background())
	return &engine{d: d, ctx: ctx, cancel: cancel, slots: make(chan struct{}, maxTasks), runs: map[string]*run{}, compiled: map[string]*asl.Machine{}, waiting: map[string][]chan func(){}}
}

// env is the interpreter's surroundings for one execution. Its dice are seeded by the execution's ARN and the platform's ids.
type env struct {
	e    *engine
	arn  string
	dice *rand.Rand
}

func (e *engine) env(arn string) *env {
	h := fnv.New64a()
	_, _ = h.Write([]byte(arn + e.d.IDs.Hex(8)))
	return &env{e: e, arn: arn, dice: rand.New(rand.NewPCG(h.Sum64(), 0))} //nolint:gosec // delays and States.MathRandom
}

func (v *env) UUID() string                 { return v.e.d.IDs.UUID() }
func (v *env) Random() float64              { return v.dice.Float64() }
func (v *env) TaskToken(task string) string { return newToken(v.arn, task, v.e.d.IDs.Hex(16)) }

// machine gives the compiled definition of a revision.
func (e *engine) machine(r store.Reader, n name, revision string, express bool) (*asl.Machine, error) {
	key := n.String() + "/" + n.Name + "/" + revision
	e.mu.Lock()
	m := e.compiled[key]
	e.mu.Unlock()
	if m != nil {
		return m, nil
	}
	text, err := r.Get(n.definitionKey(revision))
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, errNoMachine(n.arn("stateMachine").String())
	}
	if m, err = compile(string(text), express); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.compiled) >= maxCompiled {
		clear(e.compiled)
	}
	e.compiled[key] = m
	return m, nil
}

// hold locks the run of an execution; release gives it back.
func (e *engine) hold(arn string) *run {
	e.mu.Lock()
	r := e.runs[arn]
	if r == nil {
		r = &run{tasks: map[string]context.CancelFunc{}}
		e.runs[arn] = r
	}
	r.users++
	e.mu.Unlock()
	r.mu.Lock()
	return r
}

func (e *engine) release(arn string, r *run) {
	r.mu.Unlock()
	e.leave(arn, r)
}

func (e *engine) leave(arn string, r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.users--; r.users == 0 {
		delete(e.runs, arn)
	}
}

// load brings the execution into memory. A record without rows is one that has ended: then x stays nil.
func (e *engine) load(ctx context.Context, arn string, r *run) error {
	if r.x != nil {
		return nil
	}
	return e.d.Store.View(ctx, func(tx store.Reader) error {
		rec := &record{}
		found, err := load(tx, execKey(arn), rec)
		if err != nil {
			return err
		}
		if !found {
			return errNoExecution(arn)
		}
		r.rec = rec
		if rec.Status != asl.Running {
			return nil
		}
		m, err := e.machine(tx, rec.machineName(), rec.Revision, rec.Express)
		if err != nil {
			return err
		}
		rows := map[string][]byte{}
		prefix := stateKey(arn)
		if err := scan(tx, store.Prefix(prefix), len(prefix), func(key, value []byte) (bool, error) {
			rows[string(key)] = append([]byte(nil), value...)
			return true, nil
		}); err != nil {
			return err
		}
		r.x, err = asl.Load(m, e.env(arn), rows)
		return err
	})
}

// begin starts a new execution and commits its first step. setup runs in the same Update, before anything is written; a nil machine
// means that there is nothing to start.
func (e *engine) begin(ctx context.Context, rec *record, setup func(tx store.Tx) (*asl.Machine, error)) error {
	defer e.d.Clock.Busy("sfn")()
	r := e.hold(rec.ARN)
	defer e.release(rec.ARN, r)
	var fresh record
	var x *asl.Execution
	var mv moves
	err := e.d.Store.Update(ctx, func(tx store.Tx) error {
		x = nil
		m, err := setup(tx)
		if err != nil || m == nil {
			return err
		}
		x, fresh = asl.New(m, e.env(rec.ARN), rec.info()), *rec
		x.Start()
		if mv, err = take(x); err != nil {
			return err
		}
		return e.first(tx, &fresh, x, mv)
	})
	if err != nil || x == nil {
		return err
	}
	*rec = fresh
	r.rec, r.x = &fresh, x
	e.count(rec, "ExecutionsStarted", "Count", 1)
	e.after(rec.ARN, r, mv)
	return nil
}

// after carries out a committed step: tasks start and stop, waiters hear of the end. The caller holds r.
func (e *engine) after(arn string, r *run, mv moves) {
	e.log(r.rec, mv.history)
	for _, c := range mv.commands {
		if c.Cancel != "" {
			if stop := r.tasks[c.Cancel]; stop != nil {
				stop()
			}
			continue
		}
		if c.Run.Resource.Kind != asl.Activity {
			e.launch(arn, r, *c.Run)
		}
	}
	if r.x.Status() != asl.Running {
		for _, stop := range r.tasks {
			stop()
		}
		r.x = nil
		e.over(r.rec)
		e.announce(arn)
	}
}

// step applies an event and commits what follows from it. applied is false when the event concerns nothing that is awaited.
func (e *engine) step(ctx context.Context, arn string, ev asl.Event) (applied bool, err error) {
	defer e.d.Clock.Busy("sfn")()
	r := e.hold(arn)
	defer e.release(arn, r)
	for {
		if applied, err = e.stepHeld(ctx, arn, r, ev); err != nil || r.x == nil || !r.x.Runnable() {
			return applied, err
		}
		ev = asl.Event{Kind: asl.Wake}
	}
}

func (e *engine) stepHeld(ctx context.Context, arn string, r *run, ev asl.Event) (bool, error) {
	if err := e.load(ctx, arn, r); err != nil {
		return false, err
	}
	if r.x == nil || !r.x.Step(e.d.Clock.Now(), ev) {
		return false, nil
	}
	mv, err := take(r.x)
	if err != nil {
		r.x = nil
		return false, err
	}
	var rec record
	err = e.d.Store.Update(ctx, func(tx store.Tx) error {
		rec = *r.rec
		if ev.Kind == asl.Wake {
			rec.Armed = time.Time{} // its timer has fired
		}
		return e.commit(tx, &rec, r.x, mv, ev.Kind == asl.Wake)
	})
	if errors.Is(err, store.ErrTooLarge) && ev.Kind != asl.Crash {
		r.x = nil
		return e.stepHeld(ctx, arn, r, asl.Event{Kind: asl.Crash, Error: ptr(asl.ErrDataLimit), Cause: ptr("The state of the execution is too large to be stored.")})
	}
	if err != nil {
		r.x = nil // memory is ahead of the store: load again
		return false, err
	}
	*r.rec = rec
	e.after(arn, r, mv)
	return true, nil
}

// wake is the timers' handler.
func (e *engine) wake(ctx context.Context, t timer.Timer) error {
	_, err := e.step(ctx, t.ID, asl.Event{Kind: asl.Wake})
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return nil // ended meanwhile
	}
	return err
}

// expire is the timers' handler that forgets an execution that ended long ago.
func (e *engine) expire(ctx context.Context, t timer.Timer) error {
	arn := t.ID
	return e.d.Store.Update(ctx, func(tx store.Tx) error {
		var rec record
		found, err := load(tx, execKey(arn), &rec)
		if err != nil || !found || rec.Status == asl.Running {
			return err
		}
		if err := tx.DeleteRange(historyKey(arn), historyKey(arn).End()); err != nil {
			return err
		}
		if err := tx.Delete(rec.machineName().startedKey(rec.Start, arn)); err != nil {
			return err
		}
		return tx.Delete(execKey(arn))
	})
}

// deliver reports a task's outcome, and tries again for as long as the store fails.
func (e *engine) deliver(arn string, ev asl.Event) {
	for delay := retryDelay; ; delay = min(2*delay, time.Minute) {
		_, err := e.step(e.ctx, arn, ev)
		if err == nil || cloud.AsError(err).Kind == cloud.NotFound || e.ctx.Err() != nil {
			return
		}
		e.d.Log.Error("the outcome of a task could not be stored and will be tried again", "execution", arn, "task", ev.Task, "error", err)
		select {
		case <-e.ctx.Done():
			return
		case <-time.NewTimer(delay).C:
		}
	}
}

// start resumes what ran when the process ended: tasks in flight run again.
func (e *engine) start(ctx context.Context) error {
	for s := range 256 {
		var arns []string
		prefix := runningTable(store.Shard(s))
		err := e.d.Store.View(ctx, func(tx store.Reader) error {
			arns = nil
			o := store.Prefix(prefix)
			o.KeysOnly = true
			return scan(tx, o, len(prefix), func(key, _ []byte) (bool, error) {
				arn, _, err := store.CutStr(key)
				arns = append(arns, arn)
				return true, err
			})
		})
		if err != nil {
			return fmt.Errorf("sfn: resuming executions: %w", err)
		}
		for _, arn := range arns {
			if err := e.resume(ctx, arn); err != nil {
				e.d.Log.Error("an execution cannot be resumed", "execution", arn, "error", err)
			}
		}
	}
	return nil
}

func (e *engine) resume(ctx context.Context, arn string) error {
	r := e.hold(arn)
	defer e.release(arn, r)
	if len(r.tasks) > 0 {
		return nil // it is at work already
	}
	if err := e.load(ctx, arn, r); err != nil || r.x == nil {
		return err
	}
	for _, c := range r.x.InFlight() {
		if c.Resource.Kind == asl.Activity || c.Submitted && c.Resource.Pattern == asl.WaitForTaskToken {
			continue // a worker or a callback ends it
		}
		e.launch(arn, r, c)
	}
	return nil
}

func (e *engine) close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	e.work.Wait()
	return nil
}

// ended gives a channel on which the end of an execution is told, together with a hold on the clock that the receiver gives back, so
// that a moving clock waits for what follows. forget must be called.
func (e *engine) ended(arn string) (told <-chan func(), forget func()) {
	ch := make(chan func(), 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting[arn] = append(e.waiting[arn], ch)
	return ch, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		list := slices.DeleteFunc(e.waiting[arn], func(c chan func()) bool { return c == ch })
		if e.waiting[arn] = list; len(list) == 0 {
			delete(e.waiting, arn)
		}
		select {
		case done := <-ch:
			done()
		default:
		}
	}
}

func (e *engine) announce(arn string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ch := range e.waiting[arn] {
		ch <- e.d.Clock.Busy("sfn nested")
	}
	delete(e.waiting, arn)
}
