package telemetry

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sundog/engine/store"
	"sundog/engine/store/mem"
)

var (
	dims   = map[string]string{"F": "f"}
	gauges = []Gauge{{"N", "Count"}, {"D", "Milliseconds"}}
)

func (b *bench) points(name string) []Datapoint {
	b.t.Helper()
	p, err := b.Metrics(ctx, MetricQuery{Scope: scope, Namespace: "n", Name: name, Dimensions: dims})
	return must(b.t, p, err)
}

// TestMeterIsMetric compares what a meter keeps with the same values as single metrics.
func TestMeterIsMetric(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := open(t, Options{})
		one := open(t, Options{})
		m := b.Meter(scope, "n", dims, gauges...)
		for range rapid.IntRange(1, 300).Draw(rt, "calls") {
			at := start.Add(time.Duration(rapid.IntRange(-90, 90).Draw(rt, "s")) * time.Second)
			v := []float64{float64(rapid.IntRange(0, 2).Draw(rt, "n")), float64(rapid.IntRange(0, 200).Draw(rt, "d"))}
			m.Add(at, v...)
			for i, g := range gauges {
				one.Metric(Metric{Scope: scope, Namespace: "n", Name: g.Name, Unit: g.Unit, Dimensions: dims, Time: at, Values: v[i : i+1]})
			}
			if rapid.IntRange(0, 20).Draw(rt, "flush") == 0 {
				b.flush()
			}
		}
		b.flush()
		one.flush()
		for _, g := range gauges {
			got, want := b.points(g.Name), one.points(g.Name)
			if len(got) != len(want) {
				rt.Fatalf("%d periods of %s, want %d", len(got), g.Name, len(want))
			}
			for i := range got {
				if a, b := shownPoint(got[i]), shownPoint(want[i]); a != b {
					rt.Fatalf("%s, want %s", a, b)
				}
			}
		}
		want(t, b.waiting.Load(), 0)
	})
}

// shownPoint tells what of a data point can be asked for.
func shownPoint(d Datapoint) string {
	s := fmt.Sprint(d.Time, d.Unit, d.Sum, d.Min, d.Max, d.Count)
	for p := range 101 {
		v, ok := d.Percentile(float64(p))
		s += fmt.Sprint(" ", math.Round(v*1e6), ok)
	}
	return s
}

func TestMeterIsWrittenByItself(t *testing.T) {
	s := mem.New()
	b := open(t, Options{Store: s})
	wake, stop := s.Watch(table("metric"))
	defer stop()
	m := b.Meter(scope, "n", dims, gauges...)
	m.Add(start, 1, 2)
	<-wake // after a second
	want(t, b.points("D")[0].Sum, 2)
	for i := range meterValues { // as many as may wait
		m.Add(start, 1, float64(i))
	}
	<-wake
}

func TestCloseKeepsWhatMetersHave(t *testing.T) {
	s := mem.New()
	b := open(t, Options{Store: s})
	m := b.Meter(scope, "n", dims, gauges...)
	var w sync.WaitGroup
	for range 8 {
		w.Go(func() {
			for range 1000 {
				m.Add(start, 1, 3)
			}
		})
	}
	w.Wait()
	must(t, 0, b.Close())
	again := open(t, Options{Store: s})
	want(t, again.points("N")[0].Sum, 8000)
}

func TestMetersAreBounded(t *testing.T) {
	g := gate{Store: mem.New(), open: make(chan struct{})}
	b := open(t, Options{Store: g})
	m := b.Meter(scope, "n", dims, Gauge{"N", ""})
	for i := range queueBytes/valueBytes + 1000 {
		m.Add(start, float64(i))
	}
	want(t, b.Dropped() > 0, true)
	close(g.open)
	b.flush()
	want(t, b.waiting.Load(), 0)
}

// sizes is a store that notes how many bytes a transaction puts.
type sizes struct {
	store.Store
	mu  sync.Mutex
	all []int
}

type sizedTx struct {
	store.Tx
	n int
}

func (s *sizedTx) Put(k, v []byte) error {
	s.n += len(k) + len(v)
	return s.Tx.Put(k, v)
}

func (s *sizes) Update(ctx context.Context, fn func(store.Tx) error) error {
	tx := &sizedTx{}
	err := s.Store.Update(ctx, func(t store.Tx) error {
		tx.Tx, tx.n = t, 0
		return fn(tx)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, tx.n)
	return err
}

// Much that waits together is written in commits that a store can take.
func TestCommitsAreBounded(t *testing.T) {
	s := &sizes{Store: mem.New()}
	b := open(t, Options{Store: s})
	events := make([]LogEvent, 40)
	for i := range events {
		for range messageBytes / (16 << 10) {
			events[i].Message += randomText(i)
		}
	}
	must(t, 0, b.LogDurable(ctx, group, "s", events...))
	want(t, slices.Max(s.all) <= batchBytes+messageBytes, true)
	got, err := b.Logs(ctx, LogQuery{Group: group, MaxBytes: 1 << 30})
	want(t, len(must(t, got, err)), 40)
}
