package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/internal/clock"
)

// keeper is a target that takes deliveries in by transactions of the same store, under their ids, and fails as it is told.
type keeper struct {
	t     testing.TB
	store *mem.Store
	mu    sync.Mutex
	fails map[string][]string // by id: what the next attempts come to
	order map[string][]string // accepted ids, by target and order key
}

func (*keeper) Action(cloud.ARN) string { return "" }

func keptKey(id string) store.Key {
	return store.K(store.ShardOf(id), "test", "kept").Str(id)
}

// next gives what an attempt comes to.
func (k *keeper) next(id string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.fails[id]) == 0 {
		return ""
	}
	s := k.fails[id][0]
	k.fails[id] = k.fails[id][1:]
	return s
}

func (k *keeper) fail(id string, how []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fails[id] = how
}

func (k *keeper) Deliver(ctx context.Context, d Delivery) (Outcome, error) {
	how := k.next(d.ID)
	switch how {
	case "again":
		return Outcome{Kind: Again}, nil
	case "trouble":
		return Outcome{}, errors.New("trouble")
	case "never":
		return Outcome{Kind: Permanent}, nil
	case "plain":
		return Outcome{}, k.store.Update(ctx, func(tx store.Tx) error { return tx.Put(keptKey(d.ID), nil) })
	}
	err := k.store.Update(ctx, func(tx store.Tx) error {
		if err := d.Accept(tx); err != nil {
			return err
		}
		if old, err := tx.Get(keptKey(d.ID)); old != nil || err != nil {
			return errors.Join(err, fmt.Errorf("%s came twice", d.ID))
		}
		return tx.Put(keptKey(d.ID), nil)
	})
	if err != nil {
		if ctx.Err() == nil {
			k.t.Error(err)
		}
		return Outcome{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.order[d.Target.Resource+d.OrderKey] = append(k.order[d.Target.Resource+d.OrderKey], d.ID)
	if how == "after" {
		return Outcome{}, errors.New("trouble after the commit")
	}
	return Outcome{}, nil
}

// Deliveries of all kinds, of which attempts fail in all ways, over restarts: each is accepted once or is in its dead letter queue, those of a group in
// their order, and nothing is left in the store.
func TestAccept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := mem.New()
		k := &keeper{t: t, store: s, fails: map[string][]string{}, order: map[string][]string{}}
		f := &fixture{t: t, store: s, inbox: &inbox{clock: clock.NewManual(start)}, room: k}
		f.restart()
		defer func() {
			if err := errors.Join(f.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		}()
		emitted, dead := emitAtRandom(rt, f, k)
		for range rapid.IntRange(0, 3).Draw(rt, "restarts") {
			f.restart()
			if _, err := f.clock.Advance(context.Background(), time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms"))*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.clock.Advance(context.Background(), time.Hour); err != nil {
			t.Fatal(err)
		}
		f.kept(emitted, dead)
		for group, ids := range k.order {
			if !strings.HasSuffix(group, "-") && !slices.IsSorted(ids) {
				t.Errorf("%s: %v", group, ids)
			}
		}
	})
}

// emitAtRandom emits deliveries in some transactions; those of dead end in dead letters.
func emitAtRandom(rt *rapid.T, f *fixture, k *keeper) (emitted, dead []string) {
	for b := range rapid.IntRange(1, 5).Draw(rt, "batches") {
		var all []Delivery
		for i := range rapid.IntRange(1, 80).Draw(rt, "deliveries") {
			d := Delivery{ID: fmt.Sprintf("%02d.%02d", b, i), Fresh: rapid.IntRange(0, 5).Draw(rt, "fresh") > 0, Retry: Retry{Max: -1}, DeadLetter: hooks("grave-")}
			d.Payload = []byte(rapid.SampledFrom([]string{"x", "x", "x", "y"}).Draw(rt, "payload"))
			d.Target = hooks(fmt.Sprint("t", rapid.IntRange(0, 3).Draw(rt, "target"), "-"))
			if rapid.IntRange(0, 3).Draw(rt, "ordered") == 0 {
				d.OrderKey = rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key")
			}
			fails := rapid.SliceOfN(rapid.SampledFrom([]string{"again", "trouble"}), 0, 2).Draw(rt, "fails")
			end := rapid.SampledFrom([]string{"", "", "", "plain", "after", "never"}).Draw(rt, "end")
			k.fail(d.ID, append(fails, end))
			if emitted = append(emitted, d.ID); end == "never" {
				dead = append(dead, d.ID)
			}
			all = append(all, d)
		}
		f.emit(all...)
	}
	return emitted, dead
}

// kept checks that the targets have all deliveries, and that nothing else is in the store.
func (f *fixture) kept(emitted, dead []string) {
	f.t.Helper()
	want := map[string]bool{}
	for _, id := range emitted {
		if slices.Contains(dead, id) {
			id += ".dead"
		}
		want[string(keptKey(id))] = true
	}
	if err := f.store.View(context.Background(), func(r store.Reader) error {
		it := r.Scan(store.ScanOptions{})
		for it.Next() {
			if !want[string(it.Key())] {
				f.t.Errorf("left %q", it.Key())
			}
			delete(want, string(it.Key()))
		}
		return it.Close()
	}); err != nil {
		f.t.Fatal(err)
	}
	for key := range want {
		f.t.Errorf("%q did not arrive", key)
	}
}

// What an earlier run left when all deliveries of a body were over goes at the next start.
func TestSweep(t *testing.T) {
	f := setup(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.emit(Delivery{ID: "a", Fresh: true}, Delivery{ID: "b", Fresh: true}, Delivery{ID: "c", Fresh: true, OrderKey: "k"})
	f.update(func(tx store.Tx) error {
		var name string
		table := store.K(4, "bus", "over")
		it := tx.Scan(store.Prefix(table))
		for it.Next() {
			name, _, _ = store.CutStr(it.Key()[len(table):])
		}
		if err := errors.Join(it.Close(), tx.DeleteRange(groupTable(4), groupTable(4).End())); err != nil {
			return err
		}
		return tx.Add(overKey(4, name), bits(3))
	})
	f.restart()
	f.expect(time.Hour)
	f.empty()
}
