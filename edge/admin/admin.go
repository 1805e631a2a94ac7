// Package admin serves /_sundog/*: what the platform's own commands ask that no cloud has an operation for (traces as a tree, the clock,
// status, code mounts, the live tail). The gateway lets only root's signed requests through, never those of a sandbox.
//
//	GET  /_sundog/status            Status
//	GET  /_sundog/traces?limit=N    the first spans of the newest traces
//	GET  /_sundog/traces/ID         all spans of a trace
//	GET  /_sundog/clock             ClockState
//	POST /_sundog/clock             ClockChange -> ClockState
//	POST /_sundog/mount             Mount: run a function from a folder
//	GET  /_sundog/queue?name=N      a queue's messages, as they stand; account, region, max
//	GET  /_sundog/tail              log lines and spans as they come, one JSON object a line
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/telemetry"
)

// Options are what the admin calls act on.
type Options struct {
	Telemetry telemetry.Recorder
	Clock     cloud.Clock
	// Advance moves the clock forward; nil: the clock cannot be moved here.
	Advance func(ctx context.Context, d time.Duration) (fired int, unquiet []string, err error)
	// Reset takes the clock back to real time; nil: it cannot.
	Reset func(ctx context.Context) error
	// Mount runs a function from a folder from now on; nil: code mounts are not served.
	Mount  func(ctx context.Context, m Mount) error
	Status func(ctx context.Context) Status
	// Peek gives up to max messages of a queue, oldest first, without changing them; nil: not served.
	Peek func(ctx context.Context, sc cloud.Scope, queue string, max int) ([]QueueMessage, error)
}

// Mount is a code mount: the function's name and the folder that has its code.
type Mount struct {
	Scope    cloud.Scope `json:"scope"`
	Function string      `json:"function"`
	Dir      string      `json:"dir"`
	Layers   []string    `json:"layers,omitempty"`
}

// Status is what `sundog status` shows.
type Status struct {
	Version      string            `json:"version"`
	Endpoint     string            `json:"endpoint"`
	HTTP         string            `json:"http,omitempty"`
	Data         string            `json:"data"`
	Durability   string            `json:"durability"`
	Enforce      bool              `json:"enforce"`
	Now          time.Time         `json:"now"`
	Started      time.Time         `json:"started"`
	Environments map[string]int    `json:"environments"`
	Dropped      int64             `json:"telemetryDropped"`
	Runtimes     []Runtime         `json:"runtimes,omitempty"`
	Notes        map[string]string `json:"notes,omitempty"`
}

// Runtime tells whether a runtime can run here.
type Runtime struct {
	Name, Interpreter, Version, Note, Missing string
}

// ClockState is the platform's time against real time.
type ClockState struct {
	Now     time.Time     `json:"now"`
	Wall    time.Time     `json:"wall"`
	Offset  time.Duration `json:"offset"`
	Fired   int           `json:"fired,omitempty"`
	Unquiet []string      `json:"unquiet,omitempty"` // what was still busy when the wait for it was given up
}

// ClockChange moves the clock: by a duration, to a time, or back to real time.
type ClockChange struct {
	Advance string    `json:"advance,omitempty"`
	Set     time.Time `json:"set,omitzero"`
	Reset   bool      `json:"reset,omitempty"`
}

// New makes the handler.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sundog/status", func(w http.ResponseWriter, r *http.Request) { answer(w, o.Status(r.Context()), nil) })
	mux.HandleFunc("GET /_sundog/traces", o.traces)
	mux.HandleFunc("GET /_sundog/traces/{id}", o.trace)
	mux.HandleFunc("GET /_sundog/clock", func(w http.ResponseWriter, _ *http.Request) { answer(w, o.clock(), nil) })
	mux.HandleFunc("POST /_sundog/clock", o.moveClock)
	mux.HandleFunc("POST /_sundog/mount", o.mount)
	mux.HandleFunc("GET /_sundog/queue", o.queue)
	mux.HandleFunc("GET /_sundog/tail", o.tail)
	return mux
}

// answer writes a value, or an error with its status.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		e := cloud.AsError(err)
		status := e.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		v = map[string]string{"code": e.Code, "message": e.Message}
	}
	_ = json.NewEncoder(w).Encode(v)
}

