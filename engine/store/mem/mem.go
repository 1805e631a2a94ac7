// Package mem keeps a store in memory, for tests and for data that need not outlive the process. It is as strict as the durable drivers:
// the transactions are the same code.
package mem

import (
	"bytes"
	"sync/atomic"

	"sundog/engine/store"
	"sundog/engine/store/occ"
	"sundog/engine/store/overlay"
	"sundog/internal/ordmap"
)

// Store is an occ.Store in memory.
type Store = occ.Store

// New makes an empty store.
func New() *Store {
	d := &driver{}
	d.now.Store(&ordmap.Map[[]byte]{})
	return occ.New(d, 0)
}

// driver keeps the newest content as an immutable map; a snapshot is a pointer to it.
type driver struct {
	next ordmap.Map[[]byte] // written by Apply only
	now  atomic.Pointer[ordmap.Map[[]byte]]
}

func (d *driver) Snapshot(bool) (occ.Snapshot, error) { return snapshot{d.now.Load()}, nil }

func (d *driver) Prepare(b *overlay.Buffer) (occ.Commit, error) { return commit{d, b}, nil }

func (d *driver) Close() error {
	d.now.Store(&ordmap.Map[[]byte]{})
	d.next = ordmap.Map[[]byte]{}
	return nil
}

type commit struct {
	d *driver
	b *overlay.Buffer
}

func (c commit) Apply(_ uint64, stamped []overlay.KV) (done bool, err error) {
	m := &c.d.next
	for _, r := range c.b.Ranges() {
		deleteRange(m, r)
	}
	_ = c.b.Each(func(key []byte, op overlay.Op) error {
		switch op.Kind {
		case overlay.Put:
			m.Set(key, op.Value)
		case overlay.Delete:
			m.Delete(key)
		case overlay.Add:
			old, _ := m.Get(key)
			m.Set(key, overlay.Counter(overlay.Count(old)+op.N))
		}
		return nil
	})
	for _, kv := range stamped {
		m.Set(kv.Key, append([]byte{}, kv.Value...))
	}
	now := m.Copy()
	c.d.now.Store(&now)
	return true, nil
}

func deleteRange(m *ordmap.Map[[]byte], r overlay.Range) {
	var gone [][]byte
	now := m.Copy()
	c := now.Cursor()
	for ok := c.SeekGE(r.Lo); ok && r.Has(c.Key()); ok = c.Next() {
		gone = append(gone, c.Key())
	}
	for _, k := range gone {
		m.Delete(k)
	}
}

func (commit) Wait() error { return nil }

func (commit) Discard() {}

type snapshot struct{ m *ordmap.Map[[]byte] }

func (s snapshot) Get(key []byte) ([]byte, error) {
	v, ok := s.m.Get(key)
	if !ok {
		return nil, nil
	}
	return append(make([]byte, 0, len(v)), v...), nil
}

func (s snapshot) Close() error { return nil }

func (s snapshot) Scan(o store.ScanOptions) store.Iterator {
	return &iterator{o: o, c: s.m.Cursor(), from: bound(o)}
}

// bound gives where a scan begins.
func bound(o store.ScanOptions) []byte {
	if o.Reverse {
		return o.Hi
	}
	return o.Lo
}

type iterator struct {
	o     store.ScanOptions
	c     *ordmap.Cursor[[]byte]
	begun bool
	from  []byte // where Next begins: Lo, Hi (nil: the end), or what was sought
}

func (it *iterator) Next() bool {
	ok := false
	switch {
	case it.begun && it.o.Reverse:
		ok = it.c.Prev()
	case it.begun:
		ok = it.c.Next()
	case !it.o.Reverse:
		ok = it.c.SeekGE(it.from)
	case it.from == nil:
		ok = it.c.Last()
	default:
		ok = it.c.SeekLT(it.from)
	}
	it.begun = true
	return ok && it.inside()
}

func (it *iterator) inside() bool {
	if it.o.Reverse {
		return bytes.Compare(it.c.Key(), it.o.Lo) >= 0
	}
	return it.o.Hi == nil || bytes.Compare(it.c.Key(), it.o.Hi) < 0
}

func (it *iterator) Seek(key []byte) {
	it.begun = false
	if !it.o.Reverse {
		it.from = it.o.Lo
		if bytes.Compare(key, it.o.Lo) > 0 {
			it.from = bytes.Clone(key)
		}
		return
	}
	it.from = append(bytes.Clone(key), 0)
	if it.o.Hi != nil && bytes.Compare(it.from, it.o.Hi) > 0 {
		it.from = it.o.Hi
	}
}

func (it *iterator) Key() []byte {
	k := it.c.Key()
	return k[:len(k):len(k)]
}

func (it *iterator) Value() []byte {
	if it.o.KeysOnly {
		return nil
	}
	v := it.c.Value()
	return v[:len(v):len(v)]
}

func (it *iterator) Err() error { return nil }

func (it *iterator) Close() error { return nil }
