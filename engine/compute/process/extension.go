package process

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/compute/runtimeapi"
	"sundog/internal/connlimit"
)

// What Lambda gives the end of an environment: nothing without extensions, some time for internal ones, more for external ones, of which the
// runtime may use a part before they are told.
const (
	internalEnd = 500 * time.Millisecond
	externalEnd = 2 * time.Second
	runtimeEnd  = 300 * time.Millisecond
)

// maxCallers is how many connections an environment has to its Runtime API.
const maxCallers = 128

// companion is an external extension: a program beside the function's.
type companion struct {
	name string
	proc *proc
}

// extensions lists the programs in /opt/extensions, as files here and as the environment sees them; later layers lie over earlier ones.
func (w world) extensions(v *compute.Version) (names, files []string) {
	found := map[string]string{}
	for _, l := range v.Layers {
		list, err := os.ReadDir(filepath.Join(l, "extensions"))
		if err != nil {
			continue // a layer without extensions
		}
		for _, f := range list {
			if !f.IsDir() {
				found[f.Name()] = w.layerPath(v, sandbox.LayersRoot+"/extensions/"+f.Name())
			}
		}
	}
	names = slices.Sorted(maps.Keys(found))
	for _, n := range names {
		files = append(files, found[n])
	}
	return names, files
}

// extended tells whether a version has external extensions.
func (d *Driver) extended(v *compute.Version) bool {
	names, _ := d.world(nil, v).extensions(v)
	return len(names) > 0
}

// ofRuntime are the variables that extensions do not see.
var ofRuntime = []string{
	"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR",
	"LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_HANDLER",
}

// openAPI serves the environment's Runtime API: on a port inside the sandbox, which must have been started, else on one of loopback.
func (e *environment) openAPI(embedded bool) error {
	v := &e.pool.v
	o := runtimeapi.Options{
		Clock: e.d.o.Clock, IDs: e.d.o.IDs, Function: v.Function, Version: v.Qualifier, Handler: v.Handler, Account: v.ARN.Account,
		Embedded: embedded, JSONLogs: e.logsJSON(), Notice: e.out.notice, Broken: e.breakDown,
	}
	if e.d.sandboxed() {
		head := e.heads()[0]
		o.Dial = head.box.Dial
		l, err := head.listener(apiPort)
		if err != nil {
			return err
		}
		e.api = runtimeapi.Serve(connlimit.New(maxCallers, e.connections, func() { e.d.crowded(e.host, maxCallers) }).Listener(l), o)
	} else {
		var err error
		if e.api, err = runtimeapi.Listen(o); err != nil {
			return err
		}
	}
	e.out.listen(e.api)
	e.tellInitStart()
	return nil
}

// addr gives AWS_LAMBDA_RUNTIME_API.
func (e *environment) addr() string {
	if e.d.sandboxed() {
		return fmt.Sprintf("127.0.0.1:%d", apiPort)
	}
	return e.api.Addr()
}

func (e *environment) logsJSON() bool { return e.pool.v.Env["AWS_LAMBDA_LOG_FORMAT"] == "JSON" }

// breakDown ends the program of an environment whose extension has failed: whoever waits for it finds the fault.
func (e *environment) breakDown() {
	e.mu.Lock()
	p := e.proc
	e.mu.Unlock()
	if p != nil {
		p.kill()
	}
}

// startExtensions starts the external extensions and waits, until the limit, for them to register. An answer without kind says that all is well.
func (e *environment) startExtensions(vars map[string]string, limit time.Duration) answer {
	names, files := e.d.world(e.host, &e.pool.v).extensions(&e.pool.v)
	if len(names) == 0 {
		return answer{}
	}
	env := maps.Clone(vars)
	for _, k := range ofRuntime {
		delete(env, k)
	}
	if len(names) > runtimeapi.MaxExtensions {
		return e.fault(runtimeapi.TooManyExtensions, e.initID)
	}
	e.out.lasting()
	e.api.Expect(names...)
	for i, name := range names {
		p, err := e.d.launch(e.host, []string{files[i]}, flat(env), "/", false)
		if err != nil {
			return e.fault(runtimeapi.Fault{Type: "Extension.LaunchError", Message: err.Error()}, e.initID)
		}
		e.mu.Lock()
		e.more = append(e.more, &companion{name, p})
		e.mu.Unlock()
		go e.out.followBeside(p.output)
		go func() {
			<-p.exited
			e.out.drainBeside(p.output)
			e.api.Ended(name, p.status)
		}()
	}
	return e.fromWait(e.api.Registered(limit), e.initID)
}

