package s3

import (
	"context"
	"sync"

	"sundog/cloud"
)

// work is what goes on in the background.
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

// start runs f in its own goroutine, unless closed.
func (w *work) start(what string, f func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	idle := w.clock.Busy(what)
	w.wg.Go(func() {
		defer idle()
		f(w.ctx)
	})
}

// close ends the work and waits for it.
func (w *work) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
	return nil
}
