package telemetry

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/emf"
)

// The bounds of what waits to be written. What comes on top is dropped and counted.
const (
	queueItems = 32 << 10
	batchItems = 2 << 10
	batchDelay = 20 * time.Millisecond

	queueBytes   = 64 << 20
	batchBytes   = 4 << 20
	messageBytes = 1 << 20 // of a line; longer ones are cut
	itemBytes    = 200     // about what a row takes besides its texts
)

// Options are what a Recorder stands on. Store is its own, apart from the platform's data.
type Options struct {
	Store     store.Store
	Clock     cloud.Clock
	Log       *slog.Logger
	MaxTraces int // older traces go; 0: 20,000
}

// item is one thing to write; done, when not nil, receives the outcome of the commit that carries it.
type item struct {
	group   *LogGroup
	stream  string
	events  []LogEvent
	metrics []Metric
	span    *Span
	done    chan error
	size    int64 // bytes, about
}

// recorder is the Recorder over a store: one goroutine writes in batches, so that nothing of it is on an invoke's path.
type recorder struct {
	o       Options
	queue   chan item
	hurry   chan struct{} // the writer is not to wait for more
	stop    chan struct{}
	ended   chan struct{}
	closing sync.Once
	dropped atomic.Int64
	waiting atomic.Int64  // bytes in the queue
	seq     atomic.Uint64 // arrival order of log events with the same time
	traces  int           // that are new since the last prune; the writer's own
	rolled  time.Time     // when metrics were rolled up last; the writer's own
	batch   []item        // the writer's own: what it gathers

	mu    sync.RWMutex // guards tails
	tails map[int]func(TailEvent)
	next  int
}

// New starts a recorder. Close ends it; the store stays the caller's to close.
func New(o Options) Recorder {
	if o.MaxTraces == 0 {
		o.MaxTraces = 20_000
	}
	r := &recorder{o: o, queue: make(chan item, queueItems), hurry: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}), tails: map[int]func(TailEvent){}}
	r.seq.Store(uint64(o.Clock.Wall().UnixNano())) // so that arrival order also holds over a restart
	go r.write()
	return r
}

// Log records lines without waiting.
func (r *recorder) Log(g LogGroup, stream string, events ...LogEvent) {
	for _, it := range r.lines(g, stream, events) {
		r.offer(it, len(it.events))
	}
}

// LogDurable records lines and waits until they are kept.
func (r *recorder) LogDurable(ctx context.Context, g LogGroup, stream string, events ...LogEvent) error {
	return r.putAll(ctx, r.lines(g, stream, events))
}

// lines makes items of lines, each of a size that a commit can carry.
func (r *recorder) lines(g LogGroup, stream string, events []LogEvent) (out []item) {
	for rest := r.stamp(g, stream, events); len(rest) > 0; {
		it, n := item{group: &g, stream: stream}, 0
		for ; n < len(rest); n++ {
			size := int64(len(rest[n].Message)) + itemBytes
			if n > 0 && it.size+size > batchBytes {
				break
			}
			it.size += size
		}
		it.events, rest = rest[:n:n], rest[n:]
		out = append(out, it)
	}
	return out
}

// Metric records values without waiting.
func (r *recorder) Metric(m ...Metric) {
	for part := range slices.Chunk(m, metricsTogether) {
		r.offer(metricItem(part), len(part))
	}
}

// metricsTogether is how many metrics are queued as one thing, so that a commit stays bounded.
const metricsTogether = 100

func metricItem(all []Metric) item {
	it := item{metrics: all}
	for _, m := range all {
		it.size += itemBytes + int64(len(m.Values)+len(m.Counts))*8 + int64(len(m.Dimensions))*itemBytes
	}
	return it
}

// MetricDurable records values and waits until they are kept.
func (r *recorder) MetricDurable(ctx context.Context, m ...Metric) error {
	var items []item
	for part := range slices.Chunk(m, metricsTogether) {
		items = append(items, metricItem(part))
	}
	return r.putAll(ctx, items)
}

// Span records spans without waiting.
func (r *recorder) Span(s ...Span) {
	for i := range s {
		r.offer(r.spanItem(&s[i]), 1)
	}
}

func (r *recorder) spanItem(s *Span) item {
	r.tell(TailEvent{Span: s})
	return item{span: s, size: itemBytes + int64(len(s.Fault)+len(s.Segment)+len(s.Name))}
}

// SpanDurable records spans and waits until they are kept.
func (r *recorder) SpanDurable(ctx context.Context, s ...Span) error {
	items := make([]item, len(s))
	for i := range s {
		items[i] = r.spanItem(&s[i])
	}
	return r.putAll(ctx, items)
}