// fromWait says what the end of a wait for extensions means.
func (e *environment) fromWait(err error, requestID string) answer {
	switch {
	case err == nil:
		return answer{}
	case errors.Is(err, runtimeapi.ErrDeadline):
		return e.ended(errDeadline, requestID, e.pool.v.Timeout)
	}
	return e.ended(errEnded, requestID, e.pool.v.Timeout)
}

// fault words the failure of an extension.
func (e *environment) fault(f runtimeapi.Fault, requestID string) answer {
	text := "RequestId: " + requestID + " Error: " + f.Message
	return answer{kind: compute.Exit, payload: errorJSON(f.Type, text), text: text, fatal: true}
}

// initialised ends the Init phase: when runtime and extensions are ready. An answer without kind says that all is well.
func (e *environment) initialised(limit time.Duration) answer {
	e.api.RuntimeReady()
	if a := e.fromWait(e.api.Settle(limit, e.proc.exited), e.initID); a.kind != compute.None {
		return a
	}
	e.api.InitDone()
	internal, external := e.api.Extensions()
	if e.attached = internal || external; e.attached {
		e.out.lasting()
	}
	return answer{}
}

// settle waits, after the response, until every extension is ready for the next invocation; true when the environment is of no use after it.
func (e *environment) settle(i *compute.Invocation, deadline time.Time) (broken bool) {
	defer e.active.Store(false)
	clock := e.d.o.Clock
	err := e.api.Settle(deadline.Sub(clock.Wall()), e.proc.exited)
	if err == nil {
		return false
	}
	a := e.fromWait(err, i.RequestID)
	e.out.notice(compute.LevelWarn, clock.Now().UTC().Format("2006-01-02T15:04:05.000Z ")+a.text)
	return true
}

// shutdown is the end that Lambda gives extensions: the runtime gets SIGTERM, then the extensions their event, and whatever is left is killed by who
// calls.
func (e *environment) shutdown() {
	internal, external := e.api.Extensions()
	if !internal && !external {
		return
	}
	whole, part := internalEnd, internalEnd
	if external {
		whole, part = externalEnd, runtimeEnd
	}
	clock := e.d.o.Clock
	deadline := clock.Wall().Add(whole)
	if e.proc != nil {
		e.proc.terminate()
		timer := time.NewTimer(part)
		select {
		case <-e.proc.exited:
		case <-timer.C:
			if e.shell != nil || len(e.more) > 0 {
				e.proc.kill()
			}
		}
		timer.Stop()
		e.out.drain(e.proc.output)
	}
	reason := e.reason
	if reason == "" || e.d.ctx.Err() != nil {
		reason = "spindown"
	}
	e.api.Shutdown(reason, deadline)
	_ = e.api.Gone(deadline.Sub(clock.Wall())) // what is not gone then is killed
	for _, c := range e.more {
		e.out.drainBeside(c.proc.output)
	}
	e.out.end()
}

// initReport is the line about an Init phase that is run again, in the first invocation, or has failed there.
func (e *environment) initReport(took time.Duration, phase, status, kind string) string {
	ms := millis(took)
	if e.logsJSON() {
		record := map[string]any{"initializationType": e.initialization(), "phase": phase, "status": status, "metrics": map[string]any{"durationMs": ms}}
		if kind != "" {
			record["errorType"] = kind
		}
		return compute.SystemRecord(e.d.o.Clock.Now(), "initReport", record)
	}
	line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s", ms, phase, status)
	if kind != "" {
		line += "\tError Type: " + kind
	}
	return line
}
