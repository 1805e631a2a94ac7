// Package pebble keeps a store on disk, in a folder that belongs to one process, with github.com/cockroachdb/pebble.
//
// Every commit is in Pebble's log, written through to the kernel, before it is answered: a killed process loses nothing. In sync mode it
// is fsynced as well, many commits by one fsync; in relaxed mode the log is synced 50 ms later at the latest, so that a power cut loses no more than
// that. What a View or a failing Update saw follows the same rule (package occ).
//
// When the log cannot be written the process ends with ExitCode before anything is answered: what was promised to others could not be told
// from what was not. The next start finds all that was acknowledged.
package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"sundog/engine/store/occ"
)

// ExitCode is the status with which the process ends when the disk fails (EX_IOERR of sysexits).
const ExitCode = 74

// ErrLocked says that another process, or another Store of this one, has the folder.
var ErrLocked = errors.New("the data folder is in use by another process")

// format is pinned: FormatWALSyncChunks, the next one, notes in the log how far it was synced, and takes a hole before that for corruption.
// In relaxed mode that note would be wrong, and a power cut could make a folder that does not open.
const format = pebble.FormatColumnarBlocks

// Options say where and how a store is kept. Only Dir is needed.
type Options struct {
	Dir      string
	Relaxed  bool   // commits are synced up to 50 ms later
	Cache    int64  // bytes of the block cache, taken as it fills; 0: 32 MiB
	Memtable uint64 // bytes that are kept in memory before they are sorted into files; 0: 16 MiB
	Runs     int    // memtables' worth of files that gather before they are merged with the rest: more make writing cheaper and reading dearer; 0: 2
	Pace     int64  // bytes a second at which a table is written, so that requests need not wait for it; 0: as fast as it goes
	Reserve  int64  // bytes of free space below which only deletes go on; 0: 256 MiB; < 0: none
	Log      *slog.Logger
	FS       vfs.FS      // nil: the disk
	Fatal    func(error) // ends the process after a failure of the disk; nil: logs and exits with ExitCode
}

func (o *Options) complete() {
	if o.Cache == 0 {
		o.Cache = 32 << 20
	}
	if o.Memtable == 0 {
		o.Memtable = 16 << 20
	}
	if o.Runs == 0 {
		o.Runs = 2
	}
	if o.Reserve == 0 {
		o.Reserve = 256 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Fatal == nil {
		log := o.Log
		o.Fatal = func(err error) {
			log.Error("the disk failed; ending at once, so that nothing is acknowledged that is not kept", "error", err)
			os.Exit(ExitCode)
		}
	}
}

// Store is an occ.Store on disk.
type Store = occ.Store

// Open opens a folder, and makes it when it is not there, readable by the owner only. ErrLocked when somebody else has it.
func Open(o Options) (*Store, error) {
	o.complete()
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	o.Dir = dir
	d := &driver{o: o, space: space{fs: o.FS, dir: dir, reserve: o.Reserve}}
	if err := o.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, o.FS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrLocked, err)
	}
	d.lock = lock
	last, err := d.open()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store in %s: %w", dir, err), lock.Close())
	}
	return occ.New(d, last), nil
}

// open opens Pebble and gives the number below which commits may have been numbered before.
func (d *driver) open() (last uint64, err error) {
	d.logs = &logFS{FS: d.o.FS, relaxed: d.o.Relaxed, pace: d.o.Pace, fatal: d.fatal}
	opts := &pebble.Options{
		FS: d.logs, Lock: d.lock, FormatMajorVersion: format, Merger: merger, CacheSize: d.o.Cache,
		MemTableSize: d.o.Memtable, MemTableStopWritesThreshold: 4, L0CompactionThreshold: d.o.Runs, L0StopWritesThreshold: 1000,
		LBaseMaxBytes: 64 << 20, Logger: logger{d},
		EventListener: &pebble.EventListener{BackgroundError: func(err error) {
			d.o.Log.Error("the store failed in the background and tries again", "error", err)
		}},
	}
	opts.CompactionConcurrencyRange = func() (lower, upper int) { return 1, 2 }
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if d.db, err = pebble.Open(d.o.Dir, opts); err != nil {
		return 0, err
	}
	d.logs.running.Store(true)
	v, closer, err := d.db.Get(limitKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, errors.Join(err, d.db.Close())
	}
	d.limit = binary.BigEndian.Uint64(v)
	return d.limit, closer.Close()
}

// logger sends what Pebble says to our log.
type logger struct{ d *driver }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.d.o.Log.Error(fmt.Sprintf(format, args...), "from", "pebble")
}

// Fatalf must not return.
func (l logger) Fatalf(format string, args ...any) { l.d.fatal(fmt.Errorf(format, args...)) }

// fatal ends the process, or blocks for ever when Options.Fatal does not: nobody may get an answer any more.
func (d *driver) fatal(err error) {
	d.o.Fatal(err)
	select {}
}
