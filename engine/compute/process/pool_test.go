package process

import (
	"runtime"
	"testing"
	"time"
)

// A line that is gone at once has no environment started, one that is gone soon only while the processors have time for it.
func TestFlowing(t *testing.T) {
	d := open(t, Options{Patience: 20 * time.Millisecond})
	defer shut(t, d)
	const ms = time.Millisecond
	for _, c := range []struct {
		name        string
		waiters     int
		gap, took   time.Duration
		busy, spare bool // what it is when all processors are busy, and when some are not
	}{
		{"short calls", 14, ms / 4, ms / 2, true, true},
		{"short calls of many", 200, ms / 4, ms / 2, true, false},
		{"a moment's sleep, one environment", 15, 15 * ms, 15 * ms, false, false},
		{"a moment's sleep, some environments", 10, 3 * ms, 15 * ms, true, false},
		{"a moment's sleep, nearly enough", 3, ms, 15 * ms, true, true},
		{"slow calls, some environments", 10, 16 * ms, 100 * ms, true, false},
		{"slow calls, nearly enough", 2, 8 * ms, 100 * ms, true, true},
		{"very slow calls", 1, 5000 * ms, 10000 * ms, false, false},
	} {
		for _, left := range []bool{false, true} {
			now := d.o.Clock.Wall()
			d.processors.at, d.processors.idleLately = now.Add(time.Hour), left
			p := &pool{d: d, waiters: make([]*waiter, c.waiters), gap: c.gap, took: c.took, lastDone: now.Add(time.Hour)}
			want := c.busy
			if left {
				want = c.spare
			}
			if got := p.flowing(); got != want {
				t.Errorf("%s, with time left %v: %v", c.name, left, got)
			}
		}
	}
}

// A line that does not end has another environment started while processors are idle, up to one more than there are processors.
func TestLasting(t *testing.T) {
	d := open(t, Options{Patience: 20 * time.Millisecond})
	defer shut(t, d)
	now := d.o.Clock.Wall()
	for _, c := range []struct {
		name    string
		waiters int
		lined   time.Duration // ago
		live    int
		left    bool
		want    bool
	}{
		{"a line that lasts", 1, time.Second, 1, true, true},
		{"a new line", 15, time.Millisecond, 1, true, false},
		{"no line", 0, time.Second, 1, true, false},
		{"the processors are busy", 15, time.Second, 1, false, false},
		{"enough environments", 15, time.Second, runtime.NumCPU() + 1, true, false},
	} {
		d.processors.at, d.processors.idleLately = now.Add(time.Hour), c.left
		p := &pool{d: d, waiters: make([]*waiter, c.waiters), lined: now.Add(-c.lined), lastDone: now, live: c.live}
		if got := p.lasting(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// The pace of a function is learnt as its invocations end.
func TestPace(t *testing.T) {
	d := open(t, Options{})
	defer shut(t, d)
	p := &pool{d: d}
	if p.flowing() {
		t.Error("a line flows before anything has ended")
	}
	p.ended(time.Second)
	for range 100 {
		p.ended(time.Millisecond)
	}
	if p.took > 2*time.Millisecond || p.gap > time.Second {
		t.Error(p.took, p.gap)
	}
}

func TestProcessorTime(t *testing.T) {
	idle, all := processorTime()
	if idle > all {
		t.Error(idle, all)
	}
	if p := (&processors{}); fileExists("/proc/stat") && (all == 0 || p.left(time.Unix(1, 0)) && p.all < all) {
		t.Error(idle, all, p)
	}
}

// A function whose invocations do not end leaves a part of the machine to others.
func TestMost(t *testing.T) {
	d := open(t, Options{MaxEnvironments: 8})
	defer shut(t, d)
	for _, c := range []struct {
		own, live int
		more      bool
	}{{0, 5, true}, {0, 6, false}, {3, 2, true}, {3, 3, false}, {7, 6, false}} {
		p := &pool{d: d, waiters: make([]*waiter, 1), live: c.live}
		p.v.MaxEnvironments = c.own
		if got := p.reserve(); got != c.more {
			t.Errorf("of at most %d, %d live: one more: %v", c.own, c.live, got)
		}
	}
}
