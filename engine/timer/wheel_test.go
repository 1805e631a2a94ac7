package timer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/internal/clock"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// fixture is a wheel with one kind whose handler notes what fires.
type fixture struct {
	*Wheel
	t     *testing.T
	clock *clock.Manual
	mu    sync.Mutex
	fired []string
	fails map[string]int // id -> how often it fails
}

func fixtureOver(t *testing.T, s store.Store, c *clock.Manual) *fixture {
	f := &fixture{t: t, clock: c, fails: map[string]int{}}
	f.Wheel = New(Options{Store: s, Clock: c, Log: slog.New(slog.DiscardHandler)})
	f.Handle("k", func(_ context.Context, tm Timer) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.fired = append(f.fired, fmt.Sprintf("%s@%v", tm.ID, c.Now().Sub(start)))
		if f.fails[tm.ID]--; f.fails[tm.ID] >= 0 {
			return errors.New("boom")
		}
		return nil
	})
	return f
}

func (f *fixture) set(id string, in time.Duration) {
	f.t.Helper()
	f.update(func(tx store.Tx) error {
		return f.Set(tx, Timer{Shard: store.ShardOf(id), Kind: "k", ID: id, Due: start.Add(in), Payload: []byte(id)})
	})
}

func (f *fixture) update(fn func(store.Tx) error) {
	f.t.Helper()
	if err := f.o.Store.Update(context.Background(), fn); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) advance(d time.Duration, want ...string) {
	f.t.Helper()
	if r, err := f.clock.Advance(context.Background(), d); err != nil || len(r.Unquiet) > 0 {
		f.t.Fatal(r, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Sort(f.fired); !slices.Equal(f.fired, want) {
		f.t.Fatalf("fired %v, want %v", f.fired, want)
	}
	f.fired = nil
}

func (f *fixture) start() {
	f.t.Helper()
	if err := f.Start(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = f.Close() })
}

func TestFires(t *testing.T) {
	f := fixtureOver(t, mem.New(), clock.NewManual(start))
	f.start()
	f.set("a", 10*time.Second)
	f.set("b", 5*time.Second)
	f.set("c", 20*time.Second)
	f.set("c", 15*time.Second) // replaces
	f.set("d", 12*time.Second)
	f.update(func(tx store.Tx) error { return f.Cancel(tx, store.ShardOf("d"), "k", "d") })
	f.update(func(tx store.Tx) error { return f.Cancel(tx, 1, "k", "never set") })
	f.advance(10*time.Second, "a@10s", "b@5s")
	f.advance(time.Minute, "c@15s")
	f.set("past", 0)
	f.advance(0, "past@1m10s")
	f.advance(time.Hour)
}

func TestFailuresComeBack(t *testing.T) {
	f := fixtureOver(t, mem.New(), clock.NewManual(start))
	f.start()
	f.fails["a"] = 3
	f.set("a", time.Second)
	f.advance(time.Hour, "a@1s", "a@2s", "a@4s", "a@8s")
	f.update(func(tx store.Tx) error {
		it := tx.Scan(store.ScanOptions{})
		if it.Next() {
			t.Errorf("left %q", it.Key())
		}
		return it.Close()
	})
}

func TestSurvivesRestart(t *testing.T) {
	s, c := mem.New(), clock.NewManual(start)
	f := fixtureOver(t, s, c)
	for i := range 600 { // more than one scan takes
		f.update(func(tx store.Tx) error {
			return f.Set(tx, Timer{Shard: 5, Kind: "k", ID: fmt.Sprintf("%03d", i), Due: start.Add(time.Second)})
		})
	}
	if _, err := c.Advance(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	f = fixtureOver(t, s, c)
	f.start()
	want := make([]string, 600)
	for i := range want {
		want[i] = fmt.Sprintf("%03d@1m0s", i)
	}
	f.advance(0, want...)
}

// TestHandlerSetsItselfAgain is the way of periodic schedules.
func TestHandlerSetsItselfAgain(t *testing.T) {
	s, c := mem.New(), clock.NewManual(start)
	w := New(Options{Store: s, Clock: c, Log: slog.New(slog.DiscardHandler)})
	n := 0
	w.Handle("tick", func(ctx context.Context, tm Timer) error {
		n++
		tm.Due = tm.Due.Add(time.Minute)
		return s.Update(ctx, func(tx store.Tx) error { return w.Set(tx, tm) })
	})
	w.Handle("panic", func(context.Context, Timer) error { panic("boom") })
	if err := errors.Join(w.Start(context.Background()), s.Update(context.Background(), func(tx store.Tx) error {
		return errors.Join(w.Set(tx, Timer{Kind: "tick", ID: "t", Due: start}), w.Set(tx, Timer{Kind: "unknown", ID: "u", Due: start}),
			w.Set(tx, Timer{Kind: "panic", ID: "p", Due: start}))
	})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Advance(context.Background(), 10*time.Minute); err != nil || n != 11 {
		t.Fatal(n, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Advance(context.Background(), 10*time.Minute); err != nil || n != 11 {
		t.Fatal("fired after Close", n, err)
	}
}
