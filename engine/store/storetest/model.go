package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// model is a store's content, written simply.
type model map[string]string

func (m model) scan(o store.ScanOptions) (keys []string) {
	g := overlay.Range{Lo: o.Lo, Hi: o.Hi}
	for k := range m {
		if g.Has([]byte(k)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if o.Reverse {
		slices.Reverse(keys)
	}
	return keys
}

var errDrop = errors.New("drop")

// testModel runs random transactions and compares every read with the model.
func testModel(t *testing.T, open Open) {
	s := opened(t, open)
	rapid.Check(t, func(t *rapid.T) {
		if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.DeleteRange(nil, nil) }); err != nil {
			t.Fatal(err)
		}
		m := model{}
		for range rapid.IntRange(1, 5).Draw(t, "updates") {
			own := model{}
			for k, v := range m {
				own[k] = v
			}
			drop := rapid.IntRange(0, 4).Draw(t, "drop") == 0
			err := s.Update(context.Background(), func(tx store.Tx) error {
				for range rapid.IntRange(0, 12).Draw(t, "ops") {
					step(t, tx, own)
				}
				if drop {
					return errDrop
				}
				return nil
			})
			switch {
			case drop && !errors.Is(err, errDrop) || !drop && err != nil:
				t.Fatal(err)
			case !drop:
				m = own
			}
			if err := s.View(context.Background(), func(r store.Reader) error {
				for range 3 {
					look(t, r, m)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func drawKey(t *rapid.T) []byte {
	return []byte(fmt.Sprintf("k%02d", rapid.IntRange(0, 25).Draw(t, "key")))
}

// step does one random thing in a transaction.
func step(t *rapid.T, tx store.Tx, m model) {
	k := drawKey(t)
	var err error
	switch rapid.IntRange(0, 9).Draw(t, "op") {
	case 0, 1, 2:
		v := fmt.Sprint(rapid.IntRange(0, 99).Draw(t, "value"))
		m[string(k)], err = v, tx.Put(k, []byte(v))
	case 3:
		delete(m, string(k))
		err = tx.Delete(k)
	case 4:
		n := int64(rapid.IntRange(-3, 3).Draw(t, "n"))
		m[string(k)], err = string(overlay.Counter(overlay.Count([]byte(m[string(k)]))+n)), tx.Add(k, n)
	case 5:
		hi := drawKey(t)
		for _, x := range m.scan(store.ScanOptions{Lo: k, Hi: hi}) {
			delete(m, x)
		}
		err = tx.DeleteRange(k, hi)
	default:
		look(t, tx, m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// look does one random read.
func look(t *rapid.T, r store.Reader, m model) {
	k := drawKey(t)
	want, ok := m[string(k)]
	if got, err := r.Get(k); err != nil || (got != nil) != ok || string(got) != want {
		t.Fatalf("get %s: %q %v, want %q %v", k, got, err, want, ok)
	}
	o := store.ScanOptions{Lo: k, Reverse: rapid.Bool().Draw(t, "reverse"), KeysOnly: rapid.Bool().Draw(t, "keys")}
	if rapid.Bool().Draw(t, "open end") {
		o.Lo = nil
	}
	if rapid.Bool().Draw(t, "bounded") {
		o.Hi = drawKey(t)
	}
	it := r.Scan(o)
	walk(t, it, m, o, m.scan(o), rapid.IntRange(0, 30).Draw(t, "steps"))
	if rapid.Bool().Draw(t, "seek") {
		to := drawKey(t)
		it.Seek(to)
		rest := slices.DeleteFunc(m.scan(o), func(x string) bool {
			return !o.Reverse && x < string(to) || o.Reverse && x > string(to)
		})
		walk(t, it, m, o, rest, 30)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
}

// walk compares up to n steps of an iterator with the keys that it should give.
func walk(t *rapid.T, it store.Iterator, m model, o store.ScanOptions, want []string, n int) {
	for i := range n {
		if ok := it.Next(); ok != (i < len(want)) {
			t.Fatalf("scan %q..%q reverse %v: step %d gives %v, want %q", o.Lo, o.Hi, o.Reverse, i, ok, want)
		} else if !ok {
			if it.Next() {
				t.Fatal("an iterator that ended goes on")
			}
			break
		}
		if string(it.Key()) != want[i] {
			t.Fatalf("scan %q..%q reverse %v: %q, want %q", o.Lo, o.Hi, o.Reverse, it.Key(), want[i])
		}
		if o.KeysOnly && it.Value() != nil || !o.KeysOnly && string(it.Value()) != m[want[i]] {
			t.Fatalf("value of %q: %q, want %q", it.Key(), it.Value(), m[want[i]])
		}
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
}
