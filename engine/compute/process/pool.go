package process

import (
	"context"
	"runtime"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
)

// pool is the environments of one version.
type pool struct {
	d *Driver
	v compute.Version

	mu       sync.Mutex
	idle     []*environment // the most recently used is the last
	waiters  []*waiter      // first come, first served
	lined    time.Time      // since when the line of waiters has not been empty
	live     int            // idle, busy and starting
	starting int
	kept     int                                    // environments that stay however long they are idle
	told     func(compute.Start, []compute.LogLine) // of those that are started to be kept; nil: nobody
	keepAt   time.Time
	keepWait time.Duration
	dropped  bool
	nextUp   time.Time     // starts are paced: see reserve
	lastUp   time.Time     // when a start last succeeded
	lastDone time.Time     // when an invocation last ended
	gap      time.Duration // between the ends of invocations, smoothed
	took     time.Duration // by an invocation, smoothed
}

// waiter is an invocation that waits for an environment.
type waiter struct{ ch chan grant }

// grant is what a waiter gets: an environment, or why none came up.
type grant struct {
	e *environment
	u *unbooted
}

// acquire gives an environment: an idle one at once, else the first that comes free or up. err is compute.Throttled when none did within wait.
func (p *pool) acquire(ctx context.Context, wait time.Duration) (grant, error) {
	p.mu.Lock()
	if e := p.popIdle(); e != nil {
		p.mu.Unlock()
		return grant{e: e}, nil
	}
	if p.dropped {
		p.mu.Unlock()
		return grant{}, errDropped
	}
	w := &waiter{ch: make(chan grant, 1)}
	if len(p.waiters) == 0 {
		p.lined = p.d.o.Clock.Wall()
	}
	p.waiters = append(p.waiters, w)
	start := p.live == 0 && p.reserve()
	p.mu.Unlock()
	if start {
		p.launch()
	}
	return p.await(ctx, w, wait)
}

func (p *pool) await(ctx context.Context, w *waiter, wait time.Duration) (grant, error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	patience := time.NewTimer(p.d.o.Patience)
	defer patience.Stop()
	for {
		select {
		case g := <-w.ch:
			return g, nil
		case <-patience.C:
			p.grow()
			patience.Reset(p.d.o.Patience)
		case <-deadline.C:
			if p.coming() { // an environment that starts is waited for: its init has limits of its own
				deadline.Reset(p.d.o.Patience)
				continue
			}
			return p.giveUp(w, compute.Throttled)
		case <-ctx.Done():
			return p.giveUp(w, ctx.Err())
		case <-p.d.ctx.Done():
			return p.giveUp(w, errClosed)
		}
	}
}

// coming tells whether environments start.
func (p *pool) coming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starting > 0
}

// giveUp takes a waiter out of the line; what it was granted at the last moment counts.
func (p *pool) giveUp(w *waiter, err error) (grant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.waiters {
		if x == w {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			return grant{}, err
		}
	}
	return <-w.ch, nil
}

// popIdle takes the most recently used environment that lives; the lock is held.
func (p *pool) popIdle() *environment {
	for n := len(p.idle); n > 0; n = len(p.idle) {
		e := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if !e.dead() {
			return e
		}
		p.discard(e)
	}
	return nil
}

// discard counts an environment out and ends it in the background; the lock is held.
func (p *pool) discard(e *environment) {
	p.live--
	p.d.live.Add(-1)
	p.d.work.Go(e.close)
}

// pace bounds how fast a pool grows, to one start for each core in this time: a burst of short calls needs few environments, and many that start at
// once only slow each other down.
const pace = 100 * time.Millisecond

// crowded is how long starts that hold each other up keep further ones back, while one after another of them succeeds.
const crowded = time.Second

// most is how many environments the version may have at once. A quarter of the machine's is left to others, whatever becomes of its invocations.
func (p *pool) most() int {
	most := p.d.o.MaxEnvironments - p.d.o.MaxEnvironments/4
	if p.v.MaxEnvironments > 0 {
		most = min(most, p.v.MaxEnvironments)
	}
	return most
}

