package process

import (
	"sync"

	"sundog/engine/compute/runtimes"
)

// spares are processes of interpreters in use that wait for a function.
type spares struct {
	d    *Driver
	mu   sync.Mutex
	kept map[spareKey][]*host
	busy map[spareKey]int // being started
	off  bool
}

type spareKey struct {
	family runtimes.Family
	it     *interpreter // one for each path
}

// take gives a pre-started process, or nil, and notes that the interpreter is in use.
func (s *spares) take(f runtimes.Family, it *interpreter) *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := spareKey{f, it}
	list := s.kept[k]
	if _, known := s.kept[k]; !known {
		s.kept[k] = nil
	}
	for n := len(list); n > 0; n = len(list) {
		h := list[n-1]
		list = list[:n-1]
		s.kept[k] = list
		select {
		case <-h.proc.exited:
			s.d.work.Go(func() { s.d.end(h) })
		default:
			return h
		}
	}
	return nil
}

// refill starts what is missing of every interpreter in use.
func (s *spares) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return
	}
	for k, list := range s.kept {
		for n := len(list) + s.busy[k]; n < s.d.o.Spares; n++ {
			s.busy[k]++
			if !s.d.background(func() { s.add(k) }) {
				s.busy[k]--
			}
		}
	}
}

func (s *spares) add(k spareKey) {
	h, err := s.d.startGeneric(k.family, inside{it: k.it})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[k]--
	if err != nil {
		s.d.o.Log.Warn("cannot pre-start a runtime", "interpreter", k.it.path, "error", err)
		return
	}
	if s.off {
		s.d.work.Go(func() { s.d.end(h) })
		return
	}
	s.kept[k] = append(s.kept[k], h)
}

// clear ends all spares; with off, no more are started.
func (s *spares) clear(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
	for k, list := range s.kept {
		for _, h := range list {
			s.d.work.Go(func() { s.d.end(h) })
		}
		delete(s.kept, k)
	}
}
