package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sundog/cloud"
)

// Sweeps keeps one wake for each thing that falls due, at the earliest moment that was asked for. K names such a thing. Safe for concurrent use.
type Sweeps[K comparable] struct {
	o     Options[K]
	mu    sync.Mutex
	armed map[K]wake
}

// Options are what Sweeps stand on.
type Options[K comparable] struct {
	Name  string // of the room, for logs and the clock
	Clock cloud.Clock
	Log   *slog.Logger
	Work  *Work
	// Run takes away what is due of one thing, as much as one commit should, and gives when to look again; the zero time: when somebody asks.
	Run func(ctx context.Context, k K) (next time.Time, err error)
}

type wake struct {
	at   time.Time
	stop func()
}

const retry = time.Minute

// NewSweeps makes Sweeps with nothing asked for.
func NewSweeps[K comparable](o Options[K]) *Sweeps[K] {
	return &Sweeps[K]{o: o, armed: map[K]wake{}}
}

// Arm asks for a sweep at a time, or earlier.
func (w *Sweeps[K]) Arm(k K, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, ok := w.armed[k]
	if ok && !at.Before(old.at) {
		return
	}
	if ok {
		old.stop()
	}
	w.armed[k] = wake{at, w.o.Clock.AfterNow(at, func() { w.fire(k) })}
}

func (w *Sweeps[K]) fire(k K) {
	w.mu.Lock()
	delete(w.armed, k)
	w.mu.Unlock()
	w.o.Work.Do(w.o.Name+" sweep", func(ctx context.Context) {
		next, err := w.o.Run(ctx, k)
		if err != nil && ctx.Err() == nil {
			w.o.Log.Error(w.o.Name+": removing what has expired failed", "what", k, "error", err)
			next = w.o.Clock.Now().Add(retry)
		}
		if !next.IsZero() && ctx.Err() == nil {
			w.Arm(k, next)
		}
	})
}

// Disarm drops all wakes.
func (w *Sweeps[K]) Disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, x := range w.armed {
		x.stop()
		delete(w.armed, k)
	}
}
