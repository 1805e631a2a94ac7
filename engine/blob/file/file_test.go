package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sundog/engine/blob"
	"sundog/engine/blob/blobtest"
	"sundog/internal/ids"
)

func open(t *testing.T, dir string, sync bool) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, IDs: ids.New(), Sync: sync})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	for name, sync := range map[string]bool{"relaxed": false, "sync": true} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, t.TempDir(), sync) })
		})
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, true)
	id := blobtest.Put(t, s, []byte("kept"))
	w, err := s.Create(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("unfinished")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, true) // as after a crash
	if got := blobtest.Get(t, s, id, 0, -1); string(got) != "kept" {
		t.Fatalf("%q", got)
	}
	left, err := os.ReadDir(filepath.Join(dir, tmp))
	if err != nil || len(left) != 0 {
		t.Fatalf("left %v, %v", left, err)
	}
	info, err := os.Stat(filepath.Join(dir, id[:2], id))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if _, err := w.Commit(); err == nil {
		t.Fatal("committed a file that is gone")
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, true)
	kept, orphan := blobtest.Put(t, s, []byte("kept")), blobtest.Put(t, s, []byte("orphan"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, true)
	young := blobtest.Put(t, s, []byte("young"))
	var younger string
	n, err := blob.Sweep(t.Context(), s, func(_ context.Context, fn func(string) error) error {
		younger = blobtest.Put(t, s, []byte("younger"))
		return fn(kept)
	})
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	for _, id := range []string{kept, young, younger} {
		blobtest.Get(t, s, id, 0, -1)
	}
	if _, err := s.Open(t.Context(), orphan, 0, -1); !errors.Is(err, blob.ErrNotFound) {
		t.Fatal(err)
	}
	if s = open(t, dir, true); s.Left(t.Context(), func(string) error { return context.Canceled }) == nil {
		t.Fatal("an error of fn is not told")
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := open(t, dir, true).Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if left, err := os.ReadDir(filepath.Join(dir, tmp)); err != nil || len(left) != 0 {
		t.Fatalf("left %v, %v", left, err)
	}
}
