package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Control is the platform's end of a sandbox. Methods may be called at once; each waits for its answer.
type Control struct {
	conn    *net.UnixConn
	mu      sync.Mutex // one request at a time
	answers chan answer
	ended   chan struct{}

	watch   sync.Mutex
	running map[int]chan string // further programs
	dialled map[int]chan answer // connections that are asked for, by number
	number  int
	gone    bool
}

type answer struct {
	reply
	files []*os.File
}

// Socket is a socket that Init opened inside.
type Socket struct {
	Port
	File *os.File // the caller closes it
}

// NewControl makes the socket pair of a sandbox: the child's end is to be its descriptor 5.
func NewControl() (c *Control, child *os.File, err error) {
	syscall.ForkLock.RLock() // nothing is forked between the pair's making and its marking
	pair, err := syscall.Socketpair(syscall.AF_UNIX, seqpacket, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: %w", err)
	}
	ours := os.NewFile(uintptr(pair[0]), "control")
	child = os.NewFile(uintptr(pair[1]), "control")
	defer ours.Close()
	conn, err := connOf(ours)
	if err != nil {
		_ = child.Close()
		return nil, nil, err
	}
	return &Control{conn: conn, answers: make(chan answer, 1), ended: make(chan struct{}), running: map[int]chan string{}, dialled: map[int]chan answer{}}, child, nil
}

func connOf(f *os.File) (*net.UnixConn, error) {
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, errors.New("sandbox: the control socket is no Unix socket")
	}
	_ = u.SetReadBuffer(maxMessage) // a smaller one only bounds messages sooner
	_ = u.SetWriteBuffer(maxMessage)
	return u, nil
}

