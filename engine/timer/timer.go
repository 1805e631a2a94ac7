// Package timer keeps durable wake-ups on the platform's clock, for low rates: schedules, waits, retries far ahead.
package timer

import (
	"context"
	"time"

	"sundog/engine/store"
)

// Timer is one wake-up. ID is unique within Kind and Shard; setting it again replaces it.
type Timer struct {
	Shard   store.Shard
	Kind    string // "events.schedule"
	ID      string
	Due     time.Time
	Payload []byte
}

// Timers sets and fires timers. A timer that is due fires at least once: its row goes only after the handler returned nil; an error
// is logged and the timer fires again after a growing delay.
type Timers interface {
	// Handle registers the handler of a kind. Call it before Start; a kind has one handler.
	Handle(kind string, fn func(ctx context.Context, t Timer) error)
	Set(tx store.Tx, t Timer) error
	Cancel(tx store.Tx, s store.Shard, kind, id string) error
	// Start begins firing, and fires what became due while the process was down. Close stops and waits for running handlers.
	Start(ctx context.Context) error
	Close() error
}
