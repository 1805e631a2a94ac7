// Package blobtest is the suite that every blob driver passes.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"sundog/engine/blob"
)

// Run runs the suite on stores that open makes; they are empty and closed by the suite.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, blob.Store)
	}{
		{"Ranges", testRanges}, {"Abort", testAbort}, {"Delete", testDelete}, {"Unknown", testUnknown}, {"Left", testLeft}, {"Parallel", testParallel},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.test(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Put writes a blob in pieces and gives its id.
func Put(t testing.TB, s blob.Store, content []byte) string {
	t.Helper()
	w, err := s.Create(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(content, 1000) {
		if n, err := w.Write(piece); err != nil || n != len(piece) {
			t.Fatal(n, err)
		}
	}
	id, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	w.Abort() // does nothing
	return id
}

// Get reads a part of a blob.
func Get(t testing.TB, s blob.Store, id string, off, n int64) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), id, off, n)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

func testRanges(t *testing.T, s blob.Store) {
	for _, size := range []int{0, 1, 999, 100_000} {
		want := content(size)
		id := Put(t, s, want)
		if n, err := s.Size(context.Background(), id); err != nil || n != int64(size) {
			t.Fatalf("size %d, want %d, %v", n, size, err)
		}
		for _, r := range [][2]int64{{0, -1}, {0, 0}, {0, 10}, {5, -1}, {500, 100}, {int64(size), -1}, {int64(size) + 7, 3}} {
			lo := min(int(r[0]), size)
			hi := size
			if r[1] >= 0 {
				hi = min(lo+int(r[1]), size)
			}
			if got := Get(t, s, id, r[0], r[1]); !bytes.Equal(got, want[lo:hi]) {
				t.Errorf("size %d, range %v: %d bytes", size, r, len(got))
			}
		}
	}
}

func testAbort(t *testing.T, s blob.Store) {
	w, err := s.Create(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w.Abort()
	if id, err := w.Commit(); err == nil {
		t.Errorf("committed %s after Abort", id)
	}
}

func testDelete(t *testing.T, s blob.Store) {
	want := content(50_000)
	id := Put(t, s, want)
	r, err := s.Open(context.Background(), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("an open reader lost the blob: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(context.Background(), id, 0, -1); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open after delete: %v", err)
	}
}

func testUnknown(t *testing.T, s blob.Store) {
	for _, id := range []string{"", "x", "../../etc/passwd", "00112233445566778899aabbccddeeff", "tmp"} {
		if _, err := s.Open(context.Background(), id, 0, -1); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open %q: %v", id, err)
		}
		if _, err := s.Size(context.Background(), id); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("size %q: %v", id, err)
		}
		if err := s.Delete(context.Background(), id); err != nil {
			t.Errorf("delete %q: %v", id, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Create(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("create with a context that has ended: %v", err)
	}
}

// testLeft: what this process wrote is none of the sweep's business.
func testLeft(t *testing.T, s blob.Store) {
	id := Put(t, s, content(1))
	if err := s.Left(context.Background(), func(id string) error { return errors.New(id + " was not left by another process") }); err != nil {
		t.Fatal(err)
	}
	none := func(context.Context, func(string) error) error { return nil }
	if n, err := blob.Sweep(context.Background(), s, none); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	Get(t, s, id, 0, -1)
}

func testParallel(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	var ids sync.Map
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				want := fmt.Append(nil, i, ".", j)
				id := Put(t, s, want)
				if got := Get(t, s, id, 0, -1); !bytes.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
				if _, twice := ids.LoadOrStore(id, true); twice {
					t.Errorf("id %s was given out twice", id)
				}
			}
		})
	}
	wg.Wait()
}
