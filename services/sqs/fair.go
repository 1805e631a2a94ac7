package sqs

import (
	"container/heap"
	"math"

	"sundog/engine/store"
)

// When a tenant is noisy (SQS Developer Guide, "How Amazon SQS fair queues work").
const (
	noisyShare  = 10              // it has more than one in so many of the messages in flight, or of the consumers' recent time,
	noisyFlying = 30              // and at least so many messages in flight,
	noisyBusy   = 30 * 1000       // or so much of that time, in ms;
	quietAfter  = 5 * 60 * 1000   // but not when it has sent nothing for so long, in ms
	busyDecay   = 5 * 60 * 1000.0 // time constant of what is recent, in ms
	parkedSize  = 1024            // passed over messages known of a tenant
)

// fair makes a standard queue fair: a message group is a tenant, and messages of those that keep more than their share of the consumers busy
// are passed over while others have any. Messages without a group are tenants of their own, never noisy. nil is a queue without groups.
type fair struct {
	tenants map[string]*tenant
	parked  map[string]*tenant // those that have messages passed over
	groups  map[uint64]string  // of ready and delayed messages that memory knows
	busy    recent
	pruned  int // tenants left by the last prune
}

// tenant is one message group.
type tenant struct {
	flying int
	busy   recent
	sent   int64   // newest message, unix ms
	parked seqHeap // ready, passed over
	from   uint64  // of the rows up to here, all that were passed over are in parked
	more   bool    // there are further ones before the window
}

// recent is an amount of consumers' time that fades.
type recent struct {
	ms float64
	at int64
}

func (r *recent) now(now int64) float64 {
	if now > r.at {
		r.ms *= math.Exp(float64(r.at-now) / busyDecay)
		r.at = now
	}
	return r.ms
}

func newFair() *fair {
	return &fair{tenants: map[string]*tenant{}, parked: map[string]*tenant{}, groups: map[uint64]string{}}
}

func (f *fair) tenant(group string, now int64) *tenant {
	t := f.tenants[group]
	if t == nil {
		t = &tenant{sent: now}
		f.tenants[group] = t
	}
	return t
}

// note keeps the group of a message that is ready or delayed.
func (f *fair) note(seq uint64, group string) {
	if f != nil && group != "" {
		f.groups[seq] = group
	}
}

// drop forgets the group of a message that is in flight now, or gone.
func (f *fair) drop(seq uint64) {
	if f != nil {
		delete(f.groups, seq)
	}
}

// lock counts a message into flight.
func (f *fair) lock(group string, now int64) {
	if f != nil && group != "" {
		f.tenant(group, now).flying++
	}
}

// unlock counts a message out of flight, and the time that it was.
func (f *fair) unlock(m flying, now int64) {
	if f == nil || m.group == "" {
		return
	}
	t := f.tenant(m.group, now)
	t.flying--
	spent := float64(max(0, min(now, m.Due)-m.Taken))
	f.busy.ms, t.busy.ms = f.busy.now(now)+spent, t.busy.now(now)+spent
	f.prune(now)
}

// prune forgets tenants of which nothing is to be known, now and then.
func (f *fair) prune(now int64) {
	if len(f.tenants) < 2*f.pruned+1000 {
		return
	}
	for group, t := range f.tenants {
		if t.flying == 0 && !t.waits() && t.busy.now(now) < noisyBusy/noisyShare {
			delete(f.tenants, group)
		}
	}
	f.pruned = len(f.tenants)
}

// waits tells whether messages of the tenant were passed over.
func (t *tenant) waits() bool { return len(t.parked) > 0 || t.more }

// noisy tells whether a tenant has more than its share, of so many messages in flight.
func (f *fair) noisy(t *tenant, inFlight int, now int64) bool {
	if now-t.sent >= quietAfter {
		return false
	}
	if t.flying >= noisyFlying && t.flying*noisyShare > inFlight {
		return true
	}
	busy := t.busy.now(now)
	return busy >= noisyBusy && busy*noisyShare > f.busy.now(now)
}

// park passes over a message of a noisy tenant. given says that it was given before, so that it stands apart from the rows' order.
func (f *fair) park(group string, t *tenant, seq uint64, given bool) {
	f.parked[group] = t
	f.groups[seq] = group
	switch {
	case given:
	case t.more || len(t.parked) >= parkedSize:
		t.more = true
		delete(f.groups, seq)
		return
	default:
		t.from = seq
	}
	heap.Push(&t.parked, seq)
}

