package bus

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
)

// TestSharedPayload fans one payload out: it is stored once for many, outlives a restart, and goes with the last delivery.
func TestSharedPayload(t *testing.T) {
	f := setup(t)
	payload := []byte(strings.Repeat("x", 100_000))
	fail := true
	f.answer = func(d Delivery) (Outcome, error) {
		if string(d.Payload) != string(payload) {
			t.Errorf("%s has a payload of %d bytes", d.ID, len(d.Payload))
		}
		if fail && d.ID != "0" {
			return Outcome{Kind: Again, After: time.Minute}, nil
		}
		return Outcome{}, nil
	}
	var all []Delivery
	for i := range 300 { // would not fit into one Update otherwise... nor twice into a test's patience
		all = append(all, Delivery{ID: fmt.Sprint(i), Fresh: true, Payload: payload, NotBefore: start.Add(time.Second), Retry: Retry{Max: -1}})
	}
	f.emit(all...)
	if size := f.size(); size > 6*len(payload) {
		t.Fatalf("%d bytes are stored", size)
	}
	f.restart()
	f.expect(0)
	if _, err := f.clock.Advance(context.Background(), time.Second); err != nil {
		t.Fatal(err)
	}
	f.restart()
	fail = false
	if _, err := f.clock.Advance(context.Background(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if len(f.got) != 300+299 {
		t.Fatalf("%d attempts", len(f.got))
	}
	f.empty()
}

// size gives the bytes of all values.
func (f *fixture) size() (n int) {
	f.t.Helper()
	if err := f.store.View(context.Background(), func(r store.Reader) error {
		it := r.Scan(store.ScanOptions{})
		for it.Next() {
			n += len(it.Value())
		}
		return it.Close()
	}); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// spans keeps spans.
type spans struct {
	telemetry.Recorder
	all []telemetry.Span
}

func (s *spans) Span(all ...telemetry.Span) { s.all = append(s.all, all...) }

func TestSpans(t *testing.T) {
	f := setup(t)
	kept := &spans{}
	f.o.Telemetry = kept
	fails := 1
	var seen []cloud.Call
	f.Bind(Binding{Target: func(string) Target {
		return callTarget(func(ctx context.Context, d Delivery) (Outcome, error) {
			seen = append(seen, cloud.CallFrom(ctx))
			if fails--; fails >= 0 {
				return Outcome{Kind: Again, Code: "Busy", Reason: "busy"}, nil
			}
			return Outcome{}, nil
		})
	}})
	trace := cloud.Trace{Root: "1-00000000-000000000000000000000000", Parent: "0123456789abcdef", Sampled: true}
	as := cloud.ServicePrincipal("sns.amazonaws.com", topic)
	f.emit(Delivery{ID: "a", Retry: Retry{Max: 2}, Trace: trace, As: as})
	f.expect(time.Minute)
	if len(kept.all) != 2 || len(seen) != 2 {
		t.Fatalf("%d spans, %d calls", len(kept.all), len(seen))
	}
	for i, s := range kept.all {
		c := seen[i]
		if s.Trace != trace.Root || s.Parent != trace.Parent || s.Kind != "delivery" || s.Resource != queue.String() || s.Name != "deliver sqs jobs" ||
			c.Trace != trace.Under(s.ID) || c.Principal != as || c.Scope != scope || c.RequestID != "a" || (s.Fault == "Busy: busy") != (i == 0) {
			t.Errorf("span %+v\ncall %+v", s, c)
		}
	}
}

type callTarget func(context.Context, Delivery) (Outcome, error)

func (callTarget) Action(cloud.ARN) string { return "" }

func (c callTarget) Deliver(ctx context.Context, d Delivery) (Outcome, error) { return c(ctx, d) }

// TestBounds checks how many deliveries run at once, and that a target that stands still does not hold up another.
func TestBounds(t *testing.T) {
	f := setup(t)
	f.o.PerTarget, f.o.Total = 3, 8
	var running, most, ended atomic.Int32
	hold := make(chan struct{})
	f.Bind(Binding{Target: func(string) Target {
		return callTarget(func(_ context.Context, d Delivery) (Outcome, error) {
			most.Store(max(most.Load(), running.Add(1)))
			if d.Target == queue {
				<-hold
			}
			running.Add(-1)
			ended.Add(1)
			return Outcome{}, nil
		})
	}})
	for i := range 20 {
		f.emit(Delivery{ID: fmt.Sprint("slow", i)}, Delivery{ID: fmt.Sprint("fast", i), Target: cloud.NewARN("sqs", scope, "other")})
	}
	for ended.Load() < 20 {
		runtime.Gosched() // the other target's go through while three of the slow ones are held
	}
	if n := running.Load(); n < 1 || n > 3 {
		t.Errorf("%d running", n)
	}
	close(hold)
	if err := f.clock.Settle(context.Background()); err != nil || ended.Load() != 40 || most.Load() > 8 {
		t.Fatal(err, ended.Load(), most.Load())
	}
	f.empty()
}

func TestPanicsAndNonsense(t *testing.T) {
	f := setup(t)
	f.answer = func(d Delivery) (Outcome, error) {
		if len(f.got) == 1 {
			panic("boom")
		}
		return Outcome{}, nil
	}
	f.emit(Delivery{ID: "a"})
	f.expect(time.Minute, "a@0s", "a@1s")
	if err := f.store.Update(context.Background(), func(tx store.Tx) error { return f.Emit(tx, 1, Delivery{ID: "x"}) }); err == nil {
		t.Error("emitted without a target")
	}
	if err := f.store.Update(context.Background(), func(tx store.Tx) error {
		return f.Emit(tx, 1, Delivery{ID: strings.Repeat("x", 600), Target: queue})
	}); err == nil {
		t.Error("emitted with a long id")
	}
	if _, err := f.Source(queue); cloud.AsError(err).Kind != cloud.NotImplemented {
		t.Error(err)
	}
	if _, err := f.Stream(queue); cloud.AsError(err).Kind != cloud.NotImplemented {
		t.Error(err)
	}
	for _, b := range [][]byte{nil, {5}, {1, 'x'}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01{}")} {
		if _, err := decode(b); err == nil {
			t.Errorf("decoded %q", b)
		}
	}
}

// What a target says of its failure, which may be all that a function throws, is kept in part: the store takes no more, and who settles one delivery settles
// those of others with it.
func TestLongReasons(t *testing.T) {
	f := setup(t)
	left := 1
	f.answer = func(Delivery) (Outcome, error) {
		if left--; left >= 0 {
			return Outcome{Kind: Again, Code: strings.Repeat("c", 3<<20), Reason: strings.Repeat("x", 3<<20)}, nil
		}
		return Outcome{}, nil
	}
	f.emit(Delivery{ID: "a", Retry: Retry{Max: 5, Base: 2 * time.Second}})
	f.expect(time.Hour, "a@0s", "a@2s")
	f.empty()
}