// reserve counts one more environment in if one is needed and may start now; the lock is held. launch follows.
func (p *pool) reserve() bool {
	if p.starting >= len(p.waiters) || p.live >= p.most() {
		return false
	}
	now, step := p.d.o.Clock.Wall(), pace/time.Duration(runtime.NumCPU())
	if p.nextUp.After(now.Add(step)) || p.starting >= 2*runtime.NumCPU() && now.Sub(p.lastUp) < crowded {
		return false
	}
	if p.live == 0 {
		p.lastUp = now
	}
	if p.nextUp.Before(now) {
		p.nextUp = now
	}
	p.nextUp = p.nextUp.Add(step)
	p.live++
	p.starting++
	return true
}

// grow starts another environment if those that are there will not get through the line soon, and one may start now.
func (p *pool) grow() {
	p.mu.Lock()
	ok := !p.flowing() && p.reserve()
	p.mu.Unlock()
	if ok {
		p.launch()
	}
}

// flowing tells whether those that are there get through the line soon enough. One that is gone in a quarter of the time that an invocation takes, or of the
// patience of one who waits, is short: a function that is over in no time needs few environments, for many. One that is gone in ten times that patience
// is, as long as the machine's processors have no time left: more environments would only take it from those that work. The lock is held.
func (p *pool) flowing() bool {
	if p.lastDone.IsZero() {
		return false
	}
	now, patience := p.d.o.Clock.Wall(), p.d.o.Patience
	line := time.Duration(len(p.waiters)) * max(p.gap, now.Sub(p.lastDone))
	return line < max(patience, p.took)/4 || line < 10*patience && !p.d.processors.left(now)
}

// lasting tells whether the line has not been empty for as long as one waits patiently, although the processors have time left. Where calls are short nobody
// in it waits for long, so that nobody asks for another environment, but those that are there keep the processors waiting: a call is a few steps, of
// the platform's and the function's in turn, and each step begins with a wake-up. One environment more than there are processors fills them, further ones
// take more time than they bring. The lock is held.
func (p *pool) lasting() bool {
	return len(p.waiters) > 0 && p.live <= runtime.NumCPU() && p.lastDone.Sub(p.lined) > p.d.o.Patience && p.d.processors.left(p.lastDone)
}

// ended keeps the pace at which invocations end, and how long they take; the lock is held.
func (p *pool) ended(took time.Duration) {
	now := p.d.o.Clock.Wall()
	if p.lastDone.IsZero() {
		p.took = took
	} else {
		p.gap += (now.Sub(p.lastDone) - p.gap) / 8
		p.took += (took - p.took) / 8
	}
	p.lastDone = now
}

// launch starts the environment that reserve counted in, or counts it out when the machine has no room.
func (p *pool) launch() {
	if !p.d.admit() {
		p.mu.Lock()
		p.live--
		p.starting--
		p.mu.Unlock()
		return
	}
	if !p.d.background(func() { p.booted(p.d.boot(p.d.ctx, p, false)) }) {
		p.booted(nil, &unbooted{err: errClosed})
	}
}

// booted takes what became of a start. A failure that no invocation gets to hear of is false.
func (p *pool) booted(e *environment, u *unbooted) bool {
	p.mu.Lock()
	p.starting--
	if u != nil {
		p.live--
		p.d.live.Add(-1)
		heard := len(p.waiters) > 0
		if heard {
			w := p.waiters[0]
			p.waiters = p.waiters[1:]
			w.ch <- grant{u: u}
		}
		p.mu.Unlock()
		return heard
	}
	p.lastUp = p.d.o.Clock.Wall()
	p.place(e)
	p.mu.Unlock()
	p.d.spares.refill()
	return true
}

// place gives an environment to the first waiter, or makes it idle; the lock is held.
func (p *pool) place(e *environment) {
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = p.waiters[1:]
		w.ch <- grant{e: e}
		return
	}
	if p.dropped {
		p.discard(e)
		return
	}
	e.used = p.d.o.Clock.Wall()
	p.idle = append(p.idle, e)
}

