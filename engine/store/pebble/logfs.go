package pebble

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// syncAfter is how long the log may wait for its sync in relaxed mode.
const syncAfter = 50 * time.Millisecond

// logFS is a file system that treats the log in its own way.
//
// A failure of the log ends the process here: Pebble would end it too, but on some ways with a panic that cannot be caught and on others later.
//
// In relaxed mode logs only note that they should be synced, and are synced a moment later. Writes go through at once, so that the kernel has
// them when Pebble takes them for synced. All other files are synced as ever.
type logFS struct {
	vfs.FS
	relaxed bool
	pace    int64       // bytes a second that a table is written at; 0: as fast as it goes
	fatal   func(error) // does not return
	running atomic.Bool // the store is open: until then failures are returned
	closing atomic.Bool

	mu    sync.Mutex
	dirty map[*logFile]bool
	timer *time.Timer // nil: nothing is dirty
}

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// check ends the process when the log fails while the store is open.
func (l *logFS) check(what string, err error) error {
	if err != nil && l.running.Load() {
		l.fatal(fmt.Errorf("%s the log: %w", what, err))
	}
	return err
}

func (l *logFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if !isLog(name) {
		if l.pace > 0 && err == nil && strings.HasSuffix(name, ".sst") {
			return &tableFile{f, l}, nil
		}
		return f, err
	}
	if err := l.check("creating", err); err != nil {
		return nil, err
	}
	return &logFile{File: f, fs: l}, nil
}

// Create implements vfs.FS.
func (l *logFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := l.FS.Create(name, c)
	return l.wrap(name, f, err)
}

// ReuseForWrite implements vfs.FS.
func (l *logFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := l.FS.ReuseForWrite(old, name, c)
	return l.wrap(name, f, err)
}

// OpenDir implements vfs.FS.
func (l *logFS) OpenDir(name string) (vfs.File, error) {
	f, err := l.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &dirFile{f, l}, nil
}

// Unwrap implements vfs.FS.
func (l *logFS) Unwrap() vfs.FS { return l.FS }

// mark notes that a log is to be synced.
func (l *logFS) mark(f *logFile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dirty == nil {
		l.dirty = map[*logFile]bool{}
	}
	l.dirty[f] = true
	if l.timer == nil {
		l.timer = time.AfterFunc(syncAfter, func() { _ = l.flush() }) // a failure has ended the process
	}
}

// flush syncs what is to be synced.
func (l *logFS) flush() (err error) {
	l.mu.Lock()
	dirty := l.dirty
	l.dirty = nil
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.mu.Unlock()
	for f := range dirty {
		err = errors.Join(err, f.syncNow())
	}
	return err
}

// tableFile is what flushes and compactions write, at a pace: written as fast as it goes, a table takes a processor for so long that requests wait for it.
type tableFile struct {
	vfs.File
	fs *logFS
}

// Write implements vfs.File.
func (t *tableFile) Write(p []byte) (int, error) {
	n, err := t.File.Write(p)
	if t.fs.running.Load() && !t.fs.closing.Load() { // else somebody waits for it
		<-time.NewTimer(time.Duration(int64(n) * int64(time.Second) / t.fs.pace)).C
	}
	return n, err
}

// dirFile is a folder whose failure to sync is the log's.
type dirFile struct {
	vfs.File
	fs *logFS
}

// Sync implements vfs.File.
func (d *dirFile) Sync() error { return d.fs.check("syncing the folder of", d.File.Sync()) }

type logFile struct {
	vfs.File
	fs *logFS

	mu     sync.Mutex // a late sync and Close exclude each other
	closed bool
}

// Write implements vfs.File.
func (f *logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.fs.check("writing", err)
}

// Sync implements vfs.File.
func (f *logFile) Sync() error { return f.SyncData() }

// SyncData implements vfs.File.
func (f *logFile) SyncData() error {
	if !f.fs.relaxed {
		return f.fs.check("syncing", f.File.SyncData())
	}
	f.fs.mark(f)
	return nil
}

func (f *logFile) syncNow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	return f.fs.check("syncing", f.File.SyncData())
}

// Close syncs in relaxed mode: Pebble begins the next log only when the last one is whole.
func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.fs.relaxed {
		if err := f.fs.check("syncing", f.File.SyncData()); err != nil {
			return errors.Join(err, f.File.Close())
		}
	}
	return f.fs.check("closing", f.File.Close())
}
