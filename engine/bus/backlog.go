package bus

import (
	"errors"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// A target for whose deliveries there is no room in memory has a backlog in the store, in a table of its own: what is due for others is not behind
// it, and need not be looked for among it.

const drainBatch = 256 // deliveries that one look into a backlog brings into memory

func waitTable(s store.Shard) store.Key { return store.K(s, "bus", "wait") }

func waitTarget(s store.Shard, target cloud.ARN) store.Key { return waitTable(s).Str(target.String()) }

func waitKey(s store.Shard, target cloud.ARN, at int64, id string) store.Key {
	return waitTarget(s, target).U64(uint64(at)).Str(id)
}

// crowded marks the deliveries that go into their target's backlog, of those that are due.
func (b *Dispatcher) crowded(entries []*entry, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		if e.OrderKey == "" && !e.NotBefore.After(now) {
			q := b.targets[e.Target]
			e.aside = q != nil && (len(q.waiting) > 0 || !q.room())
		}
	}
}

// waits notes that a target has a backlog in a shard; the caller holds mu.
func (b *Dispatcher) waits(s store.Shard, arn cloud.ARN) {
	q := b.target(arn)
	q.waiting[s] = true
	b.drain(q)
}

// drain brings deliveries out of a target's backlog into memory once it is half empty there; the caller holds mu.
func (b *Dispatcher) drain(q *target) {
	if len(q.waiting) == 0 || q.draining || !b.started || q.known > max(minKnown, (maxKnown-q.pool.known)/2)/2 {
		return
	}
	if !q.room() {
		if q.known == 0 {
			q.pool.starved = append(q.pool.starved, q)
		}
		return
	}
	q.draining = true
	b.background(func() { b.scanning(func() { b.drained(q) }) }, func() {
		q.draining = false
		b.drain(q)
		b.leave(q)
	})
}

// drained reads from each shard of a backlog as long as there is room.
func (b *Dispatcher) drained(q *target) {
	b.mu.Lock()
	shards := make([]store.Shard, 0, len(q.waiting))
	for s := range q.waiting {
		shards = append(shards, s)
	}
	b.mu.Unlock()
	for _, s := range shards {
		b.tryScan(s, func(s store.Shard) error { return b.drainShard(q, s) })
	}
}

func (b *Dispatcher) drainShard(q *target, s store.Shard) error {
	b.mu.Lock()
	room := q.room()
	delete(q.waiting, s) // what is emitted from here on notes it again
	b.mu.Unlock()
	if !room {
		b.left(q, s)
		return nil
	}
	all, more, err := b.readBacklog(q, s)
	if left := b.loadAll(s, all); err != nil || more || len(left) > 0 {
		b.left(q, s)
	}
	return err
}

func (b *Dispatcher) left(q *target, s store.Shard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q.waiting[s] = true
}

// readBacklog reads the oldest deliveries of a backlog that are not in memory; more tells that there are others.
func (b *Dispatcher) readBacklog(q *target, s store.Shard) (all []*entry, more bool, err error) {
	err = b.o.Store.View(b.ctx, func(r store.Reader) error {
		all, more = nil, false
		met := bodies{}
		table := waitTarget(s, q.arn)
		o := store.Prefix(table)
		o.KeysOnly = true
		it := r.Scan(o)
		for it.Next() {
			if more = len(all) == drainBatch; more {
				break
			}
			at, id, err := cutDue(it.Key()[len(table):])
			if err != nil {
				return errors.Join(err, it.Close())
			}
			e, err := read(r, s, id, met)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			if b.knows(s, e.ID) {
				continue
			}
			e.Target, e.at, e.index = q.arn, at, append(store.Key(nil), it.Key()...)
			all = append(all, e)
		}
		return errors.Join(it.Err(), it.Close())
	})
	return all, more, err
}

func (b *Dispatcher) knows(s store.Shard, id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := name(s, id)
	if p := b.parcels[n]; p != nil && !p.partial {
		return true
	}
	return b.known[n] != nil
}

// putAside moves due deliveries for which there is no room into their targets' backlogs, where each is stored by itself.
func (b *Dispatcher) putAside(s store.Shard, all []*entry) error {
	for len(all) > 0 {
		n := 0
		for size := 0; n < len(all) && size < passBytes; n++ {
			size += len(all[n].Payload)
		}
		if err := b.putSomeAside(s, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (b *Dispatcher) putSomeAside(s store.Shard, all []*entry) error {
	return b.o.Store.Update(b.ctx, func(tx store.Tx) error {
		for _, e := range all {
			if b.knows(s, e.ID) {
				continue
			}
			waits, err := e.waits(tx)
			if err != nil {
				return err
			}
			if !waits { // over meanwhile, or cancelled
				if err := e.strike(tx); err != nil {
					return err
				}
				continue
			}
			if err := e.end(tx); err != nil {
				return err
			}
			if err := (body{stored: e.stored}).put(tx, s, e.ID); err != nil {
				return err
			}
			if err := tx.Put(waitKey(s, e.Target, e.at, e.ID), nil); err != nil {
				return err
			}
		}
		tx.AfterCommit(func(store.Stamp) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, e := range all {
				b.waits(s, e.Target)
			}
		})
		return nil
	})
}

// scanWaits notes which targets have a backlog in a shard.
func (b *Dispatcher) scanWaits(s store.Shard) error {
	var all []cloud.ARN
	err := b.o.Store.View(b.ctx, func(r store.Reader) error {
		all = nil
		table := waitTable(s)
		o := store.Prefix(table)
		o.KeysOnly = true
		it := r.Scan(o)
		for it.Next() {
			text, _, err := store.CutStr(it.Key()[len(table):])
			if err != nil {
				return errors.Join(err, it.Close())
			}
			arn, err := cloud.ParseARN(text)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			all = append(all, arn)
			it.Seek(waitTarget(s, arn).End())
		}
		return errors.Join(it.Err(), it.Close())
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, arn := range all {
		b.waits(s, arn)
	}
	return nil
}
