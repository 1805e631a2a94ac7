package room

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"sundog/engine/bus"
	"sundog/engine/store"
)

// Once remembers ids for a time, in rows of its own: Rows holds what is known of an id, Due the same by expiry. Both are key prefixes in one
// shard; times are unix milliseconds.
type Once struct{ Rows, Due store.Key }

// Looking for expired ids costs more than the rest of a call: one call in sweepEvery does, and takes away up to sweepMost, more than came since.
const (
	sweepEvery = 16
	sweepMost  = 4 * sweepEvery
)

// Remember keeps value under id for interval, and gives nil when it is new, else the value that is known. Expired ids go with some of the calls.
func (o Once) Remember(tx store.Tx, id string, value []byte, now, interval int64) (earlier []byte, err error) {
	if crc32.ChecksumIEEE([]byte(id))%sweepEvery == 0 {
		if err := o.sweep(tx, now); err != nil {
			return nil, err
		}
	}
	b, err := tx.Get(o.Rows.Clone().Str(id))
	if err != nil {
		return nil, err
	}
	if len(b) >= 8 && int64(binary.BigEndian.Uint64(b)) > now {
		return b[8:], nil
	}
	due := uint64(now + interval)
	if err := tx.Put(o.Rows.Clone().Str(id), append(binary.BigEndian.AppendUint64(nil, due), value...)); err != nil {
		return nil, err
	}
	return nil, tx.Put(o.Due.Clone().U64(due).Str(id), nil)
}

// Accept takes a delivery in: it ends it in the outbox, and remembers its id until it expires, and an hour, if it may be emitted again. seen tells
// that it had been taken in before.
func (o Once) Accept(tx store.Tx, d bus.Delivery, now int64) (seen bool, err error) {
	if err := d.Accept(tx); err != nil || d.Fresh {
		return false, err
	}
	const hour = 3_600_000
	keep := int64(25 * hour)
	if !d.Expires.IsZero() {
		keep = max(0, d.Expires.UnixMilli()-now) + hour
	}
	earlier, err := o.Remember(tx, d.ID, []byte{1}, now, keep)
	return earlier != nil, err
}

func (o Once) sweep(tx store.Tx, now int64) error {
	it := tx.Scan(store.ScanOptions{Lo: o.Due, Hi: o.Due.Clone().U64(uint64(now)), KeysOnly: true})
	defer func() { _ = it.Close() }()
	for n := 0; n < sweepMost && it.Next(); n++ {
		due, rest, err := store.CutU64(it.Key()[len(o.Due):])
		if err != nil {
			return err
		}
		id, _, err := store.CutStr(rest)
		if err != nil {
			return err
		}
		k := o.Rows.Clone().Str(id)
		b, err := tx.Get(k)
		if err != nil {
			return err
		}
		if len(b) >= 8 && binary.BigEndian.Uint64(b) == due { // not remembered anew since
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		if err := tx.Delete(slices.Clone(it.Key())); err != nil {
			return err
		}
	}
	return it.Err()
}
