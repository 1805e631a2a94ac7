package process

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"sundog/engine/compute/process/sandbox"
)

// spec says what to start.
type spec struct {
	argv   []string // an absolute path first
	env    []string
	dir    string
	cgroup string        // "": none
	number int64         // of the sandbox
	plan   *sandbox.Plan // of the sandbox; argv, env and dir are in it then
	seed   *proc         // the sandbox's init; nil: is started
	socket bool          // give it a socket as descriptor 3
}

// proc is a process tree that was started: the program, below an init if the mode has one.
type proc struct {
	mode   mode
	pid    int // of the init, or of the program in plain mode
	conn   net.Conn
	output *os.File // read end of the pipe that is its standard output and error
	exited chan struct{}
	status string           // "exit status 1", "signal: killed"; valid when exited is closed
	peakKB int              // the most memory that the program had, where its init tells; valid then, too
	box    *sandbox.Control // nil: no sandbox
	ports  []sandbox.Socket // that the sandbox's init opened; whoever takes them closes them
	ended  atomic.Bool
	send   func(syscall.Signal) // to one of several programs in a sandbox; nil: the process is its own tree's
}

// kill ends the whole tree, or, of several programs in a sandbox, the one; more than once is fine. exited follows.
func (p *proc) kill() {
	p.ended.Store(true)
	select {
	case <-p.exited:
		return
	default:
	}
	if p.send != nil {
		p.send(syscall.SIGKILL)
		return
	}
	killTree(p.mode, p.pid)
}

// close gives the descriptors back; after exited.
func (p *proc) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	_ = p.output.Close()
	if p.box != nil {
		_ = p.box.Close()
	}
	for _, s := range p.ports {
		_ = s.File.Close()
	}
}

// spawner starts processes from one OS thread that lives as long as the spawner: the kernel ends children when the thread that started them ends.
type spawner struct {
	jobs   chan func()
	reexec bool
	once   sync.Once
	mode   mode

	sandbox func() error // tries a sandbox out; nil: none is wanted
	lack    error        // why there is none; after once
}

func newSpawner(reexec bool) *spawner {
	s := &spawner{jobs: make(chan func()), reexec: reexec}
	go func() {
		runtime.LockOSThread()
		for job := range s.jobs {
			job()
		}
		// Not unlocked: the thread ends with the goroutine, and with it, at last, any child that is left.
	}()
	return s
}

// close ends the thread. start must not be called any more.
func (s *spawner) close() { close(s.jobs) }

// modeHere gives the mode in which processes are started.
func (s *spawner) modeHere() mode {
	s.once.Do(func() {
		if s.mode = modePlain; s.reexec {
			s.mode = s.probe()
		}
	})
	return s.mode
}

func (s *spawner) start(sp spec) (*proc, error) { return s.run(s.modeHere(), sp) }

func (s *spawner) try(m mode, program string) (*proc, error) {
	p, err := s.run(m, spec{argv: []string{program}, dir: "/", socket: true})
	if err != nil {
		return nil, err
	}
	<-p.exited
	p.close()
	return p, nil
}

// startIn is the function of that name, on the spawner's thread.
func (s *spawner) startIn(group string, command func(joined bool) *exec.Cmd) (cmd *exec.Cmd, joined bool, err error) {
	done := make(chan struct{})
	s.jobs <- func() {
		cmd, joined, err = startIn(group, command)
		close(done)
	}
	<-done
	return cmd, joined, err
}

// run starts a process in a mode. The returned proc's exited is closed when the tree's head has been waited for.
func (s *spawner) run(m mode, sp spec) (*proc, error) {
	if m == modeSandbox {
		return s.runSandbox(sp)
	}
	var fds descriptors
	if err := fds.open(sp.socket); err != nil {
		fds.closeAll()
		return nil, fmt.Errorf("process: %w", err)
	}
	cmd, joined, err := s.startIn(sp.cgroup, func(joined bool) *exec.Cmd {
		own := sp
		if joined {
			own.cgroup = ""
		}
		return command(m, own, &fds)
	})
	fds.closeChild()
	if err != nil {
		fds.closeAll()
		return nil, err
	}
	p := &proc{mode: m, pid: cmd.Process.Pid, conn: fds.conn, output: fds.output, exited: make(chan struct{})}
	go p.wait(cmd, fds.status)
	if m == modePlain && !joined {
		_ = move(sp.cgroup, p.pid) // the platform samples memory then
	}
	return p, nil
}

func command(m mode, sp spec, fds *descriptors) *exec.Cmd {
	cmd := &exec.Cmd{Path: sp.argv[0], Args: sp.argv, Env: sp.env, Dir: sp.dir, Stdout: fds.outputW, Stderr: fds.outputW, SysProcAttr: attributes(m, 0)}
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	if fds.socket != nil {
		cmd.ExtraFiles = []*os.File{fds.socket}
	}
	if m != modePlain {
		cmd.Path = "/proc/self/exe"
		cmd.Args = append([]string{initName, string(m), sp.cgroup, "--"}, sp.argv...)
		if fds.socket == nil {
			cmd.ExtraFiles = []*os.File{fds.outputW} // keeps the numbers; the program gets no use of it
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, fds.statusW)
	}
	return cmd
}

// wait closes exited once the head of the tree has ended, with what it said of its program's end.
func (p *proc) wait(cmd *exec.Cmd, status *os.File) {
	err := cmd.Wait()
	said, _ := io.ReadAll(io.LimitReader(status, 1024)) // the write end has gone with the process
	_ = status.Close()
	how := "exit status 0"
	var exit *exec.ExitError
	switch {
	case len(said) > 0:
		how = string(said)
	case errors.As(err, &exit):
		how = exit.String()
	case err != nil:
		how = err.Error()
	}
	p.over(how)
}

// over notes how the program ended, as an init tells it, and closes exited.
func (p *proc) over(how string) {
	status, peak, _ := strings.Cut(how, "\n")
	p.peakKB, _ = strconv.Atoi(peak) // 0: nobody told
	p.status = strings.TrimSuffix(status, " (core dumped)")
	close(p.exited)
}

// descriptors are what is opened for a start: ours, and the child's ends.
type descriptors struct {
	conn            net.Conn
	output, status  *os.File
	socket, outputW *os.File
	statusW         *os.File
}

func (d *descriptors) open(socket bool) (err error) {
	if d.output, d.outputW, err = os.Pipe(); err != nil {
		return err
	}
	if d.status, d.statusW, err = os.Pipe(); err != nil {
		return err
	}
	if !socket {
		return nil
	}
	syscall.ForkLock.RLock() // nothing is forked between the pair's making and its marking
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return err
	}
	ours := os.NewFile(uintptr(pair[0]), "socket")
	d.socket = os.NewFile(uintptr(pair[1]), "socket")
	defer ours.Close()
	d.conn, err = net.FileConn(ours)
	return err
}

func (d *descriptors) closeChild() {
	for _, f := range []*os.File{d.socket, d.outputW, d.statusW} {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (d *descriptors) closeAll() {
	d.closeChild()
	for _, f := range []*os.File{d.output, d.status} {
		if f != nil {
			_ = f.Close()
		}
	}
	if d.conn != nil {
		_ = d.conn.Close()
	}
}
