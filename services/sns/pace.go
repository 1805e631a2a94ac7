package sns

import (
	"sync"
	"time"

	"sundog/cloud"
)

// pacer spreads deliveries to an endpoint over time, so that it gets no more in a second than its policy says. It is memory only: after a
// restart an endpoint may get one burst. The zero value is ready; safe for concurrent use.
type pacer struct {
	mu   sync.Mutex
	next map[cloud.ARN]time.Time
}

const maxPaced = 10_000

// slot gives the moment from which the next delivery may go, and takes it.
func (p *pacer) slot(a cloud.ARN, from time.Time, perSecond int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = map[cloud.ARN]time.Time{}
	}
	if len(p.next) >= maxPaced {
		for k, at := range p.next {
			if !at.After(from) {
				delete(p.next, k)
			}
		}
	}
	at := p.next[a]
	if !at.After(from) || at.Sub(from) > 24*time.Hour { // the clock went back
		at = from
	}
	p.next[a] = at.Add(time.Second / time.Duration(perSecond))
	return at
}
