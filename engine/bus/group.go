package bus

import (
	"errors"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

const (
	maxGroups = 4096 // groups in memory; the others wait in the store
	groupTurn = 32   // deliveries that a group hands over before others have their turn
)

// group is the deliveries of one OrderKey to one target. They are read from the group's log, so that their order is that of the commits.
type group struct {
	shard  store.Shard
	key    store.Key
	target cloud.ARN

	// Of the worker that has the turn:
	entries []*entry
	after   []byte // where the log is read on

	// Guarded by the dispatcher's mu:
	active    bool // ready, having its turn, or parked
	dirty     bool // the log has grown
	unsettled int  // settlements on their way
}

// noticeGroup sees that a group whose log has grown gets a turn; the caller holds mu.
func (b *Dispatcher) noticeGroup(s store.Shard, key store.Key, target cloud.ARN) {
	g := b.groups[string(key)]
	if g == nil {
		if len(b.groups) >= maxGroups {
			b.spiltG[s], b.spills = true, true
			return
		}
		g = &group{shard: s, key: key, target: target, after: key}
		b.groups[string(key)] = g
	}
	g.dirty = true
	b.wakeGroup(g)
}

// wakeGroup gives an idle group with news a turn; the caller holds mu.
func (b *Dispatcher) wakeGroup(g *group) {
	if g.active || !g.dirty && len(g.entries) == 0 {
		return
	}
	g.active = true
	b.hold()
	b.ready(b.target(g.target), task{group: g})
}

// turn hands over a group's deliveries until it has none, its head must wait, or others have waited long enough.
func (b *Dispatcher) turn(g *group) {
	for range groupTurn {
		if b.ctx.Err() != nil {
			return
		}
		if len(g.entries) == 0 && !b.fill(g) {
			b.rest(g)
			return
		}
		e := g.entries[0]
		if at := e.NotBefore; at.After(b.o.Clock.Now()) && !e.gone.Load() {
			e.parked = true
			b.mu.Lock()
			defer b.mu.Unlock()
			b.park(g, at)
			return
		}
		b.look(e)
		v := b.attempt(e)
		if v.kind == leave {
			return
		}
		if v.kind != later { // else the head blocks; its row keeps its place
			g.entries = g.entries[1:]
		}
		if v.kind == finished && e.over {
			b.report(e, v)
			b.mu.Lock()
			b.drop(e.parcel)
			b.mu.Unlock()
			continue
		}
		b.mu.Lock()
		g.unsettled++
		b.hold()
		b.mu.Unlock()
		if b.settle(e, v); v.kind == later {
			return // settledInGroup goes on
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready(b.target(g.target), task{group: g})
}

// settledInGroup lets a group go on after a settlement; the caller holds mu.
func (b *Dispatcher) settledInGroup(s *settlement) {
	e, g := s.entry, s.entry.group
	g.unsettled--
	if b.drop(e.parcel); s.kind == later {
		e.parcel, e.parked = nil, true
		b.park(g, s.at)
	}
	b.forget(g)
	b.release()
}

// look finds out whether a delivery was cancelled while it was parked.
func (b *Dispatcher) look(e *entry) {
	if !e.parked {
		return
	}
	e.parked = false
	if err := b.o.Store.View(b.ctx, func(r store.Reader) error {
		waits, err := e.waits(r)
		e.gone.Store(err == nil && !waits)
		return err
	}); err != nil && b.ctx.Err() == nil {
		b.o.Log.Error("reading the outbox failed", "delivery", e.ID, "error", err)
	}
}

// rest ends a group's turn for want of deliveries.
func (b *Dispatcher) rest(g *group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g.active = false
	b.wakeGroup(g)
	b.forget(g)
	b.release()
}

// forget drops an idle group from memory when there are many and nothing of it is on its way; the caller holds mu. Dropped earlier it would be
// read again; and one that stays knows where its log goes on, and need not pass over what was deleted before.
func (b *Dispatcher) forget(g *group) {
	if len(b.groups) > maxGroups/2 && !g.active && !g.dirty && g.unsettled == 0 && b.groups[string(g.key)] == g {
		delete(b.groups, string(g.key))
		b.refill()
	}
}

// park lets a group wait for its head's moment; the caller holds mu.
func (b *Dispatcher) park(g *group, at time.Time) {
	if b.closed {
		return
	}
	b.o.Clock.AfterNow(at, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.closed {
			b.hold()
			b.ready(b.target(g.target), task{group: g})
		}
	})
	b.release()
}

// fill reads on in a group's log; false when there is nothing more.
func (b *Dispatcher) fill(g *group) bool {
	b.mu.Lock()
	g.dirty = false
	b.mu.Unlock()
	for {
		entries, after, err := b.readGroup(g)
		if err == nil {
			g.entries, g.after = entries, after
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, e := range entries {
				if e.parcel != nil {
					e.parcel.live++
				}
			}
			return len(entries) > 0
		}
		if b.ctx.Err() != nil {
			return false
		}
		b.o.Log.Error("reading the outbox failed", "target", g.target, "error", err)
		if !b.sleep() {
			return false
		}
	}
}

func (b *Dispatcher) readGroup(g *group) (entries []*entry, after []byte, err error) {
	err = b.o.Store.View(b.ctx, func(r store.Reader) error {
		entries, after = nil, g.after
		met := bodies{}
		it := r.Scan(store.ScanOptions{Lo: g.after, Hi: g.key.End()})
		for len(entries) < groupTurn && it.Next() {
			e, err := read(r, g.shard, string(it.Value()), met)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			e.group, e.index = g, append(store.Key(nil), it.Key()...)
			entries = append(entries, e)
			after = append(e.index.Clone(), 0)
		}
		return errors.Join(it.Err(), it.Close())
	})
	return entries, after, err
}

// scanGroups brings a shard's groups into memory as long as there is room, by skipping from group to group.
func (b *Dispatcher) scanGroups(s store.Shard) error {
	type seen struct {
		key    store.Key
		target cloud.ARN
	}
	var all []seen
	full := false
	err := b.o.Store.View(b.ctx, func(r store.Reader) error {
		all, full = nil, false
		table := groupTable(s)
		o := store.Prefix(table)
		o.KeysOnly = true
		it := r.Scan(o)
		for it.Next() {
			if full = len(all) >= maxGroups/2; full {
				break
			}
			target, rest, err := store.CutStr(it.Key()[len(table):])
			if err != nil {
				return errors.Join(err, it.Close())
			}
			order, _, err := store.CutStr(rest)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			arn, err := cloud.ParseARN(target)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			k := groupKey(s, arn, order)
			if b.newGroup(k) {
				all = append(all, seen{k, arn})
			}
			it.Seek(k.End())
		}
		return errors.Join(it.Err(), it.Close())
	})
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spiltG[s], b.spills = b.spiltG[s] || full, b.spills || full
	for _, x := range all {
		b.noticeGroup(s, x.key, x.target)
	}
	return nil
}

func (b *Dispatcher) newGroup(key store.Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.groups[string(key)] == nil
}
