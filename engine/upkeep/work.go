// Package upkeep is what rooms do behind their callers' backs: work that Close waits for, and sweeps, which take away what has come of age at the
// moment when it does.
package upkeep

import (
	"context"
	"sync"

	"sundog/cloud"
)

// Work runs background work until it is closed. Safe for concurrent use.
type Work struct {
	clock  cloud.Clock
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// NewWork makes a Work whose parts the clock waits for.
func NewWork(clock cloud.Clock) *Work {
	ctx, cancel := context.WithCancel(context.Background())
	return &Work{clock: clock, ctx: ctx, cancel: cancel}
}

// begin registers work; false once closed. The caller calls done when it ends.
func (w *Work) begin(what string) (done func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, false
	}
	w.wg.Add(1)
	idle := w.clock.Busy(what)
	return func() { idle(); w.wg.Done() }, true
}

// Do runs f unless closed. Its context ends at Close.
func (w *Work) Do(what string, f func(context.Context)) {
	done, ok := w.begin(what)
	if !ok {
		return
	}
	defer done()
	f(w.ctx)
}

// Start runs f in its own goroutine unless closed.
func (w *Work) Start(what string, f func(context.Context)) {
	done, ok := w.begin(what)
	if !ok {
		return
	}
	go func() {
		defer done()
		f(w.ctx)
	}()
}

// Context gives a context that ends when Close begins.
func (w *Work) Context() context.Context { return w.ctx }

// Close ends the work's context and waits.
func (w *Work) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
}