func (o Options) traces(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > 1000 {
		limit = 20
	}
	if err := o.Telemetry.Flush(r.Context()); err != nil {
		answer(w, nil, err)
		return
	}
	spans, err := o.Telemetry.Traces(r.Context(), telemetry.SpanQuery{Limit: limit})
	answer(w, spans, err)
}

func (o Options) trace(w http.ResponseWriter, r *http.Request) {
	if err := o.Telemetry.Flush(r.Context()); err != nil {
		answer(w, nil, err)
		return
	}
	spans, err := o.Telemetry.Trace(r.Context(), r.PathValue("id"))
	if err == nil && len(spans) == 0 {
		err = cloud.Errorf(cloud.NotFound, "TraceNotFound", "There is no trace %q.", r.PathValue("id")).WithStatus(http.StatusNotFound)
	}
	answer(w, spans, err)
}

func (o Options) clock() ClockState {
	now, wall := o.Clock.Now(), o.Clock.Wall()
	return ClockState{Now: now, Wall: wall, Offset: now.Sub(wall)}
}

func (o Options) moveClock(w http.ResponseWriter, r *http.Request) {
	state, err := o.change(r)
	answer(w, state, err)
}

func (o Options) change(r *http.Request) (ClockState, error) {
	if o.Advance == nil {
		return ClockState{}, cloud.Errorf(cloud.Denied, "ClockFixed", "The clock can only be moved in `sundog dev`.").WithStatus(http.StatusForbidden)
	}
	var c ClockChange
	if err := decode(r, &c); err != nil {
		return ClockState{}, err
	}
	var d time.Duration
	switch {
	case c.Reset:
		err := o.Reset(r.Context())
		return o.clock(), err
	case c.Advance != "":
		var err error
		if d, err = Duration(c.Advance); err != nil {
			return ClockState{}, cloud.Errorf(cloud.Invalid, "InvalidDuration", "%v", err)
		}
	case !c.Set.IsZero():
		d = c.Set.Sub(o.Clock.Now())
	}
	if d < 0 {
		return ClockState{}, cloud.Errorf(cloud.Invalid, "ClockBackwards", "The clock cannot go back; `sundog clock reset` takes it to real time.")
	}
	fired, unquiet, err := o.Advance(r.Context(), d)
	state := o.clock()
	state.Fired, state.Unquiet = fired, unquiet
	return state, err
}

// Duration reads Go's durations, and days ("2d", "1d12h").
func Duration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 0 || n > 36500 {
		return 0, errors.New("not a duration: " + strconv.Quote(s) + "; write 90s, 15m, 24h or 7d")
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

func decode(r *http.Request, v any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(v); err != nil {
		return cloud.Errorf(cloud.Invalid, "InvalidRequest", "The body is not what this call takes: %v", err)
	}
	return nil
}

func (o Options) mount(w http.ResponseWriter, r *http.Request) {
	var m Mount
	err := decode(r, &m)
	if err == nil && o.Mount == nil {
		err = cloud.Errorf(cloud.Denied, "MountsRefused", "Code mounts are only served by `sundog dev`.").WithStatus(http.StatusForbidden)
	}
	if err == nil {
		err = o.Mount(r.Context(), m)
	}
	answer(w, map[string]bool{"mounted": err == nil}, err)
}

// tail streams what is recorded until the client goes. A client that cannot follow loses events, and is told how many.
func (o Options) tail(w http.ResponseWriter, r *http.Request) {
	events := make(chan telemetry.TailEvent, 4096)
	lost := make(chan struct{}, 1)
	stop := o.Telemetry.Tail(func(e telemetry.TailEvent) {
		select {
		case events <- e:
		default:
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	if rc.Flush() != nil {
		return
	}
	for {
		var err error
		select {
		case e := <-events:
			err = enc.Encode(e)
		case <-lost:
			err = enc.Encode(map[string]bool{"lost": true})
		case <-r.Context().Done():
			return
		}
		if err == nil && len(events) == 0 {
			err = rc.Flush()
		}
		if err != nil {
			return
		}
	}
}
