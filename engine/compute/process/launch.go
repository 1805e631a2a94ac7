package process

import (
	"fmt"
	"syscall"

	"sundog/engine/compute/process/sandbox"
)

// shelter starts a sandbox without a program of its own, for environments of several programs: it stays when one of them ends. Without a sandbox
// there is nothing to do.
func (d *Driver) shelter(h *host, in inside) error {
	if !d.sandboxed() {
		return nil
	}
	if err := d.start(h, nil, nil, "/", false, in); err != nil {
		return err
	}
	h.shell, h.proc = h.proc, nil
	return nil
}

// launch starts a program beside those that the host has, in their sandbox if there is one. The caller ends it.
func (d *Driver) launch(h *host, argv, env []string, dir string, socket bool) (*proc, error) {
	if h.shell == nil {
		return d.spawner.start(spec{argv: argv, env: env, dir: dir, cgroup: h.group, socket: socket})
	}
	var fds descriptors
	if err := fds.open(socket); err != nil {
		fds.closeAll()
		return nil, fmt.Errorf("process: %w", err)
	}
	_ = fds.status.Close() // the sandbox tells how it ended
	fds.status = nil
	pid, ended, err := h.shell.box.Run(sandbox.Program{Argv: argv, Env: env, Dir: dir}, fds.outputW, fds.socket)
	fds.closeChild()
	if err != nil {
		fds.closeAll()
		return nil, err
	}
	box := h.shell.box
	p := &proc{mode: modeSandbox, conn: fds.conn, output: fds.output, exited: make(chan struct{}), send: func(sig syscall.Signal) { _ = box.Signal(pid, sig) }}
	go func() { p.over(<-ended) }()
	return p, nil
}

// terminate asks a program to end.
func (p *proc) terminate() {
	switch {
	case p.send != nil:
		p.send(syscall.SIGTERM)
	case p.box != nil:
		_ = p.box.Signal(0, syscall.SIGTERM) // it has ended if that fails
	default:
		if pid := p.program(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
}

// control gives what speaks to the host's sandbox; nil without one.
func (h *host) control() *sandbox.Control {
	if h.shell != nil {
		return h.shell.box
	}
	return h.proc.box
}

// heads lists the processes above which nothing belongs to the host.
func (h *host) heads() []*proc {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shell != nil {
		return []*proc{h.shell}
	}
	all := make([]*proc, 0, 1+len(h.more))
	if h.proc != nil {
		all = append(all, h.proc)
	}
	for _, c := range h.more {
		all = append(all, c.proc)
	}
	return all
}

// measured lists the process ids of the programs that count as the function's memory: those that there were when it was first asked.
func (h *host) measured() []int {
	h.look.Lock()
	defer h.look.Unlock()
	if len(h.pids) == 0 {
		h.pids = h.programs()
	}
	return h.pids
}

// programs looks for the host's programs, which takes longer than many an invocation.
func (h *host) programs() []int {
	if h.shell != nil {
		return children(h.shell.pid)
	}
	var all []int
	for _, p := range h.heads() {
		if pid := p.program(); pid != 0 {
			all = append(all, pid)
		}
	}
	return all
}
