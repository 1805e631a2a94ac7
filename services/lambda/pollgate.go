package lambda

import (
	"context"
	"sync"
	"time"
)

// How many batches of a queue run at once (Lambda Developer Guide, "Configuring scaling behavior for SQS event source mappings"): five to begin
// with, up to 300 more a minute while there are messages, 1,250 at most.
const (
	firstBatches = 5
	moreBatches  = time.Minute / 300 // until one more
	mostBatches  = 1250
)

// batchGate lets batches run, more and more of them while they are wanted, and fewer after failures.
type batchGate struct {
	mu      sync.Mutex
	first   int // the limit of a queue that was idle
	limit   int
	most    int
	running int
	left    chan struct{} // a batch is over
}

// gate makes the gate of a queue's mapping. A FIFO queue does not ramp up: its groups bound what runs. Pollers that are set aside begin with what they are
// there for.
func (m *mapping) gate() *batchGate {
	first, most := firstBatches, mostBatches
	if c := m.Config.ScalingConfig; c != nil {
		most = int(val(c.MaximumConcurrency, mostBatches))
	}
	if c := m.Config.ProvisionedPollerConfig; c != nil {
		first, most = pollerBatches*int(val(c.MinimumPollers, leastPollers)), pollerBatches*int(val(c.MaximumPollers, mostMinimum))
	}
	if m.fifo() {
		first = most
	}
	first = min(first, most)
	return &batchGate{first: first, limit: first, most: most, left: make(chan struct{}, 1)}
}

// enter waits for a place; false when ctx ends. Each moment of waiting raises the limit.
func (g *batchGate) enter(ctx context.Context) bool {
	for !g.try() {
		timer := time.NewTimer(moreBatches)
		select {
		case <-g.left:
		case <-timer.C:
			g.mu.Lock()
			g.limit = min(g.limit+1, g.most)
			g.mu.Unlock()
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
	return ctx.Err() == nil
}

func (g *batchGate) try() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running >= g.limit {
		return false
	}
	g.running++
	return true
}

// pollers is how many pollers it takes to run as many batches as may run.
func (g *batchGate) pollers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return (g.limit + pollerBatches - 1) / pollerBatches
}

// idle gives a place back that no batch was found for: the next rush begins anew.
func (g *batchGate) idle() {
	g.leave(func() { g.limit = min(g.limit, max(g.first, g.running)) })
}

// done gives a place back. A failure takes a quarter of the places away, one at least; successes bring them back.
func (g *batchGate) done(failed bool) {
	g.leave(func() {
		switch {
		case failed:
			g.limit = max(1, g.limit-max(1, g.limit/4))
		case g.limit < g.first:
			g.limit++
		}
	})
}

func (g *batchGate) leave(adjust func()) {
	g.mu.Lock()
	g.running--
	adjust()
	g.mu.Unlock()
	select {
	case g.left <- struct{}{}:
	default:
	}
}
