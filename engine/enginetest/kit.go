// Package enginetest gives tests the engine in one line: every contract over the memory drivers, on a clock that the test moves.
package enginetest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/blob"
	blobmem "sundog/engine/blob/mem"
	"sundog/engine/bus"
	"sundog/engine/egress/egresstest"
	"sundog/engine/lane"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/telemetry"
	"sundog/engine/timer"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

// Start is what the kit's clock shows at first.
var Start = time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)

// Kit is an engine in memory. Bus and Timers are bound and started by Begin.
type Kit struct {
	Store  store.Store
	Lanes  *lane.Set
	Bus    *bus.Dispatcher
	Timers *timer.Wheel
	Blob   blob.Store
	Clock  *clock.Manual
	IDs    cloud.IDs
	// Egress plays the outside.
	Egress *egresstest.Fake
	Log    *slog.Logger
	// Telemetry has a store of its own.
	Telemetry telemetry.Recorder

	// Authorise judges deliveries; nil allows all.
	Authorise func(ctx context.Context, d bus.Delivery, action string) error

	t      testing.TB
	closed bool
}

// New makes an empty engine; it is closed at the end of the test.
func New(t testing.TB) *Kit {
	t.Helper()
	return Over(t, mem.New(), clock.NewManual(Start), ids.NewFixed(1))
}

// Over makes an engine over a store that exists, as after a restart. It closes the store at the end of the test.
func Over(t testing.TB, s store.Store, c *clock.Manual, g cloud.IDs) *Kit {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	k := &Kit{Store: s, Clock: c, IDs: g, Log: log, Blob: blobmem.New(g), Egress: &egresstest.Fake{}, t: t}
	k.Lanes = lane.New(s, log)
	side := mem.New()
	k.Telemetry = telemetry.New(telemetry.Options{Store: side, Clock: c, Log: log})
	k.Timers = timer.New(timer.Options{Store: s, Clock: c, Log: log})
	k.Bus = bus.New(bus.Options{Store: s, Clock: c, IDs: g, Log: log, Authorise: func(ctx context.Context, d bus.Delivery, action string) error {
		if k.Authorise == nil {
			return nil
		}
		return k.Authorise(ctx, d, action)
	}})
	t.Cleanup(func() {
		k.Stop()
		if err := errors.Join(k.Telemetry.Close(), side.Close()); err != nil {
			t.Errorf("closing telemetry: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return k
}

// testWriter writes log lines to the test's log.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// Begin binds the bus and starts bus and timers. Call it after the rooms' New, as handlers of timers must be registered.
func (k *Kit) Begin(r bus.Binding) {
	k.t.Helper()
	k.Bus.Bind(r)
	if err := k.Bus.Start(k.t.Context()); err != nil {
		k.t.Fatalf("starting the bus: %v", err)
	}
	if err := k.Timers.Start(context.WithoutCancel(k.t.Context())); err != nil {
		k.t.Fatalf("starting timers: %v", err)
	}
}

// Stop closes bus, timers and lanes, but not the store, so that Over can make an engine that finds its data. Stopping again does nothing.
func (k *Kit) Stop() {
	k.t.Helper()
	if k.closed {
		return
	}
	k.closed = true
	for name, err := range map[string]error{"bus": k.Bus.Close(), "timers": k.Timers.Close(), "lanes": k.Lanes.Close()} {
		if err != nil {
			k.t.Errorf("closing %s: %v", name, err)
		}
	}
}

// Advance moves the clock and waits until all that became due is done; it fails the test when something does not end.
func (k *Kit) Advance(d time.Duration) {
	k.t.Helper()
	r, err := k.Clock.Advance(k.t.Context(), d)
	if err != nil || len(r.Unquiet) > 0 {
		k.t.Fatalf("advancing by %v: %v; still busy: %v", d, err, r.Unquiet)
	}
}

// Settle waits until nothing is busy, without moving the clock.
func (k *Kit) Settle() {
	k.t.Helper()
	k.Advance(0)
}
