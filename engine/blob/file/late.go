package file

import (
	"errors"
	"maps"
	"os"
	"slices"
	"sync"

	"sundog/internal/fsync"
)

const maxLate = 64 // blobs that wait for their sync; one more waits with them

// syncer syncs committed blobs behind the back of those who wrote them.
type syncer struct {
	mu      sync.Mutex
	room    sync.Cond // fewer wait, or the goroutine has ended
	waiting []lateBlob
	running bool
	failed  error // the first error; from then on every commit gets it, for what was promised is not so
}

type lateBlob struct {
	f   *os.File
	dir string
}

// add takes over an open file; it blocks while too many wait.
func (s *syncer) add(f *os.File, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room.L = &s.mu
	for len(s.waiting) >= maxLate && s.failed == nil {
		s.room.Wait()
	}
	if s.failed != nil {
		return errors.Join(s.failed, f.Close())
	}
	s.waiting = append(s.waiting, lateBlob{f, dir})
	if !s.running {
		s.running = true
		go s.run()
	}
	return nil
}

// run syncs until nothing waits. Blobs in one folder share the folder's sync.
func (s *syncer) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 {
		batch := s.waiting
		s.waiting = nil
		s.room.Broadcast()
		s.mu.Unlock()
		err := syncAll(batch)
		s.mu.Lock()
		if s.failed == nil {
			s.failed = err
		}
	}
	s.running = false
	s.room.Broadcast()
}

// syncAll syncs files side by side, so that the file system commits many at once, and then their folders.
func syncAll(batch []lateBlob) error {
	dirs := map[string]bool{}
	for _, b := range batch {
		dirs[b.dir] = true
	}
	err := sideBySide(batch, func(b lateBlob) error { return errors.Join(b.f.Sync(), b.f.Close()) })
	return errors.Join(err, sideBySide(slices.Collect(maps.Keys(dirs)), fsync.Dir))
}

// sideBySide calls fn for everything in a list, maxLate at most at once, and joins the errors.
func sideBySide[T any](list []T, fn func(T) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, v := range list {
		wg.Go(func() { errs[i] = fn(v) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *syncer) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room.L = &s.mu
	for s.running {
		s.room.Wait()
	}
	return s.failed
}
