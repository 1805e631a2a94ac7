package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/internal/clock"
)

var (
	start = time.Date(2030, time.January, 2, 3, 4, 0, 0, time.UTC)
	scope = cloud.Scope{Account: "000000000000", Region: "eu-west-1"}
	group = LogGroup{Scope: scope, Name: "/aws/lambda/f"}
	ctx   = context.Background()
)

type bench struct {
	*recorder
	clock *clock.Manual
	store store.Store
	t     *testing.T
}

func open(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{clock: clock.NewManual(start), t: t}
	if b.store = o.Store; b.store == nil {
		b.store = mem.New()
	}
	o.Store, o.Clock, o.Log = b.store, b.clock, slog.New(slog.DiscardHandler)
	b.recorder = New(o).(*recorder)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
	return b
}

func (b *bench) flush() {
	b.t.Helper()
	if err := b.Flush(ctx); err != nil {
		b.t.Fatal(err)
	}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", got, want)
	}
}

// lines writes lines a second apart.
func (b *bench) lines(stream string, messages ...string) {
	for i, m := range messages {
		b.Log(group, stream, LogEvent{Time: start.Add(time.Duration(i) * time.Second), Message: m})
	}
	b.flush()
}

func (b *bench) find(q LogQuery) (out []string) {
	b.t.Helper()
	q.Group = group
	events, err := b.Logs(ctx, q)
	for _, e := range must(b.t, events, err) {
		out = append(out, e.Message)
	}
	return out
}

