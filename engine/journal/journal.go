// Package journal reads logs: rows under one prefix with a stamp after it (store.PutStamped), so that they are in the order of their commits and a reader
// never skips a late one. What follows the stamp in a key, and what a row holds, is the log's own.
//
// Nothing here keeps anything: all of it may be used at once by many.
package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"sundog/engine/store"
)

// Position is a record's place in its log: the stamp of its commit. The zero one is before all records.
type Position [store.StampLen]byte

// ErrMalformed says that a key or a position is not one of a log.
var ErrMalformed = errors.New("journal: malformed position")

// At gives the place of the n-th stamped write of a commit.
func At(s store.Stamp, n uint32) (p Position) {
	copy(p[:], s[:])
	binary.BigEndian.PutUint32(p[len(s):], n)
	return p
}

// Parse reads a position that was kept as bytes; nil is nil, before all records.
func Parse(b []byte) (*Position, error) {
	if b == nil {
		return nil, nil
	}
	if len(b) != store.StampLen {
		return nil, ErrMalformed
	}
	p := Position(b)
	return &p, nil
}

// Before tells whether p comes earlier in the log than q.
func (p Position) Before(q Position) bool { return bytes.Compare(p[:], q[:]) < 0 }

// Previous gives the position just before p, so that what comes after it begins with p. Nothing is before the zero one.
func (p Position) Previous() Position {
	if p == (Position{}) {
		return p
	}
	for i := len(p) - 1; i >= 0; i-- {
		p[i]--
		if p[i] != 0xff {
			break
		}
	}
	return p
}

// Log is what the keys of a log begin with.
type Log store.Key

// Append writes a record after all that were committed; suffix follows the stamp in its key.
func (l Log) Append(tx store.Tx, suffix, value []byte) error { return tx.PutStamped(l, suffix, value) }

// Delete takes all records away.
func (l Log) Delete(tx store.Tx) error { return tx.DeleteRange(l, store.Key(l).End()) }

// Cut takes the position out of a record's key; rest is what follows it, and belongs to key.
func (l Log) Cut(key []byte) (p Position, rest []byte, err error) {
	if len(key) < len(l)+store.StampLen {
		return p, nil, ErrMalformed
	}
	rest = key[len(l):]
	return Position(rest[:store.StampLen]), rest[store.StampLen:], nil
}

// After bounds a scan to the records after a position; nil: to all.
func (l Log) After(p *Position) store.ScanOptions {
	o := store.Prefix(l)
	if p != nil {
		o.Lo = store.Key(l).Clone().Raw(p[:]).End()
	}
	return o
}

// Latest gives the position of the newest record; nil when there is none.
func (l Log) Latest(r store.Reader) (*Position, error) {
	o := store.Prefix(l)
	o.Reverse, o.KeysOnly = true, true
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	if !it.Next() {
		return nil, it.Err()
	}
	p, _, err := l.Cut(it.Key())
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Wait returns when look finds what is waited for, or fails, or ctx ends, with ctx's error then. It looks at once, and after each commit that changes the log or the
// row that says whether the log goes on: none that comes between two looks is missed.
func (l Log) Wait(ctx context.Context, s store.Store, row store.Key, look func() (found bool, err error)) error {
	more, stop := s.Watch(l)
	defer stop()
	changed, leave := s.Watch(row)
	defer leave()
	for {
		if found, err := look(); err != nil || found {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		case <-changed:
		}
	}
}
