package dynamodb

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/upkeep"
	"sundog/lang/ddbexpr"
)

// jobs runs what takes long: filling new indexes from the items that a table has, and removing the rows of deleted tables and
// indexes. What is left to do is in the control rows, so that a restart takes it up again. Safe for concurrent use.
type jobs struct {
	s    *service
	log  *slog.Logger
	work *upkeep.Work

	mu      sync.Mutex
	filling map[ref]bool
}

const (
	fillBatch = 200
	jobTries  = 5
)

// fill starts filling a table's new indexes, unless that goes on already.
func (j *jobs) fill(at ref) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.filling[at] {
		return
	}
	j.filling[at] = true
	j.work.Start("dynamodb index", func(ctx context.Context) {
		for again := true; again && ctx.Err() == nil; {
			err := j.attempt(ctx, func() error { return j.s.fillTable(ctx, at) })
			again = err == nil && j.leave(ctx, at)
			if err != nil {
				j.leave(ctx, at)
			}
		}
	})
}

// leave ends the filling of a table unless more has come up.
func (j *jobs) leave(ctx context.Context, at ref) (more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.s.view(ctx, func(r store.Reader) error {
		t, err := j.s.load(r, at)
		more = t != nil && t.unfilled()
		return err
	})
	if err != nil || !more {
		delete(j.filling, at)
		return false
	}
	return true
}

// attempt runs f, again a few times if it fails; then the rest waits for the next start.
func (j *jobs) attempt(ctx context.Context, f func() error) (err error) {
	for range jobTries {
		if err = f(); err == nil || ctx.Err() != nil {
			return err
		}
	}
	j.log.Error("dynamodb: background work failed, it is taken up again at the next start", "error", err)
	return err
}

// unfilled tells whether some index of the table has to be filled.
func (t *table) unfilled() bool {
	for i := range t.Indexes {
		if t.Indexes[i].Filling {
			return true
		}
	}
	return t.TTL.Indexing
}

// fillTable writes the missing entries of all indexes that are being filled, and marks those as filled.
func (s *service) fillTable(ctx context.Context, at ref) error {
	numbers := map[uint32]bool{}
	ttl := false
	var gen uint64
	err := s.view(ctx, func(r store.Reader) error {
		t, err := s.load(r, at)
		if err != nil || t == nil {
			return err
		}
		gen, ttl = t.Gen, t.TTL.Indexing
		for _, ix := range t.Indexes {
			numbers[ix.Number] = ix.Filling
		}
		return nil
	})
	for shard := 0; shard < 256 && err == nil; shard++ {
		err = s.fillShard(ctx, at, gen, store.Shard(shard))
	}
	if err != nil {
		return err
	}
	_, err = s.change(ctx, at, func(_ store.Tx, t *table) error {
		if t.Gen != gen { // deleted and made again meanwhile
			return nil
		}
		for i := range t.Indexes {
			if numbers[t.Indexes[i].Number] {
				t.Indexes[i].Filling = false
			}
		}
		if ttl {
			t.TTL.Indexing = false
		}
		return nil
	})
	if isMissing(err) {
		return nil
	}
	return err
}

// fillShard goes through the items of one shard, a batch per transaction.
func (s *service) fillShard(ctx context.Context, at ref, gen uint64, shard store.Shard) error {
	rows := appendRows(nil, shard, gen, 0)
	lo := []byte(rows)
	for lo != nil {
		from := lo
		err := s.update(ctx, func(tx store.Tx) error {
			t, err := s.load(tx, at)
			if err != nil || t == nil || t.Gen != gen {
				lo = nil
				return err
			}
			lo, err = s.fillRows(tx, t, store.ScanOptions{Lo: from, Hi: rows.End()})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fillRows writes the entries of a batch of items and gives where the next batch begins; nil at the end.
func (s *service) fillRows(tx store.Tx, t *table, o store.ScanOptions) (next []byte, err error) {
	var items []ddbexpr.Item
	err = collect(tx, o, fillBatch, func(key, value []byte) error {
		it, err := ddbexpr.DecodeItem(value)
		items, next = append(items, it), append(append([]byte(nil), key...), 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(items) < fillBatch {
		next = nil
	}
	for _, it := range items {
		for i := range t.Indexes {
			ix := &t.Indexes[i]
			entry := t.project(ix, it)
			if !ix.Filling || entry == nil {
				continue
			}
			if err := t.refill(tx, ix, t.rowKey(ix, it), entry); err != nil {
				return nil, err
			}
		}
		if t.TTL.Indexing {
			if err := s.writeExpiry(tx, t, nil, it); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

func collect(r store.Reader, o store.ScanOptions, max int, f func(key, value []byte) error) error {
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	for n := 0; n < max && it.Next(); n++ {
		if err := f(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

// purge starts removing the rows of a deleted table (index 0) or index.
func (j *jobs) purge(sc cloud.Scope, gen uint64, index uint32) {
	j.work.Start("dynamodb purge", func(ctx context.Context) {
		_ = j.attempt(ctx, func() error { return j.s.purge(ctx, sc, gen, index) })
	})
}

func (s *service) purge(ctx context.Context, sc cloud.Scope, gen uint64, number uint32) error {
	for shard := range 256 {
		prefixes := []store.Key{appendRows(nil, store.Shard(shard), gen, number), countKey(store.Shard(shard), gen, number)}
		if number == 0 {
			prefixes = []store.Key{store.K(store.Shard(shard), roomName, "item").U64(gen), store.K(store.Shard(shard), roomName, "count").U64(gen),
				store.K(store.Shard(shard), roomName, "ttl").U64(gen)}
		}
		if err := s.clear(ctx, prefixes); err != nil {
			return err
		}
	}
	return s.update(ctx, func(tx store.Tx) error { return tx.Delete(dropKey(sc, gen, number)) })
}

// clear deletes the keys with some prefixes; it writes only where there are any.
func (s *service) clear(ctx context.Context, prefixes []store.Key) error {
	var full []store.Key
	err := s.view(ctx, func(r store.Reader) error {
		full = nil
		for _, p := range prefixes {
			o := store.Prefix(p)
			o.KeysOnly = true
			if err := collect(r, o, 1, func(_, _ []byte) error { full = append(full, p); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || full == nil {
		return err
	}
	return s.update(ctx, func(tx store.Tx) error {
		for _, p := range full {
			if err := tx.DeleteRange(p, p.End()); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweep runs one sweep.
func (s *service) sweep(ctx context.Context, w sweep) (time.Time, error) {
	switch w.kind {
	case sweepsTTL:
		return s.sweepTTL(ctx, ref{w.scope, w.table})
	case sweepsLog:
		return s.sweepLog(ctx, w.scope, w.table, w.label)
	default:
		return s.sweepTokens(ctx, w.scope)
	}
}
