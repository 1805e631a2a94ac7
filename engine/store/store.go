// Package store is the storage contract of the platform: ordered keys, snapshot reads, serializable transactions. It is small
// on purpose; every service is written once on top of it. Drivers live in the folders below (mem, pebble); storetest is the
// suite that each of them passes.
package store

import (
	"context"
	"errors"
	"hash/fnv"
)

// The limits are the same on every driver; drivers chunk as they must.
const (
	MaxKey    = 8 << 10  // bytes of a key
	MaxValue  = 2 << 20  // bytes of a value
	MaxUpdate = 32 << 20 // bytes written in one Update
)

// Errors of a Store. ErrConflict becomes HTTP 503 outside; ErrFull a 5xx that says that the disk is full.
var (
	ErrTooLarge = errors.New("store: key, value or update over the limit")
	ErrConflict = errors.New("store: transaction still conflicts after 5 s")
	ErrClosed   = errors.New("store: closed")
	ErrFull     = errors.New("store: less free space than the reserve")
)

// Store keeps ordered keys. All methods are safe for concurrent use.
type Store interface {
	// View calls fn with a consistent snapshot and returns fn's error. In sync mode it returns only when what fn saw is durable.
	View(ctx context.Context, fn func(Reader) error) error
	// Update calls fn with a serializable transaction and commits when fn returns nil; it returns when the commit is as durable
	// as the mode promises. fn may run again after a conflict, so it has no side effects; it sees its own writes. When fn fails,
	// nothing is written and its error is returned as it is. Conflicts are retried until 5 s have passed, then ErrConflict.
	Update(ctx context.Context, fn func(Tx) error) error
	// Watch gives a channel that receives (coalesced, without data) after a commit that touched a key with the prefix.
	Watch(prefix []byte) (wake <-chan struct{}, stop func())
	// Close waits for running calls and releases the files. Later calls give ErrClosed.
	Close() error
}

// Reader reads. It is valid only inside its View or Update and only in fn's goroutine.
type Reader interface {
	// Get gives the value of a key, or nil, nil when it is absent; an empty value is a non-nil empty slice. The bytes are the caller's to keep.
	Get(key []byte) ([]byte, error)
	// Scan iterates over keys in order. The caller closes the iterator.
	Scan(o ScanOptions) Iterator
}

// ScanOptions bound a scan to Lo <= key < Hi; a nil Hi is the end.
type ScanOptions struct {
	Lo, Hi   []byte
	Reverse  bool // from Hi downwards
	KeysOnly bool // Value gives nil
}

// Iterator walks over a scan: for it.Next() { it.Key(); it.Value() }; then Err and Close. Key and Value are valid until the next
// call of Next or Seek; copy to keep.
type Iterator interface {
	Next() bool
	// Seek makes the following Next stand on the first key >= key (Reverse: the last key <= key) within the bounds.
	Seek(key []byte)
	Key() []byte
	Value() []byte
	Err() error
	Close() error
}

// Tx reads and writes. A scan conflicts with any commit inside the range that it has walked, a Get also of an absent key.
type Tx interface {
	Reader
	Put(key, value []byte) error
	Delete(key []byte) error
	DeleteRange(lo, hi []byte) error
	// Add adds n to a counter (8 bytes, big endian, two's complement; absent is 0). It does not conflict with other Adds; a Get of it does.
	Add(key []byte, n int64) error
	// PutStamped writes prefix + 12 bytes (commit number, index within the commit) + suffix: keys grow in commit order, so that a
	// log's reader never skips a late commit. Such a key cannot be read inside the same Update.
	PutStamped(prefix, suffix, value []byte) error
	// AfterCommit runs f once the commit is as durable as the mode promises, before Update returns; not when fn runs again or fails.
	AfterCommit(f func(Stamp))
}

// Stamp is the commit's part of stamped keys: 8 bytes commit number, big endian; the index of the write follows in the key.
type Stamp [8]byte

// StampLen is the length of what PutStamped puts between prefix and suffix.
const StampLen = 12

// Shard is one of 256 logical shards; every key starts with its shard's byte.
type Shard uint8

// ShardOf gives the shard of a resource by FNV-1a (64 bit, folded to 8) over its parts, each followed by a zero byte. It is part of
// the data format: it never changes.
func ShardOf(parts ...string) Shard {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	s := h.Sum64()
	s ^= s >> 32
	s ^= s >> 16
	s ^= s >> 8
	return Shard(s)
}
