// Package mem keeps blobs in memory.
package mem

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"sundog/cloud"
	"sundog/engine/blob"
)

// Store implements blob.Store in memory.
type Store struct {
	ids cloud.IDs

	mu    sync.RWMutex
	blobs map[string][]byte
}

var _ blob.Store = (*Store)(nil)

// New makes an empty store whose blobs are named by ids.
func New(ids cloud.IDs) *Store { return &Store{ids: ids, blobs: map[string][]byte{}} }

// Create implements blob.Store.
func (s *Store) Create(ctx context.Context) (blob.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &writer{s: s}, nil
}

type writer struct {
	s    *Store
	buf  bytes.Buffer
	done bool
}

var errEnded = errors.New("blob: the writer has ended")

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, errEnded
	}
	return w.buf.Write(p)
}

func (w *writer) Commit() (string, error) {
	if w.done {
		return "", errEnded
	}
	w.done = true
	id := w.s.ids.Hex(16)
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.blobs[id] = w.buf.Bytes()
	return id, nil
}

func (w *writer) Abort() {
	w.done = true
	w.buf = bytes.Buffer{}
}

func (s *Store) get(ctx context.Context, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.blobs[id]
	if !ok {
		return nil, blob.ErrNotFound
	}
	return b, nil
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, id string, off, n int64) (io.ReadCloser, error) {
	b, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	b = b[min(max(off, 0), int64(len(b))):]
	if n >= 0 && n < int64(len(b)) {
		b = b[:n]
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Size implements blob.Store.
func (s *Store) Size(ctx context.Context, id string) (int64, error) {
	b, err := s.get(ctx, id)
	return int64(len(b)), err
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, id)
	return ctx.Err()
}

// Left implements blob.Store: nothing outlives a process.
func (s *Store) Left(ctx context.Context, _ func(id string) error) error { return ctx.Err() }

// Len gives the number of blobs.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.blobs)
}

// Close implements blob.Store.
func (s *Store) Close() error { return nil }
