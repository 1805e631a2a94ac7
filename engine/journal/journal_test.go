package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"sundog/engine/store"
	"sundog/engine/store/mem"
)

var (
	log   = Log(store.K(7, "test", "log").U64(1))
	other = Log(store.K(7, "test", "log").U64(2)) // its neighbour
	row   = store.K(7, "test", "row")
)

func update(t *testing.T, s store.Store, f func(store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// add appends values in one commit and gives their positions.
func add(t *testing.T, s store.Store, l Log, values ...string) (at []Position) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for _, v := range values {
			if err := l.Append(tx, []byte("suffix"), []byte(v)); err != nil {
				return err
			}
		}
		tx.AfterCommit(func(stamp store.Stamp) {
			for i := range values {
				at = append(at, At(stamp, uint32(i)))
			}
		})
		return nil
	})
	return at
}

// after reads what comes after a position, and where it stands.
func after(t *testing.T, s store.Store, l Log, p *Position) (values []string, at []Position) {
	t.Helper()
	err := s.View(context.Background(), func(r store.Reader) error {
		values, at = nil, nil
		it := r.Scan(l.After(p))
		defer func() { _ = it.Close() }()
		for it.Next() {
			p, rest, err := l.Cut(it.Key())
			if err != nil || string(rest) != "suffix" {
				return fmt.Errorf("%q: %w", it.Key(), err)
			}
			values, at = append(values, string(it.Value())), append(at, p)
		}
		return it.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, at
}

func latest(t *testing.T, s store.Store, l Log) (p *Position) {
	t.Helper()
	err := s.View(context.Background(), func(r store.Reader) (err error) { p, err = l.Latest(r); return err })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Who reads after a position gets all that was written since, in order, and nothing of another log.
func TestRead(t *testing.T) {
	s := mem.New()
	if p := latest(t, s, log); p != nil {
		t.Fatal(p)
	}
	add(t, s, other, "not this")
	all := append(add(t, s, log, "a", "b"), add(t, s, log, "c")...)
	add(t, s, other, "nor this")
	values, at := after(t, s, log, nil)
	if fmt.Sprint(values) != "[a b c]" || !slices.Equal(at, all) {
		t.Fatal(values, at, all)
	}
	if !all[0].Before(all[1]) || !all[1].Before(all[2]) || all[1].Before(all[1]) || all[2].Before(all[0]) {
		t.Fatal(all)
	}
	for i, want := range []string{"[b c]", "[c]", "[]"} {
		if values, _ := after(t, s, log, &all[i]); fmt.Sprint(values) != want {
			t.Fatal(i, values)
		}
		before := all[i].Previous()
		if values, at := after(t, s, log, &before); len(values) != 3-i || at[0] != all[i] {
			t.Fatal(i, values)
		}
	}
	if p := latest(t, s, log); p == nil || *p != all[2] {
		t.Fatal(p)
	}
	update(t, s, log.Delete)
	if p := latest(t, s, log); p != nil {
		t.Fatal(p)
	}
	if values, _ := after(t, s, other, nil); len(values) != 2 {
		t.Fatal(values)
	}
}

func TestPositions(t *testing.T) {
	var zero Position
	if zero.Previous() != zero {
		t.Fatal("something is before all")
	}
	p := Position{10: 1}
	if q := p.Previous(); q != (Position{11: 0xff}) || !q.Before(p) {
		t.Fatal(q)
	}
	if p, err := Parse(nil); p != nil || err != nil {
		t.Fatal(p, err)
	}
	if got, err := Parse(p[:]); err != nil || *got != p {
		t.Fatal(got, err)
	}
	if _, err := Parse([]byte("short")); !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
	if _, _, err := log.Cut(append(store.Key(log).Clone(), 1, 2)); !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
}

// Who waits looks again after each record and each change of the row, until it finds, or fails, or is called off.
func TestWait(t *testing.T) {
	s := mem.New()
	ctx, cancel := context.WithCancel(context.Background())
	looked, answer := make(chan bool), make(chan error)
	errNotYet := errors.New("not yet")
	begin := func() chan error {
		got := make(chan error, 1)
		go func() {
			got <- log.Wait(ctx, s, row, func() (bool, error) {
				looked <- true
				err := <-answer
				if errors.Is(err, errNotYet) {
					return false, nil
				}
				return err == nil, err
			})
		}()
		return got
	}
	got := begin()
	<-looked
	add(t, s, log, "while it looks")
	answer <- errNotYet
	<-looked
	answer <- errNotYet
	update(t, s, func(tx store.Tx) error { return tx.Put(row, []byte("closed")) })
	<-looked
	answer <- nil
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	got = begin()
	<-looked
	bad := errors.New("bad")
	answer <- bad
	if err := <-got; !errors.Is(err, bad) {
		t.Fatal(err)
	}
	got = begin()
	<-looked
	answer <- errNotYet
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
