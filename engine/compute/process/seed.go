package process

import "sync"

// seeds keep one host made beforehand while sandboxes are in use: its folder, its memory group, and the sandbox's init, with the sockets and the root that
// every sandbox has, which waits to be told what program to run. All that takes longer than what follows until the function's program runs.
type seeds struct {
	d      *Driver
	mu     sync.Mutex
	kept   *host
	making bool
	off    bool
}

// take gives the host that was made beforehand; nil when there is none.
func (s *seeds) take() *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.kept
	s.kept = nil
	if h == nil {
		return nil
	}
	select {
	case <-h.seed.exited:
		s.end(h)
		return nil
	default:
		return h
	}
}

// refill makes one if there is none.
func (s *seeds) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off || s.making || s.kept != nil || s.d.o.Spares < 0 {
		return
	}
	s.making = s.d.background(s.add)
}

func (s *seeds) add() {
	h, err := s.d.makeHost()
	if err == nil {
		if h.seed, err = s.d.spawner.seed(h.number, h.group); err == nil {
			err = s.d.prepare(h)
		}
		if err != nil {
			s.d.remove(h)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making = false
	switch {
	case err != nil:
		s.d.o.Log.Warn("cannot pre-start a sandbox", "error", err)
	case s.off:
		s.end(h)
	default:
		s.kept = h
	}
}

// clear ends it; with off, no more are made.
func (s *seeds) clear(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
	if s.kept != nil {
		s.end(s.kept)
		s.kept = nil
	}
}

func (s *seeds) end(h *host) { s.d.work.Go(func() { s.d.remove(h) }) }
