package process

import (
	"bytes"
	"os"
	"sync"
	"syscall"

	"sundog/cloud"
	"sundog/engine/compute"
)

const (
	maxLine    = 256 << 10 // a longer line is cut in two, as CloudWatch would
	maxPending = 2000      // lines kept between invocations
)

// output is where everything goes that an environment writes: to the invocation that runs, or, between invocations, to the next one.
type output struct {
	clock cloud.Clock
	mu    sync.Mutex
	log   func(compute.LogLine) // nil: no invocation runs
	kept  []compute.LogLine
	lost  int
	frame []byte // an unfinished line from the runtime
	pipe  []byte // an unfinished line from the pipe
}

// begin sends the lines to log from now on, those that were kept first.
func (o *output) begin(log func(compute.LogLine)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log = log
	if log == nil {
		return
	}
	for _, l := range o.kept {
		log(l)
	}
	o.kept = nil
}

// end flushes unfinished lines and keeps what comes from now on.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush(&o.frame)
	o.flush(&o.pipe)
	o.log = nil
}

func (o *output) flush(rest *[]byte) {
	if len(*rest) > 0 {
		o.emit(compute.LogLine{Text: string(*rest)})
		*rest = (*rest)[:0]
	}
}

// emit passes a line on; the lock is held.
func (o *output) emit(l compute.LogLine) {
	l.Time = o.clock.Now()
	switch {
	case o.log != nil:
		o.log(l)
	case len(o.kept) < maxPending:
		o.kept = append(o.kept, l)
	default:
		o.lost++
	}
}

// framed takes one whole text.
func (o *output) framed(level string, text []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush(&o.frame)
	o.emit(compute.LogLine{Text: string(bytes.TrimRight(text, "\n")), Level: level})
}

// write takes bytes that the runtime's own streams wrote, and cuts them into lines.
func (o *output) write(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines(&o.frame, b)
}

func (o *output) lines(rest *[]byte, b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		part := b
		if i >= 0 {
			part = b[:i]
		}
		if room := maxLine - len(*rest); len(part) > room {
			part, i = part[:room], room-1
		}
		*rest = append(*rest, part...)
		if i < 0 {
			return
		}
		if len(*rest) > 0 {
			o.emit(compute.LogLine{Text: string(bytes.TrimSuffix(*rest, []byte{'\r'}))})
		}
		*rest = (*rest)[:0]
		b = b[i+1:]
	}
}

// follow reads the pipe until its end. It returns when the pipe is closed.
func (o *output) follow(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool { return o.available(int(fd)) }) // ends with the pipe
}

// drain takes what is in the pipe now, so that it comes before what follows.
func (o *output) drain(pipe *os.File) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { o.available(int(fd)) }) // the pipe is closed: nothing is left
}

// available reads until the pipe is empty; true at its end. Reading and passing on are one step under the lock, so that drain leaves nothing
// behind in another goroutine's hands.
func (o *output) available(fd int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var buf [8 << 10]byte
	for {
		n, err := syscall.Read(fd, buf[:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case n <= 0 || err != nil:
			return true
		default:
			o.lines(&o.pipe, buf[:n])
		}
	}
}
