package kinesis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sundog/engine/store"
)

// sweepBatch bounds what one look at a shard finds.
const sweepBatch = 5000

// sweep takes away a stream's records that are over the retention period, a batch of each shard at a time, and closed shards that have none left. It gives
// when to look again.
func (s *service) sweep(ctx context.Context, at ref) (next time.Time, err error) {
	var st *stream
	var dues []due
	now := s.d.Clock.Now()
	err = s.view(ctx, func(r store.Reader) error {
		if st, err = s.load(r, at); err != nil || st == nil {
			return err
		}
		dues = make([]due, len(st.Shards))
		for i := range st.Shards {
			if dues[i], err = st.due(r, &st.Shards[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || st == nil {
		return time.Time{}, err
	}
	for i, d := range dues {
		if d.to != nil {
			log := st.log(st.Shards[i].N)
			if err := s.update(ctx, func(tx store.Tx) error { return tx.DeleteRange(log, d.to) }); err != nil {
				return next, err
			}
		}
		if !d.next.IsZero() && (next.IsZero() || d.next.Before(next)) {
			next = d.next
		}
	}
	if slices.ContainsFunc(dues, func(d due) bool { return d.over }) {
		return next, s.dropShards(ctx, at, now)
	}
	return next, nil
}

// due is what is to be done for a shard.
type due struct {
	to   []byte    // the end of the keys that go; nil: none go
	next time.Time // when more fall due; zero: never, as it is now
	over bool      // the shard is closed, and was for as long as its records are kept
}

// due looks at the oldest records of a shard.
func (st *stream) due(r store.Reader, sh *shard, now time.Time) (d due, err error) {
	if !sh.isOpen() {
		d.next = sh.Closed.Add(st.retention())
		if d.over = !now.Before(d.next); d.over {
			return due{over: true}, nil
		}
	}
	log := st.log(sh.N)
	o := store.Prefix(log)
	o.KeysOnly = true
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	for n := 0; it.Next(); n++ {
		_, arrival, err := cutLog(log, it.Key())
		if err != nil {
			return d, err
		}
		at := time.UnixMilli(arrival).Add(st.retention())
		if at.After(now) || n == sweepBatch {
			if d.next.IsZero() || at.Before(d.next) {
				d.next = at
			}
			return d, nil
		}
		d.to = append(append(d.to[:0], it.Key()...), 0)
	}
	return d, it.Err()
}

// dropShards takes closed shards that are over out of the stream, with all that is left of them.
func (s *service) dropShards(ctx context.Context, at ref, now time.Time) error {
	return s.update(ctx, func(tx store.Tx) error {
		st, err := s.load(tx, at)
		if err != nil || st == nil {
			return err
		}
		st = st.clone()
		kept := st.Shards[:0:0]
		for i := range st.Shards {
			sh := &st.Shards[i]
			if sh.isOpen() || now.Before(sh.Closed.Add(st.retention())) {
				kept = append(kept, *sh)
				continue
			}
			marks := st.marksKey().U64(uint64(sh.N))
			if err := cmp.Or(st.log(sh.N).Delete(tx), tx.DeleteRange(marks, marks.End())); err != nil {
				return err
			}
		}
		st.Shards = kept
		return s.save(tx, st)
	})
}

// start takes up what was left when the process ended.
func (s *service) start(ctx context.Context) error {
	return s.view(ctx, func(r store.Reader) error {
		return store.Everywhere(r, roomName, "state", func(key, _ []byte) error {
			var at ref
			for _, to := range []*string{&at.Account, &at.Region, &at.Name} {
				var err error
				if *to, key, err = store.CutStr(key); err != nil {
					return err
				}
			}
			s.sweeps.Arm(at, s.d.Clock.Now())
			return nil
		})
	})
}
