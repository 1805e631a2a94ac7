// Package occ makes a store.Store of a small driver: it adds serializable transactions to anything that has snapshots and atomic
// batches, by optimistic validation. A transaction reads from a snapshot and remembers which keys it read and which ranges it walked; its
// commit, one at a time and numbered, goes through only when no commit after the snapshot wrote any of them.
//
// Lock order: a queue of contended keys (several in ascending order), then Store.mu, then Store.act; watermark.mu and watchers.mu are leaves.
package occ

import (
	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// Driver is what a database brings.
type Driver interface {
	// Snapshot gives a consistent view of everything that has been applied. A lazy one may take the view as late as at the first read.
	Snapshot(lazy bool) (Snapshot, error)
	// Prepare readies a transaction's writes for Apply; it runs concurrently.
	Prepare(b *overlay.Buffer) (Commit, error)
	// Close releases the files; nothing is called afterwards.
	Close() error
}

// Snapshot is a consistent view. It is used by one goroutine.
type Snapshot interface {
	store.Reader
	Close() error
}

// Commit is a batch of writes on its way.
type Commit interface {
	// Apply makes the writes visible at once, with the stamped ones as given. Commits are applied one after another, in the order of their
	// numbers. When it fails, nothing is written. done tells that they are durable at once, so that there is nothing to wait for.
	Apply(n uint64, stamped []overlay.KV) (done bool, err error)
	// Wait returns when the writes, and those of all commits before, are as durable as the mode promises.
	Wait() error
	// Discard gives up a commit that was not applied.
	Discard()
}
