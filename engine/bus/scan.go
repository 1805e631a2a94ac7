package bus

import (
	"errors"
	"time"

	"sundog/engine/store"
)

const pause = time.Second // before what failed by the store is tried again

// background runs fn in a goroutine of its own, then after, which holds mu; the clock waits for both. The caller holds mu.
func (b *Dispatcher) background(fn, after func()) {
	if b.closed {
		return
	}
	b.hold()
	b.work.Add(1)
	go func() {
		defer b.work.Done()
		fn()
		b.mu.Lock()
		defer b.mu.Unlock()
		after()
		b.release()
	}()
}

// goScan looks through the due rows of shards in the background; the caller holds mu.
func (b *Dispatcher) goScan(due ...store.Shard) {
	if len(due) > 0 {
		b.background(func() { b.scan(due, nil) }, func() {})
	}
}

func (b *Dispatcher) scan(due, groups []store.Shard) {
	b.scanning(func() {
		for _, s := range due {
			b.tryScan(s, b.scanDue)
		}
		for _, s := range groups {
			b.tryScan(s, b.scanGroups)
		}
	})
}

// scanning calls fn when no other scan runs, and notes meanwhile what leaves memory.
func (b *Dispatcher) scanning(fn func()) {
	b.scans.Lock()
	defer b.scans.Unlock()
	b.mu.Lock()
	b.removed = map[string]bool{}
	b.mu.Unlock()
	fn()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removed = nil
}

// tryScan scans until it works; the store's errors are waited out.
func (b *Dispatcher) tryScan(s store.Shard, fn func(store.Shard) error) {
	for {
		err := fn(s)
		if err == nil || b.ctx.Err() != nil {
			return
		}
		b.o.Log.Error("reading the outbox failed", "shard", s, "error", err)
		if !b.sleep() {
			return
		}
	}
}

// sleep waits a moment of real time; false when the bus is closed.
func (b *Dispatcher) sleep() bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-b.ctx.Done():
		return false
	}
}

// The bounds of what one pass over the due rows reads.
const (
	passRows  = 1024
	passBytes = 8 << 20
)

// scanDue loads a shard's due deliveries, puts those aside for which there is no room, and notes when the next is due.
func (b *Dispatcher) scanDue(s store.Shard) error {
	now := b.o.Clock.Now()
	for after := dueTable(s); after != nil; {
		all, rest, next, err := b.readDue(s, after, now)
		if err != nil {
			return err
		}
		if err := b.putAside(s, b.loadAll(s, all)); err != nil {
			return err
		}
		if after = rest; next != 0 {
			b.mu.Lock()
			b.notice(s, next)
			b.mu.Unlock()
		}
	}
	return nil
}

// readDue reads due deliveries that are not in memory, from a row on. rest is where it stopped; nil: at the end, or at next, which is due later.
func (b *Dispatcher) readDue(s store.Shard, from store.Key, now time.Time) (all []*entry, rest store.Key, next int64, err error) {
	err = b.o.Store.View(b.ctx, func(r store.Reader) error {
		all, rest, next = nil, nil, 0
		met, size := bodies{}, 0
		table := dueTable(s)
		it := r.Scan(store.ScanOptions{Lo: from, Hi: table.End(), KeysOnly: true})
		for it.Next() {
			at, id, err := cutDue(it.Key()[len(table):])
			if err != nil {
				return errors.Join(err, it.Close())
			}
			if at > now.UnixNano() {
				next = at
				break
			}
			if len(all) >= passRows || size > passBytes {
				rest = append(store.Key(nil), it.Key()...)
				break
			}
			if b.knows(s, id) {
				continue
			}
			found, err := readAll(r, s, id, it.Key(), met)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			for _, e := range found {
				e.at, e.scanned = at, true
				size += len(e.Payload)
			}
			all = append(all, found...)
		}
		return errors.Join(it.Err(), it.Close())
	})
	return all, rest, next, err
}

// loadAll brings what a scan has read into memory, and gives back that for which there is no room.
func (b *Dispatcher) loadAll(s store.Shard, all []*entry) (left []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range all {
		if b.removed[name(s, e.ID)] { // settled after the snapshot
			continue
		}
		if q := b.target(e.Target); e.gone.Load() || q.room() {
			b.load(q, e)
		} else {
			left = append(left, e)
		}
	}
	return left
}

func cutDue(key []byte) (at int64, id string, err error) {
	n, rest, err := store.CutU64(key)
	if err != nil {
		return 0, "", err
	}
	id, _, err = store.CutStr(rest)
	return int64(n), id, err
}

// refill scans for what was spilt: deliveries at once, groups when memory has room for some; the caller holds mu.
func (b *Dispatcher) refill() {
	if !b.spills || b.rescan || b.closed {
		return
	}
	b.spills = false
	var due, groups []store.Shard
	for s := range b.spilt {
		if b.spilt[s] {
			due = append(due, store.Shard(s))
			b.spilt[s] = false
		}
		if b.spiltG[s] && len(b.groups) <= maxGroups/2 {
			groups = append(groups, store.Shard(s))
			b.spiltG[s] = false
		}
		b.spills = b.spills || b.spiltG[s]
	}
	if len(due)+len(groups) == 0 {
		return
	}
	b.rescan = true
	b.background(func() { b.scan(due, groups) }, func() {
		b.rescan = false
		b.refill()
	})
}
