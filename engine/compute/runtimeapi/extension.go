package runtimeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"sundog/engine/compute"
)

// MaxExtensions is how many extensions a function may have.
const MaxExtensions = 10

// TooManyExtensions is the fault of a function that has more.
var TooManyExtensions = Fault{"Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", MaxExtensions)}

// agent is an extension: external ones are processes that the driver started, internal ones live in the runtime's.
type agent struct {
	name     string
	id       string // "" until it has registered
	external bool
	process  bool // its process lives; of external ones only
	events   []string
	state    agentState
	pending  []byte // an event that it has not taken yet
	wake     chan struct{}
}

// agentState is where an extension is in its life.
type agentState uint8

const (
	agentStarted agentState = iota
	agentRegistered
	agentReady   // has asked for the next event
	agentRunning // has one, or will get it
	agentEnded   // has failed or exited
)

func (a *agent) wants(event string) bool { return slices.Contains(a.events, event) }

// Expect announces external extensions, by the names of their files, before they are started.
func (s *Server) Expect(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		s.agents = append(s.agents, &agent{name: n, external: true, process: true, wake: make(chan struct{}, 1)})
	}
}

// Registered waits until all expected extensions have registered. See Settle for the errors.
func (s *Server) Registered(limit time.Duration) error {
	return s.await(limit, nil, func() bool {
		return !slices.ContainsFunc(s.agents, func(a *agent) bool { return a.state == agentStarted })
	})
}

// Settle waits until every extension is ready for its next event: the end of the Init and the Invoke phase. ErrBroken when one fails, ErrExited
// when stop is closed (nil: never), ErrDeadline after limit.
func (s *Server) Settle(limit time.Duration, stop <-chan struct{}) error {
	return s.await(limit, stop, s.settled)
}

// settled tells whether no extension has work; the lock is held. One that takes no INVOKE events has none after its first Next.
func (s *Server) settled() bool {
	return !slices.ContainsFunc(s.agents, func(a *agent) bool { return a.state != agentReady && a.state != agentEnded })
}

// Extensions tells whether there are extensions: any, and external ones.
func (s *Server) Extensions() (internal, external bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.agents {
		if a.external {
			external = true
		} else {
			internal = true
		}
	}
	return internal, external
}

// Fault gives how an extension failed first; false when none did.
func (s *Server) Fault() (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil {
		return Fault{}, false
	}
	return *s.fault, true
}

// Ended says that an extension's process has ended: status is "exit status 1" and the like. Before Shutdown that is a crash.
func (s *Server) Ended(name, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.agents {
		if a.external && a.name == name {
			a.process = false
			s.end(a, Fault{"Extension.Crash", status})
		}
	}
}

// end takes an extension out of the game, and with it, unless it is over, the environment; the lock is held.
func (s *Server) end(a *agent, f Fault) {
	stopping := a.state == agentEnded || s.state == runtimeStopped
	a.state = agentEnded
	s.touch()
	if stopping || s.fault != nil {
		return
	}
	s.fault = &f
	if s.o.Broken != nil {
		go s.o.Broken()
	}
}

// Event is an invocation as extensions hear of it.
type Event struct {
	RequestID string
	ARN       string
	Trace     string
	Deadline  time.Time
}

// Begin sends an INVOKE event to every extension that wants them; false when there is none.
func (s *Server) Begin(e Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.agents) == 0 {
		return false
	}
	body := map[string]any{"eventType": "INVOKE", "deadlineMs": e.Deadline.UnixMilli(), "requestId": e.RequestID, "invokedFunctionArn": e.ARN}
	if e.Trace != "" {
		body["tracing"] = map[string]string{"type": "X-Amzn-Trace-Id", "value": e.Trace}
	}
	return s.send("INVOKE", body)
}

// send hands an event to the extensions that want its kind; the lock is held.
func (s *Server) send(kind string, body any) (any bool) {
	b, err := json.Marshal(body)
	if err != nil {
		return false // never: texts and numbers
	}
	for _, a := range s.agents {
		if a.state == agentEnded || a.id == "" || !a.wants(kind) {
			continue
		}
		a.state, a.pending, any = agentRunning, b, true
		select {
		case a.wake <- struct{}{}:
		default: // it has been woken and looks at what is pending then
		}
	}
	return any
}

