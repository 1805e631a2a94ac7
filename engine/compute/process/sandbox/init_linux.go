package sandbox

import (
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inside is Init at work.
type inside struct {
	control *net.UnixConn
	net     network
	filter  []unix.SockFilter
	root    root
	sockets []*os.File // that are to go to the platform
	launch  chan launch

	mu    sync.Mutex
	main  int            // the function's program; 0: it is a further one
	born  chan struct{}  // a further program was started
	more  map[int]bool   // further programs
	early map[int]string // ended before they were known
	done  chan struct{}  // closed when the function's program has ended
	how   string         // it ended; valid when done is closed
}

// launch is a program for the thread that has been confined to start.
type launch struct {
	p      Program
	files  []uintptr
	result chan launched
}

type launched struct {
	pid int
	err error
}

// Init runs the sandbox from within, as process 1 of its namespaces, and returns its exit code when the function's program has ended. All that is left
// ends with it.
func Init() int {
	if unix.CloseRange(fdSocket, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) != nil { // what the platform was started with comes along, beside what is for us
		return 70
	}
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // nobody inside looks into this process
	control, err := connOf(os.NewFile(fdControl, "control"))
	if err != nil {
		return 70
	}
	loopback, err := openNetwork() // what does not depend on the plan is done before it comes
	var filter []unix.SockFilter
	if err == nil {
		filter, err = callFilter()
	}
	if err != nil {
		err = fmt.Errorf("sandbox: %w", err)
	}
	i := &inside{control: control, net: loopback, filter: filter, launch: make(chan launch), more: map[int]bool{}, early: map[int]string{}, done: make(chan struct{}), born: make(chan struct{}, 1)}
	var first request
	_, lost := receive(control, &first)
	if lost == nil && first.Base != nil {
		if err == nil {
			err = i.base(first.Base)
		}
		first = request{}
		_, lost = receive(control, &first)
	}
	if lost != nil || first.Plan == nil {
		return 70
	}
	if err == nil {
		err = i.begin(first.Plan)
	}
	if err != nil {
		_ = send(control, reply{Error: err.Error()})
		return 71
	}
	go i.serve()
	<-i.done
	status := os.NewFile(fdStatus, "status")
	_, _ = status.WriteString(i.how) // the platform has gone if this fails, and we with it
	return 0
}

// base opens the ports and builds the root.
func (i *inside) base(p *Plan) (err error) {
	if i.sockets, err = i.net.listen(p.Ports); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	i.root = root{p.Root}
	if err := i.root.build(p); err != nil {
		return fmt.Errorf("sandbox: root: %w", err)
	}
	return nil
}

// begin builds what there is not yet and starts the program.
func (i *inside) begin(p *Plan) (err error) {
	if p.Based {
		if err := i.root.show(p.Binds, p.Links); err != nil {
			return fmt.Errorf("sandbox: root: %w", err)
		}
	} else if err := i.base(p); err != nil {
		return err
	}
	if p.Code != nil {
		if err := i.root.mount(p.Code); err != nil {
			return fmt.Errorf("sandbox: code: %w", err)
		}
	}
	confined := make(chan error)
	go i.launcher(p, confined)
	if err := <-confined; err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if len(p.Program.Argv) > 0 {
		if i.main, err = i.start(p.Program, []uintptr{0, 1, 2, fdSocket}); err != nil {
			return err
		}
	}
	_ = unix.Close(fdSocket) // so that the platform sees its end when the program has gone
	go i.reap()
	err = send(i.control, reply{Sockets: p.Ports, PID: i.main}, i.sockets...)
	closeFiles(i.sockets)
	i.sockets = nil
	return err
}

// timerSlack is how much later than asked a sleep of the function's may end, so that the kernel can wake several at once. The scheduler of a Go program
// looks after its threads every 20 us while it works, and half of those are wake-ups for nothing: with the kernel's usual 50 us they took a fifth of what an
// invocation cost in the function.
const timerSlack = time.Millisecond

// launcher confines its thread for good and starts programs from it, which inherit everything. It must not be the process's first thread: that stands for the
// process, in /proc and as a target of signals, and keeps out of the function's reach.
func (i *inside) launcher(p *Plan, confined chan<- error) {
	runtime.LockOSThread() // and never unlocked
	if unix.Gettid() == unix.Getpid() {
		go i.launcher(p, confined) // on another thread, since this one is held
		<-i.done
		return
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) // a saving: nothing depends on it
	err := confine(p, i.filter)
	confined <- err
	if err != nil {
		return // the thread ends with it, being locked
	}
	for l := range i.launch {
		pid, err := syscall.ForkExec(l.p.Argv[0], l.p.Argv, &syscall.ProcAttr{Dir: l.p.Dir, Env: l.p.Env, Files: l.files, Sys: &syscall.SysProcAttr{Setsid: true}})
		if err != nil {
			err = fmt.Errorf("fork/exec %s: %w", l.p.Argv[0], err)
		}
		l.result <- launched{pid, err}
	}
}

func (i *inside) start(p Program, files []uintptr) (int, error) {
	l := launch{p, files, make(chan launched, 1)}
	i.launch <- l
	r := <-l.result
	return r.pid, r.err
}

// serve answers the platform until it goes; then this process ends, and with it the sandbox.
func (i *inside) serve() {
	for {
		var r request
		files, err := receive(i.control, &r)
		if err != nil {
			os.Exit(0)
		}
		if r.Dial != nil {
			go i.dial(*r.Dial)
			continue
		}
		a := i.answer(&r, files)
		closeFiles(files)
		if send(i.control, a) != nil {
			os.Exit(0)
		}
	}
}

func (i *inside) answer(r *request, files []*os.File) reply {
	var a reply
	var err error
	switch {
	case r.Code != nil:
		err = i.root.mount(r.Code)
	case r.Run != nil:
		a.PID, err = i.further(r.Run, files)
	case r.Kill != nil:
		err = i.signal(r.Kill)
	case r.Stop != nil:
		err = freeze(*r.Stop)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// further starts a program beside the function's.
func (i *inside) further(p *Program, files []*os.File) (int, error) {
	use := []uintptr{0, 1, 1}
	if len(files) > 0 {
		use[1], use[2] = files[0].Fd(), files[0].Fd()
	}
	if len(files) > 1 {
		use = append(use, files[1].Fd())
	}
	pid, err := i.start(*p, use)
	if err != nil {
		return 0, err
	}
	select {
	case i.born <- struct{}{}:
	default: // reap knows of one already
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if how, ok := i.early[pid]; ok {
		delete(i.early, pid)
		go func() { _ = send(i.control, reply{Ended: pid, Status: how}) }()
		return pid, nil
	}
	i.more[pid] = true
	return pid, nil
}

// signal reaches a program that has been started here and not waited for.
func (i *inside) signal(s *Signal) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	pid := s.PID
	if pid == 0 {
		pid = i.main
	}
	if pid <= 0 || pid != i.main && !i.more[pid] {
		return fmt.Errorf("no program %d", s.PID)
	}
	return syscall.Kill(pid, syscall.Signal(s.Number))
}

// freeze stops everything in the namespace but this process, or lets it go on.
func freeze(stop bool) error {
	sig := syscall.SIGCONT
	if stop {
		sig = syscall.SIGSTOP
	}
	if err := syscall.Kill(-1, sig); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("%s: %w", sig, err)
	}
	return nil
}

// dialTimeout is how long a program inside may let a connection wait: one whose queue is full does not answer.
const dialTimeout = 5 * time.Second

// dial connects beside everything else: a program that does not take connections holds up nothing.
func (i *inside) dial(d Dialled) {
	a := reply{Dialled: d.Number}
	give, err := connect(d.Port)
	if err != nil {
		a.Error = err.Error()
	}
	_ = send(i.control, a, give) // the platform has gone if this fails
	if give != nil {
		_ = give.Close()
	}
}

func connect(port string) (*os.File, error) {
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, err
	}
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, dialTimeout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("no TCP connection to %s", port)
	}
	return t.File()
}

