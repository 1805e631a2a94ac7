package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"sundog/engine/compute"
	"sundog/engine/compute/runtimes"
)

// host is a started process with its folder, memory group and output: an environment before it has a function.
type host struct {
	proc  *proc
	out   *output
	dir   string
	group string
	gone  sync.Once
}

// newHost makes the folder and the memory group; start fills in the process.
func (d *Driver) newHost() (*host, error) {
	dir := filepath.Join(d.o.Dir, "environments", strconv.Itoa(os.Getpid())+"-"+strconv.FormatInt(d.hosts.Add(1), 10))
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	h := &host{dir: dir, out: &output{clock: d.o.Clock}}
	h.group, _ = d.groups.create()
	return h, nil
}

// start starts argv in the host. When it fails, nothing of the host is left.
func (d *Driver) start(h *host, argv, env []string, dir string, socket bool) error {
	p, err := d.spawner.start(spec{argv: argv, env: env, dir: dir, cgroup: h.group, socket: socket})
	if err != nil {
		d.remove(h)
		return err
	}
	if p.mode == modePlain && h.group != "" { // no init that joins it
		_ = os.WriteFile(filepath.Join(h.group, "cgroup.procs"), []byte(strconv.Itoa(p.pid)), 0)
	}
	h.proc = p
	go h.out.follow(p.output)
	return nil
}

// startGeneric starts a process of an interpreter without a function.
func (d *Driver) startGeneric(f runtimes.Family, it *interpreter, extra map[string]string) (*host, error) {
	h, err := d.newHost()
	if err != nil {
		return nil, err
	}
	argv := []string{it.path, filepath.Join(d.runtimes, "node", "main.js")}
	if f == runtimes.Python {
		argv = []string{it.path, "-s", filepath.Join(d.runtimes, "python", "boot.py")}
	}
	env := d.generic(h.dir, it)
	for k, v := range extra {
		env = append(env, k+"="+v)
	}
	if w := extra["AWS_LAMBDA_EXEC_WRAPPER"]; w != "" {
		argv = append([]string{w}, argv...)
	}
	if err := d.start(h, argv, env, h.dir, true); err != nil {
		return nil, fmt.Errorf("process: start %s: %w", it.path, err)
	}
	return h, nil
}

// end kills the host's processes, waits for them and removes what belonged to them.
func (d *Driver) end(h *host) {
	h.gone.Do(func() {
		if h.proc != nil {
			h.proc.kill()
			<-h.proc.exited
			h.proc.close()
		}
		d.remove(h)
	})
}

func (d *Driver) remove(h *host) {
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

// layerPath maps /opt/x to the topmost layer that has it, and /var/task/x to the code folder.
func layerPath(v *compute.Version, path string) string {
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
