package runtimeapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// A custom runtime spends its life with two requests: it takes an invocation and posts its response. Those two, and a posted error, are served here
// without net/http: the connection that asks for an invocation is parked, and the invocation's own goroutine writes and reads it. After the answer it
// rests: the next invocation reads the request that comes on it, so that in a busy environment no goroutine waits for another. One that rests for long is
// read again (Attend), as any other. Anything else that comes on a connection goes on with net/http, with all that was read of it.

// maxHead bounds the head of a request that is served here, and the bodies that extensions send, which are few words.
const maxHead = 8 << 10

// maxOtherHead bounds those that net/http serves.
const maxOtherHead = 64 << 10

// conn is a connection to a runtime. One goroutine at a time has it; while it is parked or rests, nobody.
type conn struct {
	s   *Server
	c   net.Conn
	r   *bufio.Reader
	buf []byte

	rested time.Time // since when, if it rests
}

// listen takes connections until the listener is closed.
func (s *Server) listen() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			_ = s.others.Close()
			return
		}
		k := &conn{s: s, c: c, r: bufio.NewReaderSize(c, maxHead)}
		if s.keep(k) {
			go s.serve(k)
		}
	}
}

// keep notes a connection that Close has to close; false when it has been called.
func (s *Server) keep(k *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		_ = k.c.Close()
		return false
	default:
		s.conns[k] = struct{}{}
		return true
	}
}

// drop forgets a connection, which was closed or is served by net/http.
func (s *Server) drop(k *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, k)
}

func (k *conn) close() {
	_ = k.c.Close()
	k.s.drop(k)
}

// serve answers what comes on a connection until it is parked, ends, or goes to net/http.
func (s *Server) serve(k *conn) {
	for {
		then, err := s.step(k)
		switch {
		case err != nil: // somebody woke it for an invocation that it has answered meanwhile
			_ = k.c.SetDeadline(time.Time{})
		case then == nil:
			return
		default:
			then()
		}
	}
}

// step reads one request and serves it. then is what is left to do before the next one; nil when there will be none here. The error is errInterrupted.
func (s *Server) step(k *conn) (then func(), err error) {
	h, err := k.head()
	switch {
	case errors.Is(err, errInterrupted):
		return nil, err
	case err != nil:
		k.close()
		return nil, nil
	case h.kind == hotNext:
		return s.parks(k, h), nil
	case h.kind == hotResponse || h.kind == hotError:
		return s.answers(k, h), nil
	}
	k.pass()
	return nil, nil
}

// pass hands a connection to net/http.
func (k *conn) pass() {
	k.s.drop(k)
	_ = k.c.SetDeadline(time.Time{})
	k.s.others.Give(&resumed{Conn: k.c, r: k.r})
}

// parks serves a request for an invocation: the connection waits for one from now on, if the runtime may ask.
func (s *Server) parks(k *conn, h head) (then func()) {
	s.mu.Lock()
	no := s.asks()
	s.mu.Unlock()
	if no != nil {
		k.skip(h.size)
		return func() { k.refuse(no) }
	}
	if len(s.idle) == cap(s.idle) { // another connection waits already
		k.pass()
		return nil
	}
	k.skip(h.size)
	select {
	case s.idle <- k:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.nudge()
	case <-s.done:
		k.close()
	}
	return nil
}

// nudge wakes the invocation that looks for a request where the last answer came from: it has come in another way. The lock is held.
func (s *Server) nudge() {
	if c := s.current; c != nil && c.via != nil && !c.handed {
		c.via.interrupt()
	}
}

// answers serves a posted response or error: the invocation has it before the runtime has its own answer.
func (s *Server) answers(k *conn, h head) (then func()) {
	c, no := s.claim(h.id)
	p := posted{contentType: mediaType(h.contentType), tooLong: no != nil} // nothing is kept of what nobody waits for
	kind := string(h.errorType)
	k.skip(h.size)
	err := k.body(h, &p)
	if no == nil {
		var res Response
		if h.kind == hotError {
			res = Response{Body: errorBody(p.body, kind), Failed: true}
		} else {
			res, no = p.response(err)
		}
		s.release(c, k)
		s.give(c, res)
	}
	if err != nil {
		k.close()
		return nil
	}
	return func() {
		if no != nil {
			k.refuse(no)
		} else {
			k.write([]byte(accepted))
		}
	}
}

