package sqs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sundog/engine/store"
)

const (
	maxExpire     = 1000 // messages that go with one lane function
	sweepInterval = time.Hour
)

// expire removes messages that are over the retention period, up to a bound; true when there may be more of them.
//
// Messages stand in the order in which they were sent, so that it looks at the front only, and not before the message that it found there
// the last time is due (q.oldest). Those that a standard queue got as dead letters are older than their place; they have rows by age.
func (r *sqsRoom) expire(tx store.Tx, q *queue) (more bool, err error) {
	now := r.now()
	limit := now - q.cfg.retention*1000
	if q.oldest > limit {
		return false, nil
	}
	q.oldest = now
	aged := genKey(q.shard, "aged", q.rec.Gen)
	n, err := q.expireRows(tx, store.ScanOptions{Lo: aged, Hi: aged.End()}, now, limit, maxExpire, func(it store.Iterator) (sent int64, seq uint64, err error) {
		u, rest, err := store.CutU64(it.Key()[len(aged):])
		if err != nil {
			return 0, 0, err
		}
		if seq, _, err = store.CutU64(rest); err == nil && int64(u) <= limit {
			err = tx.Delete(slices.Clone(it.Key()))
		}
		return int64(u), seq, err
	})
	if err != nil {
		return false, err
	}
	msgs := genKey(q.shard, "msg", q.rec.Gen)
	k, err := q.expireRows(tx, store.Prefix(msgs), now, limit, maxExpire-n, func(it store.Iterator) (sent int64, seq uint64, err error) {
		m, err := decodeMessage(it.Value())
		if err != nil {
			return 0, 0, err
		}
		seq, _, err = store.CutU64(it.Key()[len(msgs):])
		return m.Sent, seq, err
	})
	if more = n+k >= maxExpire; more {
		q.oldest = 0
	}
	return more, err
}

// expireRows removes the messages of a scan's rows up to the first that is young enough, up to n, and notes how old that is.
func (q *queue) expireRows(tx store.Tx, o store.ScanOptions, now, limit int64, n int, read func(store.Iterator) (int64, uint64, error)) (removed int, err error) {
	it := tx.Scan(o)
	defer func() { _ = it.Close() }()
	for removed < n && it.Next() {
		sent, seq, err := read(it)
		if err != nil {
			return removed, err
		}
		if sent > limit {
			q.oldest = min(q.oldest, sent)
			break
		}
		removed++
		if b, err := tx.Get(q.msgKey(seq)); err != nil {
			return removed, err
		} else if b == nil {
			continue
		}
		if err := q.remove(tx, seq, now); err != nil {
			return removed, err
		}
	}
	return removed, it.Err()
}

// ageSlack is by how much a message may be older than its place without a row by age, in ms.
const ageSlack = 60_000

// age notes a message that is about to get a place at which the others are younger.
func (q *queue) age(tx store.Tx, m *message, seq uint64, now int64) error {
	q.oldest = min(q.oldest, m.Sent)
	if now-m.Sent < ageSlack {
		return nil
	}
	return tx.Put(genKey(q.shard, "aged", q.rec.Gen).U64(uint64(m.Sent)).U64(seq), nil)
}

// sweeper expires the messages of queues that nobody touches: once an hour, as long as there are messages.
type sweeper struct {
	room  *sqsRoom
	armed atomic.Bool
	wg    sync.WaitGroup
	mu    sync.Mutex
	ctx   context.Context // nil before start
	end   context.CancelFunc
	stop  func()
}

func (s *sweeper) start(ctx context.Context) {
	s.mu.Lock()
	s.ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Unlock()
	s.arm()
}

// arm sees to it that there is a sweep within the interval.
func (s *sweeper) arm() {
	if s.armed.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil && s.ctx.Err() == nil && s.armed.CompareAndSwap(false, true) {
		s.stop = s.room.d.Clock.AfterNow(s.room.d.Clock.Now().Add(sweepInterval), s.sweep)
	}
}

func (s *sweeper) sweep() {
	s.mu.Lock()
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	defer s.room.d.Clock.Busy("expiry of messages")()
	s.armed.Store(false)
	left, err := s.room.sweep(s.ctx)
	if err != nil && s.ctx.Err() == nil {
		s.room.d.Log.Error("sqs: removing messages over the retention period failed", "error", err)
	}
	if left || err != nil {
		s.arm()
	}
}

func (s *sweeper) close() {
	s.mu.Lock()
	if s.end != nil {
		s.end()
		s.stop()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// sweep removes what has expired from all queues; left says that there were messages.
func (r *sqsRoom) sweep(ctx context.Context) (left bool, err error) {
	names, left, err := r.expired(ctx)
	errs := []error{err}
	for _, n := range names {
		for more := true; more && err == nil; {
			err = r.lane(ctx, n, func(tx store.Tx, q *queue) (err error) {
				more, err = r.expire(tx, q)
				return err
			})
		}
		errs, err = append(errs, err), nil
	}
	return left, errors.Join(errs...)
}

// expired gives the queues whose first message, by place or by age, is over the retention period; left says that any queue has messages.
func (r *sqsRoom) expired(ctx context.Context) (out []name, left bool, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		out, left = nil, false
		for shard := range 256 {
			err := eachRecord(rd, store.Shard(shard), func(n name, rec *record) error {
				q := &queue{name: n, shard: store.Shard(shard), rec: *rec, cfg: rec.config()}
				sent, ok, err := q.first(rd)
				if left = left || ok; ok && r.now()-sent >= q.cfg.retention*1000 {
					out = append(out, n)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, left, err
}

// first tells when the first message was sent; false when there is none.
func (q *queue) first(rd store.Reader) (sent int64, ok bool, err error) {
	msgs, aged := genKey(q.shard, "msg", q.rec.Gen), genKey(q.shard, "aged", q.rec.Gen)
	err = firstRow(rd, msgs, func(_, value []byte) error {
		m, err := decodeMessage(value)
		if err == nil {
			sent, ok = m.Sent, true
		}
		return err
	})
	if err != nil || !ok {
		return 0, false, err
	}
	err = firstRow(rd, aged, func(key, _ []byte) error {
		u, _, err := store.CutU64(key[len(aged):])
		sent = min(sent, int64(u))
		return err
	})
	return sent, ok, err
}

func firstRow(rd store.Reader, prefix store.Key, fn func(key, value []byte) error) error {
	it := rd.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	if !it.Next() {
		return it.Err()
	}
	return fn(it.Key(), it.Value())
}

// eachRecord calls fn for the queues of a shard.
func eachRecord(rd store.Reader, shard store.Shard, fn func(name, *record) error) error {
	prefix := store.K(shard, "sqs", "queue")
	it := rd.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	for it.Next() {
		var n name
		rest := it.Key()[len(prefix):]
		for _, part := range []*string{&n.Account, &n.Region, &n.Queue} {
			var err error
			if *part, rest, err = store.CutStr(rest); err != nil {
				return err
			}
		}
		rec, err := decodeRecord(it.Value())
		if err != nil {
			return err
		}
		if err := fn(n, rec); err != nil {
			return err
		}
	}
	return it.Err()
}
