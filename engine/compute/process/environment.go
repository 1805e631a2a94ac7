package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/runtimeapi"
	"sundog/engine/compute/runtimes"
)

const (
	defaultInit = 10 * time.Second
	earlyInit   = 130 * time.Second      // of environments that nobody waits for, or the function's timeout when that is longer
	exitGrace   = 2 * time.Second        // between a socket's end and the process's
	peakEvery   = 200 * time.Millisecond // how often a busy environment's memory is read
)

// environment is a host with a function: it runs one invocation at a time.
type environment struct {
	*host
	id     string
	stream string
	d      *Driver
	pool   *pool
	link   link
	arn    string
	born   time.Time
	used   time.Time     // when it last became idle
	took   time.Duration // by its last invocation
	init   time.Duration
	since  time.Time // its start began, on the platform's clock
	fresh  bool      // no invocation has run
	early  bool      // started before anyone asked: provisioned concurrency
	oom    atomic.Bool
	peak   int
	peakAt time.Time

	ice    sync.Mutex // held while it is stopped or let go on
	frozen bool

	api      *runtimeapi.Server
	attached bool              // it has extensions, internal or external
	active   atomic.Bool       // it starts, or has an invocation
	reason   string            // why it ends, for extensions; "": nobody needs it any more
	initID   string            // stands in errors of the init for the id of the invocation that will get them
	limit    time.Duration     // of its init
	begun    time.Time         // of its init
	deadline time.Time         // of the invocation that runs
	spent    time.Duration     // what its init takes of its first invocation's time: a second init
	before   []compute.LogLine // what an earlier try to start it wrote
	failures atomic.Int32      // files that tell it why there is no SDK
}

// unbooted is why an environment did not come up: err is the platform's, a the function's.
type unbooted struct {
	err    error
	a      answer
	e      *environment
	took   time.Duration
	peakMB int
}

// boot starts an environment of a version and loads its handler; early is for environments that nobody waits for. An init that fails, or takes longer than
// its limit, is run once more, as Lambda does: as a part of the invocation that waits, with its timeout.
func (d *Driver) boot(ctx context.Context, p *pool, early bool) (*environment, *unbooted) {
	d.booting.Add(1)
	defer d.booting.Add(-1)
	limit := p.v.InitTimeout
	if limit <= 0 {
		limit = defaultInit
	}
	if early {
		e, u := d.try(ctx, p, early, max(earlyInit, p.v.Timeout), nil)
		if u != nil && u.e != nil && u.e.host != nil {
			u.e.out.notice(compute.LevelWarn, u.e.initReport(u.took, "init", u.status(), u.errorType()))
		}
		return e, u
	}
	e, u := d.try(ctx, p, early, limit, nil)
	if u == nil || u.err != nil || u.e.host == nil || u.e.proc == nil || d.ctx.Err() != nil {
		return e, u
	}
	first := u.e
	report := compute.LogLine{Time: d.o.Clock.Now(), Text: first.initReport(u.took, "init", u.status(), u.errorType()), Level: compute.LevelWarn, Init: true, System: true}
	e, u = d.try(ctx, p, early, p.v.Timeout, append(first.out.waiting(), report))
	if u == nil {
		e.since = first.since
	} else if u.e != nil {
		u.e.since = first.since
	}
	return e, u
}

// try starts an environment whose init may take limit; before is what an earlier try wrote, nil for the first.
func (d *Driver) try(ctx context.Context, p *pool, early bool, limit time.Duration, before []compute.LogLine) (*environment, *unbooted) {
	start := d.o.Clock.Wall()
	name, ok := runtimes.Lookup(p.v.Runtime)
	if !ok {
		return nil, &unbooted{err: cloud.NotImplementedf("This platform cannot run the runtime %s.", p.v.Runtime)}
	}
	e := &environment{id: d.o.IDs.Hex(16), d: d, pool: p, arn: p.v.ARN.String(), fresh: true, born: start, early: early, initID: d.o.IDs.UUID(), limit: limit, begun: start, before: before}
	e.since = d.o.Clock.Now()
	e.stream = fmt.Sprintf("%s[%s]%s", e.since.UTC().Format("2006/01/02/"), p.v.Qualifier, e.id)
	e.active.Store(true)
	defer e.active.Store(false)
	var a answer
	var err error
	switch name.Family {
	case runtimes.Custom:
		a, err = e.bootCustom(ctx)
	case runtimes.Java:
		a, err = e.bootJava(ctx, name)
	default:
		a, err = e.bootManaged(ctx, name)
	}
	e.init = d.o.Clock.Wall().Sub(start)
	if before != nil {
		e.init, e.spent = 0, e.init
	}
	if err == nil && a.kind == compute.None {
		return e, nil
	}
	if a.kind == compute.Exit || a.kind == compute.Unhandled {
		a.kind = compute.Init
	}
	u := &unbooted{err: err, a: a, e: e, took: e.init + e.spent}
	if e.host != nil {
		if e.proc != nil {
			u.peakMB = e.peakMB()
			e.out.drain(e.proc.output)
			e.out.end()
		}
		if before != nil && err == nil {
			e.out.notice(compute.LevelWarn, e.initReport(u.took, "invoke", u.status(), u.errorType()))
		}
		e.close()
	}
	return nil, u
}