// mediaType is a content type as a text; that of nearly all responses is there already.
func mediaType(b []byte) string {
	if string(b) == jsonType {
		return jsonType
	}
	return string(b)
}

const jsonType = "application/json"

// release says that an invocation does not wait on a connection any more.
func (s *Server) release(c *call, k *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.via == k {
		c.via = nil
	}
}

const accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"

// reach hands an invocation to a connection that was parked, as take does, unless it has gone meanwhile.
func (s *Server) reach(k *conn, c *call, until time.Time) bool {
	if k.gone() {
		k.close()
		return false
	}
	_ = k.c.SetDeadline(until)
	return s.take(k, c)
}

// take hands an invocation to a connection that has asked for one and serves that until the invocation has its answer, which may come in another way, or
// the time is over: the connection's deadline. It is false when the runtime has ended, and the invocation is still to be handed over.
func (s *Server) take(k *conn, c *call) bool {
	if !s.hands(k, c) {
		k.close()
		return false
	}
	k.hand(c)
	defer s.release(c, k)
	for {
		then, err := s.step(k)
		switch {
		case err == nil && then == nil:
			return true
		case err != nil:
			go k.goOn()
			return true
		}
		then()
		if len(c.answer) > 0 {
			k.rested = s.o.Clock.Wall()
			s.rest(k)
			return true
		}
	}
}

// hands notes that the runtime gets an invocation on a connection; false when it has ended.
func (s *Server) hands(k *conn, c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exited {
		return false
	}
	s.state = runtimeRunning
	c.via, c.handed = k, true
	return true
}

// rest leaves a connection, on which an answer has come, to the next invocation. Where extensions wait for the runtime to ask for it, it is read at once.
func (s *Server) rest(k *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resting == nil && len(s.agents) == 0 {
		s.resting = k
		return
	}
	go k.goOn()
}

// Attend has a connection read on which no invocation has followed the last one: what comes on it, its end too, is noticed while the environment is idle.
func (s *Server) Attend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.resting; k != nil {
		s.resting = nil
		go k.goOn()
	}
}

// abrupt is how soon after its answer a runtime has not given up its next request already: whether it has is worth a look only later.
const abrupt = 20 * time.Millisecond

// resume waits for the runtime to ask for an invocation where it has answered the last one, and goes on as take does. It is false when the invocation is
// still to be handed over: the runtime has asked in another way, does something else there, has ended, or the time is over.
func (s *Server) resume(k *conn, c *call, until time.Time) bool {
	asked := s.o.Clock.Wall().Sub(k.rested) > abrupt
	_ = k.c.SetDeadline(until)
	if s.seek(k, c) {
		if h, err := k.head(); err == nil && h.kind == hotNext && s.found() {
			k.skip(h.size)
			if asked {
				return s.reach(k, c, until)
			}
			return s.take(k, c)
		}
		s.release(c, k)
	}
	go k.goOn() // it finds again what was found here
	return false
}

// seek says that an invocation looks for a request on a connection; false when it need not.
func (s *Server) seek(k *conn, c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exited || s.asking > 0 || len(s.idle) > 0 {
		return false
	}
	c.via = k
	return true
}

// found notes that the runtime asks; false when it may not.
func (s *Server) found() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asks() == nil
}

// goOn serves a connection further.
func (k *conn) goOn() {
	_ = k.c.SetDeadline(time.Time{})
	k.s.serve(k)
}

