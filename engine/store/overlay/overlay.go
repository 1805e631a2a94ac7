// Package overlay buffers writes over a store.Reader: a transaction's own writes are seen by its reads, and can be dropped, or written to
// another transaction. Drivers build their transactions on it, and lanes run every function against one.
package overlay

import (
	"bytes"
	"encoding/binary"

	"sundog/engine/store"
	"sundog/internal/ordmap"
)

// Kind is the kind of an Op.
type Kind uint8

// The kinds of an Op.
const (
	Put Kind = iota
	Delete
	Add
)

// Op is what becomes of one key.
type Op struct {
	Kind  Kind
	Value []byte // Put
	N     int64  // Add
}

// Range is the keys Lo <= key < Hi; a nil Hi is the end.
type Range struct{ Lo, Hi []byte }

// Has tells whether key lies in r.
func (r Range) Has(key []byte) bool {
	return bytes.Compare(key, r.Lo) >= 0 && (r.Hi == nil || bytes.Compare(key, r.Hi) < 0)
}

// Empty tells whether no key lies in r.
func (r Range) Empty() bool { return r.Hi != nil && bytes.Compare(r.Lo, r.Hi) >= 0 }

// Stamped is one PutStamped.
type Stamped struct {
	Prefix, Suffix, Value []byte
	dels                  int // range deletes that came before it
}

// Buffer implements store.Tx over a Reader. Like any Tx it is used by one goroutine.
type Buffer struct {
	base    store.Reader
	ops     ordmap.Map[Op]
	dels    []Range // on the base, before ops
	stamped []Stamped
	hooks   []func(store.Stamp)
	size    int
	puts    int
	deletes int
}

var _ store.Tx = (*Buffer)(nil)

// New makes an empty Buffer over base.
func New(base store.Reader) *Buffer { return &Buffer{base: base} }

// Get implements store.Reader.
func (b *Buffer) Get(key []byte) ([]byte, error) {
	op, ok := b.ops.Get(key)
	if !ok {
		if b.deleted(key) {
			return nil, nil
		}
		return b.base.Get(key)
	}
	switch op.Kind {
	case Delete:
		return nil, nil
	case Put:
		return append([]byte{}, op.Value...), nil
	}
	v, err := b.base.Get(key)
	if err != nil {
		return nil, err
	}
	return Counter(Count(v) + op.N), nil
}

