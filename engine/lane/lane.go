// Package lane gives one line of order per shard, group-committed: what would contend (receive, FIFO heads, stream append) runs one
// after another against memory, and one commit carries many of them.
package lane

import (
	"context"

	"sundog/engine/store"
)

// Lanes runs functions in the order of their shard. All methods are safe for concurrent use.
type Lanes interface {
	// Do runs fn in the shard's lane and returns when its writes are committed, as durable as the store promises. Functions of one
	// shard run one after another and see the writes of those before them, also of those whose commit is still under way; many
	// share a commit. When fn fails, its writes are dropped and its error returned. When the commit fails, all that shared it get
	// the error, and the shard is closed and opened again (see Own), so that memory is rebuilt. fn never calls Do, Caller, Invoker or
	// Compute. fn changes memory only through tx.AfterCommit, or in a way that close/open rebuilds.
	Do(ctx context.Context, s store.Shard, fn func(store.Tx) error) error
	// Own registers what has memory over a shard's rows: open (re)builds it before the first Do, shut drops it. Call it before any Do.
	Own(s store.Shard, open func(context.Context) error, shut func())
	// Close waits for what was accepted, then refuses with store.ErrClosed.
	Close() error
}
