package runtimeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/engine/compute"
)

// Response is what a runtime posted for an invocation.
type Response struct {
	Body        []byte
	Failed      bool // Body is an error's JSON
	Streamed    bool // the response went to the invocation's Out
	ContentType string
}

// Ready is closed when the runtime asks for its first invocation: its init is over.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// InitError gives the error's JSON that the runtime posted instead.
func (s *Server) InitError() <-chan []byte { return s.fail }

// RuntimeReady says of an embedded runtime that its init is over.
func (s *Server) RuntimeReady() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
}

// seal ends the time in which extensions register; the lock is held.
func (s *Server) seal() {
	if !s.sealed {
		s.sealed = true
		close(s.ready)
		s.touch()
	}
}

// Invoke hands an invocation to the runtime and waits for its response: ErrDeadline after the deadline, ErrExited when exited is closed first.
func (s *Server) Invoke(i compute.Invocation, arn, trace string, deadline time.Time, wait time.Duration, exited <-chan struct{}) (Response, error) {
	c := &call{inv: i, arn: arn, trace: trace, deadline: deadline, answer: make(chan Response, 1), over: make(chan struct{})}
	c.out.inv = &c.inv
	until := s.o.Clock.Wall().Add(wait)
	resting := s.begin(c, exited)
	defer s.forget(c)
	if resting != nil && s.resume(resting, c, until) {
		return s.wait(c, nil, until, exited)
	}
	select {
	case k := <-s.idle:
		if s.reach(k, c, until) {
			return s.wait(c, nil, until, exited)
		}
	default:
	}
	return s.wait(c, s.next, until, exited)
}

// begin makes an invocation the current one, and has its end noticed if the program's comes first. It gives the connection that rests, which the
// caller has to use; nil when there is none.
func (s *Server) begin(c *call, exited <-chan struct{}) (resting *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = c
	if !s.watched {
		s.watched = true
		go s.watch(exited)
	}
	resting, s.resting = s.resting, nil
	return resting
}

// watch wakes the invocation that reads a connection when the program has ended: what it left behind may keep the connection open.
func (s *Server) watch(exited <-chan struct{}) {
	select {
	case <-exited:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.exited = true
		if s.current != nil && s.current.via != nil {
			s.current.via.interrupt()
		}
	case <-s.done:
	}
}

// wait hands an invocation to whoever asks for one, if next is not nil, and waits for its response.
func (s *Server) wait(c *call, next chan<- *call, until time.Time, exited <-chan struct{}) (Response, error) {
	select {
	case r := <-c.answer: // as a rule
		return r, nil
	default:
	}
	timer := time.NewTimer(until.Sub(s.o.Clock.Wall()))
	defer timer.Stop()
	idle := s.idle
	if next == nil {
		idle = nil
	}
	for {
		select {
		case k := <-idle:
			if s.reach(k, c, until) {
				return s.wait(c, nil, until, exited)
			}
		case next <- c:
			next, idle = nil, nil
		case r := <-c.answer:
			return r, nil
		case <-timer.C:
			return Response{}, ErrDeadline
		case <-exited:
			return lastAnswer(c)
		}
	}
}

// give hands the response to the invocation, whose goroutine may be reading another connection.
func (s *Server) give(c *call, r Response) {
	c.answer <- r
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.via != nil {
		c.via.interrupt()
	}
}

// lastAnswer prefers a response that came just before the end.
func lastAnswer(c *call) (Response, error) {
	select {
	case r := <-c.answer:
		return r, nil
	default:
		return Response{}, ErrExited
	}
}

func (s *Server) forget(c *call) {
	s.mu.Lock()
	if s.current == c {
		s.current = nil
	}
	s.mu.Unlock()
	close(c.over)
	c.out.shut()
}

// moves takes the runtime into another state, or says that Lambda does not allow it from where it is. The lock is held.
func (s *Server) moves(to runtimeState, from ...runtimeState) *refusal {
	if slices.Contains(from, s.state) && !s.o.Embedded {
		s.state = to
		return nil
	}
	text := fmt.Sprintf("State transition from %v to %v failed for runtime. Error: State transition is not allowed", s.state, to)
	return &refusal{http.StatusForbidden, "InvalidStateTransition", text}
}

// asks notes that the runtime asks for an invocation; the lock is held.
func (s *Server) asks() *refusal {
	no := s.moves(runtimeReady, runtimeStarted, runtimeReady, runtimeAnswered)
	if no == nil {
		s.seal()
	}
	return no
}

func (s *Server) serveNext(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	no := s.asks()
	if no == nil {
		s.asking++
		s.nudge()
	}
	s.mu.Unlock()
	if no != nil {
		no.write(w)
		return
	}
	defer s.asked()
	select {
	case c := <-s.next:
		s.mu.Lock()
		s.state = runtimeRunning
		s.mu.Unlock()
		c.header(w.Header().Set)
		defer c.whileWaiting(w)()
		_, _ = w.Write(c.inv.Payload) // a runtime that does not read it need not answer
	case <-s.done:
		refuse(w, http.StatusInternalServerError, "Runtime.ExitError", "The environment is shutting down")
	case <-r.Context().Done():
	}
}

