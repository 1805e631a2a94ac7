package store

import "context"

// Submitter is what a Store can offer besides: commits that overlap. Lanes use it to run the next batch while the last one is on its way to the
// disk.
type Submitter interface {
	// Submit is Update in two halves. It returns when fn's writes are visible to later transactions (or with Update's errors); wait returns when
	// they are durable, and calls the AfterCommit functions. wait must be called, once.
	Submit(ctx context.Context, fn func(Tx) error) (wait func() error, err error)
}