// hand writes an invocation as the answer to a request for one. A failure shows at the next read.
func (k *conn) hand(c *call) {
	b := append(k.buf[:0], "HTTP/1.1 200 OK\r\n"...)
	c.header(func(name, value string) {
		b = append(append(b, name...), ": "...)
		for i := range len(value) {
			if value[i] == '\r' || value[i] == '\n' {
				b = append(b, ' ')
			} else {
				b = append(b, value[i])
			}
		}
		b = append(b, "\r\n"...)
	})
	b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(c.inv.Payload)), 10), "\r\n\r\n"...)
	k.buf = b
	if len(c.inv.Payload) <= small {
		k.buf = append(b, c.inv.Payload...)
		k.write(k.buf)
		return
	}
	_, _ = (&net.Buffers{b, c.inv.Payload}).WriteTo(k.c)
}

// small is the payload that is copied behind its head, so that both are one write.
const small = 32 << 10

func (k *conn) write(b []byte) { _, _ = k.c.Write(b) } // the next read shows what became of the connection

func (k *conn) refuse(no *refusal) {
	b := no.json()
	head := "HTTP/1.1 " + strconv.Itoa(no.status) + " " + http.StatusText(no.status) + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(b)) + "\r\n\r\n"
	k.write(append([]byte(head), b...))
}

// gone tells whether the other end has closed the connection, without waiting.
func (k *conn) gone() bool {
	sc, ok := k.c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return closed || err != nil
}

// interrupt wakes whoever reads the connection.
func (k *conn) interrupt() { _ = k.c.SetReadDeadline(time.Unix(1, 0)) }

var errInterrupted = errors.New("runtimeapi: interrupted")

// head waits for the head of a request and reads it, but leaves it in the buffer: skip takes it.
func (k *conn) head() (head, error) {
	for want := 1; ; {
		if _, err := k.r.Peek(want); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				err = errInterrupted
			}
			return head{}, err
		}
		b, _ := k.r.Peek(k.r.Buffered())
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			return readHead(b[:i+2], i+4), nil
		}
		if want = len(b) + 1; want > k.r.Size() {
			return k.longHead(b)
		}
	}
}

func (k *conn) skip(n int) { _, _ = k.r.Discard(n) } // it is in the buffer

// body reads a posted body, all of it also when it is too long.
func (k *conn) body(h head, p *posted) error {
	if h.length >= 0 && p.tooLong {
		_, err := k.r.Discard(h.length)
		return err
	}
	if h.length >= 0 {
		p.body = make([]byte, h.length)
		_, err := io.ReadFull(k.r, p.body)
		return err
	}
	for {
		n, err := k.chunk()
		if err != nil {
			return err
		}
		if n == 0 {
			p.trailer, err = k.trailers()
			return err
		}
		if p.tooLong = p.tooLong || len(p.body)+n > MaxResponse; p.tooLong {
			_, err = k.r.Discard(n)
		} else {
			at := len(p.body)
			p.body = slices.Grow(p.body, n)[:at+n]
			_, err = io.ReadFull(k.r, p.body[at:])
		}
		if err == nil {
			_, err = k.r.Discard(2)
		}
		if err != nil {
			return err
		}
	}
}

var errChunk = errors.New("runtimeapi: malformed chunk")

// chunk reads the line that gives the next chunk's size.
func (k *conn) chunk() (int, error) {
	line, err := k.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	text, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(";"))
	n, err := strconv.ParseUint(string(text), 16, 31)
	if err != nil {
		return 0, errChunk
	}
	return int(n), nil
}

// maxTrailers bounds the bytes of what follows the last chunk: an error's text and trace.
const maxTrailers = 64 << 10

// trailers reads what follows the last chunk.
func (k *conn) trailers() (all http.Header, err error) {
	for left := maxTrailers; ; {
		line, err := k.r.ReadSlice('\n')
		if err != nil || len(bytes.TrimSpace(line)) == 0 {
			return all, err
		}
		if left -= len(line); left < 0 {
			return nil, errChunk
		}
		if all == nil {
			all = http.Header{}
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		all.Set(string(name), string(bytes.TrimSpace(value)))
	}
}
