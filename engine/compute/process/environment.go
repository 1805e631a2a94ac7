package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
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
	pid    int // of the function's program
}

// unbooted is why an environment did not come up: err is the platform's, a the function's.
type unbooted struct {
	err    error
	a      answer
	e      *environment
	took   time.Duration
	peakMB int
}

// boot starts an environment of a version and loads its handler; early is for environments that nobody waits for.
func (d *Driver) boot(ctx context.Context, p *pool, early bool) (*environment, *unbooted) {
	start := d.o.Clock.Wall()
	name, ok := runtimes.Lookup(p.v.Runtime)
	if !ok {
		return nil, &unbooted{err: cloud.NotImplementedf("This platform cannot run the runtime %s.", p.v.Runtime)}
	}
	e := &environment{id: d.o.IDs.Hex(16), d: d, pool: p, arn: p.v.ARN.String(), fresh: true, born: start, early: early}
	e.stream = fmt.Sprintf("%s[%s]%s", d.o.Clock.Now().UTC().Format("2006/01/02/"), p.v.Qualifier, e.id)
	var a answer
	var err error
	if name.Family == runtimes.Custom {
		a, err = e.bootCustom(ctx)
	} else {
		a, err = e.bootManaged(ctx, name)
	}
	e.init = d.o.Clock.Wall().Sub(start)
	if err == nil && a.kind == compute.None {
		return e, nil
	}
	u := &unbooted{err: err, a: a, e: e, took: e.init}
	if e.host != nil {
		if e.proc != nil {
			u.peakMB = e.peakMB()
			e.out.drain(e.proc.output)
			e.out.end()
		}
		e.close()
	}
	return nil, u
}

// bootManaged takes a pre-started process, or starts one, and gives it the function.
func (e *environment) bootManaged(ctx context.Context, n runtimes.Name) (answer, error) {
	d, v := e.d, &e.pool.v
	it := d.interpreters.resolve(n)
	if it == nil {
		return answer{}, cloud.NotImplementedf("This machine cannot run the runtime %s: %s", v.Runtime, d.interpreters.describe(n).Missing)
	}
	var err error
	if e.host, err = d.hostFor(n.Family, it, v); err != nil {
		return answer{}, err
	}
	if err := d.assign(e.host, inside{it: it, v: v}); err != nil {
		return answer{}, err
	}
	vars, err := d.variables(ctx, v, e, it)
	if err != nil {
		return answer{}, err
	}
	e.link = newFrames(e.proc.conn, e.out, d.o.Clock, func(r runtimes.SDKRequest) { d.provide(r, it) })
	return e.load(d.initConfig(d.world(e.host, v), v, vars))
}