func TestLogQueries(t *testing.T) {
	b := open(t, Options{})
	b.lines("s1", "a", "b", "c")
	b.lines("s2", "x\n", `{"y":1}`)
	all, err := b.Logs(ctx, LogQuery{Group: group})
	id := must(t, all, err)[1].ID
	tests := map[string]struct {
		q    LogQuery
		want string
	}{
		"all by time, then arrival": {LogQuery{}, `["a" "x\n" "b" "{\"y\":1}" "c"]`},
		"descending":                {LogQuery{Descending: true, Limit: 2}, `["c" "{\"y\":1}"]`},
		"one stream":                {LogQuery{Streams: []string{"s1"}}, `["a" "b" "c"]`},
		"stream prefix":             {LogQuery{StreamPrefix: "s2"}, `["x\n" "{\"y\":1}"]`},
		"from, to":                  {LogQuery{From: start.Add(time.Second), To: start.Add(time.Second)}, `["b" "{\"y\":1}"]`},
		"match":                     {LogQuery{Match: func(m string) bool { return m > "b" }}, `["x\n" "{\"y\":1}" "c"]`},
		"after":                     {LogQuery{After: id}, `["b" "{\"y\":1}" "c"]`},
		"before":                    {LogQuery{Before: id}, `["a"]`},
		"after, before":             {LogQuery{After: id, Before: id}, `[]`},
		"to before from":            {LogQuery{From: start.Add(time.Hour), To: start}, `[]`},
		"bytes":                     {LogQuery{MaxBytes: 40}, `["a" "x\n"]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { want(t, fmt.Sprintf("%q", b.find(tt.q)), tt.want) })
	}
}

func TestGroupsAndStreams(t *testing.T) {
	b := open(t, Options{})
	b.lines("s1", "aaaa", "bbbb")
	b.lines("s2", "cccc")
	groups, err := b.Groups(ctx, scope)
	want(t, fmt.Sprint(must(t, groups, err)[0].Name, groups[0].Bytes), "/aws/lambda/f90")
	s, err := b.Stream(ctx, group, "s1")
	want(t, must(t, s, err).Last.Sub(s.First), time.Second)
	must(t, 0, b.Expire(ctx, group, start.Add(time.Second)))
	want(t, b.find(LogQuery{}), "[bbbb]")
	s, err = b.Stream(ctx, group, "s2")
	want(t, must(t, s, err).Bytes, 0)
	b.Log(group, "s1", LogEvent{Message: "late"}) // still on its way when the stream goes
	must(t, 0, b.DeleteStream(ctx, group, "s1"))
	want(t, b.find(LogQuery{}), "[]")
	must(t, 0, b.DeleteStream(ctx, group, ""))
	g, err := b.Group(ctx, group)
	want(t, must(t, g, err) == nil, true)
}

func TestExpireInChunks(t *testing.T) {
	b := open(t, Options{})
	events := make([]LogEvent, deleteChunk*2+10)
	for i := range events {
		events[i] = LogEvent{Time: start.Add(time.Duration(i) * time.Millisecond), Message: "m"}
	}
	must(t, 0, b.LogDurable(ctx, group, "s", events...))
	must(t, 0, b.Expire(ctx, group, start.Add(time.Duration(len(events)-3)*time.Millisecond)))
	want(t, len(b.find(LogQuery{})), 3)
	g, err := b.Group(ctx, group)
	want(t, must(t, g, err).Bytes, 3*27)
}

func TestHostileLines(t *testing.T) {
	b := open(t, Options{})
	long := strings.Repeat("\x01", 2<<20)
	must(t, 0, b.LogDurable(ctx, group, "s", LogEvent{Message: long}, LogEvent{Message: "\xff\x00"}, LogEvent{Message: "fine"}))
	got := b.find(LogQuery{})
	want(t, len(got[0]), messageBytes)
	want(t, got[1:], "[\xff\x00 fine]")
}

// A value that cannot be kept does not take the rest of its batch with it.
func TestHostileMetrics(t *testing.T) {
	b := open(t, Options{})
	m := func(v float64, dims map[string]string) Metric {
		return Metric{Scope: scope, Namespace: "n", Name: "m", Time: start, Values: []float64{v}, Dimensions: dims}
	}
	long := map[string]string{}
	for i := range 30 {
		long[fmt.Sprint(i)] = strings.Repeat("x", 1024)
	}
	b.Metric(m(math.NaN(), nil), m(math.Inf(1), nil), m(math.MaxFloat64, nil), m(2, nil), m(3, long),
		Metric{Scope: scope, Namespace: strings.Repeat("n", store.MaxKey), Name: "m", Time: start, Values: []float64{1}})
	b.flush()
	got, err := b.Metrics(ctx, MetricQuery{Scope: scope, Namespace: "n", Name: "m"})
	want(t, must(t, got, err)[0].Sum, 2)
	got, err = b.Metrics(ctx, MetricQuery{Scope: scope, Namespace: "n", Name: "m", Dimensions: long})
	want(t, must(t, got, err)[0].Sum, 3)
	want(t, b.Dropped() > 0, true)
}

func TestMetricPeriods(t *testing.T) {
	b := open(t, Options{})
	for i := range 10 {
		b.Metric(Metric{Scope: scope, Namespace: "n", Name: "m", Unit: "Count", Time: start.Add(time.Duration(i) * 30 * time.Second), Values: []float64{float64(i)}})
	}
	b.flush()
	sums := func(q MetricQuery) (out []float64) {
		q.Scope, q.Namespace, q.Name = scope, "n", "m"
		points, err := b.Metrics(ctx, q)
		for _, p := range must(t, points, err) {
			out = append(out, p.Sum)
		}
		return out
	}
	want(t, sums(MetricQuery{}), "[1 5 9 13 17]")
	want(t, sums(MetricQuery{From: start.Add(time.Minute), To: start.Add(4 * time.Minute)}), "[5 9 13]")
	want(t, sums(MetricQuery{From: start.Add(-time.Minute), Period: 3 * time.Minute}), "[6 39]") // periods begin at From
	want(t, sums(MetricQuery{Unit: "Bytes"}), "[]")
	ids, err := b.MetricIDs(ctx, scope)
	want(t, len(must(t, ids, err)), 1)
}

func TestOldMetricsAreRolledUp(t *testing.T) {
	b := open(t, Options{})
	m := func(i int) Metric {
		return Metric{Scope: scope, Namespace: "n", Name: "m", Unit: "Count", Time: start.Add(time.Duration(i) * time.Minute), Values: []float64{float64(i)}}
	}
	all := make([]Metric, rollupChunk+100)
	for i := range all {
		all[i] = m(i)
	}
	must(t, 0, b.MetricDurable(ctx, all...))
	points := func() []Datapoint {
		p, err := b.Metrics(ctx, MetricQuery{Scope: scope, Namespace: "n", Name: "m", From: start.Add(-time.Hour)})
		return must(t, p, err)
	}
	want(t, len(points()), rollupChunk+100)
	must(t, 0, b.rollup(start.Add(minutesFor+24*time.Hour)))
	got := points()
	n, sum := 0.0, 0.0
	for _, p := range got {
		n, sum = n+p.Count, sum+p.Sum
	}
	want(t, n, rollupChunk+100)
	want(t, sum, float64((rollupChunk+100)*(rollupChunk+99)/2))
	want(t, got[1].Count, 60)
	want(t, got[len(got)-1].Count, 1)
	must(t, 0, b.rollup(start.Add(hoursFor+100*24*time.Hour)))
	want(t, len(points()), 0)
	ids, err := b.MetricIDs(ctx, scope)
	want(t, len(must(t, ids, err)), 0)
}

func TestEmbeddedMetrics(t *testing.T) {
	b := open(t, Options{})
	b.lines("s", fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"app","Dimensions":[["fn"]],"Metrics":[{"Name":"t","Unit":"Count"}]}]},"fn":"f","t":[1,2]}`, start.UnixMilli()))
	got, err := b.Metrics(ctx, MetricQuery{Scope: scope, Namespace: "app", Name: "t", Dimensions: map[string]string{"fn": "f"}})
	want(t, must(t, got, err)[0].Sum, 3)
}

