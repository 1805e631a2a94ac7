package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
)

// The ports inside a sandbox that are the same in all.
const (
	apiPort  = 9001 // the Runtime API
	xrayPort = 2000
)

// The limits of a function on Lambda, beside memory.
const (
	maxProcesses = 1024
	initThreads  = 32    // of the init, which counts as the same user where the platform is no root
	maxFiles     = 1024  // of a process; and connections, of an environment
	maxFileMB    = 10240 // of one file: the largest /tmp
	defaultTemp  = 512
)

const loaderCache = "/etc/ld.so.cache" // where the system's libraries are

// inside is what a started program needs beside the base: an interpreter, a function's code; nil: none, or not yet.
type inside struct {
	it *interpreter
	v  *compute.Version
}

// world is where a function's process finds what is its own.
type world struct {
	boxed   bool
	network bool   // a sandbox with what is outside of it
	task    string // the code
	runtime string // the embedded runtimes
	home    string
	temp    string
	xray    string // host:port of the X-Ray daemon; "": none
}

// world gives the paths of a host, which may be nil where home and temp do not matter, for a version, which may be nil before it has one.
func (d *Driver) world(h *host, v *compute.Version) world {
	w := world{boxed: d.sandboxed(), xray: d.o.XRayDaemon}
	if w.boxed {
		w.network = d.o.Network != nil
		w.task, w.runtime, w.home, w.temp = sandbox.TaskRoot, sandbox.RuntimeDir, sandbox.TempDir, sandbox.TempDir
		if w.xray != "" {
			w.xray = fmt.Sprintf("127.0.0.1:%d", xrayPort)
		}
		return w
	}
	w.runtime = d.runtimes
	if h != nil {
		w.home, w.temp = h.dir, filepath.Join(h.dir, "tmp")
	}
	if v != nil {
		w.task = v.CodeDir
	}
	return w
}

// TaskRoot gives the path at which a function sees its code folder.
func (d *Driver) TaskRoot(codeDir string) string {
	return d.world(nil, &compute.Version{CodeDir: codeDir}).task
}

func (d *Driver) sandboxed() bool { return d.spawner.modeHere() == modeSandbox }

// sdkDir is where functions see the cache of SDKs.
func (d *Driver) sdkDir() string {
	if d.sandboxed() {
		return sandbox.SDKDir
	}
	return filepath.Clean(d.o.SDKDir)
}

// temporaryMB is what a version's /tmp may hold in memory: nothing where it is a folder on the disk.
func (d *Driver) temporaryMB(v *compute.Version) int {
	if !d.sandboxed() {
		return 0
	}
	return ephemeral(v)
}

func ephemeral(v *compute.Version) int {
	if v.EphemeralMB > 0 {
		return v.EphemeralMB
	}
	return defaultTemp
}

// trySandbox starts a program in a sandbox, to see whether that is possible here.
func (d *Driver) trySandbox() error {
	program := "/bin/true"
	if !fileExists(program) {
		program = "/usr/bin/true"
	}
	h, err := d.newHost()
	if err != nil {
		return err
	}
	defer d.remove(h)
	binds, links := system()
	if fileExists(loaderCache) { // not all of functions' /etc, which takes longer to make than all the rest
		binds = append(binds, sandbox.Bind{From: loaderCache, To: loaderCache})
	}
	p := d.bare(h, sandbox.Program{Argv: []string{program}, Dir: "/"}, binds, links)
	started, err := d.spawner.run(modeSandbox, spec{number: h.number, plan: p})
	if err != nil {
		return err
	}
	<-started.exited
	started.close()
	if started.status != "exit status 0" {
		return errors.New(started.status)
	}
	d.wantEtc.Store(true)
	return nil
}

// plan says what a sandbox is to be made of.
func (d *Driver) plan(h *host, p sandbox.Program, in inside) (*sandbox.Plan, error) {
	plan := d.bare(h, p, nil, nil)
	if plan.Based = h.based; !h.based {
		if err := d.shared(plan); err != nil {
			return nil, err
		}
	}
	if in.it != nil {
		for _, n := range in.it.needs {
			plan.Binds = append(plan.Binds, sandbox.Bind{From: n, To: n})
		}
	}
	if in.v != nil {
		c := d.code(in.v)
		plan.Code = &c
	}
	return plan, nil
}

// prepare has a seed make what every sandbox has.
func (d *Driver) prepare(h *host) error {
	base := d.bare(h, sandbox.Program{}, nil, nil)
	if err := d.shared(base); err != nil {
		return err
	}
	if err := h.seed.box.Prepare(*base); err != nil {
		return err
	}
	h.based = true
	return nil
}

