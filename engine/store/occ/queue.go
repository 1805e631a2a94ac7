package occ

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

const stripes = 1024

// queues let the Updates that contend for a key go one after another: who failed on a key waits for its turn, and who reads a key for
// which others wait gets in line instead of failing later.
type queues struct {
	turn    [stripes]atomic.Pointer[chan struct{}] // of capacity 1: full while somebody has the turn
	waiting [stripes]atomic.Int32                  // those who wait or have the turn
}

func (q *queues) contended(h uint64) bool { return q.waiting[h%stripes].Load() > 0 }

// hold is the set of queues whose turn an Update has or wants, ascending.
type hold struct{ stripes []uint16 }

func (h *hold) has(key uint64) bool {
	return len(h.stripes) >= maxHold || slices.Contains(h.stripes, uint16(key%stripes))
}

// maxHold bounds the queues that one Update waits in: one that reads very many contended keys goes on without.
const maxHold = 64

func (h *hold) want(key uint64) {
	if h.has(key) {
		return
	}
	s := uint16(key % stripes)
	if i, found := slices.BinarySearch(h.stripes, s); !found {
		h.stripes = slices.Insert(h.stripes, i, s)
	}
}

func (q *queues) channel(s uint16) chan struct{} {
	if c := q.turn[s].Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	q.turn[s].CompareAndSwap(nil, &c)
	return *q.turn[s].Load()
}

// acquire waits for all the turns that h wants, in ascending order; false when ctx or the limit came first.
func (q *queues) acquire(ctx context.Context, h *hold, limit <-chan time.Time) bool {
	for i, s := range h.stripes {
		q.waiting[s].Add(1)
		select {
		case q.channel(s) <- struct{}{}:
			continue
		case <-ctx.Done():
		case <-limit:
		}
		q.waiting[s].Add(-1)
		q.leave(h.stripes[:i])
		return false
	}
	return true
}

// release gives the turns back; h still knows which it wants.
func (q *queues) release(h *hold) { q.leave(h.stripes) }

func (q *queues) leave(held []uint16) {
	for _, s := range held {
		<-q.channel(s)
		q.waiting[s].Add(-1)
	}
}
