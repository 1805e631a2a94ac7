package pebble

import (
	"errors"
	"log/slog"
	"testing"

	"sundog/engine/store"
	"sundog/engine/store/storetest"
)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Log = slog.New(slog.DiscardHandler)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var modes = map[string]bool{"sync": false, "relaxed": true}

func TestSuite(t *testing.T) {
	for name, relaxed := range modes {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t testing.TB) store.Store { return open(t, Options{Relaxed: relaxed}) })
		})
	}
	t.Run("paced", func(t *testing.T) { // with tables that are written all the time
		storetest.Run(t, func(t testing.TB) store.Store {
			return open(t, Options{Relaxed: true, Memtable: 256 << 10, Runs: 8, Pace: 16 << 20})
		})
	})
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkStore(b *testing.B) {
	for name, relaxed := range modes {
		b.Run(name, func(b *testing.B) {
			storetest.Bench(b, func(t testing.TB) store.Store { return open(t, Options{Relaxed: relaxed}) })
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if err := open(b, Options{Dir: dir}).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
