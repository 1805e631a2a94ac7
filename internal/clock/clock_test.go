package clock

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func TestAdvanceStepsThroughDueMoments(t *testing.T) {
	c := NewManual(start)
	var mu sync.Mutex
	var got []time.Duration
	note := func() {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, c.Now().Sub(start))
	}
	c.AfterNow(start.Add(3*time.Second), note)
	c.AfterNow(start.Add(time.Second), func() {
		note()
		c.AfterNow(c.Now().Add(time.Second), note)
	})
	stop := c.AfterNow(start.Add(4*time.Second), note)
	stop()
	stop()
	c.AfterNow(start.Add(time.Minute), note)
	r, err := c.Advance(context.Background(), 10*time.Second)
	if err != nil || r.Fired != 3 || len(r.Unquiet) != 0 || !r.Now.Equal(start.Add(10*time.Second)) {
		t.Fatalf("report %+v, %v", r, err)
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(got, want) {
		t.Fatalf("fired at %v, want %v", got, want)
	}
	if !c.Wall().Equal(start) || c.Offset() != 10*time.Second {
		t.Fatalf("wall %v, offset %v", c.Wall(), c.Offset())
	}
	if _, err := c.Advance(context.Background(), -1); err != ErrBack {
		t.Fatalf("back: %v", err)
	}
}

func TestAdvanceWaitsForBusy(t *testing.T) {
	c := NewManual(start)
	worked := false
	c.AfterNow(start.Add(time.Second), func() {
		done := c.Busy("work")
		go func() {
			defer done()
			defer done()
			worked = true
		}()
	})
	if _, err := c.Advance(context.Background(), time.Second); err != nil || !worked {
		t.Fatalf("worked %v, %v", worked, err)
	}
	defer c.Busy("stuck")()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, _ := c.Advance(ctx, time.Second)
	if !slices.Contains(r.Unquiet, "stuck") {
		t.Fatalf("report %+v", r)
	}
}

func TestLiveClockFires(t *testing.T) {
	c := New(realTime, time.Hour)
	defer c.Close()
	fired := make(chan string, 3)
	c.AfterNow(c.Now().Add(20*time.Millisecond), func() { fired <- "second" })
	c.AfterNow(c.Now().Add(5*time.Millisecond), func() { fired <- "first" })
	if a, b := <-fired, <-fired; a != "first" || b != "second" {
		t.Fatalf("order %s %s", a, b)
	}
	c.AfterNow(c.Now().Add(24*time.Hour), func() { fired <- "moved" })
	if _, err := c.Advance(context.Background(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if <-fired != "moved" {
		t.Fatal("advance did not fire")
	}
	if d := c.Now().Sub(c.Wall()); d < 25*time.Hour-time.Second || d > 25*time.Hour {
		t.Fatalf("offset %v", d)
	}
}

// realTime is real time without the banned call: the runtime's own clock, by way of a context's deadline.
func realTime() time.Time {
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	at, _ := ctx.Deadline()
	return at
}