// reap waits for children, adopted ones too, until the function's program has ended.
func (i *inside) reap() {
	for {
		var ws syscall.WaitStatus
		var used syscall.Rusage
		pid, err := syscall.Wait4(-1, &ws, 0, &used)
		if err == syscall.EINTR {
			continue
		}
		if err == syscall.ECHILD && i.main == 0 {
			<-i.born
			continue
		}
		if err != nil {
			i.how = "signal: killed"
			close(i.done)
			return
		}
		if !ws.Exited() && !ws.Signaled() {
			continue
		}
		if pid == i.main {
			i.how = Describe(ws, used)
			close(i.done)
			return
		}
		i.ended(pid, Describe(ws, used))
	}
}

func (i *inside) ended(pid int, how string) {
	i.mu.Lock()
	known := i.more[pid]
	delete(i.more, pid)
	if !known && len(i.early) < 64 { // a further program that ended at once, or an orphan
		i.early[pid] = how
	}
	i.mu.Unlock()
	if known {
		_ = send(i.control, reply{Ended: pid, Status: how}) // the platform has gone if this fails
	}
}

// Describe tells how a program ended, and, in a second line, how much memory it had at most, in KiB.
func Describe(ws syscall.WaitStatus, used syscall.Rusage) string {
	how := "exit status " + strconv.Itoa(ws.ExitStatus())
	if ws.Signaled() {
		how = "signal: " + strings.TrimSuffix(ws.Signal().String(), " (core dumped)")
	}
	return how + "\n" + strconv.FormatInt(used.Maxrss, 10)
}
