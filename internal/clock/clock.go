// Package clock is the platform's clock: real time plus an offset that can be moved forward, step by step, so that everything that was
// due in between happens in order. The manual clock for tests is the same clock over a wall time that stands still.
package clock

import (
	"container/heap"
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
)

// Clock implements cloud.Clock. All methods are safe for concurrent use.
type Clock struct {
	wall func() time.Time
	live bool // wall moves by itself: alarms need a real timer

	moving sync.Mutex // one Advance at a time

	mu     sync.Mutex
	offset time.Duration
	alarms alarms
	seq    uint64
	timer  *time.Timer // of the earliest alarm; live only
	closed bool

	busy  map[uint64]string // what goes on, by token
	quiet []chan struct{}   // closed when busy becomes empty
}

var _ cloud.Clock = (*Clock)(nil)

// New makes a clock over wall with an offset from an earlier run. wall must not go back; it is called often.
func New(wall func() time.Time, offset time.Duration) *Clock {
	return &Clock{wall: wall, live: true, offset: offset, busy: map[uint64]string{}}
}

// NewManual makes a clock that stands at start until Advance moves it. Wall stands still as well, until AdvanceWall.
func NewManual(start time.Time) *Manual {
	m := &Manual{}
	m.at.Store(&start)
	m.Clock = &Clock{wall: func() time.Time { return *m.at.Load() }, busy: map[uint64]string{}}
	return m
}

// Manual is a clock for tests.
type Manual struct {
	*Clock
	at atomic.Pointer[time.Time]
}

// AdvanceWall moves Wall, and Now with it, without firing what becomes due: the next Advance does.
func (m *Manual) AdvanceWall(d time.Duration) {
	t := m.at.Load().Add(d)
	m.at.Store(&t)
}

// Now gives the platform's time, which Advance moves.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return c.wall().Add(c.offset) }

// Wall gives real time.
func (c *Clock) Wall() time.Time { return c.wall() }

// Offset tells how far Now is ahead of Wall, to be kept with the data.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// AfterNow calls f once in its own goroutine when Now reaches at; at once when it has. The clock is busy while f runs. stop prevents a
// call that has not begun and may be called more than once.
func (c *Clock) AfterNow(at time.Time, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	a := &alarm{at: at, seq: c.seq, f: f}
	if c.closed {
		return func() {}
	}
	if !at.After(c.now()) {
		a.index = -1
		c.fire(a)
		return func() {}
	}
	heap.Push(&c.alarms, a)
	c.arm()
	return func() { c.stop(a) }
}

func (c *Clock) stop(a *alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.index < 0 {
		return
	}
	heap.Remove(&c.alarms, a.index)
	c.arm()
}

// fire starts f; the caller holds mu and has taken a off the heap.
func (c *Clock) fire(a *alarm) {
	done := c.hold("alarm")
	go func() {
		defer done()
		a.f()
	}()
}

// arm sets the real timer to the earliest alarm; the caller holds mu.
func (c *Clock) arm() {
	if !c.live {
		return
	}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if len(c.alarms) == 0 || c.closed {
		return
	}
	c.timer = time.AfterFunc(max(c.alarms[0].at.Sub(c.now()), 0), c.ring)
}

// ring fires all that is due.
func (c *Clock) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.alarms) > 0 && !c.alarms[0].at.After(c.now()) {
		c.fire(heap.Pop(&c.alarms).(*alarm))
	}
	c.arm()
}

// Busy tells the clock that work goes on; done ends it and may be called more than once.
func (c *Clock) Busy(what string) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hold(what)
}

// hold is Busy for a caller that holds mu.
func (c *Clock) hold(what string) func() {
	c.seq++
	token := c.seq
	c.busy[token] = what
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, on := c.busy[token]; !on {
			return
		}
		delete(c.busy, token)
		if len(c.busy) > 0 {
			return
		}
		for _, ch := range c.quiet {
			close(ch)
		}
		c.quiet = nil
	}
}

