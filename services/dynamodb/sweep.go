package dynamodb

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sundog/cloud"
)

// sweepKind is what a sweep looks after.
type sweepKind uint8

const (
	sweepsTTL sweepKind = iota
	sweepsLog
	sweepsTokens
)

// sweep names one thing that falls due: a table's expiring items, a stream's records, a scope's tokens.
type sweep struct {
	kind  sweepKind
	scope cloud.Scope
	table string
	label string
}

func ttlSweep(sc cloud.Scope, table string) sweep {
	return sweep{kind: sweepsTTL, scope: sc, table: table}
}

func logSweep(sc cloud.Scope, table, label string) sweep {
	return sweep{kind: sweepsLog, scope: sc, table: table, label: label}
}

func tokenSweep(sc cloud.Scope) sweep { return sweep{kind: sweepsTokens, scope: sc} }

// sweeps keeps one wake per sweep, at the earliest moment that was asked for. Safe for concurrent use.
type sweeps struct {
	clock cloud.Clock
	log   *slog.Logger
	run   func(ctx context.Context, s sweep) (next time.Time, err error)
	work  *work

	mu    sync.Mutex
	armed map[sweep]wake
}

type wake struct {
	at   time.Time
	stop func()
}

const sweepRetry = time.Minute

// arm asks for a sweep at a time, or earlier.
func (w *sweeps) arm(s sweep, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, ok := w.armed[s]
	if ok && !at.Before(old.at) {
		return
	}
	if ok {
		old.stop()
	}
	w.armed[s] = wake{at, w.clock.AfterNow(at, func() { w.fire(s) })}
}

func (w *sweeps) fire(s sweep) {
	w.mu.Lock()
	delete(w.armed, s)
	w.mu.Unlock()
	w.work.do("dynamodb sweep", func(ctx context.Context) {
		next, err := w.run(ctx, s)
		if err != nil && ctx.Err() == nil {
			w.log.Error("dynamodb: removing what has expired failed", "table", s.table, "error", err)
			next = w.clock.Now().Add(sweepRetry)
		}
		if !next.IsZero() && ctx.Err() == nil {
			w.arm(s, next)
		}
	})
}

// disarm drops all wakes.
func (w *sweeps) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s, k := range w.armed {
		k.stop()
		delete(w.armed, s)
	}
}

// work runs background work until it is closed.
type work struct {
	clock  cloud.Clock
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func newWork(clock cloud.Clock) *work {
	ctx, cancel := context.WithCancel(context.Background())
	return &work{clock: clock, ctx: ctx, cancel: cancel}
}

// begin registers work; false once closed. The caller calls done when it ends.
func (w *work) begin(what string) (done func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, false
	}
	w.wg.Add(1)
	idle := w.clock.Busy(what)
	return func() { idle(); w.wg.Done() }, true
}

// do runs f unless closed.
func (w *work) do(what string, f func(context.Context)) {
	done, ok := w.begin(what)
	if !ok {
		return
	}
	defer done()
	f(w.ctx)
}

// start runs f in its own goroutine unless closed.
func (w *work) start(what string, f func(context.Context)) {
	done, ok := w.begin(what)
	if !ok {
		return
	}
	go func() {
		defer done()
		f(w.ctx)
	}()
}

// close ends the work's context and waits.
func (w *work) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
}
