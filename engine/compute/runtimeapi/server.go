package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/internal/handover"
)

// MaxResponse is the longest response or error that a runtime may post: Lambda's 6 MB and a little.
const MaxResponse = 6291556

// Errors of Invoke and of the waits.
var (
	ErrDeadline = errors.New("runtimeapi: the deadline has passed")
	ErrExited   = errors.New("runtimeapi: the runtime has ended")
	ErrBroken   = errors.New("runtimeapi: an extension has failed") // Fault tells which way
)

// Options say whose API it is. Clock and IDs are required.
type Options struct {
	Clock    cloud.Clock
	IDs      cloud.IDs
	Function string
	Version  string
	Handler  string
	Account  string
	Embedded bool // the runtime is spoken to in another way; the driver calls RuntimeReady
	JSONLogs bool // the function logs JSON: telemetry carries its lines as objects
	// Dial reaches a TCP port inside the environment; nil: the host's own loopback address.
	Dial func(ctx context.Context, port string) (net.Conn, error)
	// Notice is told lines for the function's log, and their level: which extension registered or subscribed, for what. It must not call the Server; nil:
	// nobody.
	Notice func(level, text string)
	// Broken is called once, from a goroutine of its own, when an extension has failed; nil: nobody.
	Broken func()
}

// Server is the API of one environment. Invoke is for one call at a time; everything else is safe for concurrent use.
type Server struct {
	o      Options
	ln     net.Listener
	others *handover.Listener // connections that net/http serves
	http   *http.Server
	ready  chan struct{} // closed when the runtime is ready for the first time
	idle   chan *conn    // a connection that waits for an invocation
	next   chan *call    // the same for those of net/http
	fail   chan []byte
	done   chan struct{}
	hub    *hub

	mu      sync.Mutex
	conns   map[*conn]struct{}
	current *call
	resting *conn // the last answer came on it, and nobody has it; nil: none does
	asking  int   // requests for an invocation that net/http serves
	watched bool  // somebody waits for the program's end
	exited  bool  // it has come
	state   runtimeState
	agents  []*agent
	sealed  bool          // the init is over: nobody registers or subscribes any more
	fault   *Fault        // the first failure of an extension
	changed chan struct{} // closed, and made anew, when anything that Wait may wait for has changed; nil: nobody waits
}

// Fault is how an extension failed: "Extension.Crash" and the like.
type Fault struct{ Type, Message string }

// runtimeState is where a custom runtime is in its life.
type runtimeState uint8

const (
	runtimeStarted  runtimeState = iota
	runtimeReady                 // asked for an invocation
	runtimeRunning               // has one
	runtimeAnswered              // has answered it
	runtimeFailed                // reported that its init failed
	runtimeStopped               // is told to end, or has
)

func (s runtimeState) String() string {
	return [...]string{"RuntimeStartedState", "RuntimeReadyState", "RuntimeRunningState", "RuntimeResponseSentState", "RuntimeInitErrorState", "RuntimeExitedState"}[s]
}

// call is one invocation under way.
type call struct {
	inv      compute.Invocation
	arn      string
	trace    string
	deadline time.Time
	answer   chan Response
	out      gate
	over     chan struct{} // closed when nobody waits for an answer any more
	via      *conn         // where its goroutine reads; the Server's lock guards it, and handed
	handed   bool          // the runtime has it from there
}

// Listen starts the API on a free loopback port. The caller closes it.
func Listen(o Options) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtimeapi: %w", err)
	}
	return Serve(ln, o), nil
}

// Serve starts the API on a listener, which the Server closes. The caller closes the Server.
func Serve(ln net.Listener, o Options) *Server {
	s := &Server{
		o: o, ln: ln, others: handover.New(ln.Addr()), conns: map[*conn]struct{}{}, ready: make(chan struct{}), idle: make(chan *conn, 1), next: make(chan *call),
		fail: make(chan []byte, 1), done: make(chan struct{}),
	}
	if s.o.Dial == nil {
		s.o.Dial = dialLoopback
	}
	if s.o.Notice == nil {
		s.o.Notice = func(string, string) {}
	}
	s.hub = newHub(s)
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: maxOtherHead}
	go func() { _ = s.http.Serve(s.others) }() // ends with ErrServerClosed at Close
	go s.listen()
	return s
}

func dialLoopback(ctx context.Context, port string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
}

// Addr gives host:port: AWS_LAMBDA_RUNTIME_API.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close ends the API, every request of it, and the delivery of telemetry.
func (s *Server) Close() error {
	s.mu.Lock()
	select {
	case <-s.done:
		s.mu.Unlock()
		return nil
	default:
		close(s.done)
	}
	for k := range s.conns {
		_ = k.c.Close()
	}
	s.mu.Unlock()
	err := errors.Join(s.ln.Close(), s.http.Close())
	s.hub.close()
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	const runtime, extension = "/2018-06-01/runtime/", "/2020-01-01/extension/"
	mux.HandleFunc("GET "+runtime+"invocation/next", s.serveNext)
	mux.HandleFunc("POST "+runtime+"invocation/{id}/response", s.serveResponse)
	mux.HandleFunc("POST "+runtime+"invocation/{id}/error", s.serveError)
	mux.HandleFunc("POST "+runtime+"init/error", s.serveInitError)
	mux.HandleFunc("POST "+extension+"register", s.serveRegister)
	mux.HandleFunc("GET "+extension+"event/next", s.serveEvent)
	mux.HandleFunc("POST "+extension+"init/error", s.serveAgentError("Extension.InitError"))
	mux.HandleFunc("POST "+extension+"exit/error", s.serveAgentError("Extension.ExitError"))
	for _, path := range []string{"/2022-07-01/telemetry", "/2020-08-15/logs"} {
		mux.HandleFunc("PUT "+path, s.serveSubscribe)
		mux.HandleFunc("PUT "+path+"/", s.serveSubscribe)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "NotFound", "No such operation of the Runtime API: "+r.Method+" "+r.URL.Path)
	})
	return mux
}

// touch wakes those who wait for a change; the lock is held.
func (s *Server) touch() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// await blocks until ok, which is called with the lock held. It gives ErrBroken when an extension fails first, ErrExited when stop is closed
// (nil: never), ErrDeadline after limit.
func (s *Server) await(limit time.Duration, stop <-chan struct{}, ok func() bool) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		s.mu.Lock()
		if s.fault != nil && s.state != runtimeStopped {
			s.mu.Unlock()
			return ErrBroken
		}
		if ok() {
			s.mu.Unlock()
			return nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-stop:
			return ErrExited
		case <-timer.C:
			return ErrDeadline
		}
	}
}