// hostFor gives a process that waits for a function.
func (d *Driver) hostFor(f runtimes.Family, it *interpreter, v *compute.Version) (*host, error) {
	if !needsOwnStart(v) {
		if h := d.spares.take(f, it); h != nil {
			return h, nil
		}
		return d.startGeneric(f, inside{it: it, v: v}, nil)
	}
	extra := map[string]string{}
	for k, val := range v.Env {
		if strings.HasPrefix(k, "PYTHON") {
			extra[k] = val
		}
	}
	for _, k := range atStart {
		if val, ok := v.Env[k]; ok {
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
	return d.startGeneric(f, inside{it: it, v: v}, extra)
}

// bootCustom starts the function's own program with a Runtime API.
func (e *environment) bootCustom(ctx context.Context) (answer, error) {
	d, v := e.d, &e.pool.v
	program, refusal := d.world(nil, v).bootstrap(v)
	if refusal != "" {
		return entrypoint("RequestId: " + d.o.IDs.UUID() + " Error: " + refusal), nil
	}
	h, err := d.newHost()
	if err != nil {
		return answer{}, err
	}
	e.host = h
	vars, err := d.variables(ctx, v, e, nil)
	if err != nil {
		return answer{}, err
	}
	server, err := e.runtimeAPI(vars, program)
	if err != nil {
		return entrypoint(fmt.Sprintf("RequestId: %s Error: %v", d.o.IDs.UUID(), err)), nil
	}
	e.link = &api{server: server, proc: h.proc}
	return e.load(runtimes.InitConfig{})
}

// runtimeAPI starts the program and gives its Runtime API: on a port inside the sandbox, else on one of loopback.
func (e *environment) runtimeAPI(vars map[string]string, program string) (*runtimeapi.Server, error) {
	d, v := e.d, &e.pool.v
	dir, o := d.world(e.host, v).task, runtimeapi.Options{Clock: d.o.Clock, IDs: d.o.IDs}
	if d.sandboxed() {
		vars["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:" + strconv.Itoa(apiPort)
		o.Dial = func(_ context.Context, port string) (net.Conn, error) { return e.proc.box.Dial(port) }
		if err := d.start(e.host, []string{program}, flat(vars), dir, false, inside{v: v}); err != nil {
			return nil, err
		}
		l, err := e.proc.listener(apiPort)
		if err != nil {
			return nil, err
		}
		return runtimeapi.Serve(l, o), nil
	}
	server, err := runtimeapi.Listen(o)
	if err != nil {
		return nil, err
	}
	vars["AWS_LAMBDA_RUNTIME_API"] = server.Addr()
	if err := d.start(e.host, []string{program}, flat(vars), dir, false, inside{v: v}); err != nil {
		_ = server.Close() // the start's error is the one to tell
		return nil, err
	}
	return server, nil
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

// load sets the memory limit and loads the handler. An init may take its own limit and then the function's timeout: Lambda runs it a second
// time then, as a part of the first invocation.
func (e *environment) load(cfg runtimes.InitConfig) (answer, error) {
	v := &e.pool.v
	if e.group != "" {
		if err := e.d.groups.limit(e.group, v.MemoryMB+e.d.temporaryMB(v)); err != nil {
			return answer{}, err
		}
	}
	limit := v.InitTimeout
	if limit <= 0 {
		limit = defaultInit
	}
	e.d.watch(e, true)
	if e.d.ctx.Err() != nil {
		e.proc.kill() // Close may have passed by already
	}
	a, ok, err := e.link.load(cfg, limit+v.Timeout)
	if ok {
		return answer{}, nil
	}
	if err != nil {
		a = e.ended(err, e.d.o.IDs.UUID(), v.Timeout)
	}
	if a.kind == compute.Exit || a.kind == compute.Unhandled {
		a.kind = compute.Init
	}
	return a, nil
}

// ended says how a call without an answer ended. The environment is of no use after it.
func (e *environment) ended(err error, requestID string, limit time.Duration) answer {
	if errors.Is(err, errDeadline) {
		e.proc.kill()
		return timedOut(requestID, limit)
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

// run runs one invocation. The environment is the caller's until it releases it.
func (e *environment) run(i *compute.Invocation) (compute.Result, bool) {
	clock := e.d.o.Clock
	start := clock.Wall()
	limit := e.pool.v.Timeout
	deadline := start.Add(limit)
	if !i.Deadline.IsZero() && i.Deadline.Before(deadline) {
		deadline = i.Deadline
	}
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
	a, err := e.link.invoke(i, e.arn, i.Trace.String(), deadline, deadline.Sub(start))
	if err != nil {
		a = e.ended(err, i.RequestID, limit)
	}
	e.out.drain(e.proc.output)
	e.out.end()
	e.used = clock.Wall()
	r := compute.Result{
		Payload: a.payload, Kind: a.kind, Error: a.text, Duration: e.used.Sub(start), Environment: e.id, LogStream: e.stream,
		Streamed: a.streamed, ContentType: a.contentType,
	}
	if r.MaxMemoryMB = e.peakMB(); a.kind == compute.OutOfMemory {
		r.MaxMemoryMB = e.pool.v.MemoryMB
	}
	if e.fresh {
		e.fresh, r.Cold, r.Init = false, true, e.init
	}
	return r, a.fatal
}

// peakMB gives the most memory that the program has used, read now and then.
func (e *environment) peakMB() int {
	now := e.d.o.Clock.Wall()
	if e.peak > 0 && now.Sub(e.peakAt) < peakEvery {
		return e.peak
	}
	if e.pid == 0 && e.proc != nil {
		e.pid = e.proc.program()
	}
	e.peakAt = now
	e.peak = max(e.peak, statusKB(e.pid, "VmHWM:")/1024)
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
	if e.link != nil {
		e.link.close()
	}
	e.d.end(e.host)
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
