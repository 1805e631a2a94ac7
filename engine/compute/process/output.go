package process

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/runtimeapi"
)

const (
	maxLine    = 256 << 10 // a longer line is cut in two, as CloudWatch would
	maxPending = 2000      // lines kept between invocations
	maxKept    = 4 << 20   // bytes of them
	maxRate    = 10 << 20  // bytes a second, and at once, of one environment; more is dropped, counted and told
	maxTurn    = 256 << 10 // bytes read from a pipe before others have their turn
)

// Whose a line is, as telemetry names it; "" is the platform's.
const (
	ofFunction  = "function"
	ofExtension = "extension"
)

// output is where everything goes that an environment writes: to the invocation that runs, or, between invocations, to the next one.
type output struct {
	clock cloud.Clock
	mu    sync.Mutex
	log   func(compute.LogLine) // nil: no invocation runs
	begun bool                  // there was one
	kept  []compute.LogLine
	size  int       // bytes of kept
	lost  int       // lines that were dropped and are yet to be told of
	left  int       // bytes that may come now
	since time.Time // left was counted then
	frame []byte    // an unfinished line from the runtime
	pipe  []byte    // an unfinished line from the pipe

	beside map[*os.File]*[]byte // unfinished lines from the pipes of extensions
	last   bool                 // an invocation's log takes what comes after it, until the next one's
	api    *runtimeapi.Server   // hears of every line; nil: nobody does
}

// listen passes every line from now on to the subscribers of an environment's telemetry, too.
func (o *output) listen(api *runtimeapi.Server) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.api = api
}

// lasting makes what is written after an invocation go to its log, and not to the next one's: extensions write until the very end.
func (o *output) lasting() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = true
}

// notice takes a line of the platform's own.
func (o *output) notice(level, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.emit(compute.LogLine{Text: text, Level: level, System: true}, "")
}

// precede puts lines before all others.
func (o *output) precede(lines []compute.LogLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(lines[:len(lines):len(lines)], o.kept...)
}

// waiting gives the lines that no invocation has had.
func (o *output) waiting() []compute.LogLine {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept
}

// take gives the lines that no invocation has had, and no invocation gets them any more.
func (o *output) take() []compute.LogLine {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.kept
	o.kept, o.size = nil, 0
	return lines
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
	o.kept, o.size, o.begun = nil, 0, true
}

// end flushes unfinished lines and keeps what comes from now on.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush(&o.frame, ofFunction)
	o.flush(&o.pipe, ofFunction)
	for _, rest := range o.beside {
		o.flush(rest, ofExtension)
	}
	if o.lost > 0 && o.log != nil {
		o.log(compute.LogLine{Time: o.clock.Now(), Text: fmt.Sprintf("%d lines were dropped here: a function may log %d MiB a second", o.lost, maxRate>>20), Level: compute.LevelWarn, System: true})
		o.lost = 0
	}
	if !o.last {
		o.log = nil
	}
}

// afford takes n bytes from what may come now; false when that is too little.
func (o *output) afford(n int) bool {
	now := o.clock.Wall()
	if o.since.IsZero() {
		o.left = maxRate
	} else if d := now.Sub(o.since); d > 0 {
		o.left = int(min(int64(o.left)+int64(min(d.Seconds(), 1)*maxRate), maxRate))
	}
	o.since = now
	if n > o.left {
		return false
	}
	o.left -= n
	return true
}

func (o *output) flush(rest *[]byte, whose string) {
	if len(*rest) > 0 {
		o.emit(compute.LogLine{Text: string(*rest), Open: true}, whose)
		*rest = (*rest)[:0]
	}
}

// emit passes a line on; the lock is held.
func (o *output) emit(l compute.LogLine, whose string) {
	if whose != "" && !o.afford(len(l.Text)) {
		o.lost++
		return
	}
	l.Time, l.Init = o.clock.Now(), !o.begun
	if o.api != nil && whose != "" {
		o.api.Line(whose, l.Time, l.Text)
	}
	switch {
	case o.log != nil:
		o.log(l)
	case len(o.kept) < maxPending && o.size+len(l.Text) <= maxKept:
		o.kept = append(o.kept, l)
		o.size += len(l.Text)
	default:
		o.lost++
	}
}

// framed takes one whole text.
func (o *output) framed(level string, text []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush(&o.frame, ofFunction)
	line := bytes.TrimRight(text, "\n")
	o.emit(compute.LogLine{Text: string(line), Level: level, Open: len(line) == len(text)}, ofFunction)
}

// write takes bytes that the runtime's own streams wrote, and cuts them into lines.
func (o *output) write(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines(&o.frame, b, ofFunction)
}

func (o *output) lines(rest *[]byte, b []byte, whose string) {
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
			o.emit(compute.LogLine{Text: string(bytes.TrimSuffix(*rest, []byte{'\r'}))}, whose)
		}
		*rest = (*rest)[:0]
		b = b[i+1:]
	}
}

// follow reads the program's pipe until its end. It returns when the pipe is closed.
func (o *output) follow(pipe *os.File) { o.read(pipe, &o.pipe, ofFunction) }

// drain takes what is in the program's pipe now, so that it comes before what follows.
func (o *output) drain(pipe *os.File) { o.empty(pipe, &o.pipe, ofFunction) }

// followBeside reads the pipe of an extension until its end.
func (o *output) followBeside(pipe *os.File) { o.read(pipe, o.rest(pipe), ofExtension) }

// drainBeside takes what is in the pipe of an extension now.
func (o *output) drainBeside(pipe *os.File) { o.empty(pipe, o.rest(pipe), ofExtension) }

// rest gives where the unfinished line of an extension's pipe is.
func (o *output) rest(pipe *os.File) *[]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.beside == nil {
		o.beside = map[*os.File]*[]byte{}
	}
	if o.beside[pipe] == nil {
		o.beside[pipe] = new([]byte)
	}
	return o.beside[pipe]
}

func (o *output) read(pipe *os.File, rest *[]byte, whose string) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool { // ends with the pipe
		for {
			if over, more := o.available(int(fd), rest, whose); over || !more {
				return over
			}
		}
	})
}

func (o *output) empty(pipe *os.File, rest *[]byte, whose string) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { o.available(int(fd), rest, whose) }) // the pipe is closed: nothing is left
}

// available reads until the pipe is empty, or for a turn; over at its end, more when it may hold more. Reading and passing on are one step under the lock,
// so that drain leaves nothing behind in another goroutine's hands. A pipe holds less than a turn: who writes on and on holds nobody up.
func (o *output) available(fd int, rest *[]byte, whose string) (over, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var buf [8 << 10]byte
	for turn := 0; turn < maxTurn; {
		n, err := syscall.Read(fd, buf[:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false, false
		case n <= 0 || err != nil:
			return true, false
		default:
			o.lines(rest, buf[:n], whose)
			turn += n
		}
	}
	return false, true
}
