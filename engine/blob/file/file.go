// Package file keeps blobs as files: DIR/ab/abcdef..., named by random ids. A blob is written beside its place and renamed there when it is
// complete, so that a crash leaves nothing but files in DIR/tmp, which the next Open removes.
package file

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"sundog/cloud"
	"sundog/engine/blob"
	"sundog/internal/fsync"
)

// Options say where and how blobs are kept.
type Options struct {
	Dir string
	IDs cloud.IDs
	// Sync: a committed blob outlives a power cut. Otherwise it outlives the process, and is synced soon after.
	Sync bool
}

// Store implements blob.Store on a folder, which belongs to one process.
type Store struct {
	o    Options
	made sync.Map // names of shard folders that exist
	late syncer

	mu   sync.Mutex
	ours map[string]struct{} // ids made since Open, until Left has told of the others; nil from then on
}

var _ blob.Store = (*Store)(nil)

const tmp = "tmp"

// Open makes the folder if need be, readable by the owner only, and removes what a crash left unfinished.
func Open(o Options) (*Store, error) {
	dir := filepath.Join(o.Dir, tmp)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("removing unfinished blobs: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening blobs: %w", err)
	}
	return &Store{o: o, ours: map[string]struct{}{}}, nil
}

// path gives a blob's place; ErrNotFound for a text that is no id.
func (s *Store) path(id string) (string, error) {
	if b, err := hex.DecodeString(id); err != nil || len(b) != 16 {
		return "", blob.ErrNotFound
	}
	return filepath.Join(s.o.Dir, id[:2], id), nil
}

// Create implements blob.Store.
func (s *Store) Create(ctx context.Context) (blob.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id := s.newID()
	f, err := os.OpenFile(filepath.Join(s.o.Dir, tmp, id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating a blob: %w", err)
	}
	return &writer{s: s, f: f, id: id}, nil
}

// newID notes the id before there can be a file of that name.
func (s *Store) newID() string {
	id := s.o.IDs.Hex(16)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ours != nil {
		s.ours[id] = struct{}{}
	}
	return id
}

type writer struct {
	s    *Store
	f    *os.File
	id   string
	done bool
}

var errEnded = errors.New("blob: the writer has ended")

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, errEnded
	}
	return w.f.Write(p)
}

func (w *writer) Commit() (string, error) {
	if w.done {
		return "", errEnded
	}
	if err := w.commit(); err != nil {
		w.Abort()
		return "", fmt.Errorf("committing a blob: %w", err)
	}
	w.done = true
	return w.id, nil
}

func (w *writer) commit() error {
	if w.s.o.Sync {
		if err := errors.Join(w.f.Sync(), w.f.Close()); err != nil {
			return err
		}
	}
	to, err := w.s.path(w.id)
	if err != nil {
		return err
	}
	if err := w.s.shard(filepath.Dir(to)); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(w.s.o.Dir, tmp, w.id), to); err != nil {
		return err
	}
	if !w.s.o.Sync {
		return w.s.late.add(w.f, filepath.Dir(to))
	}
	return fsync.Dir(filepath.Dir(to))
}

// Abort removes what was written. The file may be closed already.
func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	_ = w.f.Close()
	_ = os.Remove(w.f.Name()) // what stays, the next Open removes
}

// shard makes a shard's folder durable before the first blob in it.
func (s *Store) shard(dir string) error {
	if _, ok := s.made.Load(dir); ok {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := fsync.Dir(s.o.Dir); err != nil {
		return err
	}
	s.made.Store(dir, true)
	return nil
}

func (s *Store) file(ctx context.Context, id string) (*os.File, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	return f, err
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, id string, off, n int64) (io.ReadCloser, error) {
	f, err := s.file(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(off, 0), io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if n < 0 {
		return f, nil
	}
	return &part{io.LimitReader(f, n), f}, nil
}

type part struct {
	io.Reader
	io.Closer
}

// Size implements blob.Store.
func (s *Store) Size(ctx context.Context, id string) (int64, error) {
	f, err := s.file(ctx, id)
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	return info.Size(), f.Close()
}

// Delete implements blob.Store. Deletions are not synced: a blob that comes back after a power cut is found by the next sweep.
func (s *Store) Delete(ctx context.Context, id string) error {
	path, err := s.path(id)
	if err != nil {
		return nil // no blob has it
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting a blob: %w", err)
	}
	return nil
}

// Left implements blob.Store.
func (s *Store) Left(ctx context.Context, fn func(id string) error) error {
	ids, err := s.list(ctx)
	if err != nil {
		return fmt.Errorf("listing blobs: %w", err)
	}
	s.mu.Lock()
	ours := s.ours
	s.ours = nil
	s.mu.Unlock()
	if ours == nil {
		return nil
	}
	for _, id := range ids {
		if _, own := ours[id]; own {
			continue
		}
		if err := errors.Join(ctx.Err(), fn(id)); err != nil {
			return err
		}
	}
	return nil
}

// list gives the ids of all blobs.
func (s *Store) list(ctx context.Context) (ids []string, err error) {
	shards, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return nil, err
	}
	for _, d := range shards {
		if !d.IsDir() || len(d.Name()) != 2 {
			continue
		}
		blobs, err := os.ReadDir(filepath.Join(s.o.Dir, d.Name()))
		if err := errors.Join(ctx.Err(), err); err != nil {
			return nil, err
		}
		for _, f := range blobs {
			if _, err := s.path(f.Name()); err == nil {
				ids = append(ids, f.Name())
			}
		}
	}
	return ids, nil
}

// Close implements blob.Store. It waits until all blobs are synced, and tells of the first that could not be.
func (s *Store) Close() error { return s.late.close() }