// Count reads a counter's value; what is not 8 bytes long counts as 0.
func Count(v []byte) int64 {
	if len(v) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

// Counter writes a counter's value.
func Counter(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (b *Buffer) deleted(key []byte) bool {
	for i := range b.dels {
		if b.dels[i].Has(key) {
			return true
		}
	}
	return false
}

// Put implements store.Tx. It copies key and value.
func (b *Buffer) Put(key, value []byte) error {
	return b.take(bytes.Clone(key), Op{Kind: Put, Value: append(make([]byte, 0, len(value)), value...)})
}

// Delete implements store.Tx.
func (b *Buffer) Delete(key []byte) error { return b.take(bytes.Clone(key), Op{Kind: Delete}) }

// take keeps a key with a Put or a Delete, whose bytes nobody changes any more.
func (b *Buffer) take(key []byte, op Op) error {
	if err := b.grow(key, len(op.Value)); err != nil {
		return err
	}
	if op.Kind == Put {
		b.puts++
	} else {
		b.deletes++
	}
	b.ops.Set(key, op)
	return nil
}

// Add implements store.Tx.
func (b *Buffer) Add(key []byte, n int64) error {
	if err := b.grow(key, 8); err != nil {
		return err
	}
	op, ok := b.ops.Get(key)
	switch {
	case ok && op.Kind == Put:
		op.Value = Counter(Count(op.Value) + n)
	case ok && op.Kind == Add:
		op.N += n
	case ok || b.deleted(key):
		op = Op{Kind: Put, Value: Counter(n)}
	default:
		op = Op{Kind: Add, N: n}
	}
	b.ops.Set(bytes.Clone(key), op)
	return nil
}

// PutStamped implements store.Tx.
func (b *Buffer) PutStamped(prefix, suffix, value []byte) error {
	if len(prefix)+len(suffix)+store.StampLen > store.MaxKey || len(value) > store.MaxValue {
		return store.ErrTooLarge
	}
	if len(prefix) == 0 {
		return store.ErrKey
	}
	if b.size += len(prefix) + len(suffix) + store.StampLen + len(value); b.size > store.MaxUpdate {
		return store.ErrTooLarge
	}
	b.puts++
	b.stamped = append(b.stamped, Stamped{Prefix: bytes.Clone(prefix), Suffix: bytes.Clone(suffix), Value: bytes.Clone(value), dels: len(b.dels)})
	return nil
}

// DeleteRange implements store.Tx.
func (b *Buffer) DeleteRange(lo, hi []byte) error {
	if len(lo) > store.MaxKey || len(hi) > store.MaxKey {
		return store.ErrTooLarge
	}
	r := Range{Lo: bytes.Clone(lo), Hi: bytes.Clone(hi)}
	if r.Empty() {
		return nil
	}
	if b.size += len(lo) + len(hi); b.size > store.MaxUpdate {
		return store.ErrTooLarge
	}
	var gone [][]byte
	for c, ok := b.ops.Cursor(), false; ; {
		if ok = next(c, r.Lo, ok); !ok || !r.Has(c.Key()) {
			break
		}
		gone = append(gone, c.Key())
	}
	for _, k := range gone {
		b.ops.Delete(k)
	}
	b.deletes++
	b.dels = append(b.dels, r)
	return nil
}

func next(c *ordmap.Cursor[Op], lo []byte, begun bool) bool {
	if begun {
		return c.Next()
	}
	return c.SeekGE(lo)
}

// AfterCommit implements store.Tx.
func (b *Buffer) AfterCommit(f func(store.Stamp)) { b.hooks = append(b.hooks, f) }

func (b *Buffer) grow(key []byte, n int) error {
	if len(key) > store.MaxKey || n > store.MaxValue {
		return store.ErrTooLarge
	}
	if len(key) == 0 {
		return store.ErrKey
	}
	if b.size += len(key) + n; b.size > store.MaxUpdate {
		return store.ErrTooLarge
	}
	return nil
}

// Size gives the bytes written, overwritten ones too.
func (b *Buffer) Size() int { return b.size }

// Puts gives the number of calls of Put and PutStamped.
func (b *Buffer) Puts() int { return b.puts }

// Deletes gives the number of calls of Delete and DeleteRange.
func (b *Buffer) Deletes() int { return b.deletes }

// Empty tells whether nothing is to be written.
func (b *Buffer) Empty() bool { return b.ops.Len() == 0 && len(b.dels) == 0 && len(b.stamped) == 0 }

// Len gives the number of keys that are written by name.
func (b *Buffer) Len() int { return b.ops.Len() }

// Each calls fn for every key that is written by name, in order.
func (b *Buffer) Each(fn func(key []byte, op Op) error) error {
	c := b.ops.Cursor()
	for ok := c.SeekGE(nil); ok; ok = c.Next() {
		if err := fn(c.Key(), c.Value()); err != nil {
			return err
		}
	}
	return nil
}

// Ranges gives the ranges that are deleted before anything else is written.
func (b *Buffer) Ranges() []Range { return b.dels }

// Stamped gives the stamped writes.
func (b *Buffer) Stamped() []Stamped { return b.stamped }

// Hooks gives the functions to call after the commit.
func (b *Buffer) Hooks() []func(store.Stamp) { return b.hooks }

// KV is a key with its value.
type KV struct{ Key, Value []byte }

// Stamp gives the stamped writes under their keys in commit n, but for those that a later DeleteRange of the same transaction covers.
func (b *Buffer) Stamp(n uint64) []KV {
	if len(b.stamped) == 0 {
		return nil
	}
	out := make([]KV, 0, len(b.stamped))
	for i, s := range b.stamped {
		key := make([]byte, 0, len(s.Prefix)+store.StampLen+len(s.Suffix))
		key = binary.BigEndian.AppendUint64(append(key, s.Prefix...), n)
		key = append(binary.BigEndian.AppendUint32(key, uint32(i)), s.Suffix...)
		covered := false
		for _, r := range b.dels[s.dels:] {
			covered = covered || r.Has(key)
		}
		if !covered {
			out = append(out, KV{key, s.Value})
		}
	}
	return out
}

// WriteTo writes everything but the hooks to tx.
func (b *Buffer) WriteTo(tx store.Tx) error {
	at := 0
	stamped := func(dels int) error {
		for ; at < len(b.stamped) && b.stamped[at].dels <= dels; at++ {
			s := b.stamped[at]
			if err := tx.PutStamped(s.Prefix, s.Suffix, s.Value); err != nil {
				return err
			}
		}
		return nil
	}
	for i, r := range b.dels {
		if err := stamped(i); err != nil {
			return err
		}
		if err := tx.DeleteRange(r.Lo, r.Hi); err != nil {
			return err
		}
	}
	if err := stamped(len(b.dels)); err != nil {
		return err
	}
	same, ok := tx.(*Buffer)
	return b.Each(func(key []byte, op Op) error {
		switch {
		case op.Kind == Add:
			return tx.Add(key, op.N)
		case ok: // no need to copy once more
			return same.take(key, op)
		case op.Kind == Delete:
			return tx.Delete(key)
		}
		return tx.Put(key, op.Value)
	})
}