// putAll hands items over in order and waits for the commits that carry them.
func (r *recorder) putAll(ctx context.Context, items []item) error {
	done := make(chan error, len(items))
	for _, it := range items {
		it.done = done
		if err := r.push(ctx, it); err != nil {
			return err
		}
	}
	var failed error
	for range items {
		select {
		case err := <-done:
			failed = cmp.Or(failed, err)
		case <-r.ended:
			return store.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failed
}

// stamp gives lines their ids and arrival times, and shows them to the tails.
func (r *recorder) stamp(g LogGroup, stream string, events []LogEvent) []LogEvent {
	now := r.o.Clock.Now()
	out := make([]LogEvent, len(events))
	for i, e := range events {
		if e.Time.IsZero() {
			e.Time = now
		}
		if len(e.Message) > messageBytes {
			e.Message = strings.ToValidUTF8(e.Message[:messageBytes], "")
		}
		e.Ingested, e.Stream, e.ID = now, stream, eventID(e.Time, r.seq.Add(1))
		out[i] = e
		r.tell(TailEvent{Group: &g, Log: e})
	}
	return out
}

// offer queues an item of n lines, metrics or spans, or drops it when too much waits.
func (r *recorder) offer(it item, n int) {
	if r.waiting.Load() > queueBytes {
		r.dropped.Add(int64(n))
		return
	}
	select {
	case r.queue <- it:
		r.queued(it)
	default:
		r.dropped.Add(int64(n))
	}
}

// queued counts an item, and wakes the writer when it is not to wait for more.
func (r *recorder) queued(it item) {
	if waiting := r.waiting.Add(it.size); it.done == nil && waiting < batchBytes && len(r.queue) < batchItems {
		return
	}
	select {
	case r.hurry <- struct{}{}:
	default:
	}
}

func (r *recorder) push(ctx context.Context, it item) error {
	select {
	case r.queue <- it:
		r.queued(it)
		return nil
	case <-r.ended:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tail calls fn for every line and span from now on.
func (r *recorder) Tail(fn func(TailEvent)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.next
	r.next++
	r.tails[id] = fn
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.tails, id)
	}
}

func (r *recorder) tell(e TailEvent) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, fn := range r.tails {
		fn(e)
	}
}

// Dropped counts what overload made the recorder drop.
func (r *recorder) Dropped() int64 { return r.dropped.Load() }

// Flush waits until everything that was recorded before it can be read.
func (r *recorder) Flush(ctx context.Context) error { return r.putAll(ctx, []item{{}}) }

// Close writes what waits and ends the writer.
func (r *recorder) Close() error {
	r.closing.Do(func() { close(r.stop) })
	<-r.ended
	return nil
}

// write is the writer: it takes what waits, up to a batch, and commits it.
func (r *recorder) write() {
	defer close(r.ended)
	for {
		select {
		case it := <-r.queue:
			r.commit(r.gather(it))
		case <-r.stop:
			for len(r.queue) > 0 {
				r.commit(r.gather(<-r.queue))
			}
			return
		}
	}
}

// gather fills a batch: at once when somebody waits for it or there is one, else after batchDelay. Until then the writer sleeps: to be woken by every item
// would cost those who send them more than the items do.
func (r *recorder) gather(first item) []item {
	if first.done == nil && len(r.queue) < batchItems && r.waiting.Load() < batchBytes {
		r.rest()
	}
	r.batch = append(r.batch[:0], first)
	for size := first.size; len(r.batch) < batchItems && size < batchBytes; {
		select {
		case it := <-r.queue:
			r.batch, size = append(r.batch, it), size+it.size
		default:
			return r.batch
		}
	}
	return r.batch
}

func (r *recorder) rest() {
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.hurry:
	case <-r.stop:
	}
}

func (r *recorder) commit(items []item) {
	extracted := extract(items, r.o.Clock.Now())
	var made *batch
	err := r.o.Store.Update(context.Background(), func(tx store.Tx) error {
		made = newBatch(tx)
		made.arrival = func() uint64 { return r.seq.Add(1) }
		for _, it := range items {
			made.add(it)
		}
		for i := range extracted {
			made.addMetric(&extracted[i])
		}
		return made.finish()
	})
	if err != nil {
		r.o.Log.Error("telemetry could not be written", "items", len(items), "error", err)
		r.dropped.Add(int64(len(items)))
	} else {
		r.dropped.Add(int64(made.dropped))
		r.traces += made.traces
	}
	for _, it := range items {
		r.waiting.Add(-it.size)
		if it.done != nil {
			it.done <- err
		}
	}
	clear(items) // the next batch is gathered in the same place, and nothing is held until then
	r.tidy()
}

// CloudWatch takes values from two weeks ago to two hours ahead (PutMetricData).
const (
	metricOldest = 14 * 24 * time.Hour
	metricNewest = 2 * time.Hour
)

// extract reads the metrics in lines that are in the embedded metric format.
func extract(items []item, now time.Time) (out []Metric) {
	for _, it := range items {
		for _, e := range it.events {
			for _, m := range emf.Parse(e.Message) {
				if m.Time.Before(now.Add(-metricOldest)) || m.Time.After(now.Add(metricNewest)) {
					continue
				}
				out = append(out, Metric{
					Scope: it.group.Scope, Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions, Unit: m.Unit, Time: m.Time, Values: m.Values,
				})
			}
		}
	}
	return out
}

// tidy removes what is too old, now and then.
func (r *recorder) tidy() {
	if r.traces > r.o.MaxTraces/10 {
		r.traces = 0
		if err := r.prune(); err != nil {
			r.o.Log.Error("old traces could not be removed", "error", err)
		}
	}
	if now := r.o.Clock.Now(); now.Sub(r.rolled) >= rollupEvery {
		r.rolled = now
		if err := r.rollup(now); err != nil {
			r.o.Log.Error("old metrics could not be rolled up", "error", err)
		}
	}
}
