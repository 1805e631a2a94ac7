package overlay

import (
	"bytes"

	"sundog/engine/store"
	"sundog/internal/ordmap"
)

// Scan implements store.Reader. The iterator sees the writes that came before Scan, not later ones.
func (b *Buffer) Scan(o store.ScanOptions) store.Iterator {
	base := b.base.Scan(o)
	if b.ops.Len() == 0 && len(b.dels) == 0 {
		return base
	}
	ops := b.ops.Copy()
	return &iterator{o: o, base: base, own: ops.Cursor(), dels: b.dels[:len(b.dels):len(b.dels)]}
}

// iterator merges a base iterator with a buffer's writes.
type iterator struct {
	o    store.ScanOptions
	base store.Iterator
	own  *ordmap.Cursor[Op]
	dels []Range

	begun           bool
	baseOK, ownOK   bool
	usedB, usedO    bool // the current key came from there: move on at the next Next
	key, value, num []byte
}

// start puts own and base on their first keys.
func (it *iterator) start(from []byte, sought bool) {
	it.begun, it.usedB, it.usedO = true, true, false
	switch {
	case !it.o.Reverse && sought:
		it.ownOK = it.own.SeekGE(later(from, it.o.Lo))
	case !it.o.Reverse:
		it.ownOK = it.own.SeekGE(it.o.Lo)
	case sought && (it.o.Hi == nil || bytes.Compare(from, it.o.Hi) < 0):
		if it.ownOK = it.own.SeekGE(from); !it.ownOK || !bytes.Equal(it.own.Key(), from) {
			it.ownOK = it.own.SeekLT(from)
		}
	case it.o.Hi == nil:
		it.ownOK = it.own.Last()
	default:
		it.ownOK = it.own.SeekLT(it.o.Hi)
	}
	it.bound()
}

func later(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return b
	}
	return a
}

// bound ends own at the scan's bounds.
func (it *iterator) bound() {
	if it.ownOK && !(Range{Lo: it.o.Lo, Hi: it.o.Hi}).Has(it.own.Key()) {
		it.ownOK = false
	}
}

func (it *iterator) stepOwn() {
	if it.o.Reverse {
		it.ownOK = it.own.Prev()
	} else {
		it.ownOK = it.own.Next()
	}
	it.bound()
}

// stepBase moves the base to its next key that no range delete hides.
func (it *iterator) stepBase() {
	for it.baseOK = it.base.Next(); it.baseOK; it.baseOK = it.base.Next() {
		hidden := false
		for i := range it.dels {
			hidden = hidden || it.dels[i].Has(it.base.Key())
		}
		if !hidden {
			return
		}
	}
}

// Next implements store.Iterator.
func (it *iterator) Next() bool {
	if !it.begun {
		it.start(nil, false)
	}
	for {
		if it.usedB {
			it.stepBase()
		}
		if it.usedO {
			it.stepOwn()
		}
		it.usedB, it.usedO = it.which()
		if !it.usedB && !it.usedO || it.base.Err() != nil {
			it.key, it.value = nil, nil
			return false
		}
		if it.take() {
			return true
		}
	}
}

// which tells which side has the next key.
func (it *iterator) which() (base, own bool) {
	if !it.baseOK || !it.ownOK {
		return it.baseOK, it.ownOK
	}
	c := bytes.Compare(it.base.Key(), it.own.Key())
	if it.o.Reverse {
		c = -c
	}
	return c <= 0, c >= 0
}

// take sets key and value from the used sides; false when the key is deleted.
func (it *iterator) take() bool {
	if !it.usedO {
		it.key, it.value = it.base.Key(), it.base.Value()
		return true
	}
	op := it.own.Value()
	it.key, it.value = it.own.Key(), op.Value
	switch op.Kind {
	case Delete:
		return false
	case Add:
		return it.takeAdd(op.N)
	}
	if it.o.KeysOnly {
		it.value = nil
	}
	return true
}

func (it *iterator) takeAdd(n int64) bool {
	it.value = nil
	if it.o.KeysOnly {
		return true
	}
	if it.usedB {
		n += Count(it.base.Value())
	}
	it.num = append(it.num[:0], Counter(n)...)
	it.value = it.num
	return true
}

// Seek implements store.Iterator.
func (it *iterator) Seek(key []byte) {
	it.base.Seek(key)
	it.start(key, true)
}

// Key implements store.Iterator.
func (it *iterator) Key() []byte { return it.key[:len(it.key):len(it.key)] }

// Value implements store.Iterator.
func (it *iterator) Value() []byte { return it.value[:len(it.value):len(it.value)] }

// Err implements store.Iterator.
func (it *iterator) Err() error { return it.base.Err() }

// Close implements store.Iterator.
func (it *iterator) Close() error { return it.base.Close() }
