package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sundog/engine/compute"
)

// MaxResponse is the longest response or error that a runtime may post: Lambda's 6 MB and a little.
const MaxResponse = 6291556

const version = "/2018-06-01/runtime/"

// Errors of Invoke.
var (
	ErrDeadline = errors.New("runtimeapi: the deadline has passed")
	ErrExited   = errors.New("runtimeapi: the runtime has ended")
)

// Response is what a runtime posted for an invocation.
type Response struct {
	Body        []byte
	Failed      bool // Body is an error's JSON
	Streamed    bool // the response went to the invocation's Out
	ContentType string
}

// Server is the Runtime API of one environment. Invoke is for one call at a time; everything else is safe for concurrent use.
type Server struct {
	ln    net.Listener
	http  *http.Server
	ready chan struct{}
	once  sync.Once
	next  chan *call
	fail  chan []byte
	done  chan struct{}

	mu      sync.Mutex
	current *call
}

// call is one invocation under way.
type call struct {
	inv      compute.Invocation
	arn      string
	trace    string
	deadline time.Time
	answer   chan Response
	taken    bool // a response has begun
}

// Listen starts the API on a free loopback port. The caller closes it.
func Listen() (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtimeapi: %w", err)
	}
	s := &Server{ln: ln, ready: make(chan struct{}), next: make(chan *call), fail: make(chan []byte, 1), done: make(chan struct{})}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(ln) }() // ends with ErrServerClosed at Close
	return s, nil
}

// Addr gives host:port: AWS_LAMBDA_RUNTIME_API.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Ready is closed when the runtime asks for its first invocation: its init is over.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// InitError gives the error's JSON that the runtime posted instead.
func (s *Server) InitError() <-chan []byte { return s.fail }

// Close ends the API and every request of it.
func (s *Server) Close() error {
	select {
	case <-s.done:
		return nil
	default:
		close(s.done)
	}
	return s.http.Close()
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

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+version+"invocation/next", s.serveNext)
	mux.HandleFunc("POST "+version+"invocation/{id}/response", s.serveResponse)
	mux.HandleFunc("POST "+version+"invocation/{id}/error", s.serveError)
	mux.HandleFunc("POST "+version+"init/error", s.serveInitError)
	mux.HandleFunc("/", s.serveOther)
	return mux
}

func (s *Server) serveNext(w http.ResponseWriter, r *http.Request) {
	s.once.Do(func() { close(s.ready) })
	select {
	case c := <-s.next:
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
	if c == nil || c.inv.RequestID != r.PathValue("id") {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil, false
	}
	if c.taken {
		refuse(w, http.StatusBadRequest, "InvalidStateTransition", "Transition from RuntimeResponseSentState to RuntimeInvocationResponseState is not allowed")
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
		text := failure("Runtime.TruncatedResponse", err.Error())
		res.Failed, res.Body = true, text.Body
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
	accept(w)
	select {
	case s.fail <- body:
	default: // the first one counts
	}
}

func (s *Server) serveOther(w http.ResponseWriter, r *http.Request) {
	for _, prefix := range []string{"/2020-01-01/extension/", "/2022-07-01/telemetry", "/2020-08-15/logs"} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			refuse(w, http.StatusNotImplemented, "NotImplemented", "This platform does not serve the Extensions, Telemetry and Logs APIs: "+r.URL.Path)
			return
		}
	}
	refuse(w, http.StatusNotFound, "NotFound", "No such operation of the Runtime API: "+r.Method+" "+r.URL.Path)
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
