package pebble

import (
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

const (
	lookEvery = 64      // commits
	lookBytes = 1 << 20 // written
)

// space watches the free space of the folder's disk.
type space struct {
	fs      vfs.FS
	dir     string
	reserve int64

	commits atomic.Int64 // since the last look
	bytes   atomic.Int64
	full    atomic.Bool
	looked  atomic.Bool
}

// check gives ErrFull when space is short and b does not mainly delete.
func (s *space) check(b *overlay.Buffer) error {
	if s.reserve < 0 {
		return nil
	}
	commits, bytes := s.commits.Add(1), s.bytes.Add(int64(b.Size()))
	if commits >= lookEvery || bytes >= lookBytes || s.full.Load() || !s.looked.Load() {
		if err := s.look(); err != nil {
			return err
		}
	}
	if s.full.Load() && (b.Deletes() == 0 || b.Deletes() < b.Puts()) {
		return store.ErrFull
	}
	return nil
}

func (s *space) look() error {
	u, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return fmt.Errorf("reading the free space: %w", err)
	}
	s.commits.Store(0)
	s.bytes.Store(0)
	s.looked.Store(true)
	s.full.Store(u.AvailBytes < uint64(s.reserve))
	return nil
}
