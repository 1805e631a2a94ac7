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
	soon   bool // somebody is about to start what is missing
	off    bool
}

type spareKey struct {
	family runtimes.Family
	it     *interpreter // one for each path
}

// stock is what there is of one interpreter.
type stock struct {
	kept []*host
	busy int       // being started
	more bool      // functions have started together lately: one more is kept
	till time.Time // and until when
}

const (
	spareAfter = 20 * time.Millisecond  // how long nothing starts before what is missing is started: both would only hold each other up
	spareBy    = 500 * time.Millisecond // when it is started all the same
)

// take gives a pre-started process, or nil, and notes that the interpreter is in use.
func (s *spares) take(f runtimes.Family, it *interpreter) *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.d.o.Spares <= 0 {
		return nil
	}
	k := spareKey{f, it}
	st, known := s.stocks[k]
	if !known {
		st = &stock{}
		s.stocks[k] = st
	}
	h := s.pop(st)
	if known && h == nil || st.more && len(st.kept) == 0 {
		st.more, st.till = true, s.d.o.Clock.Wall().Add(s.d.o.IdleTimeout)
	}
	return h
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

// refill starts what is missing of every interpreter in use, soon.
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
	h, err := s.d.startGeneric(k.family, inside{it: k.it})
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
	for k, st := range s.stocks {
		for _, h := range st.kept {
			s.d.work.Go(func() { s.d.end(h) })
		}
		delete(s.stocks, k)
	}
}
