package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sundog/engine/compute"
)

const (
	maxBacklog       = 1000    // events of the init that wait for a subscriber
	maxBacklogBytes  = 4 << 20 // of their texts
	maxSubscriptions = 40      // of an environment in all: who subscribes anew takes its own place, but what it had may still be on its way
)

// hub passes the events of an environment on to those who subscribed.
type hub struct {
	s    *Server
	live atomic.Bool // somebody listens, or may do so yet
	done chan struct{}
	work sync.WaitGroup

	mu      sync.Mutex
	sealed  bool
	subs    []*subscription
	backlog []event
	size    int // bytes of the backlog's texts
	added   int // subscriptions so far
}

// event is one thing to tell: of the platform (fields), or a line that function or extension wrote.
type event struct {
	at     time.Time
	stream string // "platform", "function", "extension"
	kind   string // of the platform: "start"
	fields map[string]any
	text   string
}

// stampOf writes a time as events do.
func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func newHub(s *Server) *hub {
	h := &hub{s: s, done: make(chan struct{})}
	h.live.Store(true)
	return h
}

// Listens tells whether events are of use to anybody.
func (s *Server) Listens() bool { return s.hub.live.Load() }

// Platform tells subscribers of an event of the platform: kind is its name after "platform.".
func (s *Server) Platform(kind string, fields map[string]any) { s.hub.platform(kind, fields) }

// Line tells subscribers what function (stream "function") or extension ("extension") wrote.
func (s *Server) Line(stream string, at time.Time, text string) {
	if s.hub.live.Load() {
		s.hub.publish(event{at: at, stream: stream, text: text})
	}
}

// InitDone says that the Init phase is over: nobody subscribes any more.
func (s *Server) InitDone() { s.hub.seal() }

func (h *hub) platform(kind string, fields map[string]any) {
	if h.live.Load() {
		h.publish(event{at: h.s.o.Clock.Now(), stream: "platform", kind: kind, fields: fields})
	}
}

// tell tells subscribers of an event, and the function's log: by a text, or, of functions that log JSON, by the event's record.
func (s *Server) tell(level, kind string, fields map[string]any, text string) {
	if s.o.JSONLogs {
		text = compute.SystemRecord(s.o.Clock.Now(), kind, fields)
	}
	s.o.Notice(level, text)
	s.hub.platform(kind, fields)
}

func (h *hub) publish(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.sealed && len(h.backlog) < maxBacklog && h.size+len(e.text) <= maxBacklogBytes {
		h.backlog = append(h.backlog, e)
		h.size += len(e.text)
	}
	for _, b := range h.subs {
		b.take(e)
	}
}

func (h *hub) seal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sealed, h.backlog = true, nil
	h.live.Store(len(h.subs) > 0)
}

// flush sends what is held at once.
func (h *hub) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.subs {
		b.hurry()
	}
}

func (h *hub) close() {
	close(h.done)
	h.work.Wait()
}

// add makes a subscription known, in place of an earlier one of the same extension, and gives it what has happened so far; "" unless it is refused.
func (h *hub) add(b *subscription) (refusal string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sealed {
		return "SubscriptionClosed"
	}
	if h.added == maxSubscriptions {
		return "TooManySubscriptions"
	}
	h.added++
	h.subs = append(slices.DeleteFunc(h.subs, func(o *subscription) bool {
		same := o.name == b.name && o.logs == b.logs
		if same {
			close(o.stop)
		}
		return same
	}), b)
	for _, e := range h.backlog {
		b.take(e)
	}
	h.work.Go(b.run)
	return ""
}

// request is the body of a subscription.
type request struct {
	SchemaVersion string   `json:"schemaVersion"`
	Types         []string `json:"types"`
	Destination   struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
		Method   string `json:"method"`
		Encoding string `json:"encoding"`
	} `json:"destination"`
	Buffering struct {
		MaxItems  *int `json:"maxItems"`
		MaxBytes  *int `json:"maxBytes"`
		TimeoutMs *int `json:"timeoutMs"`
	} `json:"buffering"`
}

func (s *Server) serveSubscribe(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	a, ok := s.identified(w, r)
	s.mu.Unlock()
	if !ok {
		return
	}
	logs := strings.HasPrefix(r.URL.Path, "/2020-08-15/")
	api, kind := "Telemetry", "telemetrySubscription"
	if logs {
		api, kind = "Logs", "logsSubscription"
	}
	var in request
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxHead)).Decode(&in)
	var b *subscription
	if err == nil {
		b, err = s.subscription(a.name, logs, in)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "ValidationError", err.Error())
		return
	}
	switch no := s.hub.add(b); no {
	case "":
	case "SubscriptionClosed":
		refuse(w, http.StatusForbidden, api+"."+no, api+" API subscription is closed already")
		return
	default:
		refuse(w, http.StatusForbidden, api+"."+no, "This environment has subscribed too often")
		return
	}
	var shown []string
	for _, t := range in.Types {
		shown = append(shown, strings.ToUpper(t[:1])+t[1:])
	}
	s.tell(compute.LevelInfo, kind, map[string]any{"name": a.name, "state": "Subscribed", "types": in.Types}, strings.ToUpper(api)+"\tName: "+a.name+"\tState: Subscribed\tTypes: ["+strings.Join(shown, ", ")+"]")
	reply(w, http.StatusOK, "OK")
}