func TestPercentiles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 3000).Draw(rt, "n")
		var d, left, right Datapoint
		for i := 1; i <= n; i++ {
			d.merge(float64(i), 1)
			if i%2 == 0 {
				left.merge(float64(i), 1)
			} else {
				right.merge(float64(i), 1)
			}
		}
		left.add(right)
		p := rapid.Float64Range(0.1, 100).Draw(rt, "p")
		exact := math.Ceil(float64(n) * p / 100)
		for _, point := range []Datapoint{d, left} {
			got, ok := point.Percentile(p)
			if !ok || math.Abs(got-exact) > exact*bucketLog+1 || point.Count != float64(n) {
				rt.Fatalf("p%v of 1..%d is %v (%v), want about %v", p, n, got, ok, exact)
			}
		}
	})
}

func TestStatisticSets(t *testing.T) {
	var d Datapoint
	d.addSet(Datapoint{Count: 2, Sum: 6, Min: 3, Max: 3})
	v, ok := d.Percentile(50)
	want(t, fmt.Sprint(v, ok), "3 true")
	d.addSet(Datapoint{Count: 2, Sum: 6, Min: 2, Max: 4})
	_, ok = d.Percentile(50)
	want(t, fmt.Sprint(ok, d.Count, d.Sum, d.Min, d.Max), "false 4 12 2 4")
}

func (b *bench) span(trace, id, parent string, at time.Duration) {
	b.Span(Span{Trace: trace, ID: id, Parent: parent, Scope: scope, Name: id, Start: start.Add(at), End: start.Add(at)})
}

func (b *bench) entries(q SpanQuery) (out []string) {
	b.t.Helper()
	spans, err := b.Traces(ctx, q)
	for _, s := range must(b.t, spans, err) {
		out = append(out, s.Trace+"/"+s.ID)
	}
	return out
}

func TestTraces(t *testing.T) {
	b := open(t, Options{})
	b.span("t1", "child", "elsewhere", 2*time.Second) // a span is recorded when it ends: children come first
	b.flush()
	want(t, b.entries(SpanQuery{}), "[t1/child]")
	b.span("t1", "root", "", time.Second)
	b.span("t1", "second", "", 3*time.Second)
	b.span("t2", "root", "", 5*time.Second)
	b.flush()
	want(t, b.entries(SpanQuery{}), "[t2/root t1/root]")
	want(t, b.entries(SpanQuery{To: start.Add(5 * time.Second)}), "[t1/root]")
	want(t, b.entries(SpanQuery{Scope: cloud.Scope{Account: "x"}}), "[]")
	spans, err := b.recorder.Trace(ctx, "t1")
	want(t, len(must(t, spans, err)), 3)
	must(t, 0, b.SpanDurable(ctx, Span{Trace: "t1", ID: "late", Parent: "root", Fault: "on purpose", Start: start.Add(4 * time.Second)}))
	heads, err := b.Traces(ctx, SpanQuery{})
	for i, faults := range []int{0, 1} {
		want(t, must(t, heads, err)[i].Faults, faults)
	}
}