// Shutdown sends the SHUTDOWN event with its reason ("spindown", "timeout", "failure") to every extension that wants it, and what telemetry is
// held; an extension that ends from now on has not crashed. False when none wants the event.
func (s *Server) Shutdown(reason string, deadline time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = runtimeStopped
	s.hub.flush()
	return s.send("SHUTDOWN", map[string]any{"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline.UnixMilli()})
}

// Gone waits until the process of every extension that was told of the end has ended: ErrDeadline after limit.
func (s *Server) Gone(limit time.Duration) error {
	return s.await(limit, nil, func() bool {
		return !slices.ContainsFunc(s.agents, func(a *agent) bool { return a.process && a.state == agentRunning && a.wants("SHUTDOWN") })
	})
}

func (s *Server) serveRegister(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	if name == "" {
		refuse(w, http.StatusBadRequest, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	var in struct {
		Events []string `json:"events"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHead))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestFormat", err.Error())
		return
	}
	a, ok := s.register(w, name, in.Events)
	if !ok {
		return
	}
	out := map[string]string{"functionName": s.o.Function, "functionVersion": s.o.Version, "handler": s.o.Handler}
	if strings.Contains(r.Header.Get("Lambda-Extension-Accept-Feature"), "accountId") {
		out["accountId"] = s.o.Account
	}
	w.Header().Set("Lambda-Extension-Identifier", a.id)
	reply(w, http.StatusOK, out)
}

// register makes a started external extension, or a new internal one, a registered one.
func (s *Server) register(w http.ResponseWriter, name string, events []string) (*agent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.agents, func(a *agent) bool { return a.name == name })
	external := i >= 0 && s.agents[i].external
	for _, e := range events {
		switch {
		case e != "INVOKE" && e != "SHUTDOWN":
			refuse(w, http.StatusBadRequest, "Extension.InvalidEventType", e+": invalid event")
			return nil, false
		case e == "SHUTDOWN" && !external:
			refuse(w, http.StatusBadRequest, "ShutdownEventNotSupportedForInternalExtension", e+": event not supported for internal extension")
			return nil, false
		}
	}
	switch {
	case i >= 0 && s.agents[i].id != "":
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", "State transition from "+s.agents[i].state.String()+" to RegisteredState failed for extension "+name+". Error: State transition is not allowed")
		return nil, false
	case s.sealed:
		refuse(w, http.StatusForbidden, "Extension.RegistrationClosed", "Extension registration closed already")
		return nil, false
	case i < 0 && len(s.agents) >= MaxExtensions:
		refuse(w, http.StatusForbidden, TooManyExtensions.Type, TooManyExtensions.Message)
		return nil, false
	case i < 0:
		s.agents = append(s.agents, &agent{name: name, wake: make(chan struct{}, 1)})
		i = len(s.agents) - 1
	}
	a := s.agents[i]
	a.id, a.events, a.state = s.o.IDs.UUID(), events, agentRegistered
	s.touch()
	return a, true
}

func (s agentState) String() string {
	return [...]string{"StartedState", "RegisteredState", "ReadyState", "RunningState", "ExitedState"}[s]
}

// identified finds the extension of a request by its identifier; the lock is held.
func (s *Server) identified(w http.ResponseWriter, r *http.Request) (*agent, bool) {
	id := r.Header.Get("Lambda-Extension-Identifier")
	if id == "" {
		refuse(w, http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
		return nil, false
	}
	for _, a := range s.agents {
		if a.id == id {
			return a, true
		}
	}
	refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	return nil, false
}

func (s *Server) serveEvent(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	a, ok := s.identified(w, r)
	if ok && a.state == agentEnded {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", "State transition from "+a.state.String()+" to ReadyState failed for extension "+a.name+". Error: State transition is not allowed")
		ok = false
	}
	if ok && a.pending == nil {
		s.announce(a)
		a.state = agentReady
		s.touch()
	}
	s.mu.Unlock()
	if !ok {
		return
	}
	for {
		s.mu.Lock()
		event := a.pending
		a.pending = nil
		s.mu.Unlock()
		if event != nil {
			w.Header().Set("Lambda-Extension-Event-Identifier", s.o.IDs.UUID())
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(event) // an extension that does not read it is not ready again, and the deadline ends it
			return
		}
		select {
		case <-a.wake:
		case <-s.done:
			refuse(w, http.StatusInternalServerError, "Extension.Closed", "The environment has ended")
			return
		case <-r.Context().Done():
			return
		}
	}
}

// announce writes, at an extension's first Next, what it takes; the lock is held.
func (s *Server) announce(a *agent) {
	if a.state != agentRegistered {
		return
	}
	events := a.events
	if events == nil {
		events = []string{}
	}
	s.tell(compute.LevelInfo, "extension", map[string]any{"name": a.name, "state": "Ready", "events": events}, "EXTENSION\tName: "+a.name+"\tState: Ready\tEvents: ["+strings.Join(events, ", ")+"]")
}

// serveAgentError takes an extension's report that it cannot start, or that it ends.
func (s *Server) serveAgentError(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		a, ok := s.identified(w, r)
		if !ok {
			return
		}
		reason := r.Header.Get("Lambda-Extension-Function-Error-Type")
		if reason == "" {
			refuse(w, http.StatusBadRequest, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
			return
		}
		if kind == "Extension.InitError" && a.state != agentRegistered {
			refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", "State transition from "+a.state.String()+" to InitErrorState failed for extension "+a.name+". Error: State transition is not allowed")
			return
		}
		state := strings.TrimPrefix(kind, "Extension.")
		s.tell(compute.LevelWarn, "extension", map[string]any{"name": a.name, "state": state, "events": a.events, "errorType": reason},
			"EXTENSION\tName: "+a.name+"\tState: "+state+"\tEvents: ["+strings.Join(a.events, ", ")+"]\tError Type: "+reason)
		s.end(a, Fault{kind, reason})
		accept(w)
	}
}