// status is how a failed init ended, in Lambda's words.
func (u *unbooted) status() string {
	if u.a.kind == compute.Timeout {
		return "timeout"
	}
	return "error"
}

// errorType gives the type of a failed init's error; "" for a timeout.
func (u *unbooted) errorType() string {
	if u.a.kind == compute.Timeout {
		return ""
	}
	return errorType(u.a.payload)
}

// left gives what is left of the time for the init.
func (e *environment) left() time.Duration { return e.limit - e.d.o.Clock.Wall().Sub(e.begun) }

// bound sets the memory limit and has the environment watched.
func (e *environment) bound() error {
	v := &e.pool.v
	if e.group != "" {
		if err := e.d.groups.limit(e.group, v.MemoryMB+e.d.temporaryMB(v)); err != nil {
			return err
		}
	}
	e.d.watch(e, true)
	return nil
}

// load loads the handler and ends the init.
func (e *environment) load(cfg runtimes.InitConfig) (answer, error) {
	if e.out.precede(e.before); e.d.ctx.Err() != nil {
		e.proc.kill() // Close may have passed by already
	}
	e.d.work.Go(func() { e.measured() }) // the first invocation's answer need not wait for it
	a, ok, err := e.link.load(cfg, e.left())
	switch {
	case ok:
		a = e.initialised(e.left())
	case err != nil:
		a = e.ended(err, e.initID, e.pool.v.Timeout)
	default:
		e.reason = "failure"
	}
	e.tellInit(a)
	return a, nil
}

// ended says how a call without an answer ended. The environment is of no use after it.
func (e *environment) ended(err error, requestID string, limit time.Duration) answer {
	if errors.Is(err, errDeadline) {
		if e.reason = "timeout"; e.proc != nil {
			e.proc.kill()
		}
		return timedOut(requestID, limit)
	}
	e.reason = "failure"
	if f, ok := e.api.Fault(); ok {
		e.breakDown()
		return e.fault(f, requestID)
	}
	if !e.exits() { // it has closed its socket but lives on
		e.proc.kill()
		if !e.exits() { // its sandbox has lost sight of it
			e.endAll()
		}
		<-e.proc.exited
	}
	return exited(requestID, e.proc.status, e.oom.Load() || e.group != "" && e.d.groups.killed(e.group))
}

// exits waits a moment for the program's end.
func (e *environment) exits() bool {
	timer := time.NewTimer(exitGrace)
	defer timer.Stop()
	select {
	case <-e.proc.exited:
		return true
	case <-timer.C:
		return false
	}
}

// endAll kills everything that the host has, from without.
func (e *environment) endAll() {
	for _, p := range e.heads() {
		p.kill()
	}
}

// start tells of its start, and of how it had begun.
func (e *environment) start() compute.Start {
	s := compute.Start{Environment: e.id, LogStream: e.stream, Began: e.since, Cold: e.fresh && !e.early, Early: e.fresh && e.early}
	if e.fresh {
		s.Init = e.init
	}
	return s
}