// becomeFair makes a queue that got its first message of a group fair, for good.
func (r *sqsRoom) becomeFair(tx store.Tx, q *queue) error {
	if q.fair != nil {
		return nil
	}
	rec := q.rec
	rec.Fair = true
	if err := r.writeRecord(tx, q.name, rec); err != nil {
		return err
	}
	q.fair = newFair()
	return nil
}

// popFair takes the next message: of a quiet tenant if any has one, else of the noisy one that has the fewest in flight. It looks ahead by one
// window at most each time.
func (q *queue) popFair(tx store.Tx, now int64) (uint64, bool, error) {
	f, ahead := q.fair, true
	for {
		if seq, ok, err := q.popCalm(tx, now); ok || err != nil {
			return seq, ok, err
		}
		if err := q.readAgain(tx); err != nil {
			return 0, false, err
		}
		seq, given, ok := q.front(now)
		if !ok {
			if !q.whole && ahead {
				ahead = false
				if err := q.refill(tx, windowSize); err != nil {
					return 0, false, err
				}
				continue
			}
			return q.popNoisy(tx)
		}
		if _, flies := q.flying[seq]; flies {
			continue
		}
		group := f.groups[seq]
		t := f.tenants[group]
		full := given && t != nil && len(t.parked) >= parkedSize // memory has room for no more: it has its turn, as those of the window have theirs
		if group != "" && t != nil && !full && f.noisy(t, len(q.flying), now) {
			f.park(group, t, seq, given)
			continue
		}
		f.drop(seq)
		return seq, true, nil
	}
}

// popCalm takes a message that was passed over, of a tenant that is no longer noisy, when it is before all others.
func (q *queue) popCalm(tx store.Tx, now int64) (uint64, bool, error) {
	for group, t := range q.fair.parked {
		if q.fair.noisy(t, len(q.flying), now) {
			continue
		}
		if ok, err := q.unpark(tx, group, t); !ok {
			if err != nil {
				return 0, false, err
			}
			continue
		}
		if seq := t.parked[0]; (len(q.window) == 0 || seq < q.window[0]) && (!q.again.ripe(now) || seq < q.again.items[0].seq) {
			return q.popParked(t), true, nil
		}
	}
	return 0, false, nil
}

// popNoisy takes a message that was passed over, of the tenant with the fewest in flight.
func (q *queue) popNoisy(tx store.Tx) (uint64, bool, error) {
	for len(q.fair.parked) > 0 {
		var group string
		var least *tenant
		for g, t := range q.fair.parked {
			if least == nil || t.flying < least.flying || t.flying == least.flying && g < group {
				group, least = g, t
			}
		}
		ok, err := q.unpark(tx, group, least)
		if err != nil {
			return 0, false, err
		}
		if ok {
			return q.popParked(least), true, nil
		}
	}
	return 0, false, nil
}

func (q *queue) popParked(t *tenant) uint64 {
	seq := heap.Pop(&t.parked).(uint64)
	q.fair.drop(seq)
	return seq
}

// unpark makes sure that a tenant's first passed over message is known; false when it has none, and is taken out of the parked ones.
func (q *queue) unpark(tx store.Tx, group string, t *tenant) (bool, error) {
	if len(t.parked) == 0 && t.more {
		if err := q.reread(tx, group, t); err != nil {
			return false, err
		}
	}
	if len(t.parked) == 0 {
		delete(q.fair.parked, group)
	}
	return len(t.parked) > 0, nil
}

// reread finds further messages of a tenant that were passed over: rows of its group before the window that were never given.
func (q *queue) reread(tx store.Tx, group string, t *tenant) error {
	end := q.cursor
	if len(q.window) > 0 {
		end = q.window[0] - 1
	}
	err := q.scan(tx, t.from+1, end, false, func(seq uint64, flight bool, value []byte) (bool, error) {
		t.from = seq
		if flight {
			return true, nil
		}
		g, err := groupIn(value)
		if err != nil || g != group {
			return true, err
		}
		q.fair.note(seq, group)
		heap.Push(&t.parked, seq)
		return len(t.parked) < parkedSize, nil
	})
	t.more = len(t.parked) >= parkedSize
	return err
}