// shared adds what is shown in every sandbox.
func (d *Driver) shared(plan *sandbox.Plan) error {
	if err := d.ownEtc(); err != nil { // not at the platform's start, which does not wait for it
		return err
	}
	binds, links := system()
	binds = append(binds, sandbox.Bind{From: d.etc, To: "/etc"}, sandbox.Bind{From: d.runtimes, To: sandbox.RuntimeDir})
	if d.o.SDKDir != "" {
		if err := os.MkdirAll(d.o.SDKDir, 0o755); err != nil {
			return fmt.Errorf("process: %w", err)
		}
		binds = append(binds, sandbox.Bind{From: d.o.SDKDir, To: sandbox.SDKDir})
	}
	plan.Binds, plan.Links = binds, links
	return nil
}

// bare is the plan of a sandbox without a function's code.
func (d *Driver) bare(h *host, p sandbox.Program, binds []sandbox.Bind, links []sandbox.Link) *sandbox.Plan {
	return &sandbox.Plan{
		Root: h.dir, Binds: binds, Links: links, Program: p, Own: ownUser(h.number), Ports: d.ports(),
		Limits: sandbox.Limits{Processes: maxProcesses + initThreads, Files: maxFiles, FileMB: maxFileMB},
	}
}

// ports are the sockets of every sandbox.
func (d *Driver) ports() []sandbox.Port {
	all := []sandbox.Port{{Network: "tcp", Number: apiPort}}
	if d.o.Network != nil {
		all = append(all, slices.DeleteFunc(d.o.Network.Ports(), func(p sandbox.Port) bool { return p.Network == "tcp" && p.Number == apiPort })...)
	}
	return all
}

// system lists what of the host's programs and libraries is shown.
func system() (binds []sandbox.Bind, links []sandbox.Link) {
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		st, err := os.Lstat(dir)
		if err != nil {
			continue
		}
		if st.Mode()&os.ModeSymlink != 0 {
			if text, err := os.Readlink(dir); err == nil {
				links = append(links, sandbox.Link{Path: dir, Text: text})
			}
			continue
		}
		binds = append(binds, sandbox.Bind{From: dir, To: dir})
	}
	return append(binds, shell()...), links
}

// shell makes sh be bash, as it is on Lambda, where the host's is dash: scripts rely on it.
func shell() []sandbox.Bind {
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil || filepath.Base(sh) != "dash" || !inSystem(sh) {
		return nil
	}
	bash, err := filepath.EvalSymlinks("/bin/bash")
	if err != nil {
		return nil
	}
	return []sandbox.Bind{{From: bash, To: sh}}
}

// inSystem tells whether a path is shown with the host's programs and libraries.
func inSystem(path string) bool {
	return slices.ContainsFunc([]string{"/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/"}, func(p string) bool { return strings.HasPrefix(path, p) })
}

// code says what of a version is shown.
func (d *Driver) code(v *compute.Version) sandbox.Code {
	c := sandbox.Code{Task: v.CodeDir, Layers: v.Layers, TempMB: ephemeral(v)}
	c.Binds, c.Links = beside(v.CodeDir)
	return c
}

// assign shows a version's code to a host that was started without.
func (d *Driver) assign(h *host, in inside) error {
	if h.control() == nil || h.coded {
		return nil
	}
	h.coded = true
	if err := h.control().Mount(d.code(in.v)); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	return nil
}

// attach has the network serve a sandbox's sockets, but that of the Runtime API.
func (d *Driver) attach(h *host) (err error) {
	if d.o.Network == nil || h.proc.box == nil {
		return nil
	}
	var own, others []sandbox.Socket
	for _, s := range h.proc.ports {
		if s.Network == "tcp" && s.Number == apiPort {
			own = append(own, s)
		} else {
			others = append(others, s)
		}
	}
	h.proc.ports = own
	h.name, h.detach, err = d.o.Network.Attach(others, h.connections)
	return err
}

// named tells the network whose the sandbox is.
func (e *environment) named() {
	arn := e.pool.v.ARN.String()
	e.owner.Store(&arn)
	if e.name != nil {
		e.name(arn, e.id)
	}
}

// crowded logs, once for each sandbox and limit, that its connections are too many.
func (d *Driver) crowded(h *host, most int) {
	function := ""
	if p := h.owner.Load(); p != nil {
		function = *p
	}
	d.o.Log.Warn("a function has as many connections open as it may; further ones are reset", "function", function, "connections", most)
}

// listener takes the socket that the sandbox's init opened on a TCP port.
func (p *proc) listener(port int) (net.Listener, error) {
	i := slices.IndexFunc(p.ports, func(s sandbox.Socket) bool { return s.Network == "tcp" && s.Number == port })
	if i < 0 {
		return nil, fmt.Errorf("process: the sandbox has no port %d", port)
	}
	s := p.ports[i]
	p.ports = slices.Delete(p.ports, i, i+1)
	defer s.File.Close()
	return net.FileListener(s.File)
}
