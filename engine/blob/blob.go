// Package blob is the contract for object bytes, streamed. Metadata lives in the store; a blob is only bytes under an id.
package blob

import (
	"context"
	"errors"
	"io"
)

// ErrNotFound says that no blob has the id.
var ErrNotFound = errors.New("blob: not found")

// Store keeps blobs. All methods are safe for concurrent use. Blobs are immutable; ids are made by the driver and never used again.
type Store interface {
	// Create begins a blob. The blob exists, as durable as the mode promises, when Commit returns.
	Create(ctx context.Context) (Writer, error)
	// Open reads n bytes from off; n < 0 reads to the end. ErrNotFound when the id is unknown. The caller closes.
	Open(ctx context.Context, id string, off, n int64) (io.ReadCloser, error)
	// Size gives the length in bytes.
	Size(ctx context.Context, id string) (int64, error)
	// Delete removes a blob; readers that are open keep what they have. An unknown id is no error.
	Delete(ctx context.Context, id string) error
	// Left calls fn for every blob that was committed before the store was opened, in any order, for the sweep of those that no metadata names.
	// It tells this once; later calls tell of none.
	Left(ctx context.Context, fn func(id string) error) error
	Close() error
}

// Writer receives a blob's bytes. Either Commit or Abort ends it; Abort after Commit does nothing.
type Writer interface {
	io.Writer
	Commit() (id string, err error)
	Abort()
}
