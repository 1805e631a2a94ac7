package runtimeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
	c := &call{inv: i, arn: arn, trace: trace, deadline: deadline, answer: make(chan Response, 1)}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	s.mu.Lock()
	s.current = c
	s.mu.Unlock()
	defer s.forget(c)
	next := s.next
	for {
		select {
		case next <- c:
			next = nil
		case r := <-c.answer:
			return r, nil
		case <-timer.C:
			return Response{}, ErrDeadline
		case <-exited:
			return lastAnswer(c)
		}
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
	defer s.mu.Unlock()
	if s.current == c {
		s.current = nil
	}
}

// moves takes the runtime into another state; false, with the refusal written, when Lambda does not allow it from where it is.
func (s *Server) moves(w http.ResponseWriter, to runtimeState, from ...runtimeState) bool {
	for _, f := range from {
		if s.state == f && !s.o.Embedded {
			s.state = to
			return true
		}
	}
	refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf("State transition from %v to %v failed for runtime. Error: State transition is not allowed", s.state, to))
	return false
}

func (s *Server) serveNext(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ok := s.moves(w, runtimeReady, runtimeStarted, runtimeReady, runtimeAnswered)
	if ok {
		s.seal()
	}
	s.mu.Unlock()
	if !ok {
		return
	}
	select {
	case c := <-s.next:
		s.mu.Lock()
		s.state = runtimeRunning
		s.mu.Unlock()
		writeNext(w, c)
	case <-s.done:
		refuse(w, http.StatusInternalServerError, "Runtime.ExitError", "The environment is shutting down")
	case <-r.Context().Done():
	}
}

func writeNext(w http.ResponseWriter, c *call) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", c.inv.RequestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", c.arn)
	if c.trace != "" {
		h.Set("Lambda-Runtime-Trace-Id", c.trace)
	}
	if len(c.inv.ClientContext) > 0 {
		h.Set("Lambda-Runtime-Client-Context", string(c.inv.ClientContext))
	}
	if len(c.inv.Identity) > 0 {
		h.Set("Lambda-Runtime-Cognito-Identity", string(c.inv.Identity))
	}
	if c.inv.Tenant != "" {
		h.Set("Lambda-Runtime-Aws-Tenant-Id", c.inv.Tenant)
	}
	_, _ = w.Write(c.inv.Payload) // a runtime that does not read it answers nothing, and the deadline ends it
}

// claim finds the invocation of a posted response; false, with the refusal written, when it is another or has been answered.
func (s *Server) claim(w http.ResponseWriter, r *http.Request) (*call, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current
	if s.state == runtimeRunning && (c == nil || c.inv.RequestID != r.PathValue("id")) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil, false
	}
	if !s.moves(w, runtimeAnswered, runtimeRunning) {
		return nil, false
	}
	c.taken = true
	return c, true
}

func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	c, ok := s.claim(w, r)
	if !ok {
		return
	}
	if strings.EqualFold(r.Header.Get("Lambda-Runtime-Function-Response-Mode"), "streaming") {
		s.serveStream(w, r, c)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxResponse+1))
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "Runtime.TruncatedResponse", "The response did not come whole")
		c.answer <- failure("Runtime.TruncatedResponse", "The response did not come whole")
	case len(body) > MaxResponse:
		const text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", text)
		c.answer <- failure("Function.ResponseSizeTooLarge", text)
	default:
		accept(w)
		c.answer <- Response{Body: body, ContentType: r.Header.Get("Content-Type")}
	}
}

// serveStream passes a streamed response on as it comes. An error in its trailers ends it.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, c *call) {
	var kept limitedBuffer
	out := c.inv.Out
	streamed := out != nil
	if !streamed {
		out = &kept
	}
	c.inv.Begin(r.Header.Get("Content-Type"))
	_, err := io.Copy(out, r.Body)
	res := Response{Body: kept.b, Streamed: streamed, ContentType: r.Header.Get("Content-Type")}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		res.Failed, res.Body = true, trailerError(kind, r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
	} else if err != nil {
		res.Failed, res.Body = true, failure("Runtime.TruncatedResponse", err.Error()).Body
	}
	accept(w)
	c.answer <- res
}

func (s *Server) serveError(w http.ResponseWriter, r *http.Request) {
	c, ok := s.claim(w, r)
	if !ok {
		return
	}
	body := errorBody(r)
	accept(w)
	c.answer <- Response{Body: body, Failed: true}
}

func (s *Server) serveInitError(w http.ResponseWriter, r *http.Request) {
	body := errorBody(r)
	s.mu.Lock()
	ok := s.moves(w, runtimeFailed, runtimeStarted)
	s.mu.Unlock()
	if !ok {
		return
	}
	accept(w)
	s.fail <- body
}

// errorBody gives a posted error's JSON; one is made of the header when the body is none.
func errorBody(r *http.Request) []byte {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxResponse))
	if err == nil && json.Valid(body) {
		return body
	}
	kind := r.Header.Get("Lambda-Runtime-Function-Error-Type")
	if kind == "" {
		kind = "Runtime.Unknown"
	}
	return failure(kind, strings.ToValidUTF8(string(body), "\uFFFD")).Body
}