// Prepare has Init open the ports and build the root of a plan that is still without code and program. It does not wait; what fails is told by Start, whose
// plan is Based then. It is called once at most, before Start.
func (c *Control) Prepare(base Plan) error {
	if err := send(c.conn, request{Base: &base}); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// Start has the sandbox built and its program started, and gives the sockets that were opened. It is called once, first.
func (c *Control) Start(p Plan) ([]Socket, error) {
	go c.read()
	a, err := c.ask(request{Plan: &p})
	if err != nil {
		return nil, err
	}
	if len(a.files) != len(a.Sockets) {
		closeFiles(a.files)
		return nil, errors.New("sandbox: sockets got lost on the way")
	}
	all := make([]Socket, len(a.files))
	for i, f := range a.files {
		all[i] = Socket{a.Sockets[i], f}
	}
	return all, nil
}

// Mount shows a function's code inside.
func (c *Control) Mount(code Code) error {
	a, err := c.ask(request{Code: &code})
	closeFiles(a.files)
	return err
}

// Run starts a further program with output as its standard output and error (nil: the environment's) and socket, if not nil, as its descriptor 3, and gives its
// id inside; ended gets its status ("exit status 1", and in a second line the most memory that it had, in KiB) when it ends, or "signal: killed" when the sandbox does.
func (c *Control) Run(p Program, output, socket *os.File) (pid int, ended <-chan string, err error) {
	a, err := c.ask(request{Run: &p}, output, socket)
	closeFiles(a.files)
	if err != nil {
		return 0, nil, err
	}
	return a.PID, c.follow(a.PID), nil
}

// Signal sends a signal to the sandbox's own program (pid 0) or one that Run started.
func (c *Control) Signal(pid int, sig syscall.Signal) error {
	a, err := c.ask(request{Kill: &Signal{pid, int(sig)}})
	closeFiles(a.files)
	return err
}

// Freeze stops all programs inside, so that they take no processor time, or lets them go on.
func (c *Control) Freeze(stop bool) error {
	a, err := c.ask(request{Stop: &stop})
	closeFiles(a.files)
	return err
}

// maxDials is how many connections are asked for at once.
const maxDials = 64

// Dial connects to a TCP port of loopback inside. Other requests do not wait for it.
func (c *Control) Dial(ctx context.Context, port string) (net.Conn, error) {
	got := make(chan answer, 1)
	c.watch.Lock()
	if len(c.dialled) >= maxDials {
		c.watch.Unlock()
		return nil, errors.New("sandbox: too many connections are being made")
	}
	c.number++
	n := c.number
	c.dialled[n] = got
	c.watch.Unlock()
	c.mu.Lock()
	err := send(c.conn, request{Dial: &Dialled{n, port}})
	c.mu.Unlock()
	if err != nil {
		c.undial(n)
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	select {
	case a := <-got:
		return a.dialled()
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.ended:
		err = errors.New("sandbox: it has ended")
	}
	c.undial(n)
	select {
	case a := <-got:
		closeFiles(a.files)
	default:
	}
	return nil, err
}

func (a answer) dialled() (net.Conn, error) {
	defer closeFiles(a.files)
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	if len(a.files) != 1 {
		return nil, errors.New("sandbox: the connection got lost on the way")
	}
	return net.FileConn(a.files[0])
}

// undial forgets a connection that was asked for: what comes of it afterwards is closed.
func (c *Control) undial(n int) {
	c.watch.Lock()
	defer c.watch.Unlock()
	delete(c.dialled, n)
}

func (c *Control) gotDialled(a answer) {
	c.watch.Lock()
	defer c.watch.Unlock()
	if got := c.dialled[a.Dialled]; got != nil {
		delete(c.dialled, a.Dialled)
		got <- a
		return
	}
	closeFiles(a.files)
}

// Close lets go of the sandbox's control; Init ends then, and all below it.
func (c *Control) Close() error { return c.conn.Close() }

func (c *Control) ask(r request, files ...*os.File) (answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := send(c.conn, r, files...); err != nil {
		return answer{}, fmt.Errorf("sandbox: %w", err)
	}
	select {
	case a := <-c.answers:
		if a.Error != "" {
			return a, errors.New(a.Error)
		}
		return a, nil
	case <-c.ended:
		return answer{}, errors.New("sandbox: it has ended")
	}
}

// read takes answers and news until Init has ended.
func (c *Control) read() {
	defer close(c.ended)
	defer c.over()
	for {
		var a answer
		files, err := receive(c.conn, &a.reply)
		if err != nil {
			return
		}
		if a.Ended != 0 {
			closeFiles(files)
			c.programEnded(a.Ended, a.Status)
			continue
		}
		if a.files = files; a.Dialled != 0 {
			c.gotDialled(a)
			continue
		}
		c.answers <- a
	}
}

func (c *Control) follow(pid int) <-chan string {
	c.watch.Lock()
	defer c.watch.Unlock()
	ch := c.running[pid]
	if ch == nil { // else it has ended already
		ch = make(chan string, 1)
		if c.gone {
			ch <- "signal: killed"
			return ch
		}
		c.running[pid] = ch
		return ch
	}
	delete(c.running, pid)
	return ch
}

func (c *Control) programEnded(pid int, status string) {
	c.watch.Lock()
	defer c.watch.Unlock()
	ch := c.running[pid]
	if ch == nil { // nobody follows it yet
		ch = make(chan string, 1)
		c.running[pid] = ch
	} else {
		delete(c.running, pid)
	}
	ch <- status
}

func (c *Control) over() {
	c.watch.Lock()
	defer c.watch.Unlock()
	c.gone = true
	for _, ch := range c.running {
		select {
		case ch <- "signal: killed":
		default: // it has a status already
		}
	}
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// send writes one message, perhaps with descriptors.
func send(c *net.UnixConn, v any, files ...*os.File) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var fds []int
	for _, f := range files {
		if f != nil {
			fds = append(fds, int(f.Fd()))
		}
	}
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	_, _, err = c.WriteMsgUnix(body, rights, nil)
	return err
}

// receive reads one message into v.
func receive(c *net.UnixConn, v any) ([]*os.File, error) {
	size, err := coming(c)
	if err != nil {
		return nil, err
	}
	body, rights := make([]byte, size), make([]byte, 1024)
	n, rn, flags, _, err := c.ReadMsgUnix(body, rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	files, err := filesOf(rights[:rn])
	if err == nil && flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0 {
		err = errors.New("sandbox: a message was cut off")
	}
	if err == nil {
		err = json.Unmarshal(body[:n], v)
	}
	if err != nil {
		closeFiles(files)
		return nil, err
	}
	return files, nil
}

// coming waits for a message and gives its size, so that who waits holds no room for the largest one. It stays in the socket.
func coming(c *net.UnixConn) (size int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for {
			size, _, failed = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_TRUNC)
			if failed != unix.EINTR {
				return failed != unix.EAGAIN
			}
		}
	})
	return min(size, maxMessage), errors.Join(err, failed)
}

func filesOf(rights []byte) ([]*os.File, error) {
	list, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range list {
		fds, err := syscall.ParseUnixRights(&list[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}
