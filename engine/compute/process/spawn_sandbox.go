package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"sundog/engine/compute/process/sandbox"
)

// runSandbox starts a program in a sandbox, whose init is this program again.
func (s *spawner) runSandbox(sp spec, fds *descriptors) (*proc, error) {
	control, child, err := sandbox.NewControl()
	if err != nil {
		fds.closeAll()
		return nil, err
	}
	socket := fds.socket
	if socket == nil {
		socket = fds.outputW // keeps the numbers; the program gets no use of it
	}
	command := func() *exec.Cmd {
		return &exec.Cmd{
			Path: "/proc/self/exe", Args: []string{initName, string(modeSandbox), "", "--", "sandbox"}, Env: []string{"GOMAXPROCS=1"}, Dir: "/",
			Stdout: fds.outputW, Stderr: fds.outputW, ExtraFiles: []*os.File{socket, fds.statusW, child}, SysProcAttr: attributes(modeSandbox, sp.number),
		}
	}
	cmd, err := s.startIn(sp.cgroup, command)
	fds.closeChild()
	_ = child.Close()
	if err != nil {
		fds.closeAll()
		_ = control.Close()
		return nil, err
	}
	p := &proc{mode: modeSandbox, pid: cmd.Process.Pid, conn: fds.conn, output: fds.output, exited: make(chan struct{}), box: control}
	go p.wait(cmd, fds.status)
	if p.ports, err = control.Start(*sp.plan); err != nil {
		p.kill()
		<-p.exited
		if said, _ := io.ReadAll(io.LimitReader(p.output, 2048)); len(said) > 0 { // its write ends have gone with the process
			err = fmt.Errorf("%w (%s)", err, strings.TrimSpace(string(said)))
		}
		p.close()
		return nil, err
	}
	return p, nil
}
