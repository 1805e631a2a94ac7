package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/compute/runtimes"
	"sundog/internal/connlimit"
)

// host is a started process with its folder, memory group and output: an environment before it has a function.
type host struct {
	proc   *proc
	seed   *proc // a sandbox's init that waits for its plan; nil: is started with it
	based  bool  // that init has made what every sandbox has
	out    *output
	dir    string
	number int64 // of all hosts
	group  string
	coded  bool       // it has a function's code: nothing is to be mounted any more
	look   sync.Mutex // while its programs are looked for
	pids   []int      // of its programs; none: they were not looked for yet
	since  time.Time  // when it was ready to wait for a function
	shell  *proc      // the sandbox of an environment of several programs, which are started inside; nil: proc is all there is
	more   []*companion
	mu     sync.Mutex                         // for proc and more, while an environment of several programs starts and is watched already
	name   func(function, environment string) // tells the network what the sandbox has become; nil: there is no sandbox
	detach func()
	owner  atomic.Pointer[string] // the ARN of the function that it has become
	gone   sync.Once

	connections *connlimit.Limit // that programs in the sandbox have to what the platform serves there
}

// newHost gives a host without a process, perhaps one that was made beforehand; start fills in the process.
func (d *Driver) newHost() (*host, error) {
	if h := d.seeds.take(); h != nil {
		return h, nil
	}
	return d.makeHost()
}

// makeHost makes the folder and the memory group.
func (d *Driver) makeHost() (*host, error) {
	n := d.hosts.Add(1)
	dir := filepath.Join(d.o.Dir, "environments", strconv.Itoa(os.Getpid())+"-"+strconv.FormatInt(n, 10))
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	h := &host{dir: dir, number: n, out: &output{clock: d.o.Clock}}
	h.group, _ = d.groups.create()
	h.connections = connlimit.New(maxFiles, d.connections, func() { d.crowded(h, maxFiles) })
	return h, nil
}

// start starts argv in the host. When it fails, nothing of the host is left.
func (d *Driver) start(h *host, argv, env []string, dir string, socket bool, in inside) error {
	sp := spec{argv: argv, env: env, dir: dir, cgroup: h.group, socket: socket}
	if d.sandboxed() {
		var err error
		if sp.plan, err = d.plan(h, sandbox.Program{Argv: argv, Env: env, Dir: dir}, in); err != nil {
			d.remove(h)
			return err
		}
		sp.number, sp.seed, h.coded = h.number, h.seed, in.v != nil
		h.seed = nil
		defer d.seeds.refill()
	}
	p, err := d.spawner.start(sp)
	if err != nil {
		d.remove(h)
		return err
	}
	h.proc = p
	if err := d.attach(h); err != nil {
		d.end(h)
		return err
	}
	go h.out.follow(p.output)
	return nil
}

// startGeneric starts a process of an interpreter that waits for a function; v is nil while it is not known which.
func (d *Driver) startGeneric(k spareKey, v *compute.Version) (*host, error) {
	h, err := d.newHost()
	if err != nil {
		return nil, err
	}
	w := d.world(h, v)
	if err := d.start(h, d.embedded(w, k.family, k.it, nil), d.generic(w, k.it, k.kind), w.home, true, inside{it: k.it, v: v}); err != nil {
		return nil, fmt.Errorf("process: start %s: %w", k.it.path, err)
	}
	return h, nil
}

// embedded gives the command line of an embedded runtime for a function's variables; nil: it waits for a function.
func (d *Driver) embedded(w world, f runtimes.Family, it *interpreter, vars map[string]string) []string {
	if f == runtimes.Python {
		d.compile(it)
		return []string{it.path, "-sS", filepath.Join(w.runtime, "python", "boot.py")} // boot.py does what belongs to `site`, sooner
	}
	argv := []string{it.path, filepath.Join(w.runtime, "node", "main.js")}
	if w.trustsFile(f, vars) {
		argv = slices.Insert(argv, 1, useFile)
	}
	return argv
}

// compile has Python write the byte code of its embedded runtime beside it, once: inside a sandbox nothing can be written there, and without it every
// start takes some 20 ms longer.
func (d *Driver) compile(it *interpreter) {
	if _, done := d.compiled.LoadOrStore(it.path, struct{}{}); done || !d.sandboxed() {
		return
	}
	d.background(func() {
		cmd := exec.CommandContext(d.ctx, it.path, "-E", "-s", "-m", "compileall", "-q", filepath.Join(d.runtimes, "python"))
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); err != nil && d.ctx.Err() == nil {
			d.o.Log.Warn("the Python runtime cannot be compiled; its starts take longer", "error", err, "output", firstLine(string(out)))
		}
	})
}

// end kills the host's processes, waits for them and removes what belonged to them.
func (d *Driver) end(h *host) {
	h.gone.Do(func() {
		all := h.heads()
		for _, p := range all {
			p.kill()
		}
		for _, p := range all {
			<-p.exited
			p.close()
		}
		if h.shell != nil {
			h.closeInner()
		}
		if h.detach != nil {
			h.detach()
		}
		d.remove(h)
	})
}

// closeInner gives the descriptors of a sandbox's programs back, after it has ended.
func (h *host) closeInner() {
	inner := make([]*proc, 0, 1+len(h.more))
	if h.proc != nil {
		inner = append(inner, h.proc)
	}
	for _, c := range h.more {
		inner = append(inner, c.proc)
	}
	for _, p := range inner {
		<-p.exited
		p.close()
	}
}

func (d *Driver) remove(h *host) {
	if h.seed != nil {
		h.seed.kill()
		<-h.seed.exited
		h.seed.close()
	}
	d.groups.remove(h.group)
	if err := os.RemoveAll(h.dir); err != nil {
		d.o.Log.Warn("cannot remove an environment's folder", "dir", h.dir, "error", err)
	}
}

// sweep removes the folders of environments whose platform has ended without doing so.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		head, _, _ := strings.Cut(e.Name(), "-")
		pid, err := strconv.Atoi(head)
		if err == nil && pid != os.Getpid() && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name())) // the next start tries again
		}
	}
}

// layerPath maps /opt/x to the topmost layer that has it, and /var/task/x to the code folder; in a sandbox they are where they are said to be.
func (w world) layerPath(v *compute.Version, path string) string {
	if w.boxed {
		return path
	}
	if rest, ok := strings.CutPrefix(path, "/var/task/"); ok {
		return filepath.Join(v.CodeDir, rest)
	}
	rest, ok := strings.CutPrefix(path, "/opt/")
	if !ok {
		return path
	}
	for i := len(v.Layers) - 1; i >= 0; i-- {
		if f := filepath.Join(v.Layers[i], rest); fileExists(f) {
			return f
		}
	}
	return path
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