// run runs one invocation. The environment is the caller's until it releases it: at once when it is broken or has no extensions (attached), else
// after settle.
func (e *environment) run(i *compute.Invocation) (r compute.Result, broken bool) {
	clock := e.d.o.Clock
	start := clock.Wall()
	limit := e.pool.v.Timeout
	deadline := start.Add(limit - e.spent)
	if !i.Deadline.IsZero() && i.Deadline.Before(deadline) {
		deadline = i.Deadline
	}
	e.deadline = deadline
	i.Until(deadline)
	e.thaw()
	e.active.Store(true)
	if e.d.o.Running != nil {
		e.d.o.Running(e.id, &i.Trace)
		defer e.d.o.Running(e.id, nil)
	}
	if i.Started != nil {
		i.Started(e.start())
	}
	e.out.begin(i.Log)
	if i.Ready != nil {
		i.Ready()
	}
	trace := i.Trace.String()
	e.tellStart(i, trace)
	if e.attached {
		e.api.Begin(runtimeapi.Event{RequestID: i.RequestID, ARN: e.arn, Trace: trace, Deadline: deadline})
	}
	a, err := e.link.invoke(i, e.arn, trace, deadline, deadline.Sub(start))
	if err != nil {
		a = e.ended(err, i.RequestID, limit)
	}
	e.out.drain(e.proc.output)
	e.out.end()
	e.used = clock.Wall()
	e.took = e.used.Sub(start)
	r = compute.Result{
		Payload: a.payload, Kind: a.kind, Error: a.text, Duration: spent(a.kind, e.took+e.spent, limit), Environment: e.id, LogStream: e.stream,
		Streamed: a.streamed, ContentType: a.contentType,
	}
	if r.MaxMemoryMB = e.peakMB(); a.kind == compute.OutOfMemory {
		r.MaxMemoryMB = e.pool.v.MemoryMB
	}
	if e.fresh {
		e.fresh, r.Cold, r.Init = false, !e.early, e.init
	}
	e.spent = 0
	e.tellDone(i, trace, &r)
	if a.fatal && e.reason == "" {
		e.reason = "failure"
	}
	if a.fatal || !e.attached {
		e.active.Store(false)
	}
	return r, a.fatal
}

// spent is what an invocation is said to have taken: what ending it took besides its whole time does not count.
func spent(k compute.Failure, took, limit time.Duration) time.Duration {
	if k == compute.Timeout {
		return min(took, limit)
	}
	return took
}

// peakMB gives the most memory that the program has used, read now and then; of one that has ended, what its init read.
func (e *environment) peakMB() int {
	if e.dead() {
		e.peak = max(e.peak, e.proc.peakKB/1024)
		return e.peak
	}
	now := e.d.o.Clock.Wall()
	if e.peak > 0 && now.Sub(e.peakAt) < peakEvery {
		return e.peak
	}
	e.peakAt = now
	used := 0
	for _, pid := range e.measured() {
		used += statusKB(pid, "VmHWM:")
	}
	e.peak = max(e.peak, used/1024)
	return e.peak
}

// program gives the process id of the function's program; 0 when it has gone.
func (p *proc) program() int {
	if p.mode == modePlain {
		return p.pid
	}
	if below := children(p.pid); len(below) > 0 {
		return below[0]
	}
	return 0
}

// dead tells whether the process has ended.
func (e *environment) dead() bool {
	select {
	case <-e.proc.exited:
		return true
	default:
		return false
	}
}

// close ends the environment and waits for it.
func (e *environment) close() {
	e.d.watch(e, false)
	if e.api != nil {
		e.thaw()
		e.shutdown()
	}
	e.d.end(e.host)
	if e.api != nil {
		_ = e.api.Close() // nobody is left who asks
	}
}

// provide installs an SDK that a runtime asked for, or writes down why it cannot. The file for that lies in the cache, under a name that begins with the
// SDK's: nobody makes us write elsewhere.
func (e *environment) provide(r runtimes.SDKRequest, it *interpreter) {
	d := e.d
	err := runtimes.EnsureSDK(d.ctx, d.o.SDKDir, r.Kind, it.path, d.o.Progress)
	name := filepath.Base(r.Failed)
	if err == nil || filepath.Dir(r.Failed) != d.sdkDir() || !strings.HasPrefix(name, string(r.Kind)+".error.") {
		return // the runtime sees that it is complete
	}
	if e.failures.Add(1) > maxFailures {
		e.failures.Add(-1)
		return
	}
	d.o.Log.Warn("the managed SDK is missing", "sdk", r.Kind, "error", err)
	failed := filepath.Join(d.o.SDKDir, name)
	tmp := failed + ".new"
	if werr := os.WriteFile(tmp, []byte(err.Error()), 0o644); werr == nil {
		_ = os.Rename(tmp, failed) // whole, or not there
		d.background(func() {
			d.forget(failed)
			e.failures.Add(-1)
		})
		return
	}
	e.failures.Add(-1)
}

// maxFailures is how many files at a time tell an environment why there is no SDK.
const maxFailures = 32

// forget removes what a runtime was told, when it has had the time to read it: from inside a sandbox it cannot be removed.
func (d *Driver) forget(file string) {
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.ctx.Done():
	}
	_ = os.Remove(file) // the folder is a cache
}
