package dynamodb

import (
	"context"
	"strconv"
	"strings"
	"time"

	api "sundog/api/dynamodb"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// Time to live: items are deleted when they fall due, by an index of what is due per table and one wake for the earliest.

// tooOld is the age from which on an expiry time is taken for a mistake and ignored.
const tooOld = 5 * 365 * 24 * time.Hour

// expiry gives when an item falls due, in epoch seconds; 0 for never.
func (t *table) expiry(it ddbexpr.Item) uint64 {
	v := it.Get(t.TTL.Attribute)
	if v.Kind != ddbexpr.N {
		return 0
	}
	whole, _, _ := strings.Cut(v.Text, ".")
	n, err := strconv.ParseUint(whole, 10, 40) // 40 bits of seconds: some 34,000 years
	if err != nil {
		return 0
	}
	return n
}

func (t *table) dueKey(due uint64, it ddbexpr.Item) store.Key {
	k := ddbexpr.AppendPlain(t.ttlKey().U64(due), it.Get(t.Key.Hash))
	if t.Key.Range != "" {
		k = ddbexpr.AppendPlain(k, it.Get(t.Key.Range))
	}
	return k
}

// writeExpiry brings an item's row in the due index up to date.
func (s *service) writeExpiry(tx store.Tx, t *table, old, new ddbexpr.Item) error {
	was, now := t.expiry(old), t.expiry(new)
	if was != 0 && was != now {
		if err := tx.Delete(t.dueKey(was, old)); err != nil {
			return err
		}
	}
	if now == 0 || was == now && !t.TTL.Indexing {
		return nil
	}
	sweep := ttlSweep(t.Scope, t.Name)
	tx.AfterCommit(func(store.Stamp) { s.sweeps.Arm(sweep, time.Unix(int64(now), 0)) })
	return tx.Put(t.dueKey(now, new), []byte{})
}

const sweepBatch = 100

// sweepTTL deletes what is due and gives when the next item falls due; the zero time for never.
func (s *service) sweepTTL(ctx context.Context, at ref) (next time.Time, err error) {
	for {
		var keys []ddbexpr.Item
		next = time.Time{}
		err := s.view(ctx, func(r store.Reader) error {
			t, err := s.load(r, at)
			if err != nil || t == nil || !t.TTL.Enabled {
				return err
			}
			keys, next, err = t.due(r, s.deps.Clock.Now())
			return err
		})
		if err != nil || len(keys) == 0 {
			return next, err
		}
		if err := s.update(ctx, func(tx store.Tx) error { return s.expire(tx, at, keys) }); err != nil {
			return time.Time{}, err
		}
	}
}

// due reads the first keys of the due index that are due, or when the next one is.
func (t *table) due(r store.Reader, now time.Time) (keys []ddbexpr.Item, next time.Time, err error) {
	prefix := t.ttlKey()
	opt := store.Prefix(prefix)
	opt.KeysOnly = true
	it := r.Scan(opt)
	defer func() { _ = it.Close() }()
	for len(keys) < sweepBatch && it.Next() {
		due, rest, err := store.CutU64(it.Key()[len(prefix):])
		if err != nil {
			return nil, next, err
		}
		if at := time.Unix(int64(due), 0); at.After(now) {
			return keys, at, nil
		}
		hash, rest, err := ddbexpr.ReadPlain(rest, t.Key.HashKind)
		if err != nil {
			return nil, next, err
		}
		key := []ddbexpr.Field{{Name: t.Key.Hash, Value: hash}, {Name: t.TTL.Attribute, Value: ddbexpr.Int(int64(due))}}
		if t.Key.Range != "" {
			sort, _, err := ddbexpr.ReadPlain(rest, t.Key.RangeKind)
			if err != nil {
				return nil, next, err
			}
			key = append(key, ddbexpr.Field{Name: t.Key.Range, Value: sort})
		}
		keys = append(keys, ddbexpr.Sorted(key))
	}
	return keys, next, it.Err()
}

// expire deletes items that are still due, and their rows in the due index.
func (s *service) expire(tx store.Tx, at ref, keys []ddbexpr.Item) error {
	t, err := s.load(tx, at)
	if err != nil || t == nil || !t.TTL.Enabled {
		return err
	}
	now := s.deps.Clock.Now()
	for _, key := range keys {
		due := t.expiry(key)
		if err := tx.Delete(t.dueKey(due, key)); err != nil {
			return err
		}
		row := t.rowKey(nil, key)
		raw, err := tx.Get(row)
		if err != nil {
			return err
		}
		if raw == nil || now.Sub(time.Unix(int64(due), 0)) > tooOld {
			continue
		}
		it, err := ddbexpr.DecodeItem(raw)
		if err != nil {
			return err
		}
		if t.expiry(it) != due {
			continue
		}
		if err := s.put(tx, t, row, it, nil, true); err != nil {
			return err
		}
	}
	return nil
}

// updateTimeToLive serves UpdateTimeToLive.
func (s *service) updateTimeToLive(ctx context.Context, in *api.UpdateTimeToLiveInput) (*api.UpdateTimeToLiveOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	spec := in.TimeToLiveSpecification
	if spec == nil {
		return nil, errNull("timeToLiveSpecification")
	}
	if spec.Enabled == nil {
		return nil, errNull("timeToLiveSpecification.enabled")
	}
	if spec.AttributeName == nil {
		return nil, errNull("timeToLiveSpecification.attributeName")
	}
	if n := len(*spec.AttributeName); n == 0 || n > 255 {
		return nil, errValidation("TimeToLiveSpecification.attributeName must be at least 1 and at most 255 characters long")
	}
	t, err := s.change(ctx, at, func(tx store.Tx, t *table) error {
		switch {
		case t.TTL.Enabled && *spec.Enabled:
			return errValidation("TimeToLive is already enabled")
		case !t.TTL.Enabled && !*spec.Enabled:
			return errValidation("TimeToLive is already disabled")
		case t.TTL.Enabled && t.TTL.Attribute != *spec.AttributeName:
			return errValidation("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.TTL.Attribute)
		}
		if !*spec.Enabled {
			t.TTL = timeToLive{Changed: s.deps.Clock.Now()}
			return tx.DeleteRange(t.ttlKey(), t.ttlKey().End())
		}
		t.TTL = timeToLive{Attribute: *spec.AttributeName, Enabled: true, Indexing: true, Changed: s.deps.Clock.Now()}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if t.TTL.Indexing {
		s.jobs.fill(at)
	}
	return &api.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

// describeTimeToLive serves DescribeTimeToLive.
func (s *service) describeTimeToLive(ctx context.Context, in *api.DescribeTimeToLiveInput) (*api.DescribeTimeToLiveOutput, error) {
	at, err := refOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	d := &api.TimeToLiveDescription{}
	err = s.view(ctx, func(r store.Reader) error {
		t, err := s.find(r, at)
		if err != nil {
			return err
		}
		status := "DISABLED"
		if t.TTL.Enabled {
			status = "ENABLED"
			d.AttributeName = &t.TTL.Attribute
		}
		d.TimeToLiveStatus = &status
		return nil
	})
	return &api.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, err
}

// sweepTokens removes the tokens of transactions that have expired and gives when the next one does.
func (s *service) sweepTokens(ctx context.Context, sc cloud.Scope) (next time.Time, err error) {
	prefix := controlKey(sc, "tokendue")
	err = s.update(ctx, func(tx store.Tx) error {
		next = time.Time{}
		opt := store.Prefix(prefix)
		opt.KeysOnly = true
		it := tx.Scan(opt)
		defer func() { _ = it.Close() }()
		now, n := s.deps.Clock.Now(), 0
		for it.Next() {
			key := append([]byte(nil), it.Key()...)
			due, rest, err := store.CutU64(key[len(prefix):])
			if err != nil {
				return err
			}
			at := time.UnixMilli(int64(due))
			if n++; at.After(now) || n > sweepBatch {
				next = at
				break
			}
			token, _, err := store.CutStr(rest)
			if err != nil {
				return err
			}
			if err := first(tx.Delete(key), tx.Delete(controlKey(sc, "token").Str(token))); err != nil {
				return err
			}
		}
		return it.Err()
	})
	return next, err
}

// sweepLog removes stream records past their retention, and a closed stream with the last of them. It gives when to look again.
func (s *service) sweepLog(ctx context.Context, sc cloud.Scope, table, label string) (next time.Time, err error) {
	err = s.update(ctx, func(tx store.Tx) error {
		next = time.Time{}
		st, err := loadStream(tx, sc, table, label)
		if err != nil || st == nil {
			return err
		}
		now := s.deps.Clock.Now()
		if !st.Closed.IsZero() && !now.Before(st.Closed.Add(retention)) {
			for part := range streamParts {
				if err := logOf(st.Gen, part).Delete(tx); err != nil {
					return err
				}
			}
			return tx.Delete(streamKey(sc, table, label))
		}
		if !st.Closed.IsZero() {
			next = st.Closed.Add(retention)
		}
		for part := range streamParts {
			at, err := trimLog(tx, st.Gen, part, now)
			if err != nil {
				return err
			}
			if !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		return nil
	})
	return next, err
}

// trimLog deletes the oldest records of a part as far as they are due, a batch at a time.
func trimLog(tx store.Tx, gen uint64, part int, now time.Time) (next time.Time, err error) {
	log := logOf(gen, part)
	it := tx.Scan(log.After(nil))
	defer func() { _ = it.Close() }()
	for n := 0; it.Next(); n++ {
		rec, err := decodeLog(log, it.Key(), it.Value())
		if err != nil {
			return next, err
		}
		if due := rec.at.Add(retention); due.After(now) || n >= sweepBatch {
			return due, nil
		}
		if err := tx.Delete(append([]byte(nil), it.Key()...)); err != nil {
			return next, err
		}
	}
	return next, it.Err()
}
