package sqs

import (
	"container/heap"
	"slices"

	"sundog/engine/store"
)

// group is a message group of a FIFO queue: what waits in it and what is in flight, in order. A message in flight holds back those behind it.
type group struct {
	name   string
	seqs   []uint64 // waiting, ascending
	flying []uint64 // ascending
	index  int      // in turns; -1: not there
}

// free tells whether the first waiting message may be given: nothing before it, but what stands up to last, is in flight.
func (g *group) free(last uint64) bool {
	if len(g.seqs) == 0 {
		return false
	}
	i, _ := slices.BinarySearch(g.flying, last+1)
	return i == len(g.flying) || g.flying[i] > g.seqs[0]
}

// line puts a message into its group, in order, and the group into the turns if it can give.
func (q *queue) line(name string, seq uint64) {
	g := q.groups[name]
	if g == nil {
		g = &group{name: name, index: -1}
		q.groups[name] = g
	}
	i, found := slices.BinarySearch(g.seqs, seq)
	if found {
		return
	}
	g.seqs = slices.Insert(g.seqs, i, seq)
	q.waiting++
	q.offer(g)
}

// offer keeps a group's place in the turns right; a group without anything is forgotten.
func (q *queue) offer(g *group) {
	can := g.free(0)
	switch {
	case can && g.index < 0:
		heap.Push(&q.turns, g)
	case can:
		heap.Fix(&q.turns, g.index)
	case g.index >= 0:
		heap.Remove(&q.turns, g.index)
	}
	if len(g.flying) == 0 && len(g.seqs) == 0 {
		delete(q.groups, g.name)
	}
}

// lock notes a message of the group as in flight.
func (q *queue) lock(name string, seq uint64, now int64) {
	if !q.fifo() {
		q.fair.lock(name, now)
		return
	}
	g := q.groups[name]
	if g == nil {
		g = &group{name: name, index: -1}
		q.groups[name] = g
	}
	if i, found := slices.BinarySearch(g.flying, seq); !found {
		g.flying = slices.Insert(g.flying, i, seq)
	}
	q.offer(g)
}

// unlock notes that a message is no longer in flight.
func (q *queue) unlock(f flying, seq uint64, now int64) {
	if !q.fifo() {
		q.fair.unlock(f, now)
		return
	}
	g := q.groups[f.group]
	if g == nil {
		return
	}
	if i, found := slices.BinarySearch(g.flying, seq); found {
		g.flying = slices.Delete(g.flying, i, i+1)
		q.offer(g)
	}
}

// popGroup takes the first message of the group whose turn it is. Its delay blocks the group until it is over.
func (q *queue) popGroup(tx store.Tx, now int64) (uint64, bool, error) {
	var blocked []*group
	defer func() {
		for _, g := range blocked {
			q.offer(g)
		}
	}()
	for {
		if !q.whole && (q.waiting < fifoWindow/2 || len(q.turns) == 0 && q.waiting < fifoWindow) {
			if err := q.refill(tx, fifoWindow-q.waiting); err != nil {
				return 0, false, err
			}
		}
		if len(q.turns) == 0 {
			return 0, false, nil
		}
		g := q.turns[0]
		if at, ok := q.delayed[g.seqs[0]]; ok && at > now {
			heap.Remove(&q.turns, g.index)
			blocked = append(blocked, g)
			continue
		}
		return q.shift(g), true, nil
	}
}

// shift takes a group's first message; the caller locks the group if it goes into flight.
func (q *queue) shift(g *group) uint64 {
	seq := g.seqs[0]
	g.seqs = g.seqs[1:]
	q.waiting--
	q.offer(g)
	return seq
}

// sameGroup takes one more message of a group that this receive has given, last the message with that number; false when it has no more, or
// the next is delayed or held back.
func (q *queue) sameGroup(name string, last uint64, now int64) (uint64, bool) {
	g := q.groups[name]
	if g == nil || !g.free(last) {
		return 0, false
	}
	if at, ok := q.delayed[g.seqs[0]]; ok && at > now {
		return 0, false
	}
	return q.shift(g), true
}

// groupHeap orders groups by their first message.
type groupHeap []*group

func (h groupHeap) Len() int           { return len(h) }
func (h groupHeap) Less(i, j int) bool { return h[i].seqs[0] < h[j].seqs[0] }
func (h groupHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *groupHeap) Push(x any) {
	g := x.(*group)
	g.index = len(*h)
	*h = append(*h, g)
}
func (h *groupHeap) Pop() any {
	o := *h
	g := o[len(o)-1]
	g.index = -1
	*h = o[:len(o)-1]
	return g
}
