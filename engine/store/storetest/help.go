package storetest

import (
	"context"
	"fmt"
	"testing"

	"sundog/engine/store"
)

// opened opens a store and closes it at the end of the test.
func opened(t *testing.T, open Open) store.Store {
	t.Helper()
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func key(parts ...any) store.Key {
	k := store.K(7, "test", "t")
	for _, p := range parts {
		k = k.Str(fmt.Sprint(p))
	}
	return k
}

func update(t testing.TB, s store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func put(t testing.TB, s store.Store, k store.Key, v string) {
	t.Helper()
	update(t, s, func(tx store.Tx) error { return tx.Put(k, []byte(v)) })
}

// get gives a value as text; "-" when it is absent.
func get(t testing.TB, s store.Store, k store.Key) string {
	t.Helper()
	out := ""
	if err := s.View(context.Background(), func(r store.Reader) (err error) {
		out, err = text(r, k)
		return err
	}); err != nil {
		t.Fatalf("view: %v", err)
	}
	return out
}

func text(r store.Reader, k []byte) (string, error) {
	v, err := r.Get(k)
	if v == nil {
		return "-", err
	}
	return string(v), err
}

// scan gives all pairs of a scan.
func scan(r store.Reader, o store.ScanOptions) (keys, values []string, err error) {
	it := r.Scan(o)
	for it.Next() {
		keys = append(keys, string(it.Key()))
		if it.Value() != nil {
			values = append(values, string(it.Value()))
		}
	}
	if err := it.Err(); err != nil {
		return nil, nil, err
	}
	return keys, values, it.Close()
}
