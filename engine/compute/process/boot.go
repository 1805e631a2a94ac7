package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/compute/runtimes"
)

// bootManaged gives a function to a pre-started process, or, when it has extensions or variables that one without a function cannot have from its start, to one of its own.
func (e *environment) bootManaged(ctx context.Context, n runtimes.Name) (answer, error) {
	d, v := e.d, &e.pool.v
	it, err := d.interpreters.must(n)
	if err != nil {
		return answer{}, err
	}
	k, ok := kindOf(v)
	if !ok || d.extended(v) {
		return e.bootProgram(ctx, program{it: it, embedded: true, argv: func(vars map[string]string) []string {
			return wrapped(d.world(nil, v), v, vars, d.embedded(d.world(nil, v), n.Family, it, vars))
		}})
	}
	var vars map[string]string
	if e.host, err = d.hostFor(spareKey{n.Family, it, k}, v); err == nil {
		err = d.assign(e.host, inside{it: it, v: v})
	}
	if err == nil {
		e.named()
		err = e.openAPI(true)
	}
	if err == nil {
		vars, err = d.variables(ctx, v, e, it)
	}
	if err == nil {
		err = e.bound()
	}
	if err != nil {
		return answer{}, err
	}
	vars["AWS_LAMBDA_RUNTIME_API"] = e.addr()
	return e.loadEmbedded(it, d.initConfig(d.world(e.host, v), v, vars))
}

func (e *environment) loadEmbedded(it *interpreter, cfg runtimes.InitConfig) (answer, error) {
	e.link = newFrames(e.proc.conn, e.out, e.d.o.Clock, func(r runtimes.SDKRequest) { e.provide(r, it) })
	return e.load(cfg)
}

// stale is after how long a process that waits may have lost what it needs: processors' caches, and on many virtual machines its memory, which the machine
// below brings back page by page.
const stale = 50 * time.Millisecond

// hostFor gives a process that waits for a function.
func (d *Driver) hostFor(k spareKey, v *compute.Version) (*host, error) {
	if h := d.spares.take(k); h != nil {
		if d.o.Clock.Wall().Sub(h.since) > stale {
			_, _ = h.proc.conn.Write(runtimes.AppendFrame(nil, runtimes.KindPing, nil)) // while its code is mounted; if it fails, so does the load
		}
		return h, nil
	}
	return d.startGeneric(k, v)
}

// bootCustom starts the function's own program with a Runtime API.
func (e *environment) bootCustom(ctx context.Context) (answer, error) {
	d, v := e.d, &e.pool.v
	file, refusal := d.world(nil, v).bootstrap(v)
	if refusal != "" {
		return entrypoint("RequestId: " + e.initID + " Error: " + refusal), nil
	}
	return e.bootProgram(ctx, program{argv: func(map[string]string) []string { return []string{file} }})
}

// program is what runs in an environment of its own from the start.
type program struct {
	it       *interpreter // nil: it brings its own
	embedded bool         // one of ours, which takes its work over a socket; others take it from the Runtime API
	argv     func(vars map[string]string) []string
}

// wrapped puts the function's wrapper script, if it has one, before a command.
func wrapped(w world, v *compute.Version, vars map[string]string, argv []string) []string {
	if wrapper := vars["AWS_LAMBDA_EXEC_WRAPPER"]; wrapper != "" {
		return append([]string{w.layerPath(v, wrapper)}, argv...)
	}
	return argv
}

// bootProgram starts a program with all of the function's variables, beside its extensions if it has some.
func (e *environment) bootProgram(ctx context.Context, p program) (answer, error) {
	d, v := e.d, &e.pool.v
	in, several := inside{it: p.it, v: v}, d.extended(v)
	var err error
	var vars map[string]string
	if e.host, err = d.newHost(); err != nil {
		return answer{}, err
	}
	if several {
		err = d.shelter(e.host, in)
	}
	if err == nil && (several || !d.sandboxed()) { // a sandbox has its port once it is there
		err = e.openAPI(p.embedded)
	}
	if err == nil {
		vars, err = d.variables(ctx, v, e, p.it)
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
		late := time.AfterFunc(e.left()+exitGrace, e.endAll) // an extension may stop a program that is about to be started, and with it who starts it
		defer late.Stop()
		if a := e.startExtensions(vars, e.left()); a.kind != compute.None {
			return a, nil
		}
	}
	if err := e.startMain(p, vars, in, several); err != nil {
		if p.it != nil && vars["AWS_LAMBDA_EXEC_WRAPPER"] == "" {
			return answer{}, fmt.Errorf("process: start %s: %w", p.it.path, err)
		}
		return entrypoint(fmt.Sprintf("RequestId: %s Error: %v", e.initID, err)), nil
	}
	if !several {
		e.named()
		if e.api == nil {
			err = e.openAPI(p.embedded)
		}
		if err == nil {
			err = e.bound()
		}
		if err != nil {
			return answer{}, err
		}
	}
	if p.embedded {
		cfg := d.initConfig(d.world(e.host, v), v, nil)
		cfg.Hide, cfg.Late = hidden(v), d.world(e.host, v).late(p.it.family, vars)
		return e.loadEmbedded(p.it, cfg)
	}
	e.link = &api{server: e.api, proc: e.proc}
	return e.load(runtimes.InitConfig{})
}

// startMain starts the function's program: alone, or beside extensions.
func (e *environment) startMain(p program, vars map[string]string, in inside, several bool) error {
	d, w := e.d, e.d.world(e.host, in.v)
	env := flat(vars)
	if p.embedded {
		env = append(flat(w.started(in.it.family, vars)), d.ofPython(w, vars)...)
	}
	if !several {
		return d.start(e.host, p.argv(vars), env, w.task, p.embedded, in)
	}
	main, err := d.launch(e.host, p.argv(vars), env, w.task, p.embedded)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.proc = main
	e.mu.Unlock()
	go e.out.follow(main.output)
	return nil
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