// whileWaiting has writes to w fail when the invocation is over: it may have been answered on another connection, and its payload is long. stop ends that.
func (c *call) whileWaiting(w http.ResponseWriter) (stop func()) {
	if len(c.inv.Payload) <= small {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-c.over:
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) // a closed connection is well, too
		case <-done:
		}
	}()
	return func() {
		close(done)
		<-ended // the connection is another request's afterwards
	}
}

func (s *Server) asked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking--
}

// header gives set the headers of an invocation.
func (c *call) header(set func(name, value string)) {
	set("Content-Type", "application/json")
	set("Lambda-Runtime-Aws-Request-Id", c.inv.RequestID)
	set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
	set("Lambda-Runtime-Invoked-Function-Arn", c.arn)
	for _, h := range [...]struct{ name, value string }{
		{"Lambda-Runtime-Trace-Id", c.trace}, {"Lambda-Runtime-Client-Context", string(c.inv.ClientContext)},
		{"Lambda-Runtime-Cognito-Identity", string(c.inv.Identity)}, {"Lambda-Runtime-Aws-Tenant-Id", c.inv.Tenant},
	} {
		if h.value != "" {
			set(h.name, h.value)
		}
	}
}

// claim finds the invocation of a posted response, or says that it is another or has been answered.
func (s *Server) claim(id []byte) (*call, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current
	if s.state == runtimeRunning && (c == nil || c.inv.RequestID != string(id)) {
		return nil, &refusal{http.StatusBadRequest, "InvalidRequestID", "Invalid request ID"}
	}
	return c, s.moves(runtimeAnswered, runtimeRunning)
}

func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	c, no := s.claim([]byte(r.PathValue("id")))
	if no != nil {
		no.write(w)
		return
	}
	if strings.EqualFold(r.Header.Get("Lambda-Runtime-Function-Response-Mode"), "streaming") {
		s.serveStream(w, r, c)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxResponse+1))
	p := posted{body: body, tooLong: len(body) > MaxResponse, contentType: r.Header.Get("Content-Type"), trailer: r.Trailer}
	res, no := p.response(err)
	if no != nil {
		no.write(w)
	} else {
		accept(w)
	}
	s.give(c, res)
}

// posted is what was posted as a response.
type posted struct {
	body        []byte
	tooLong     bool // body is not all of it
	contentType string
	trailer     http.Header
}

// response judges it. The error says that it did not come whole.
func (p *posted) response(err error) (Response, *refusal) {
	switch {
	case err != nil:
		const text = "The response did not come whole"
		return failure("Runtime.TruncatedResponse", text), &refusal{http.StatusBadRequest, "Runtime.TruncatedResponse", text}
	case p.tooLong:
		const text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
		return failure("Function.ResponseSizeTooLarge", text), &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", text}
	}
	if failed := trailerError(p.trailer); failed != nil {
		return Response{Body: failed, Failed: true}, nil
	}
	return Response{Body: p.body, ContentType: p.contentType}, nil
}

// serveStream passes a streamed response on as it comes. An error in its trailers ends it.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, c *call) {
	var kept limitedBuffer
	var out io.Writer = &kept
	streamed := c.inv.Out != nil
	if streamed {
		out = &c.out
	}
	c.out.begin(r.Header.Get("Content-Type"))
	_, err := io.Copy(out, r.Body)
	res := Response{Body: kept.b, Streamed: streamed, ContentType: r.Header.Get("Content-Type")}
	if failed := trailerError(r.Trailer); failed != nil {
		res.Failed, res.Body = true, failed
	} else if err != nil {
		res.Failed, res.Body = true, failure("Runtime.TruncatedResponse", err.Error()).Body
	}
	accept(w)
	s.give(c, res)
}

func (s *Server) serveError(w http.ResponseWriter, r *http.Request) {
	c, no := s.claim([]byte(r.PathValue("id")))
	if no != nil {
		no.write(w)
		return
	}
	body := postedError(r)
	accept(w)
	s.give(c, Response{Body: body, Failed: true})
}

func (s *Server) serveInitError(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	no := s.moves(runtimeFailed, runtimeStarted)
	s.mu.Unlock()
	if no != nil { // before anything is read: it may be asked a thousand times at once
		no.write(w)
		return
	}
	body := postedError(r)
	accept(w)
	s.fail <- body
}

func postedError(r *http.Request) []byte {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxResponse))
	if err != nil {
		body = nil
	}
	return errorBody(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
}

// errorBody gives a posted error's JSON; one is made of its kind when the body is none.
func errorBody(body []byte, kind string) []byte {
	if json.Valid(body) {
		return body
	}
	if kind == "" {
		kind = "Runtime.Unknown"
	}
	return failure(kind, strings.ToValidUTF8(string(body), "\uFFFD")).Body
}