// release takes an environment back after an invocation.
func (p *pool) release(e *environment, broken bool) {
	p.mu.Lock()
	p.ended(e.took)
	if broken || e.dead() || e.used.Sub(e.born) > p.d.o.MaxAge {
		p.discard(e)
	} else {
		p.place(e)
	}
	more := p.lasting() && p.reserve()
	p.mu.Unlock()
	if more {
		p.launch()
	}
}

// ensure starts environments until n are there, waits for them, and keeps as many from then on; the error says why one did not come up.
func (p *pool) ensure(ctx context.Context, n int, told func(compute.Start, []compute.LogLine)) error {
	p.mu.Lock()
	p.kept, p.told = 0, told // none until they are there
	p.mu.Unlock()
	if err := p.fill(ctx, n); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = n
	return nil
}

// fill starts environments until n are there, and waits for them.
func (p *pool) fill(ctx context.Context, n int) error {
	var failed error
	var mu sync.Mutex
	var wg sync.WaitGroup
	p.mu.Lock()
	n = max(0, n-p.live)
	p.live += n
	p.starting += n
	told := p.told
	p.mu.Unlock()
	for range n {
		if !p.d.admit() {
			p.mu.Lock()
			p.live--
			p.starting--
			p.mu.Unlock()
			mu.Lock()
			failed = compute.Throttled
			mu.Unlock()
			continue
		}
		wg.Go(func() {
			e, u := p.d.boot(ctx, p, true)
			if e != nil && told != nil {
				told(e.start(), e.out.take())
			}
			if heard := p.booted(e, u); !heard && told != nil && u.e != nil && u.e.host != nil {
				s := u.e.start()
				s.Failed, s.Init = true, u.took
				told(s, u.e.out.take())
			}
			if u != nil {
				mu.Lock()
				failed = u.reason()
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failed
}

func (u *unbooted) reason() error {
	if u.err != nil {
		return u.err
	}
	return cloud.Errorf(cloud.Invalid, compute.NotStarted, "%s", u.a.text)
}

// expire ends what has been idle since before.
func (p *pool) expire(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && p.live > p.kept && p.idle[n].used.Before(before) {
		p.discard(p.idle[n])
		n++
	}
	p.idle = append(p.idle[:0], p.idle[n:]...)
}

// attend has the connections of environments read that have been idle since before: what their runtimes do is noticed although nobody invokes them.
func (p *pool) attend(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.idle {
		if !e.used.Before(before) {
			break // the others were used later
		}
		if e.api != nil {
			e.api.Attend()
		}
	}
}

// keep starts environments in the place of kept ones that ended. What does not come up is tried again ever more seldom.
func (p *pool) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, now := p.kept, p.d.o.Clock.Wall()
	if p.dropped || p.live >= n || now.Before(p.keepAt) {
		return
	}
	p.keepWait = min(max(2*p.keepWait, crowded), time.Minute)
	p.keepAt = now.Add(p.keepWait)
	p.d.work.Go(func() {
		if p.fill(p.d.ctx, n) == nil {
			p.mu.Lock()
			p.keepWait = 0
			p.mu.Unlock()
		}
	})
}

// drop ends the idle environments now and the busy ones when they come back.
func (p *pool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropped = true
	for _, e := range p.idle {
		p.discard(e)
	}
	p.idle = nil
}

// oldest gives when the least recently used idle environment became idle; false when there is none.
func (p *pool) oldest() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 || p.live <= p.kept {
		return time.Time{}, false
	}
	return p.idle[0].used, true
}

// evict ends the least recently used idle environment; false when there is none any more.
func (p *pool) evict() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 || p.live <= p.kept {
		return false
	}
	e := p.idle[0]
	p.idle = append(p.idle[:0], p.idle[1:]...)
	p.discard(e)
	return true
}

func (p *pool) counts() (idle, busy, starting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle), p.live - len(p.idle) - p.starting, p.starting
}
