package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"testing"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// testAdd lets many add to one counter: none may run again, none may be lost.
func testAdd(t *testing.T, open Open) {
	s := opened(t, open)
	var wg sync.WaitGroup
	var mu sync.Mutex
	runs := 0
	for i := range workers {
		wg.Go(func() {
			for range rounds {
				if err := s.Update(context.Background(), func(tx store.Tx) error {
					mu.Lock()
					runs++
					mu.Unlock()
					return tx.Add(key("n"), int64(i)-5)
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := int64(0)
	for i := range workers {
		want += rounds * (int64(i) - 5)
	}
	if got := overlay.Count([]byte(get(t, s, key("n")))); got != want || runs != workers*rounds {
		t.Fatalf("%d, want %d; %d runs", got, want, runs)
	}
}

func testAddConflicts(t *testing.T, open Open) {
	s := opened(t, open)
	add := func(tx store.Tx) error { return tx.Add(key("n"), 1) }
	update(t, s, add)
	runs := 0
	update(t, s, func(tx store.Tx) error {
		runs++
		v, err := tx.Get(key("n"))
		if err != nil {
			return err
		}
		if runs == 1 {
			update(t, s, add)
		}
		return tx.Put(key("copy"), v)
	})
	if got := overlay.Count([]byte(get(t, s, key("copy")))); got != 2 || runs != 2 {
		t.Fatalf("copied %d after %d runs", got, runs)
	}
	put(t, s, key("n"), "not a counter")
	update(t, s, add)
	if got := overlay.Count([]byte(get(t, s, key("n")))); got != 1 {
		t.Fatalf("%d after adding 1 to a text", got)
	}
}

func testStamps(t *testing.T, open Open) {
	s := opened(t, open)
	var stamps []store.Stamp
	for i := range 3 {
		update(t, s, func(tx store.Tx) error {
			for _, v := range []string{"a", "b"} {
				if err := tx.PutStamped(key("log"), []byte("end"), []byte{byte('0' + i), v[0]}); err != nil {
					return err
				}
			}
			tx.AfterCommit(func(st store.Stamp) { stamps = append(stamps, st) })
			return nil
		})
	}
	if err := s.View(context.Background(), func(r store.Reader) error {
		keys, values, err := scan(r, store.Prefix(key("log")))
		if !equal(values, []string{"0a", "0b", "1a", "1b", "2a", "2b"}) {
			t.Errorf("log %q", values)
		}
		for i, k := range keys {
			want := append(append(key("log"), stamps[i/2][:]...), 0, 0, 0, byte(i%2))
			if k != string(append(want, "end"...)) {
				t.Errorf("key %d is %q, want %q", i, k, want)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func testStampsAndRanges(t *testing.T, open Open) {
	s := opened(t, open)
	update(t, s, func(tx store.Tx) error {
		if err := tx.PutStamped(key("log"), nil, []byte("gone")); err != nil {
			return err
		}
		if err := tx.DeleteRange(key("log"), key("log").End()); err != nil {
			return err
		}
		return tx.PutStamped(key("log"), nil, []byte("kept"))
	})
	if err := s.View(context.Background(), func(r store.Reader) error {
		_, values, err := scan(r, store.Prefix(key("log")))
		if !equal(values, []string{"kept"}) {
			t.Errorf("log %q", values)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// testLogReaders follows a log while many write it: a reader that remembers its position must miss nothing.
func testLogReaders(t *testing.T, open Open) {
	s := opened(t, open)
	wake, stop := s.Watch(key("log"))
	defer stop()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				update(t, s, func(tx store.Tx) error {
					return tx.PutStamped(key("log"), nil, []byte{byte(i), byte(j)})
				})
			}
		})
	}
	seen, last := 0, [8]int{}
	at := []byte(key("log"))
	for seen < 400 {
		<-wake
		if err := s.View(context.Background(), func(r store.Reader) error {
			it := r.Scan(store.ScanOptions{Lo: at, Hi: key("log").End()})
			for it.Next() {
				if v := it.Value(); int(v[1]) != last[v[0]] {
					t.Errorf("writer %d: %d after %d", v[0], v[1], last[v[0]])
				}
				last[it.Value()[0]]++
				seen++
				at = append(bytes.Clone(it.Key()), 0)
			}
			return it.Close()
		}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func testAfterCommit(t *testing.T, open Open) {
	s := opened(t, open)
	runs, order := 0, ""
	var stamp store.Stamp
	update(t, s, func(tx store.Tx) error {
		runs++
		_, err := tx.Get(key("a"))
		tx.AfterCommit(func(st store.Stamp) { order += "1"; stamp = st })
		tx.AfterCommit(func(store.Stamp) { order += "2" })
		if runs == 1 {
			put(t, s, key("a"), "conflict")
		}
		if err != nil {
			return err
		}
		return tx.Put(key("b"), nil)
	})
	if order != "12" || runs != 2 || binary.BigEndian.Uint64(stamp[:]) == 0 {
		t.Fatalf("hooks %q after %d runs, stamp %x", order, runs, stamp)
	}
	update(t, s, func(tx store.Tx) error {
		tx.AfterCommit(func(store.Stamp) { order += "3" })
		return nil
	})
	if order != "123" {
		t.Fatalf("hook of an update that wrote nothing: %q", order)
	}
}

// testSubmit checks that the writes of a Submit are seen before it is waited for.
func testSubmit(t *testing.T, open Open) {
	s := opened(t, open)
	sub, ok := s.(store.Submitter)
	if !ok {
		t.Skip("the driver is no Submitter")
	}
	var waits []func() error
	hooks := 0
	for i := range 10 {
		wait, err := sub.Submit(context.Background(), func(tx store.Tx) error {
			v, err := tx.Get(key("n"))
			if overlay.Count(v) != int64(i) {
				t.Errorf("submit %d sees %d", i, overlay.Count(v))
			}
			tx.AfterCommit(func(store.Stamp) { hooks++ })
			if err != nil {
				return err
			}
			return tx.Put(key("n"), overlay.Counter(int64(i)+1))
		})
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	if hooks != 0 {
		t.Error("hooks ran before wait")
	}
	for _, w := range waits {
		if err := w(); err != nil {
			t.Fatal(err)
		}
	}
	if hooks != 10 || overlay.Count([]byte(get(t, s, key("n")))) != 10 {
		t.Fatalf("%d hooks", hooks)
	}
}

func testWatch(t *testing.T, open Open) {
	s := opened(t, open)
	wake, stop := s.Watch(key("w"))
	other, stopOther := s.Watch(key("x"))
	all, stopAll := s.Watch(nil)
	defer stopAll()
	defer stopOther()
	woken := func(ch <-chan struct{}) bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}
	for name, fn := range map[string]func(store.Tx) error{
		"put":    func(tx store.Tx) error { return tx.Put(key("w", "a"), nil) },
		"delete": func(tx store.Tx) error { return tx.Delete(key("w", "a")) },
		"add":    func(tx store.Tx) error { return tx.Add(key("w", "a"), 1) },
		"stamp":  func(tx store.Tx) error { return tx.PutStamped(key("w", "log"), nil, nil) },
		"range":  func(tx store.Tx) error { return tx.DeleteRange(key("v"), key("w", "zz")) },
	} {
		update(t, s, fn)
		update(t, s, fn)
		if !woken(wake) || !woken(all) || woken(wake) || woken(other) {
			t.Errorf("%s: wrong wake-ups", name)
		}
	}
	put(t, s, key("v"), "beside")
	if woken(wake) {
		t.Error("woken by a key beside the prefix")
	}
	stop()
	stop()
	put(t, s, key("w"), "late")
	if woken(wake) {
		t.Error("woken after stop")
	}
}
