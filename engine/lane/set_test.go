package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/store/overlay"
)

// counted is a store that counts commits and can hold or fail them.
type counted struct {
	*mem.Store
	commits atomic.Int32
	fail    atomic.Bool
	gate    chan struct{} // nil, or each commit takes one
}

var errDisk = errors.New("disk")

func (c *counted) Submit(ctx context.Context, fn func(store.Tx) error) (func() error, error) {
	c.commits.Add(1)
	if c.fail.Swap(false) {
		_ = c.Update(ctx, func(tx store.Tx) error { return errors.Join(fn(tx), errDisk) })
		return nil, errDisk
	}
	wait, err := c.Store.Submit(ctx, fn)
	if err != nil {
		return nil, err
	}
	return func() error {
		if c.gate != nil {
			<-c.gate
		}
		return wait()
	}, nil
}

func lanes(t *testing.T) (*Set, *counted) {
	t.Helper()
	c := &counted{Store: mem.New()}
	l := New(c, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
	})
	return l, c
}

var counter = store.K(3, "test", "n")

func count(r store.Reader) (int64, error) {
	v, err := r.Get(counter)
	return overlay.Count(v), err
}

// up counts up, and gives what it counted to.
func up(to *int64) func(store.Tx) error {
	return func(tx store.Tx) error {
		n, err := count(tx)
		if err != nil {
			return err
		}
		*to = n + 1
		return tx.Put(counter, overlay.Counter(n+1))
	}
}