// subscription checks what is asked for.
func (s *Server) subscription(name string, logs bool, in request) (*subscription, error) {
	b := &subscription{hub: s.hub, name: name, logs: logs, types: in.Types, schema: in.SchemaVersion, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	switch versions := []string{"2022-07-01", "2022-12-13", "2025-01-29"}; {
	case logs && b.schema == "":
		b.schema = "2020-08-15"
	case logs && b.schema != "2020-08-15" && b.schema != "2021-03-18", !logs && !slices.Contains(versions, b.schema):
		return nil, fmt.Errorf("schemaVersion %q is not a version of this API", b.schema)
	}
	if len(in.Types) == 0 {
		return nil, errors.New("types is required")
	}
	for _, t := range in.Types {
		if !slices.Contains([]string{"platform", "function", "extension"}, t) {
			return nil, fmt.Errorf("types: %q is none of platform, function, extension", t)
		}
	}
	var err error
	items, bytes, millis := 0, 0, 0
	for _, f := range []struct {
		name                string
		into                *int
		given               *int
		absent, least, most int
	}{
		{"maxItems", &items, in.Buffering.MaxItems, 10000, 1000, 10000},
		{"maxBytes", &bytes, in.Buffering.MaxBytes, 262144, 262144, 1048576},
		{"timeoutMs", &millis, in.Buffering.TimeoutMs, 1000, 25, 30000},
	} {
		if *f.into = f.absent; f.given != nil {
			*f.into = *f.given
		}
		if *f.into < f.least || *f.into > f.most {
			err = fmt.Errorf("buffering.%s: %d is not between %d and %d", f.name, *f.into, f.least, f.most)
		}
	}
	b.maxItems, b.maxBytes, b.timeout = items, bytes, time.Duration(millis)*time.Millisecond
	if err != nil {
		return nil, err
	}
	return b, b.aim(in)
}

// aim checks and takes the destination: a port of the environment itself.
func (b *subscription) aim(in request) error {
	d := in.Destination
	switch d.Protocol {
	case "HTTP":
		u, err := url.Parse(d.URI)
		if err != nil || u.Scheme != "http" || !slices.Contains([]string{"sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"}, u.Hostname()) {
			return fmt.Errorf("destination.URI: %q is not of http://sandbox.localdomain:PORT", d.URI)
		}
		if b.method = http.MethodPost; d.Method != "" {
			b.method = d.Method
		}
		if b.method != http.MethodPost && b.method != http.MethodPut {
			return fmt.Errorf("destination.method: %q is neither POST nor PUT", d.Method)
		}
		b.uri, b.port = d.URI, u.Port()
		if b.port == "" {
			b.port = "80"
		}
	case "TCP":
		if d.Port <= 0 || d.Port > 65535 {
			return fmt.Errorf("destination.port: %d is no port", d.Port)
		}
		b.port = strconv.Itoa(d.Port)
	default:
		return fmt.Errorf("destination.protocol: %q is neither HTTP nor TCP", d.Protocol)
	}
	if _, own, err := net.SplitHostPort(b.hub.s.Addr()); err == nil && own == b.port {
		return fmt.Errorf("destination: port %s is the Runtime API's own", b.port)
	}
	return nil
}

// record gives an event as a subscription wants it; nil when it does not.
func (b *subscription) record(e event) []byte {
	if !slices.Contains(b.types, e.stream) {
		return nil
	}
	out := struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{stampOf(e.at), e.stream, e.text}
	switch {
	case e.stream == "platform":
		out.Type, out.Record = "platform."+e.kind, e.fields
		if !b.knows(&e) {
			return nil
		}
		out.Record = e.fields
	case !b.logs && b.schema >= "2022-12-13" && b.hub.s.o.JSONLogs && strings.HasPrefix(e.text, "{") && json.Valid([]byte(e.text)):
		out.Record = json.RawMessage(e.text)
	}
	line, err := json.Marshal(out)
	if err != nil {
		return nil // never: the fields are of plain values
	}
	return line
}

// knows tells whether the subscription's API and version has the platform's event, and cuts the event's fields to those that it has.
func (b *subscription) knows(e *event) bool {
	if !b.logs {
		return e.kind != "end" && e.kind != "logsSubscription"
	}
	fields := map[string][]string{
		"start": {"requestId", "version"}, "end": {"requestId"}, "report": {"requestId", "metrics"}, "extension": {"name", "state", "events", "errorType"},
		"logsSubscription": {"name", "state", "types"}, "logsDropped": {"reason", "droppedRecords", "droppedBytes"},
	}
	if b.schema >= "2021-03-18" {
		fields["runtimeDone"] = []string{"requestId", "status"}
	}
	names, ok := fields[e.kind]
	cut := map[string]any{}
	for _, n := range names {
		if v, ok := e.fields[n]; ok {
			cut[n] = v
		}
	}
	e.fields = cut
	return ok
}
