package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

func testSnapshot(t *testing.T, open Open) {
	s := opened(t, open)
	put(t, s, key("a"), "old")
	if err := s.View(context.Background(), func(r store.Reader) error {
		put(t, s, key("a"), "new")
		put(t, s, key("b"), "new")
		if got, err := text(r, key("a")); got != "old" || err != nil {
			t.Errorf("view sees %q, %v", got, err)
		}
		_, values, err := scan(r, store.Prefix(key()))
		if !equal(values, []string{"old"}) {
			t.Errorf("view scans %q", values)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// testWriteSkew lets two transactions read what the other writes: one must run again and see it.
func testWriteSkew(t *testing.T, open Open) {
	s := opened(t, open)
	reads := map[string]func(store.Tx, store.Key) (int, error){
		"get": func(tx store.Tx, k store.Key) (int, error) {
			v, err := tx.Get(k)
			return len(v), err
		},
		"scan": func(tx store.Tx, k store.Key) (int, error) {
			keys, _, err := scan(tx, store.Prefix(k))
			return len(keys), err
		},
	}
	for name, read := range reads {
		var both, done sync.WaitGroup
		both.Add(2)
		sum := make([]int, 2)
		for i := range 2 {
			first := sync.OnceFunc(func() { both.Done(); both.Wait() })
			done.Go(func() {
				update(t, s, func(tx store.Tx) error {
					n, err := read(tx, key(name, 1-i))
					if err != nil {
						return err
					}
					sum[i] = n
					first()
					return tx.Put(key(name, i), []byte("x"))
				})
			})
		}
		done.Wait()
		if sum[0]+sum[1] != 1 {
			t.Errorf("%s: one of two must see the other, got %v", name, sum)
		}
	}
}

// testPhantoms checks exactly which commits a walked range conflicts with.
func testPhantoms(t *testing.T, open Open) {
	s := opened(t, open)
	for _, k := range []string{"b", "d", "f"} {
		put(t, s, key(k), "x")
	}
	for _, c := range []struct {
		name  string
		read  func(store.Tx) error
		write func(store.Tx) error
		again bool
	}{
		{"absent key", getter("a"), putter("a"), true},
		{"other key", getter("a"), putter("aa"), false},
		{"deleted by range", getter("b"), func(tx store.Tx) error { return tx.DeleteRange(key("a"), key("c")) }, true},
		{"range beside", getter("f"), func(tx store.Tx) error { return tx.DeleteRange(key("g"), key("h")) }, false},
		{"in the gap", steps(false, 2), putter("c"), true},
		{"behind the walk", steps(false, 1), putter("e"), false},
		{"before the scan", steps(false, 9), func(tx store.Tx) error { return tx.Put([]byte("a"), nil) }, false},
		{"at the end", steps(false, 9), putter("z"), true},
		{"reverse, in the gap", steps(true, 2), putter("e"), true},
		{"reverse, behind the walk", steps(true, 1), putter("a"), false},
		{"reverse, at the start", steps(true, 9), putter("a"), true},
		{"range over the walk", steps(false, 1), func(tx store.Tx) error { return tx.DeleteRange(key("a"), key("aaa")) }, true},
		{"stamped", steps(false, 9), func(tx store.Tx) error { return tx.PutStamped(key("c"), nil, nil) }, true},
	} {
		runs := 0
		update(t, s, func(tx store.Tx) error {
			runs++
			if err := c.read(tx); err != nil {
				return err
			}
			if runs == 1 {
				update(t, s, c.write)
			}
			return tx.Put(key("result", c.name), nil)
		})
		if (runs > 1) != c.again {
			t.Errorf("%s: ran %d times", c.name, runs)
		}
		update(t, s, func(tx store.Tx) error {
			if err := tx.DeleteRange(nil, nil); err != nil {
				return err
			}
			for _, k := range []string{"b", "d", "f"} {
				if err := tx.Put(key(k), []byte("x")); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func getter(k string) func(store.Tx) error {
	return func(tx store.Tx) error {
		_, err := tx.Get(key(k))
		return err
	}
}

func putter(k string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put(key(k), nil) }
}

// steps walks n keys.
func steps(reverse bool, n int) func(store.Tx) error {
	return func(tx store.Tx) error {
		o := store.Prefix(key())
		o.Reverse = reverse
		it := tx.Scan(o)
		for i := 0; i < n && it.Next(); i++ {
			continue
		}
		return errors.Join(it.Err(), it.Close())
	}
}

const workers, rounds = 16, 40

// testStorm lets many count up one key.
func testStorm(t *testing.T, open Open) {
	s := opened(t, open)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				if err := s.Update(context.Background(), func(tx store.Tx) error {
					v, err := tx.Get(key("n"))
					if err != nil {
						return err
					}
					return tx.Put(key("n"), overlay.Counter(overlay.Count(v)+1))
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := overlay.Count([]byte(get(t, s, key("n")))); got != workers*rounds {
		t.Fatalf("%d, want %d", got, workers*rounds)
	}
}

// testScanStorm lets many take the first of a queue and put one at its end.
func testScanStorm(t *testing.T, open Open) {
	s := opened(t, open)
	for i := range 4 {
		put(t, s, key("q").U64(uint64(i)), "x")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if err := s.Update(context.Background(), rotate); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.View(context.Background(), func(r store.Reader) error {
		keys, _, err := scan(r, store.Prefix(key("q")))
		if len(keys) != 4 || keys[0] != string(key("q").U64(200)) {
			t.Errorf("%d keys, first %q", len(keys), keys)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func rotate(tx store.Tx) error {
	o := store.Prefix(key("q"))
	first := tx.Scan(o)
	if !first.Next() {
		return fmt.Errorf("the queue is empty: %w", first.Err())
	}
	if err := tx.Delete(first.Key()); err != nil {
		return err
	}
	o.Reverse = true
	last := tx.Scan(o)
	if !last.Next() {
		return fmt.Errorf("the queue is empty: %w", last.Err())
	}
	n, _, err := store.CutU64(last.Key()[len(key("q")):])
	if err != nil {
		return err
	}
	return errors.Join(tx.Put(key("q").U64(n+1), nil), first.Close(), last.Close())
}

// testCancel checks that an Update which always conflicts ends with its context.
func testCancel(t *testing.T, open Open) {
	s := opened(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	runs := 0
	err := s.Update(ctx, func(tx store.Tx) error {
		if runs++; runs == 3 {
			cancel()
		}
		_, err := tx.Get(key("a"))
		put(t, s, key("a"), fmt.Sprint(runs))
		return errors.Join(err, tx.Put(key("b"), nil))
	})
	if !errors.Is(err, context.Canceled) || runs != 3 {
		t.Fatalf("%v after %d runs", err, runs)
	}
}
