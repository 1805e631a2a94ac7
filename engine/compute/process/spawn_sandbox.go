package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"sundog/engine/compute/process/sandbox"
)

// seed starts the init of a sandbox, which is this program again, with descriptors for whatever program it will be told to start.
func (s *spawner) seed(number int64, group string) (*proc, error) {
	var fds descriptors
	if err := fds.open(true); err != nil {
		fds.closeAll()
		return nil, fmt.Errorf("process: %w", err)
	}
	control, child, err := sandbox.NewControl()
	if err != nil {
		fds.closeAll()
		return nil, err
	}
	cmd, joined, err := s.startIn(group, func(bool) *exec.Cmd {
		return &exec.Cmd{
			Path: "/proc/self/exe", Args: []string{initName, string(modeSandbox), "", "--", "sandbox"}, Env: []string{"GOMAXPROCS=1"}, Dir: "/",
			Stdout: fds.outputW, Stderr: fds.outputW, ExtraFiles: []*os.File{fds.socket, fds.statusW, child}, SysProcAttr: attributes(modeSandbox, number),
		}
	})
	fds.closeChild()
	_ = child.Close()
	if err != nil {
		fds.closeAll()
		_ = control.Close()
		return nil, err
	}
	p := &proc{mode: modeSandbox, pid: cmd.Process.Pid, conn: fds.conn, output: fds.output, exited: make(chan struct{}), box: control}
	go p.wait(cmd, fds.status)
	if !joined {
		if err := move(group, p.pid); err != nil { // nothing of a function runs yet
			p.kill()
			<-p.exited
			p.close()
			return nil, err
		}
	}
	return p, nil
}

// runSandbox starts a program in a sandbox, whose init may have been started beforehand. When it fails, the init has ended.
func (s *spawner) runSandbox(sp spec) (p *proc, err error) {
	if p = sp.seed; p == nil {
		if p, err = s.seed(sp.number, sp.cgroup); err != nil {
			return nil, err
		}
	}
	if !sp.socket { // the program's end leads nowhere
		_ = p.conn.Close()
		p.conn = nil
	}
	if p.ports, err = p.box.Start(*sp.plan); err != nil {
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
