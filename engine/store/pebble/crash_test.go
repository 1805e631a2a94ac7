package pebble

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"sundog/engine/store"
	"sundog/engine/store/storetest"
)

// campaign makes the crash tests run as often as this; the default is short.
var campaign = flag.Int("crashes", 3, "how often each crash test crashes")

const childEnv = "SUNDOG_STORE_CHILD" // dir,relaxed,fault: the test binary plays the process that crashes

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		child(strings.Split(spec, ","))
	}
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// child works until it is killed or the disk fails.
func child(spec []string) {
	o := Options{Dir: spec[0], Relaxed: spec[1] == "true", Memtable: 256 << 10, Log: slog.New(slog.DiscardHandler)}
	if spec[2] != "" {
		o.FS = &faultyFS{FS: vfs.Default, what: spec[2]}
	}
	s, err := Open(o)
	if err == nil {
		err = storetest.Work(context.Background(), s, os.Stdout)
	}
	fmt.Fprintln(os.Stderr, "child:", err)
	os.Exit(1)
}

// crash runs a child, kills it after some acknowledgements (or lets it end by itself), and gives what it told and how it ended.
func crash(t *testing.T, told *storetest.Told, dir string, relaxed bool, fault string, acks int) error {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%v,%s", childEnv, dir, relaxed, fault))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReaderSize(out, 1<<20)
	if _, err := told.Listen(lines, acks); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if fault == "" {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := told.Listen(lines, 1<<62); !errors.Is(err, io.EOF) { // what was told before the end counts
		t.Fatal(err)
	}
	return cmd.Wait()
}

func TestKill(t *testing.T) {
	for name, relaxed := range modes {
		t.Run(name, func(t *testing.T) {
			for i := range *campaign {
				dir := t.TempDir()
				var told storetest.Told
				_ = crash(t, &told, dir, relaxed, "", 300+700*i) // killed: that is the error
				s := open(t, Options{Dir: dir, Relaxed: relaxed})
				if err := errors.Join(told.Check(s), s.Close()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestDiskFailure lets the log fail: the process must end with ExitCode, and what it told before must be kept.
func TestDiskFailure(t *testing.T) {
	for name, relaxed := range modes {
		for _, fault := range []string{"write", "sync"} {
			t.Run(name+" "+fault, func(t *testing.T) {
				dir := t.TempDir()
				var told storetest.Told
				var exit *exec.ExitError
				if err := crash(t, &told, dir, relaxed, fault, 1<<62); !errors.As(err, &exit) || exit.ExitCode() != ExitCode {
					t.Fatalf("ended with %v", err)
				}
				s := open(t, Options{Dir: dir, Relaxed: relaxed})
				if err := errors.Join(told.Check(s), s.Close()); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// faultyFS fails writes or syncs of the log, from some call on.
type faultyFS struct {
	vfs.FS
	what  string
	calls atomic.Int32
}

var errFault = errors.New("injected fault")

func (f *faultyFS) fails(what string) bool {
	limit := int32(300)
	if what == "sync" {
		limit = 3 // in relaxed mode they are rare
	}
	return what == f.what && f.calls.Add(1) > limit
}

func (f *faultyFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err != nil || !isLog(name) {
		return file, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faultyFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, c)
	if err != nil || !isLog(name) {
		return file, err
	}
	return &faultyFile{file, f}, nil
}

type faultyFile struct {
	vfs.File
	fs *faultyFS
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if f.fs.fails("write") {
		n, _ := f.File.Write(p[:len(p)/2]) // a torn write
		return n, errFault
	}
	return f.File.Write(p)
}

func (f *faultyFile) SyncData() error {
	if f.fs.fails("sync") {
		return errFault
	}
	return f.File.SyncData()
}

func (f *faultyFile) Sync() error { return f.SyncData() }

// lineSink collects lines that Work told before a moment.
type lineSink struct {
	mu  sync.Mutex
	buf bytes.Buffer
	n   int
	at  int           // after so many lines ...
	hit chan struct{} // ... this is closed
}

func (l *lineSink) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; l.n == l.at {
		close(l.hit)
	}
	return l.buf.Write(p)
}

func (l *lineSink) snapshot() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.buf.Bytes())
}

// powerCut runs Work on a disk in memory and gives what the disk has after the power failed: everything that was synced, and of the rest a random
// part. told is what had been told before the cut.
func powerCut(t *testing.T, relaxed bool, at int) (*vfs.MemFS, storetest.Told) {
	t.Helper()
	disk := vfs.NewCrashableMem()
	fs := &syncsFS{FS: disk, synced: make(chan struct{}, 1)}
	s := open(t, Options{Dir: "/data", FS: fs, Relaxed: relaxed, Reserve: -1, Memtable: 256 << 10})
	ctx, cancel := context.WithCancel(context.Background())
	sink := &lineSink{at: at, hit: make(chan struct{})}
	worked := make(chan error)
	go func() { worked <- storetest.Work(ctx, s, sink) }()
	<-sink.hit
	var told storetest.Told
	lines := sink.snapshot()
	if relaxed { // what was told before two syncs is on the disk: the first may have been under way
		<-fs.synced
		<-fs.synced
		<-fs.synced
	}
	after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rand.IntN(101), RNG: rand.New(rand.NewPCG(uint64(at), 1))})
	if _, err := told.Listen(bufio.NewReader(bytes.NewReader(lines)), 1<<62); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	cancel()
	if err := <-worked; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return after, told
}

func TestPowerCut(t *testing.T) {
	for i := range *campaign {
		disk, told := powerCut(t, false, 500+1500*i)
		s := open(t, Options{Dir: "/data", FS: disk, Reserve: -1})
		if err := errors.Join(told.Check(s), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// syncsFS tells when a log has been synced.
type syncsFS struct {
	vfs.FS
	synced chan struct{}
}

func (f *syncsFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err != nil || !isLog(name) {
		return file, err
	}
	return &syncsFile{file, f}, nil
}

func (f *syncsFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, c)
	if err != nil || !isLog(name) {
		return file, err
	}
	return &syncsFile{file, f}, nil
}

type syncsFile struct {
	vfs.File
	fs *syncsFS
}

func (f *syncsFile) SyncData() error {
	err := f.File.SyncData()
	select {
	case f.fs.synced <- struct{}{}:
	default:
	}
	return err
}

// TestPowerCutRelaxed checks that a folder opens after a power cut in relaxed mode, and that what is lost is the end, whole commits: nothing from
// before the last syncs.
func TestPowerCutRelaxed(t *testing.T) {
	for i := range *campaign {
		disk, told := powerCut(t, true, 500+1500*i)
		s := open(t, Options{Dir: "/data", FS: disk, Reserve: -1, Relaxed: true})
		if err := errors.Join(told.Check(s), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTornTail cuts and garbles the end of the log of a killed process: what is left must be whole commits from the beginning.
func TestTornTail(t *testing.T) {
	for i := range *campaign {
		dir := t.TempDir()
		var told storetest.Told
		_ = crash(t, &told, dir, false, "", 200)
		logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
		if err != nil || len(logs) == 0 {
			t.Fatal(logs, err)
		}
		tear(t, logs[len(logs)-1], i%2 == 0)
		s := open(t, Options{Dir: dir})
		var nothing storetest.Told
		if err := errors.Join(nothing.Check(s), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// tear cuts a file somewhere in its second half, or writes garbage from there on.
func tear(t *testing.T, path string, cut bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(b, "\x00"))
	at := used/2 + rand.IntN(used/2)
	if b = b[:used]; cut {
		b = b[:at]
	}
	for i := at; i < len(b); i++ {
		b[i] ^= byte(1 + i%250)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStampsGrowOverRestarts checks that commit numbers are never used again.
func TestStampsGrowOverRestarts(t *testing.T) {
	dir := t.TempDir()
	last := store.Stamp{}
	for range 3 {
		s := open(t, Options{Dir: dir})
		for range 3 {
			if err := s.Update(context.Background(), func(tx store.Tx) error {
				tx.AfterCommit(func(st store.Stamp) {
					if bytes.Compare(st[:], last[:]) <= 0 {
						t.Errorf("stamp %x after %x", st, last)
					}
					last = st
				})
				return tx.PutStamped([]byte("log"), nil, nil)
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fullFS has as much free space as it is told.
type fullFS struct {
	vfs.FS
	free atomic.Uint64
}

func (f *fullFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free.Load(), TotalBytes: 1 << 40}, nil
}

func TestFull(t *testing.T) {
	fs := &fullFS{FS: vfs.Default}
	fs.free.Store(1 << 30)
	s := open(t, Options{FS: fs})
	put := func(tx store.Tx) error { return tx.Put([]byte("k"), []byte("v")) }
	update := func(fn func(store.Tx) error) error { return s.Update(context.Background(), fn) }
	if err := update(put); err != nil {
		t.Fatal(err)
	}
	fs.free.Store(100 << 20)
	var err error
	for i := 0; i < lookEvery && err == nil; i++ {
		err = update(put)
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("put with a full disk: %v", err)
	}
	if err := update(func(tx store.Tx) error { return errors.Join(tx.Delete([]byte("k")), tx.Add([]byte("n"), -1)) }); err != nil {
		t.Fatalf("delete with a full disk: %v", err)
	}
	if err := s.View(context.Background(), func(r store.Reader) error { _, err := r.Get([]byte("k")); return err }); err != nil {
		t.Fatal(err)
	}
	fs.free.Store(1 << 30)
	if err := errors.Join(update(put), s.Close()); err != nil {
		t.Fatalf("put with space again: %v", err)
	}
}
