package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"sundog/engine/store"
)

func testValues(t *testing.T, open Open) {
	s := opened(t, open)
	k := key("a")
	if got := get(t, s, k); got != "-" {
		t.Fatalf("absent key: %q", got)
	}
	put(t, s, k, "")
	if err := s.View(context.Background(), func(r store.Reader) error {
		v, err := r.Get(k)
		if v == nil || len(v) != 0 {
			t.Errorf("empty value: %v", v)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	kb, vb := bytes.Clone(k), []byte("one")
	update(t, s, func(tx store.Tx) error {
		if err := tx.Put(kb, vb); err != nil {
			return err
		}
		kb[len(kb)-3]++ // the store must have its own copies
		copy(vb, "two")
		return nil
	})
	if got := get(t, s, k); got != "one" {
		t.Fatalf("value: %q", got)
	}
	if err := s.View(context.Background(), func(r store.Reader) error {
		v, err := r.Get(k)
		copy(v, "xxx") // and the caller his
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, k); got != "one" {
		t.Fatalf("value after a caller wrote into his copy: %q", got)
	}
	update(t, s, func(tx store.Tx) error { return tx.Delete(k) })
	update(t, s, func(tx store.Tx) error { return tx.Delete(k) })
	if got := get(t, s, k); got != "-" {
		t.Fatalf("deleted: %q", got)
	}
}

func testFailures(t *testing.T, open Open) {
	s := opened(t, open)
	boom := errors.New("boom")
	err := s.Update(context.Background(), func(tx store.Tx) error {
		if err := tx.Put(key("a"), []byte("x")); err != nil {
			return err
		}
		tx.AfterCommit(func(store.Stamp) { t.Error("hook of a failed update ran") })
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("update: %v", err)
	}
	if got := get(t, s, key("a")); got != "-" {
		t.Fatalf("failed update wrote %q", got)
	}
	if err := s.View(context.Background(), func(store.Reader) error { return boom }); !errors.Is(err, boom) {
		t.Fatalf("view: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Update(ctx, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("update with a context that has ended: %v", err)
	}
}

// testPanics checks that a panic of the caller's leaves the store as it was: nothing written, nothing held.
func testPanics(t *testing.T, open Open) {
	s := opened(t, open)
	try := func(fn func()) {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not come through")
			}
		}()
		fn()
	}
	runs := 0
	try(func() {
		_ = s.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.Get(key("a"))
			if runs++; runs == 1 {
				put(t, s, key("a"), "conflict")
				return errors.Join(err, tx.Put(key("b"), nil))
			}
			panic("boom") // while it has its turn in a queue
		})
	})
	try(func() {
		_ = s.View(context.Background(), func(r store.Reader) error {
			_, _ = r.Get(key("a"))
			panic("boom")
		})
	})
	update(t, s, func(tx store.Tx) error {
		v, err := tx.Get(key("a"))
		return errors.Join(err, tx.Put(key("c"), v))
	})
	if got := get(t, s, key("b")) + get(t, s, key("c")); got != "-conflict" {
		t.Fatalf("after panics: %q", got)
	}
}

func testOwnWrites(t *testing.T, open Open) {
	s := opened(t, open)
	put(t, s, key("b"), "base")
	put(t, s, key("d"), "base")
	update(t, s, func(tx store.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.Put(key("a"), []byte("own")) },
			func() error { return tx.Delete(key("b")) },
			func() error { return tx.Put(key("c"), []byte("own")) },
			func() error { return tx.DeleteRange(key("c"), key("z")) },
			func() error { return tx.Put(key("e"), []byte("again")) },
			func() error { return tx.Add(key("n"), 5) },
			func() error { return tx.Add(key("n"), -7) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		for k, want := range map[string]string{"a": "own", "b": "-", "c": "-", "d": "-", "e": "again"} {
			if got, err := text(tx, key(k)); err != nil || got != want {
				t.Errorf("inside: %s = %q, want %q, %v", k, got, want, err)
			}
		}
		_, values, err := scan(tx, store.Prefix(key()))
		if want := []string{"own", "again", "\xff\xff\xff\xff\xff\xff\xff\xfe"}; err != nil || !equal(values, want) {
			t.Errorf("inside: %q, want %q", values, want)
		}
		o := store.Prefix(key())
		o.Reverse, o.KeysOnly = true, true
		keys, values, err := scan(tx, o)
		if want := []string{string(key("n")), string(key("e")), string(key("a"))}; !equal(keys, want) || values != nil {
			t.Errorf("inside, reverse: %q %q, want %q", keys, values, want)
		}
		return err
	})
	for k, want := range map[string]string{"a": "own", "b": "-", "c": "-", "d": "-", "e": "again", "n": "\xff\xff\xff\xff\xff\xff\xff\xfe"} {
		if got := get(t, s, key(k)); got != want {
			t.Errorf("after: %s = %q, want %q", k, got, want)
		}
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// testScanWhileWriting checks that an iterator sees what was there at Scan, whatever the loop writes.
func testScanWhileWriting(t *testing.T, open Open) {
	s := opened(t, open)
	for _, k := range []string{"a", "b", "c"} {
		put(t, s, key(k), k)
	}
	update(t, s, func(tx store.Tx) error {
		if err := tx.Put(key("bb"), []byte("bb")); err != nil {
			return err
		}
		it := tx.Scan(store.Prefix(key()))
		seen := ""
		for it.Next() {
			seen += string(it.Value()) + " "
			if err := tx.Delete(it.Key()); err != nil {
				return err
			}
			if err := tx.Put(append(store.Key(it.Key()), 'x'), []byte("new")); err != nil {
				return err
			}
		}
		if seen != "a b bb c " {
			t.Errorf("saw %q", seen)
		}
		return errors.Join(it.Err(), it.Close())
	})
	if err := s.View(context.Background(), func(r store.Reader) error {
		_, values, err := scan(r, store.Prefix(key()))
		if !equal(values, []string{"new", "new", "new", "new"}) {
			t.Errorf("left %q", values)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func testLimits(t *testing.T, open Open) {
	s := opened(t, open)
	long := bytes.Repeat([]byte("k"), store.MaxKey)
	value := bytes.Repeat([]byte("v"), store.MaxValue)
	update(t, s, func(tx store.Tx) error { return tx.Put(long, value) })
	if got := get(t, s, long); got != string(value) {
		t.Fatalf("largest value: %d bytes", len(got))
	}
	over := append(bytes.Clone(long), 'k')
	for name, fn := range map[string]func(store.Tx) error{
		"key":    func(tx store.Tx) error { return tx.Put(over, nil) },
		"value":  func(tx store.Tx) error { return tx.Put(key("a"), append(value, 'v')) },
		"delete": func(tx store.Tx) error { return tx.Delete(over) },
		"add":    func(tx store.Tx) error { return tx.Add(over, 1) },
		"range":  func(tx store.Tx) error { return tx.DeleteRange(long, over) },
		"stamp":  func(tx store.Tx) error { return tx.PutStamped(long[:store.MaxKey-store.StampLen], []byte("x"), nil) },
		"update": func(tx store.Tx) error {
			for i := range store.MaxUpdate/store.MaxValue + 1 {
				if err := tx.Put(key("big", i), value); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		if err := s.Update(context.Background(), fn); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%s over the limit: %v", name, err)
		}
	}
	if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put(nil, nil) }); !errors.Is(err, store.ErrKey) {
		t.Errorf("empty key: %v", err)
	}
	update(t, s, func(tx store.Tx) error {
		for i := range 15 {
			if err := tx.Put(key("big", i), value); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error { return tx.DeleteRange(nil, nil) })
	if err := s.View(context.Background(), func(r store.Reader) error {
		keys, _, err := scan(r, store.ScanOptions{})
		if len(keys) != 0 {
			t.Errorf("%d keys after all were deleted", len(keys))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func testClosed(t *testing.T, open Open) {
	s := open(t)
	put(t, s, key("a"), "x")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(context.Background(), func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := s.Update(context.Background(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("update: %v", err)
	}
}
