package bus

import (
	"errors"
	"time"

	"sundog/engine/store"
)

const pause = time.Second // before what failed by the store is tried again

// goScan looks through the due rows and groups of shards in a goroutine of its own; the caller holds mu.
func (b *Dispatcher) goScan(due, groups []store.Shard) {
	if b.closed || len(due)+len(groups) == 0 {
		return
	}
	b.hold()
	b.work.Add(1)
	go func() {
		defer b.work.Done()
		b.scan(due, groups)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.release()
	}()
}

func (b *Dispatcher) scan(due, groups []store.Shard) {
	b.scanning.Lock()
	defer b.scanning.Unlock()
	b.mu.Lock()
	b.removed = map[string]bool{}
	b.mu.Unlock()
	for _, s := range due {
		b.tryScan(s, b.scanDue)
	}
	for _, s := range groups {
		b.tryScan(s, b.scanGroups)
	}
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

// scanDue loads a shard's due deliveries as long as there is room, and notes when the next is due.
func (b *Dispatcher) scanDue(s store.Shard) error {
	now := b.o.Clock.Now()
	var all []*entry
	var next int64
	full := false
	err := b.o.Store.View(b.ctx, func(r store.Reader) error {
		all, next, full = nil, 0, false
		shared := payloads{}
		table := dueTable(s)
		o := store.Prefix(table)
		o.KeysOnly = true
		it := r.Scan(o)
		for !full && it.Next() {
			at, id, err := cutDue(it.Key()[len(table):])
			if err != nil {
				return errors.Join(err, it.Close())
			}
			if at > now.UnixNano() {
				next = at
				break
			}
			fresh, room := b.wanted(s, id, len(all))
			if full = !room; fresh && room {
				e, err := read(r, s, id, shared)
				if err != nil {
					return errors.Join(err, it.Close())
				}
				e.at, e.index = at, append(store.Key(nil), it.Key()...)
				all = append(all, e)
			}
		}
		return errors.Join(it.Err(), it.Close())
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range all {
		if !b.removed[name(s, e.ID)] { // else it was settled after the snapshot
			e.scanned = true
			b.load(e)
		}
	}
	b.spilt[s] = b.spilt[s] || full
	if next != 0 {
		b.notice(s, next)
	}
	return nil
}

func cutDue(key []byte) (at int64, id string, err error) {
	n, rest, err := store.CutU64(key)
	if err != nil {
		return 0, "", err
	}
	id, _, err = store.CutStr(rest)
	return int64(n), id, err
}

// wanted tells whether a delivery is not in memory, and whether there is room for one more besides those just read.
func (b *Dispatcher) wanted(s store.Shard, id string, read int) (fresh, room bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known[name(s, id)] == nil, b.room() && len(b.known)+read < maxKnown && read < maxKnown/8
}

// read reads a delivery's body; one that is not there was cancelled.
func read(r store.Reader, s store.Shard, id string, shared payloads) (*entry, error) {
	body, err := r.Get(bodyKey(s, id))
	if err != nil {
		return nil, err
	}
	e := &entry{shard: s}
	if body == nil {
		e.ID, e.gone = id, true
		return e, nil
	}
	if e.stored, err = decode(body); err != nil || e.Shared == "" {
		return e, err
	}
	e.Payload, err = shared.get(r, s, e.Shared)
	return e, err
}

// refill scans for what was spilt once memory is half empty; the caller holds mu.
func (b *Dispatcher) refill() {
	if b.rescan || b.closed || len(b.known) > maxKnown/2 || b.bytes > maxBytes/2 || len(b.groups) > maxGroups/2 {
		return
	}
	var due, groups []store.Shard
	for s := range b.spilt {
		if b.spilt[s] {
			due = append(due, store.Shard(s))
		}
		if b.spiltG[s] {
			groups = append(groups, store.Shard(s))
		}
		b.spilt[s], b.spiltG[s] = false, false
	}
	if len(due)+len(groups) == 0 {
		return
	}
	b.rescan = true
	b.hold()
	b.work.Add(1)
	go func() {
		defer b.work.Done()
		b.scan(due, groups)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.rescan = false
		b.release()
		b.refill()
	}()
}
