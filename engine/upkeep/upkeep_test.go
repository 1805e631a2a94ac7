package upkeep_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"sundog/engine/enginetest"
	"sundog/engine/upkeep"
)

// What was asked for earlier comes first, a failure is tried again, and nothing runs after Close.
func TestSweeps(t *testing.T) {
	k := enginetest.New(t)
	work := upkeep.NewWork(k.Clock)
	var mu sync.Mutex
	var ran []string
	fails := 1
	s := upkeep.NewSweeps(upkeep.Options[string]{Name: "test", Clock: k.Clock, Log: slog.New(slog.DiscardHandler), Work: work,
		Run: func(_ context.Context, name string) (time.Time, error) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, name)
			if name == "bad" && fails > 0 {
				fails--
				return time.Time{}, errors.New("no")
			}
			return time.Time{}, nil
		}})
	now := k.Clock.Now()
	advance := func(d time.Duration, want int) {
		t.Helper()
		if _, err := k.Clock.Advance(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(ran) != want {
			t.Fatalf("%v ran, want %d", ran, want)
		}
	}
	s.Arm("a", now.Add(time.Hour))
	s.Arm("a", now.Add(time.Minute))
	s.Arm("a", now.Add(2*time.Hour))
	advance(2*time.Minute, 1)
	advance(3*time.Hour, 1)
	s.Arm("bad", k.Clock.Now())
	advance(2*time.Minute, 3)
	work.Close()
	s.Arm("late", k.Clock.Now().Add(time.Minute))
	advance(2*time.Minute, 3)
	s.Disarm()
}
