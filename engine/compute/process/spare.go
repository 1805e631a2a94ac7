package process

import (
	"sync"
	"time"

	"sundog/engine/compute/runtimes"
)

// spares are processes of interpreters in use that wait for a function.
type spares struct {
	d      *Driver
	mu     sync.Mutex
	stocks map[spareKey]*stock
	turn   int  // of what was asked for last
	soon   bool // somebody is about to start what is missing
	off    bool
}

type spareKey struct {
	family runtimes.Family
	it     *interpreter // one for each path
	kind   kind
}

// maxKinds bounds for how many kinds with variables of their own processes wait; the one that was not asked for for the longest time goes.
const maxKinds = 4

// stock is what there is of one interpreter and kind.
type stock struct {
	turn int // when it was last asked for; the newest is the highest
	kept []*host
	busy int       // being started
	more bool      // functions have started together lately: one more is kept
	till time.Time // and until when
}

const (
	spareAfter = 20 * time.Millisecond  // how long nothing starts before what is missing is started: both would only hold each other up
	spareBy    = 500 * time.Millisecond // when it is started all the same
)

// take gives a pre-started process, or nil, and notes that its interpreter and kind are in use.
func (s *spares) take(k spareKey) *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.d.o.Spares <= 0 {
		return nil
	}
	st, known := s.stocks[k]
	if !known {
		st = &stock{}
		s.stocks[k] = st
	}
	s.turn++
	if st.turn = s.turn; !known && k.kind != "" {
		s.bound()
	}
	h := s.pop(st)
	if known && h == nil || st.more && len(st.kept) == 0 {
		st.more, st.till = true, s.d.o.Clock.Wall().Add(s.d.o.IdleTimeout)
	}
	return h
}

// bound gives up the kind that was not asked for for the longest time when there are too many. The lock is held.
func (s *spares) bound() {
	var oldest spareKey
	n := 0
	for k, st := range s.stocks {
		if k.kind == "" {
			continue
		}
		if n++; n == 1 || st.turn < s.stocks[oldest].turn {
			oldest = k
		}
	}
	if n > maxKinds {
		s.give(oldest)
	}
}

// give ends what waits of an interpreter and kind, and keeps none any more. The lock is held.
func (s *spares) give(k spareKey) {
	for _, h := range s.stocks[k].kept {
		s.d.work.Go(func() { s.d.end(h) })
	}
	delete(s.stocks, k)
}

// pop takes the newest process that lives; nil when there is none. The lock is held.
func (s *spares) pop(st *stock) *host {
	for n := len(st.kept); n > 0; n = len(st.kept) {
		h := st.kept[n-1]
		st.kept = st.kept[:n-1]
		select {
		case <-h.proc.exited:
			s.d.work.Go(func() { s.d.end(h) })
		default:
			return h
		}
	}
	return nil
}

// refill starts what is missing of every interpreter and kind in use, soon.
func (s *spares) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.off && !s.soon && s.d.o.Spares > 0 {
		s.soon = s.d.background(s.refillSoon)
	}
}

func (s *spares) refillSoon() {
	s.d.quiet(spareAfter, spareBy)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.soon = false
	if s.off {
		return
	}
	for k, st := range s.stocks {
		for n := len(st.kept) + st.busy; n < s.d.o.Spares || st.more && n == s.d.o.Spares && s.d.memory(); n++ {
			st.busy++
			if !s.d.background(func() { s.add(k, st) }) {
				st.busy--
			}
		}
	}
}

// quiet waits until no environment has started for a moment, but no longer than the limit.
func (d *Driver) quiet(moment, limit time.Duration) {
	timer := time.NewTimer(moment)
	defer timer.Stop()
	for waited := moment; ; waited += moment {
		select {
		case <-timer.C:
		case <-d.ctx.Done():
			return
		}
		if d.booting.Load() == 0 || waited >= limit {
			return
		}
		timer.Reset(moment)
	}
}

func (s *spares) add(k spareKey, st *stock) {
	h, err := s.d.startGeneric(k, nil)
	if err == nil {
		h.measured()
		h.since = s.d.o.Clock.Wall()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.busy--
	if err != nil {
		s.d.o.Log.Warn("cannot pre-start a runtime", "interpreter", k.it.path, "error", err)
		return
	}
	if s.off || s.stocks[k] != st {
		s.d.work.Go(func() { s.d.end(h) })
		return
	}
	st.kept = append(st.kept, h)
}

// trim ends what was kept for functions that start together when none have for a time.
func (s *spares) trim(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.stocks {
		if !st.more || now.Before(st.till) {
			continue
		}
		st.more = false
		for n := len(st.kept); n > s.d.o.Spares; n-- {
			h := st.kept[0]
			st.kept = st.kept[1:]
			s.d.work.Go(func() { s.d.end(h) })
		}
	}
}

// clear ends all spares; with off, no more are started.
func (s *spares) clear(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
	for k := range s.stocks {
		s.give(k)
	}
}
