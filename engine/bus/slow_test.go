package bus

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sundog/cloud"
)

// standing is a room of targets of which those named "slow..." stand still until release is closed.
type standing struct {
	release chan struct{}
	seen    sync.Map
	fast    atomic.Int32
	slow    atomic.Int32
}

func (*standing) Action(cloud.ARN) string { return "" }

func (s *standing) Deliver(ctx context.Context, d Delivery) (Outcome, error) {
	n := &s.fast
	if strings.HasPrefix(d.Target.Resource, "slow") {
		select {
		case <-s.release:
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		}
		n = &s.slow
	}
	if _, again := s.seen.LoadOrStore(d.ID, true); !again {
		n.Add(1)
	}
	return Outcome{}, nil
}

func hooks(name string) cloud.ARN { return cloud.NewARN("sns", scope, name) }

// Many targets that stand still, each with more than it may have at once, do not hold up the others, of their own service or of another.
func TestManySlowTargets(t *testing.T) {
	f := setup(t)
	f.o.PerTarget, f.o.Total = 8, 32
	s := &standing{release: make(chan struct{})}
	f.room = s
	for i := range 60 {
		for j := range 20 {
			f.emit(Delivery{ID: fmt.Sprint("slow", i, "-", j), Target: hooks(fmt.Sprint("slow", i))})
		}
	}
	f.Dispatcher.mu.Lock()
	running := f.pools["sns"].running
	f.Dispatcher.mu.Unlock()
	if running > 32+60 {
		t.Errorf("%d run", running)
	}
	for i := range 50 {
		f.emit(Delivery{ID: fmt.Sprint("hook", i), Target: hooks("fast")}, Delivery{ID: fmt.Sprint("job", i)})
	}
	for s.fast.Load() < 100 {
		runtime.Gosched()
	}
	close(s.release)
	if err := f.clock.Settle(context.Background()); err != nil || s.slow.Load() != 1200 {
		t.Fatal(err, s.slow.Load())
	}
	f.empty()
	f.quiet()
}

// quiet checks that memory has nothing of targets when nothing is under way. A worker takes its leave a moment after its last delivery is settled.
func (f *fixture) quiet() {
	f.t.Helper()
	for f.atWork() {
		runtime.Gosched()
	}
	f.Dispatcher.mu.Lock()
	defer f.Dispatcher.mu.Unlock()
	for service, p := range f.pools {
		if p.known != 0 || p.bytes != 0 {
			f.t.Errorf("%s: %+v", service, *p)
		}
	}
	if len(f.targets) != 0 || len(f.known) != 0 {
		f.t.Errorf("%d targets, %d deliveries", len(f.targets), len(f.known))
	}
}

func (f *fixture) atWork() bool {
	f.Dispatcher.mu.Lock()
	defer f.Dispatcher.mu.Unlock()
	for _, p := range f.pools {
		if p.running != 0 {
			return true
		}
	}
	return false
}

// A target that stands still has its backlog in the store, apart from what is due for others, also over a restart.
func TestBacklog(t *testing.T) {
	f := setup(t)
	s := &standing{release: make(chan struct{})}
	f.room = s
	const total = (maxKnown + 4000) / 200 * 200
	for i := 0; i < total; i += 200 {
		batch := make([]Delivery, 200)
		for j := range batch {
			batch[j] = Delivery{ID: fmt.Sprint("slow", i+j), Target: hooks("slow")}
		}
		f.emit(batch...)
	}
	deliver := func(run string, want int32) {
		t.Helper()
		for i := range 300 {
			f.emit(Delivery{ID: fmt.Sprint(run, i), Target: hooks("fast")})
		}
		for s.fast.Load() < want {
			runtime.Gosched()
		}
		f.Dispatcher.mu.Lock()
		known := f.target(hooks("slow")).known
		f.Dispatcher.mu.Unlock()
		if known > maxKnown/2 {
			t.Errorf("%d in memory", known)
		}
	}
	deliver("a", 300)
	f.restart()
	deliver("b", 600)
	close(s.release)
	if err := f.clock.Settle(context.Background()); err != nil || s.slow.Load() != total {
		t.Fatal(err, s.slow.Load())
	}
	f.empty()
	f.quiet()
}
