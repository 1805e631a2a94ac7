package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"sundog/engine/store"
	"sundog/engine/store/occ"
	"sundog/engine/store/overlay"
)

// limitKey holds a number above that of every commit so far; it is raised in large steps, so that it costs nothing. It is longer than a user's
// key may be, and after all of them. (An empty key would be shorter, but Pebble's column blocks cannot have one.)
var limitKey = bytes.Repeat([]byte{0xff}, store.MaxKey+1)

const limitStep = 1 << 20

type driver struct {
	o     Options
	db    *pebble.DB
	lock  *pebble.Lock
	logs  *logFS
	space space
	limit uint64 // as stored; touched by Apply only
}

// Close implements occ.Driver.
func (d *driver) Close() error {
	d.logs.closing.Store(true)
	return errors.Join(d.db.Close(), d.logs.flush(), d.lock.Close())
}

// Snapshot implements occ.Driver. An Update that only writes needs no view.
func (d *driver) Snapshot(lazy bool) (occ.Snapshot, error) {
	s := &snapshot{db: d.db}
	if !lazy {
		s.view()
	}
	return s, nil
}

type snapshot struct {
	db *pebble.DB
	at *pebble.Snapshot
}

func (s *snapshot) view() *pebble.Snapshot {
	if s.at == nil {
		s.at = s.db.NewSnapshot()
	}
	return s.at
}

// Get implements store.Reader.
func (s *snapshot) Get(key []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, nil
	}
	v, closer, err := s.view().Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return append(make([]byte, 0, len(v)), v...), closer.Close()
}

// Close implements occ.Snapshot.
func (s *snapshot) Close() error {
	if s.at == nil {
		return nil
	}
	return s.at.Close()
}

// Scan implements store.Reader.
func (s *snapshot) Scan(o store.ScanOptions) store.Iterator {
	opts := &pebble.IterOptions{LowerBound: o.Lo, UpperBound: o.Hi}
	if len(o.Lo) == 0 {
		opts.LowerBound = []byte{0} // the first key that a user can have
	}
	if o.Hi == nil {
		opts.UpperBound = limitKey
	}
	if o.Hi != nil && string(opts.LowerBound) >= string(o.Hi) {
		return &iterator{} // Pebble takes such bounds for a mistake
	}
	it, err := s.view().NewIter(opts)
	return &iterator{o: o, it: it, err: err}
}

// iterator moves a Pebble iterator in one direction.
type iterator struct {
	o     store.ScanOptions
	it    *pebble.Iterator // nil: nothing to see
	begun bool
	seek  []byte // where the next Next begins; nil: at the bound
	err   error
}

func (i *iterator) Next() bool {
	if i.it == nil || i.err != nil {
		return false
	}
	begun := i.begun
	i.begun = true
	switch {
	case begun && i.o.Reverse:
		return i.it.Prev()
	case begun:
		return i.it.Next()
	case i.o.Reverse && i.seek != nil:
		return i.it.SeekLT(i.seek)
	case i.o.Reverse:
		return i.it.Last()
	case i.seek != nil:
		return i.it.SeekGE(i.seek)
	}
	return i.it.First()
}

func (i *iterator) Seek(key []byte) {
	i.begun = false
	i.seek = append(make([]byte, 0, len(key)+1), key...)
	if i.o.Reverse {
		i.seek = append(i.seek, 0) // the last key <= key
	}
}

func (i *iterator) Key() []byte {
	k := i.it.Key()
	return k[:len(k):len(k)]
}

func (i *iterator) Value() []byte {
	if i.o.KeysOnly {
		return nil
	}
	v, err := i.it.ValueAndErr()
	if err != nil {
		i.err = err
		return nil
	}
	if v == nil {
		return []byte{}
	}
	return v[:len(v):len(v)]
}

func (i *iterator) Err() error {
	if i.err != nil || i.it == nil {
		return i.err
	}
	return i.it.Error()
}

func (i *iterator) Close() error {
	if i.it == nil {
		return nil
	}
	return i.it.Close()
}

// commit is a Pebble batch.
type commit struct {
	d *driver
	b *pebble.Batch
}

// Prepare implements occ.Driver.
func (d *driver) Prepare(b *overlay.Buffer) (occ.Commit, error) {
	if err := d.space.check(b); err != nil {
		return nil, err
	}
	batch := d.db.NewBatchWithSize(b.Size() + 32*(b.Len()+1))
	for _, r := range b.Ranges() {
		lo, hi := r.Lo, r.Hi
		if len(lo) == 0 {
			lo = []byte{0}
		}
		if hi == nil {
			hi = limitKey
		}
		if err := batch.DeleteRange(lo, hi, nil); err != nil {
			return nil, errors.Join(err, batch.Close())
		}
	}
	if err := b.Each(func(key []byte, op overlay.Op) error {
		switch op.Kind {
		case overlay.Delete:
			return batch.Delete(key, nil)
		case overlay.Add:
			return batch.Merge(key, overlay.Counter(op.N), nil)
		}
		return batch.Set(key, op.Value, nil)
	}); err != nil {
		return nil, errors.Join(err, batch.Close())
	}
	return &commit{d, batch}, nil
}

// Apply implements occ.Commit. Pebble panics when its log has failed.
func (c *commit) Apply(n uint64, stamped []overlay.KV) (done bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.d.fatal(fmt.Errorf("committing: %v", p))
		}
	}()
	for _, kv := range stamped {
		if err := c.b.Set(kv.Key, kv.Value, nil); err != nil {
			return false, err
		}
	}
	if n > c.d.limit {
		if err := c.b.Set(limitKey, binary.BigEndian.AppendUint64(nil, n+limitStep), nil); err != nil {
			return false, err
		}
		c.d.limit = n + limitStep
	}
	return false, c.d.db.ApplyNoSyncWait(c.b, pebble.Sync)
}

// Wait implements occ.Commit.
func (c *commit) Wait() error {
	if err := c.b.SyncWait(); err != nil {
		c.d.fatal(fmt.Errorf("syncing the log: %w", err))
	}
	return c.b.Close()
}

// Discard implements occ.Commit.
func (c *commit) Discard() { _ = c.b.Close() } // it frees memory and cannot fail

// merger adds up counters.
var merger = &pebble.Merger{
	Name: "sundog.add.1",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		return &sum{overlay.Count(value)}, nil
	},
}

type sum struct{ n int64 }

func (s *sum) MergeNewer(value []byte) error {
	s.n += overlay.Count(value)
	return nil
}

func (s *sum) MergeOlder(value []byte) error { return s.MergeNewer(value) }

func (s *sum) Finish(bool) ([]byte, io.Closer, error) { return overlay.Counter(s.n), nil, nil }