func TestOldTracesGo(t *testing.T) {
	b := open(t, Options{MaxTraces: 20})
	for i := range 100 {
		b.span(fmt.Sprint("t", i), "root", "", time.Duration(i)*time.Second)
		b.span(fmt.Sprint("t", i), "child", "root", time.Duration(i)*time.Second)
	}
	b.flush()
	must(t, 0, b.prune())
	want(t, len(b.entries(SpanQuery{})), 20)
	spans, err := b.recorder.Trace(ctx, "t3")
	want(t, len(must(t, spans, err)), 0)
	spans, err = b.recorder.Trace(ctx, "t99")
	want(t, len(must(t, spans, err)), 2)
}

func TestTraceIsBounded(t *testing.T) {
	b := open(t, Options{})
	all := make([]Span, maxSpans+10)
	for i := range all {
		all[i] = Span{Trace: "t", ID: fmt.Sprint(i), Start: start}
	}
	must(t, 0, b.SpanDurable(ctx, all...))
	spans, err := b.recorder.Trace(ctx, "t")
	want(t, len(must(t, spans, err)), maxSpans)
	want(t, b.Dropped(), 10)
}

func TestTail(t *testing.T) {
	b := open(t, Options{})
	var got []string
	stop := b.Tail(func(e TailEvent) {
		if e.Span != nil {
			got = append(got, e.Span.ID)
			return
		}
		got = append(got, e.Log.Stream+" "+e.Log.Message)
	})
	b.Log(group, "s", LogEvent{Message: "m"})
	b.span("t", "id", "", 0)
	stop()
	b.Log(group, "s", LogEvent{Message: "unseen"})
	want(t, got, "[s m id]")
}

// gate is a store whose updates wait.
type gate struct {
	store.Store
	open chan struct{}
	err  error
}

func (g gate) Update(ctx context.Context, fn func(store.Tx) error) error {
	<-g.open
	if g.err != nil {
		return g.err
	}
	return g.Store.Update(ctx, fn)
}

func TestOverloadDrops(t *testing.T) {
	g := gate{Store: mem.New(), open: make(chan struct{})}
	b := open(t, Options{Store: g})
	line := strings.Repeat("x", messageBytes)
	for range 200 {
		b.Log(group, "s", LogEvent{Message: line})
	}
	if b.Dropped() == 0 || b.waiting.Load() > queueBytes+2*batchBytes {
		t.Fatalf("%d dropped, %d bytes wait", b.Dropped(), b.waiting.Load())
	}
	close(g.open)
	b.flush()
	want(t, b.waiting.Load(), 0)
}

func TestFailureIsTold(t *testing.T) {
	broken := errors.New("disk")
	g := gate{Store: mem.New(), open: make(chan struct{}), err: broken}
	close(g.open)
	b := open(t, Options{Store: g})
	want(t, errors.Is(b.LogDurable(ctx, group, "s", LogEvent{Message: "m"}), broken), true)
	want(t, errors.Is(b.SpanDurable(ctx, Span{Trace: "t"}, Span{Trace: "t"}), broken), true)
	want(t, errors.Is(b.MetricDurable(ctx, Metric{}, Metric{}), broken), true)
}

func TestCloseKeepsWhatWaits(t *testing.T) {
	s := mem.New()
	b := open(t, Options{Store: s})
	var w sync.WaitGroup
	for i := range 8 {
		w.Go(func() {
			for range 100 {
				b.Log(group, fmt.Sprint(i), LogEvent{Message: "m"})
			}
		})
	}
	w.Wait()
	must(t, 0, b.Close())
	want(t, errors.Is(b.Flush(ctx), store.ErrClosed), true)
	again := open(t, Options{Store: s})
	want(t, len(again.find(LogQuery{})), 800)
}

func TestNothingIsNothing(t *testing.T) {
	b := open(t, Options{})
	must(t, 0, b.LogDurable(ctx, group, "s"))
	must(t, 0, b.MetricDurable(ctx))
	must(t, 0, b.SpanDurable(ctx))
	none, err := json.Marshal(must(t, Span{}, nil))
	want(t, strings.Contains(string(must(t, none, err)), "Segment"), false)
}
