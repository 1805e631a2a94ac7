package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/compute/runtimeapi"
	"sundog/engine/compute/runtimes"
)

const (
	defaultInit   = 10 * time.Second
	exitGrace     = 2 * time.Second        // between a socket's end and the process's
	peakEvery     = 200 * time.Millisecond // how often a busy environment's memory is read
	programSearch = 4                      // depth of the process tree that counts as the function's memory
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
	used   time.Time // when it last became idle
	init   time.Duration
	fresh  bool // no invocation has run, and its first is a cold one
	early  bool // started before anyone asked: provisioned concurrency
	oom    atomic.Bool
	peak   int
	peakAt time.Time
	pids   []int // of the programs that count as the function's memory

	api      *runtimeapi.Server
	attached bool              // it has extensions, internal or external
	active   atomic.Bool       // it starts, or has an invocation
	reason   string            // why it ends, for extensions; "": nobody needs it any more
	limit    time.Duration     // of its init
	begun    time.Time         // of its init
	deadline time.Time         // of the invocation that runs
	spent    time.Duration     // what its init takes of its first invocation's time: a second init
	before   []compute.LogLine // what an earlier try to start it wrote
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
	limit := p.v.InitTimeout
	if limit <= 0 {
		limit = defaultInit
	}
	if early {
		return d.try(ctx, p, early, limit+p.v.Timeout, nil)
	}
	e, u := d.try(ctx, p, early, limit, nil)
	if u == nil || u.err != nil || u.e.host == nil || u.e.proc == nil || d.ctx.Err() != nil {
		return e, u
	}
	return d.try(ctx, p, early, p.v.Timeout, append(u.e.out.waiting(), compute.LogLine{Time: d.o.Clock.Now(), Text: u.e.initReport(u.took, "init", u.status(), u.errorType())}))
}

