package sqs

import "sync"

// polls holds who waits for messages, by queue. All methods are safe for concurrent use; the zero value is ready.
type polls struct {
	mu      sync.Mutex
	waiting map[name]map[chan struct{}]struct{}
}

// join registers a waiter; ready receives once when a message may be there. leave must be called.
func (p *polls) join(n name) (ready <-chan struct{}, leave func()) {
	ch := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = map[name]map[chan struct{}]struct{}{}
	}
	if p.waiting[n] == nil {
		p.waiting[n] = map[chan struct{}]struct{}{}
	}
	p.waiting[n][ch] = struct{}{}
	return ch, func() { p.leave(n, ch) }
}

// leave takes a waiter out. A wake that it received and did not use goes on to another.
func (p *polls) leave(n name, ch chan struct{}) {
	p.mu.Lock()
	delete(p.waiting[n], ch)
	if len(p.waiting[n]) == 0 {
		delete(p.waiting, n)
	}
	p.mu.Unlock()
	select {
	case <-ch:
		p.wake(n, 1)
	default:
	}
}

// wake tells up to count waiters of a queue; count < 0 tells all.
func (p *polls) wake(n name, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ch := range p.waiting[n] {
		if count == 0 {
			return
		}
		select {
		case ch <- struct{}{}:
			count--
		default: // it was told already
		}
	}
}
