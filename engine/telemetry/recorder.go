package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The bounds of what waits to be written. What comes on top is dropped and counted.
const (
	queueItems = 32 << 10
	batchItems = 2 << 10
	batchDelay = 20 * time.Millisecond
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
	group  *LogGroup
	stream string
	events []LogEvent
	metric *Metric
	span   *Span
	done   chan error
}

// recorder is the Recorder over a store: one goroutine writes in batches, so that nothing of it is on an invoke's path.
type recorder struct {
	o       Options
	queue   chan item
	stop    chan struct{}
	ended   chan struct{}
	closing sync.Once
	dropped atomic.Int64
	seq     atomic.Uint64 // arrival order of log events with the same time
	traces  int           // root spans written since the last prune; the writer's own

	mu    sync.RWMutex // guards tails
	tails map[int]func(TailEvent)
	next  int
}

// New starts a recorder. Close ends it; the store stays the caller's to close.
func New(o Options) Recorder {
	if o.MaxTraces == 0 {
		o.MaxTraces = 20_000
	}
	r := &recorder{o: o, queue: make(chan item, queueItems), stop: make(chan struct{}), ended: make(chan struct{}), tails: map[int]func(TailEvent){}}
	r.seq.Store(uint64(o.Clock.Wall().UnixNano())) // so that arrival order also holds over a restart
	go r.write()
	return r
}

// Log records lines without waiting.
func (r *recorder) Log(g LogGroup, stream string, events ...LogEvent) {
	r.offer(item{group: &g, stream: stream, events: r.stamp(g, stream, events)}, len(events))
}

// LogDurable records lines and waits until they are kept.
func (r *recorder) LogDurable(ctx context.Context, g LogGroup, stream string, events ...LogEvent) error {
	return r.put(ctx, item{group: &g, stream: stream, events: r.stamp(g, stream, events)})
}

// Metric records values without waiting.
func (r *recorder) Metric(m ...Metric) {
	for i := range m {
		r.offer(item{metric: &m[i]}, 1)
	}
}

// MetricDurable records values and waits until they are kept.
func (r *recorder) MetricDurable(ctx context.Context, m ...Metric) error {
	for i := range m[:max(len(m)-1, 0)] {
		if err := r.push(ctx, item{metric: &m[i]}); err != nil {
			return err
		}
	}
	if len(m) == 0 {
		return nil
	}
	return r.put(ctx, item{metric: &m[len(m)-1]})
}

// Span records spans without waiting.
func (r *recorder) Span(s ...Span) {
	for i := range s {
		r.tell(TailEvent{Span: &s[i]})
		r.offer(item{span: &s[i]}, 1)
	}
}

// SpanDurable records spans and waits until they are kept.
func (r *recorder) SpanDurable(ctx context.Context, s ...Span) error {
	for i := range s {
		r.tell(TailEvent{Span: &s[i]})
		it := item{span: &s[i]}
		var err error
		if i == len(s)-1 {
			err = r.put(ctx, it)
		} else {
			err = r.push(ctx, it)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stamp gives lines their ids and arrival times, and shows them to the tails.
func (r *recorder) stamp(g LogGroup, stream string, events []LogEvent) []LogEvent {
	now := r.o.Clock.Now()
	out := make([]LogEvent, len(events))
	for i, e := range events {
		if e.Time.IsZero() {
			e.Time = now
		}
		e.Ingested, e.Stream, e.ID = now, stream, eventID(e.Time, r.seq.Add(1))
		out[i] = e
		r.tell(TailEvent{Group: &g, Log: e})
	}
	return out
}

func (r *recorder) offer(it item, n int) {
	select {
	case r.queue <- it:
	default:
		r.dropped.Add(int64(n))
	}
}

func (r *recorder) push(ctx context.Context, it item) error {
	select {
	case r.queue <- it:
		return nil
	case <-r.ended:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *recorder) put(ctx context.Context, it item) error {
	it.done = make(chan error, 1)
	if err := r.push(ctx, it); err != nil {
		return err
	}
	select {
	case err := <-it.done:
		return err
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
func (r *recorder) Flush(ctx context.Context) error { return r.put(ctx, item{}) }

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

// gather fills a batch: at once when somebody waits for it, else over batchDelay.
func (r *recorder) gather(first item) []item {
	batch := []item{first}
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	for len(batch) < batchItems {
		if batch[len(batch)-1].done != nil && len(r.queue) == 0 {
			return batch
		}
		select {
		case it := <-r.queue:
			batch = append(batch, it)
		case <-timer.C:
			return batch
		case <-r.stop:
			return batch
		}
	}
	return batch
}

func (r *recorder) commit(batch []item) {
	err := r.o.Store.Update(context.Background(), func(tx store.Tx) error {
		b := newBatch(tx)
		for _, it := range batch {
			b.add(it)
		}
		return b.finish()
	})
	if err != nil {
		r.o.Log.Error("telemetry could not be written", "items", len(batch), "error", err)
		r.dropped.Add(int64(len(batch)))
	}
	for _, it := range batch {
		if it.done != nil {
			it.done <- err
		}
		if it.span != nil && isRoot(it.span) {
			r.traces++
		}
	}
	if r.traces >= r.o.MaxTraces/10+1 {
		r.traces = 0
		if err := r.prune(); err != nil {
			r.o.Log.Error("old traces could not be removed", "error", err)
		}
	}
}