// try starts an environment whose init may take limit; before is what an earlier try wrote, nil for the first.
func (d *Driver) try(ctx context.Context, p *pool, early bool, limit time.Duration, before []compute.LogLine) (*environment, *unbooted) {
	start := d.o.Clock.Wall()
	name, ok := runtimes.Lookup(p.v.Runtime)
	if !ok {
		return nil, &unbooted{err: cloud.NotImplementedf("This platform cannot run the runtime %s.", p.v.Runtime)}
	}
	e := &environment{id: d.o.IDs.Hex(16), d: d, pool: p, arn: p.v.ARN.String(), fresh: true, born: start, early: early, limit: limit, begun: start, before: before}
	e.stream = fmt.Sprintf("%s[%s]%s", d.o.Clock.Now().UTC().Format("2006/01/02/"), p.v.Qualifier, e.id)
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
			e.out.notice(e.initReport(u.took, "invoke", u.status(), u.errorType()))
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

// bootManaged takes a pre-started process, or starts one, and gives it the function.
func (e *environment) bootManaged(ctx context.Context, n runtimes.Name) (answer, error) {
	d, v := e.d, &e.pool.v
	it, err := d.interpreters.must(n)
	if err != nil {
		return answer{}, err
	}
	var vars map[string]string
	if d.extended(v) {
		if e.host, err = d.newHost(); err == nil {
			err = d.shelter(e.host, inside{it: it, v: v})
		}
	} else if e.host, err = d.hostFor(n.Family, it, v); err == nil {
		err = d.assign(e.host, inside{it: it, v: v})
	}
	if err == nil {
		e.named()
		err = e.openAPI(true)
	}
	if err == nil {
		vars, err = d.variables(ctx, v, e, it)
	}
	if err != nil {
		return answer{}, err
	}
	vars["AWS_LAMBDA_RUNTIME_API"] = e.addr()
	if err := e.bound(); err != nil {
		return answer{}, err
	}
	if a := e.startExtensions(vars, e.left()); a.kind != compute.None {
		return a, nil
	}
	if e.proc == nil {
		argv, env, dir := d.command(e.host, n.Family, inside{it: it, v: v}, d.atStart(v))
		if err := e.launchMain(argv, env, dir, true); err != nil {
			if a, ok := badWrapper(v, err, d.o.IDs.UUID()); ok {
				return a, nil
			}
			return answer{}, fmt.Errorf("process: start %s: %w", it.path, err)
		}
	}
	e.link = newFrames(e.proc.conn, e.out, d.o.Clock, func(r runtimes.SDKRequest) { d.provide(r, it) })
	return e.load(d.initConfig(d.world(e.host, v), v, vars))
}

// badWrapper says of a start that failed that the function's own wrapper script is to blame; false when it has none.
func badWrapper(v *compute.Version, err error, requestID string) (answer, bool) {
	if v.Env["AWS_LAMBDA_EXEC_WRAPPER"] == "" {
		return answer{}, false
	}
	_, cause, ok := strings.Cut(err.Error(), "fork/exec ")
	return entrypoint("RequestId: " + requestID + " Error: fork/exec " + cause), ok
}

// launchMain starts the function's program beside extensions.
func (e *environment) launchMain(argv, env []string, dir string, socket bool) error {
	p, err := e.d.launch(e.host, argv, env, dir, socket)
	if err != nil {
		return err
	}
	e.proc = p
	go e.out.follow(p.output)
	return nil
}

// hostFor gives a process that waits for a function.
func (d *Driver) hostFor(f runtimes.Family, it *interpreter, v *compute.Version) (*host, error) {
	if needsOwnStart(v) {
		return d.startGeneric(f, inside{it: it, v: v}, d.atStart(v))
	}
	if h := d.spares.take(f, it); h != nil {
		return h, nil
	}
	return d.startGeneric(f, inside{it: it, v: v}, nil)
}

// atStart gives the variables of a version that its process must have from the start.
func (d *Driver) atStart(v *compute.Version) map[string]string {
	extra := map[string]string{}
	for k, val := range v.Env {
		if strings.HasPrefix(k, "PYTHON") || slices.Contains(atStart, k) {
			extra[k] = val
		}
	}
	w := d.world(nil, v)
	if p := w.libraryPath(v); p != "" && extra["LD_LIBRARY_PATH"] == "" {
		extra["LD_LIBRARY_PATH"] = p
	}
	if wrapper := extra["AWS_LAMBDA_EXEC_WRAPPER"]; wrapper != "" {
		extra["AWS_LAMBDA_EXEC_WRAPPER"] = w.layerPath(v, wrapper)
	}
	return extra
}

// bootCustom starts the function's own program with a Runtime API.
func (e *environment) bootCustom(ctx context.Context) (answer, error) {
	d, v := e.d, &e.pool.v
	program, refusal := d.world(nil, v).bootstrap(v)
	if refusal != "" {
		return entrypoint("RequestId: " + d.o.IDs.UUID() + " Error: " + refusal), nil
	}
	return e.bootProgram(ctx, nil, func(map[string]string) []string { return []string{program} })
}

// bootProgram starts a program that takes its invocations from the Runtime API; argv is told the variables that it gets.
func (e *environment) bootProgram(ctx context.Context, it *interpreter, argv func(vars map[string]string) []string) (answer, error) {
	d, v := e.d, &e.pool.v
	in, several := inside{it: it, v: v}, d.extended(v)
	var err error
	var vars map[string]string
	if e.host, err = d.newHost(); err != nil {
		return answer{}, err
	}
	if several {
		err = d.shelter(e.host, in)
	}
	if err == nil && (several || !d.sandboxed()) { // a sandbox has its port once it is there
		err = e.openAPI(false)
	}
	if err == nil {
		vars, err = d.variables(ctx, v, e, it)
	}
	if err != nil {
		return answer{}, err
	}
	vars["AWS_LAMBDA_RUNTIME_API"] = e.addr()
	if several {
		e.named()
		if err := e.bound(); err != nil {
			return answer{}, err
		}
		if a := e.startExtensions(vars, e.left()); a.kind != compute.None {
			return a, nil
		}
		err = e.launchMain(argv(vars), flat(vars), d.world(e.host, v).task, false)
	} else {
		err = d.start(e.host, argv(vars), flat(vars), d.world(e.host, v).task, false, in)
	}
	e.named()
	if err != nil {
		return entrypoint(fmt.Sprintf("RequestId: %s Error: %v", d.o.IDs.UUID(), err)), nil
	}
	if e.api == nil {
		err = e.openAPI(false)
	}
	if err == nil && !several {
		err = e.bound()
	}
	if err != nil {
		return answer{}, err
	}
	e.link = &api{server: e.api, proc: e.proc}
	return e.load(runtimes.InitConfig{})
}

// bootstrap finds the program of a custom runtime, or says why there is none.
func (w world) bootstrap(v *compute.Version) (program, refusal string) {
	names := []string{filepath.Join(v.CodeDir, "bootstrap")}
	seen := []string{w.task + "/bootstrap"}
	shown := "[/var/task/bootstrap /opt/bootstrap]"
	if v.Runtime == "go1.x" {
		names, shown = []string{filepath.Join(v.CodeDir, v.Handler)}, "[/var/task/"+v.Handler+"]"
		seen = []string{filepath.Join(w.task, v.Handler)}
	}
	for i := len(v.Layers) - 1; i >= 0; i-- {
		names = append(names, filepath.Join(v.Layers[i], "bootstrap"))
		seen = append(seen, w.layerPath(v, sandbox.LayersRoot+"/bootstrap"))
	}
	for i, n := range names {
		st, err := os.Stat(n)
		if err != nil || st.IsDir() {
			continue
		}
		if st.Mode()&0o111 == 0 {
			return "", "fork/exec " + seen[i] + ": permission denied"
		}
		return seen[i], ""
	}
	return "", "Couldn't find valid bootstrap(s): " + shown
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
	a, ok, err := e.link.load(cfg, e.left())
	switch {
	case ok:
		a = e.initialised(e.left())
	case err != nil:
		a = e.ended(err, e.d.o.IDs.UUID(), e.pool.v.Timeout)
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
	timer := time.NewTimer(exitGrace)
	defer timer.Stop()
	select {
	case <-e.proc.exited:
	case <-timer.C: // it has closed its socket but lives on
		e.proc.kill()
		<-e.proc.exited
	}
	return exited(requestID, e.proc.status, e.oom.Load() || e.group != "" && e.d.groups.killed(e.group))
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
	e.active.Store(true)
	if e.d.o.Running != nil {
		e.d.o.Running(e.id, &i.Trace)
		defer e.d.o.Running(e.id, nil)
	}
	if i.Started != nil {
		s := compute.Start{Environment: e.id, LogStream: e.stream, Cold: e.fresh}
		if e.fresh {
			s.Init = e.init
		}
		i.Started(s)
	}
	e.out.begin(i.Log)
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
	r = compute.Result{
		Payload: a.payload, Kind: a.kind, Error: a.text, Duration: e.used.Sub(start) + e.spent, Environment: e.id, LogStream: e.stream,
		Streamed: a.streamed, ContentType: a.contentType,
	}
	if r.MaxMemoryMB = e.peakMB(); a.kind == compute.OutOfMemory {
		r.MaxMemoryMB = e.pool.v.MemoryMB
	}
	if e.fresh {
		e.fresh, r.Cold, r.Init = false, true, e.init
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

// peakMB gives the most memory that the program has used, read now and then.
func (e *environment) peakMB() int {
	now := e.d.o.Clock.Wall()
	if e.peak > 0 && now.Sub(e.peakAt) < peakEvery {
		return e.peak
	}
	if len(e.pids) == 0 {
		e.pids = e.programs()
	}
	e.peakAt = now
	used := 0
	for _, pid := range e.pids {
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
		e.shutdown()
	}
	e.d.end(e.host)
	if e.api != nil {
		_ = e.api.Close() // nobody is left who asks
	}
}

// provide installs an SDK that a runtime asked for, or writes down why it cannot. The file for that lies in the cache, under a name that begins with the
// SDK's: nobody makes us write elsewhere.
func (d *Driver) provide(r runtimes.SDKRequest, it *interpreter) {
	err := runtimes.EnsureSDK(d.ctx, d.o.SDKDir, r.Kind, it.path, d.o.Progress)
	name := filepath.Base(r.Failed)
	if err == nil || filepath.Dir(r.Failed) != d.sdkDir() || !strings.HasPrefix(name, string(r.Kind)+".error.") {
		return // the runtime sees that it is complete
	}
	d.o.Log.Warn("the managed SDK is missing", "sdk", r.Kind, "error", err)
	failed := filepath.Join(d.o.SDKDir, name)
	tmp := failed + ".new"
	if werr := os.WriteFile(tmp, []byte(err.Error()), 0o644); werr == nil {
		_ = os.Rename(tmp, failed) // whole, or not there
	}
}