func TestOrderAndGroupCommit(t *testing.T) {
	l, c := lanes(t)
	c.gate = make(chan struct{})
	var wg sync.WaitGroup
	got := make([]int64, 1000)
	for i := range got {
		wg.Go(func() {
			if err := l.Do(context.Background(), 3, up(&got[i])); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting(l, 3) < len(got) {
		runtime.Gosched()
	}
	close(c.gate)
	wg.Wait()
	seen := map[int64]bool{}
	for _, n := range got {
		seen[n] = true
	}
	if len(seen) != len(got) || !seen[1] || !seen[int64(len(got))] {
		t.Fatalf("%d distinct counts", len(seen))
	}
	if n := c.commits.Load(); n > maxFlight+3 { // what did not fly when the disk stood still shares two or three commits
		t.Fatalf("%d commits", n)
	}
}

// waiting counts the calls that a shard has in its queue or in flight.
func waiting(l *Set, s store.Shard) int {
	sh := &l.shards[s]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := len(sh.queue)
	for _, f := range sh.flights {
		n += len(f.calls)
	}
	return n
}

// TestCommitsOverlap checks that functions see writes whose commit is under way, and that they wait in few commits meanwhile.
func TestCommitsOverlap(t *testing.T) {
	l, c := lanes(t)
	c.gate = make(chan struct{})
	var wg sync.WaitGroup
	ran := make(chan int64, 1000)
	const calls = 400
	for range calls {
		wg.Go(func() {
			if err := l.Do(context.Background(), 3, func(tx store.Tx) error {
				var n int64
				err := up(&n)(tx)
				ran <- n
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	for want := int64(1); want <= maxFlight; want++ { // at least one function a flight runs while no commit has come through
		if n := <-ran; n != want {
			t.Fatalf("counted to %d, want %d", n, want)
		}
	}
	close(c.gate)
	wg.Wait()
}

func TestFailureDropsOnlyItsOwnWrites(t *testing.T) {
	l, c := lanes(t)
	boom := errors.New("boom")
	hold := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // fills the lane, so that the rest shares a commit
		if err := l.Do(context.Background(), 3, func(store.Tx) error { <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	hooks := atomic.Int32{}
	for i := range 30 {
		wg.Go(func() {
			err := l.Do(context.Background(), 3, func(tx store.Tx) error {
				tx.AfterCommit(func(store.Stamp) { hooks.Add(1) })
				if err := tx.Put(store.K(3, "test", "k").U64(uint64(i)), nil); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return boom
				case 2:
					panic("boom")
				}
				return nil
			})
			if i%3 == 0 && err != nil || i%3 == 1 && err != boom || i%3 == 2 && !errors.Is(err, ErrPanic) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	close(hold)
	wg.Wait()
	n := 0
	if err := c.View(context.Background(), func(r store.Reader) error {
		it := r.Scan(store.Prefix(store.K(3, "test", "k")))
		for it.Next() {
			n++
		}
		return it.Close()
	}); err != nil || n != 10 || hooks.Load() != 10 {
		t.Fatalf("%d keys, %d hooks, %v", n, hooks.Load(), err)
	}
}

// memory counts in memory what the store counts; it is changed inside functions, so it must be rebuilt after failures.
type memory struct {
	n      int64
	opens  int
	opened bool
}

func (m *memory) own(l *Set, s store.Store) {
	l.Own(3, func(ctx context.Context) error {
		m.opens, m.opened = m.opens+1, true
		return s.View(ctx, func(r store.Reader) (err error) {
			m.n, err = count(r)
			return err
		})
	}, func() { m.opened = false })
}

func (m *memory) up(tx store.Tx) error {
	if !m.opened {
		return errors.New("not opened")
	}
	m.n++
	return tx.Put(counter, overlay.Counter(m.n))
}

func TestMemoryIsRebuiltAfterFailedCommit(t *testing.T) {
	l, c := lanes(t)
	m := &memory{}
	m.own(l, c)
	for i := range 10 {
		c.fail.Store(i%4 == 3)
		err := l.Do(context.Background(), 3, m.up)
		if failed := i%4 == 3; failed != errors.Is(err, errDisk) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if m.n != 8 || m.opens != 3 {
		t.Fatalf("memory %d after %d opens", m.n, m.opens)
	}
}

func TestMemoryIsRebuiltAfterConflict(t *testing.T) {
	l, c := lanes(t)
	m := &memory{}
	m.own(l, c)
	runs := 0
	if err := l.Do(context.Background(), 3, func(tx store.Tx) error {
		if _, err := tx.Get([]byte("x")); err != nil {
			return err
		}
		if runs++; runs == 1 {
			if err := c.Update(context.Background(), func(tx store.Tx) error { return tx.Put([]byte("x"), nil) }); err != nil {
				return err
			}
		}
		return m.up(tx)
	}); err != nil {
		t.Fatal(err)
	}
	if m.n != 1 || runs != 2 || m.opens != 2 {
		t.Fatalf("memory %d after %d runs, %d opens", m.n, runs, m.opens)
	}
}

func TestOpenFails(t *testing.T) {
	l, _ := lanes(t)
	fails := 1
	l.Own(3, func(context.Context) error {
		if fails--; fails >= 0 {
			return errDisk
		}
		return nil
	}, func() {})
	nothing := func(store.Tx) error { return nil }
	if err := l.Do(context.Background(), 3, nothing); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if err := l.Do(context.Background(), 3, nothing); err != nil {
		t.Fatal(err)
	}
}

func TestCancelBeforeBegin(t *testing.T) {
	l, _ := lanes(t)
	hold, began := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Do(context.Background(), 3, func(store.Tx) error { close(began); <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan error)
	go func() {
		cancelled <- l.Do(ctx, 3, func(store.Tx) error { return fmt.Errorf("must not run") })
	}()
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(hold)
	wg.Wait()
}

func TestLargeBatchesAreCut(t *testing.T) {
	l, c := lanes(t)
	value := make([]byte, store.MaxValue)
	hold := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Do(context.Background(), 3, func(store.Tx) error { <-hold; return nil }) })
	for i := range 40 {
		wg.Go(func() {
			if err := l.Do(context.Background(), 3, func(tx store.Tx) error {
				return tx.Put(store.K(3, "test", "big").U64(uint64(i)), value)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	close(hold)
	wg.Wait()
	if c.commits.Load() < 3 {
		t.Fatalf("%d commits", c.commits.Load())
	}
}

func TestClosed(t *testing.T) {
	c := mem.New()
	l := New(c, slog.New(slog.DiscardHandler))
	shuts := 0
	l.Own(9, func(context.Context) error { return nil }, func() { shuts++ })
	if err := l.Do(context.Background(), 9, func(store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), l.Close(), c.Close()); err != nil || shuts != 1 {
		t.Fatal(err, shuts)
	}
	if err := l.Do(context.Background(), 9, func(store.Tx) error { return nil }); err != store.ErrClosed {
		t.Fatal(err)
	}
}

func BenchmarkDo(b *testing.B) {
	s := mem.New()
	l := New(s, slog.New(slog.DiscardHandler))
	value := make([]byte, 1024)
	var n atomic.Uint64
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			k := store.K(3, "test", "k").U64(n.Add(1) % 10000)
			if err := l.Do(context.Background(), 3, func(tx store.Tx) error { return tx.Put(k, value) }); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}