// Report tells what an Advance did.
type Report struct {
	Fired   int      // alarms
	Unquiet []string // what was still busy when waiting for it was given up; empty when all was quiet
	Now     time.Time
}

// ErrBack says that the clock cannot go back.
var ErrBack = errors.New("clock: cannot go back")

// stepQuiet bounds the wait for quiet after each step, in real time.
const stepQuiet = 30 * time.Second

// Advance moves Now forward by d. It stops at every moment at which something is due, fires it, and waits until nothing is busy (30 s of
// real time at most, or until ctx ends; then it goes on and reports what was busy). ErrBack when d < 0.
func (c *Clock) Advance(ctx context.Context, d time.Duration) (Report, error) {
	var r Report
	if d < 0 {
		return r, ErrBack
	}
	c.moving.Lock()
	defer c.moving.Unlock()
	if un := c.settle(ctx); un != nil {
		r.Unquiet = append(r.Unquiet, un...)
	}
	target := c.Offset() + d
	for c.step(target, &r) {
		r.Unquiet = append(r.Unquiet, c.settle(ctx)...)
		if err := ctx.Err(); err != nil {
			r.Now = c.Now()
			return r, err
		}
	}
	r.Now = c.Now()
	return r, nil
}

// Reset takes Now back to real time. What is due later waits until real time reaches it.
func (c *Clock) Reset() {
	c.moving.Lock()
	defer c.moving.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = 0
	c.arm()
}

// step moves to the next due moment up to the target offset and fires what is due there; false when it has reached the target with nothing
// more to fire.
func (c *Clock) step(target time.Duration, r *Report) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.arm()
	wall := c.wall()
	next := target
	if len(c.alarms) > 0 {
		next = min(next, max(c.alarms[0].at.Sub(wall), c.offset))
	}
	c.offset = max(c.offset, next)
	fired := 0
	for len(c.alarms) > 0 && !c.alarms[0].at.After(wall.Add(c.offset)) {
		c.fire(heap.Pop(&c.alarms).(*alarm))
		fired++
	}
	r.Fired += fired
	return fired > 0 || c.offset < target
}

// settle waits until nothing is busy and tells what still is.
func (c *Clock) settle(ctx context.Context) []string {
	limit := time.NewTimer(stepQuiet)
	defer limit.Stop()
	for {
		ch := c.whenQuiet()
		if ch == nil {
			return nil
		}
		select {
		case <-ch:
		case <-limit.C:
			return c.Holders()
		case <-ctx.Done():
			return c.Holders()
		}
	}
}

func (c *Clock) whenQuiet() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.busy) == 0 {
		return nil
	}
	ch := make(chan struct{})
	c.quiet = append(c.quiet, ch)
	return ch
}

// Settle waits until nothing is busy, and fires nothing; it returns ctx's error when that comes first.
func (c *Clock) Settle(ctx context.Context) error {
	for {
		ch := c.whenQuiet()
		if ch == nil {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Holders tells what is busy now, sorted.
func (c *Clock) Holders() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]string, 0, len(c.busy))
	for _, what := range c.busy {
		out = append(out, what)
	}
	sort.Strings(out)
	return out
}

// Close drops all alarms; later ones never fire.
func (c *Clock) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, a := range c.alarms {
		a.index = -1
	}
	c.alarms = nil
	c.arm()
}

type alarm struct {
	at    time.Time
	seq   uint64
	f     func()
	index int // in the heap; -1: not there
}

// alarms is a heap by time, then by order of setting.
type alarms []*alarm

func (h alarms) Len() int { return len(h) }
func (h alarms) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].seq < h[j].seq
}
func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *alarms) Push(x any) {
	a := x.(*alarm)
	a.index = len(*h)
	*h = append(*h, a)
}
func (h *alarms) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	a.index = -1
	return a
}
