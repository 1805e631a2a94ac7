package telemetry

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/emf"
)

// The bounds of what waits to be written. What comes on top is dropped and counted.
const (
	batchItems = 2 << 10
	batchDelay = 50 * time.Millisecond

	queueBytes   = 64 << 20
	batchBytes   = 4 << 20
	messageBytes = 1 << 20 // of a line; longer ones are cut
	itemBytes    = 200     // about what a row takes besides its texts
	lineBytes    = 64      // about what a line takes besides its message
)

// Options are what a Recorder stands on. Store is its own, apart from the platform's data.
type Options struct {
	Store     store.Store
	Clock     cloud.Clock
	Log       *slog.Logger
	MaxTraces int // older traces go; 0: 20,000
}

// recorder is the Recorder over a store: one goroutine writes in batches, so that nothing of it is on an invoke's path.
type recorder struct {
	o       Options
	wake    chan struct{} // something waits
	hurry   chan struct{} // the writer is not to wait for more
	meters  chan struct{} // the first meter has values
	stop    chan struct{}
	ended   chan struct{}
	closing sync.Once
	dropped atomic.Int64
	waiting atomic.Int64 // bytes that are not written yet, about
	tailing atomic.Int32 // tails
	traces  int          // that are new since the last prune; the writer's own
	rolled  time.Time    // when metrics were rolled up last; the writer's own
	idle    *pending     // the writer's own
	pack    packer       // the writer's own

	in     sync.Mutex // guards what follows
	now    *pending   // what waits
	seq    uint64     // arrival order of log events with the same time, and of traces
	closed bool

	mu    sync.RWMutex // guards tails
	tails map[int]func(TailEvent)
	next  int
}

// New starts a recorder. Close ends it; the store stays the caller's to close.
func New(o Options) Recorder {
	if o.MaxTraces == 0 {
		o.MaxTraces = 20_000
	}
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	r := &recorder{
		o: o, wake: signal(), hurry: signal(), meters: signal(), stop: make(chan struct{}), ended: make(chan struct{}), tails: map[int]func(TailEvent){},
		now: &pending{groups: map[LogGroup]*gathered{}}, idle: &pending{groups: map[LogGroup]*gathered{}},
		seq: uint64(o.Clock.Wall().UnixNano()), // so that arrival order also holds over a restart
	}
	go r.write()
	return r
}

// signal tells the writer something that it need be told once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin opens what waits for n things of a size, which come from somebody who waits for them (done), or are dropped if there is no room. False: they are
// not to be added. Else end must be called.
func (r *recorder) begin(n int, done chan<- error) bool {
	if done == nil && r.waiting.Load() > queueBytes {
		r.dropped.Add(int64(n))
		return false
	}
	r.in.Lock()
	if !r.closed {
		return true
	}
	r.in.Unlock()
	if done != nil {
		done <- store.ErrClosed
	} else {
		r.dropped.Add(int64(n))
	}
	return false
}

// end closes what begin opened, when so many bytes were added to what was empty, or not. It wakes the writer.
func (r *recorder) end(empty bool, size int64, done chan<- error) {
	if done != nil {
		r.now.waiters = append(r.now.waiters, done)
	}
	r.now.size += size
	hurry := done != nil || r.now.size >= batchBytes
	r.in.Unlock()
	r.waiting.Add(size)
	if empty {
		signal(r.wake)
	}
	if hurry {
		signal(r.hurry)
	}
}

// Log records lines without waiting.
func (r *recorder) Log(g LogGroup, stream string, events ...LogEvent) { r.log(&g, stream, events, nil) }

// LogDurable records lines and waits until they are kept.
func (r *recorder) LogDurable(ctx context.Context, g LogGroup, stream string, events ...LogEvent) error {
	return r.wait(ctx, func(done chan<- error) { r.log(&g, stream, events, done) })
}

func (r *recorder) log(g *LogGroup, stream string, events []LogEvent, done chan<- error) {
	if len(events) == 0 && done == nil {
		return
	}
	size, now := lineSize(events), r.o.Clock.Now()
	if !r.begin(len(events), done) {
		return
	}
	empty, seq := r.now.empty(), r.seq+1
	r.seq += uint64(len(events))
	if len(events) > 0 {
		r.now.add(g, stream, events, now.UnixNano(), seq)
	}
	r.end(empty, size, done)
	if r.tailing.Load() > 0 {
		r.show(*g, stream, events, now, seq)
	}
}

// show shows lines to the tails.
func (r *recorder) show(g LogGroup, stream string, events []LogEvent, now time.Time, seq uint64) {
	for i, e := range events {
		if e.Time.IsZero() {
			e.Time = now
		}
		e.Message, e.Ingested, e.Stream, e.ID = cutMessage(e.Message), now, stream, placeOf(e.Time, seq+uint64(i)).id()
		r.tell(TailEvent{Group: &g, Log: e})
	}
}

// Metric records values without waiting.
func (r *recorder) Metric(m ...Metric) { r.metric(m, nil) }

// MetricDurable records values and waits until they are kept.
func (r *recorder) MetricDurable(ctx context.Context, m ...Metric) error {
	return r.wait(ctx, func(done chan<- error) { r.metric(m, done) })
}

func (r *recorder) metric(m []Metric, done chan<- error) {
	size := metricSize(m)
	if !r.begin(len(m), done) {
		return
	}
	empty := r.now.empty()
	r.now.metrics = append(r.now.metrics, m...)
	r.end(empty, size, done)
}

// metered notes a meter that has values, in case that it is not noted yet; full means that they are not to wait any longer.
func (r *recorder) metered(m *meter, first, full bool) {
	r.in.Lock()
	if first {
		r.now.meters = append(r.now.meters, m)
	}
	r.now.press = r.now.press || full
	r.in.Unlock()
	if full {
		signal(r.wake)
	}
	signal(r.meters)
}

// Span records spans without waiting.
func (r *recorder) Span(s ...Span) { r.span(s, nil) }

// SpanDurable records spans and waits until they are kept.
func (r *recorder) SpanDurable(ctx context.Context, s ...Span) error {
	return r.wait(ctx, func(done chan<- error) { r.span(s, done) })
}

func (r *recorder) span(s []Span, done chan<- error) {
	size := int64(0)
	for i := range s {
		size += spanSize(&s[i])
	}
	if r.tailing.Load() > 0 {
		for i := range s {
			r.tell(TailEvent{Span: &s[i]})
		}
	}
	if !r.begin(len(s), done) {
		return
	}
	empty := r.now.empty()
	r.now.spans = append(r.now.spans, s...)
	r.end(empty, size, done)
}

// Flush waits until everything that was recorded before it can be read.
func (r *recorder) Flush(ctx context.Context) error {
	return r.wait(ctx, func(done chan<- error) {
		if !r.begin(0, done) {
			return
		}
		r.now.press = true
		r.end(r.now.empty(), 0, done)
	})
}

// wait adds something and waits for the commits that carry it. As long as too much waits, it waits for that first.
func (r *recorder) wait(ctx context.Context, add func(done chan<- error)) error {
	if r.waiting.Load() > queueBytes {
		if err := r.written(ctx, func(done chan<- error) { r.metric(nil, done) }); err != nil {
			return err
		}
	}
	return r.written(ctx, add)
}

func (r *recorder) written(ctx context.Context, add func(done chan<- error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	add(done)
	select {
	case err := <-done:
		return err
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
	r.tailing.Store(int32(len(r.tails)))
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.tails, id)
		r.tailing.Store(int32(len(r.tails)))
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

// Close writes what waits and ends the writer.
func (r *recorder) Close() error {
	r.closing.Do(func() {
		r.in.Lock()
		r.closed = true
		r.in.Unlock()
		close(r.stop)
	})
	<-r.ended
	return nil
}

// write is the writer: it takes what waits and commits it.
func (r *recorder) write() {
	defer close(r.ended)
	due := time.NewTimer(meterDelay)
	due.Stop()
	set := false
	for {
		select {
		case <-r.wake:
			r.rest()
			r.commit(false)
		case <-r.meters:
			if !set {
				set = true
				due.Reset(meterDelay)
			}
		case <-due.C:
			set = false
			r.commit(true)
		case <-r.stop:
			due.Stop()
			r.commit(true)
			return
		}
	}
}

// rest waits until a batch has gathered: batchDelay, or less when somebody waits for it or there is one. Until then the writer sleeps: to be woken by every
// item would cost those who send them more than the items do.
func (r *recorder) rest() {
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.hurry:
	case <-r.stop:
	}
}

// take gives what waits. What meters have stays until it is due, or pressed for.
func (r *recorder) take(due bool) (p *pending, summed []sums) {
	r.in.Lock()
	p = r.now
	r.now = r.idle
	if due = due || p.press; !due {
		r.now.meters, p.meters = p.meters, r.now.meters
	}
	r.in.Unlock()
	n := 0
	for _, m := range p.meters {
		var values int
		summed, values = m.take(summed)
		n += values
	}
	p.size += int64(n) * valueBytes
	return p, summed
}

// commit writes what waits, in as many commits as its size asks for, and tells those who wait.
func (r *recorder) commit(due bool) {
	p, summed := r.take(due)
	now := r.o.Clock.Now()
	var failed error
	extracted, unread := p.extract(now)
	r.dropped.Add(int64(unread))
	for all := p.works(&r.pack, extracted, summed); len(all) > 0; {
		n := together(all)
		failed = cmp.Or(failed, r.put(all[:n]))
		all = all[n:]
	}
	r.waiting.Add(-p.size)
	for _, done := range p.waiters {
		done <- failed
	}
	p.reset()
	r.idle = p
	r.tidy()
}

// put is one commit.
func (r *recorder) put(all []work) error {
	var made *batch
	err := r.o.Store.Update(context.Background(), func(tx store.Tx) error {
		made = newBatch(tx)
		made.arrival = r.arrival
		for i := range all {
			made.add(&all[i])
		}
		return made.finish()
	})
	if err != nil {
		n := 0
		for i := range all {
			n += all[i].n
		}
		r.o.Log.Error("telemetry could not be written", "items", n, "error", err)
		r.dropped.Add(int64(n))
		return err
	}
	r.dropped.Add(int64(made.dropped))
	r.traces += made.traces
	return nil
}

// arrival gives the next number in the order of arrival.
func (r *recorder) arrival() uint64 {
	r.in.Lock()
	defer r.in.Unlock()
	r.seq++
	return r.seq
}

// CloudWatch takes values from two weeks ago to two hours ahead (PutMetricData).
const (
	metricOldest = 14 * 24 * time.Hour
	metricNewest = 2 * time.Hour
)

// maxExtracted is how many metrics the lines of one group give at a time: a short line can name a thousand.
const maxExtracted = 10_000

// extract reads the metrics in lines that are in the embedded metric format. The lines of a group that has given too many are not read for more.
func (p *pending) extract(now time.Time) (out []Metric, unread int) {
	for _, g := range p.order {
		if !emf.Possible(g.text) {
			continue
		}
		before := len(out)
		for i := range g.all {
			if len(out)-before >= maxExtracted {
				unread += len(g.all) - i
				break
			}
			for _, m := range emf.Parse(string(g.text[g.all[i].from:g.all[i].to])) {
				if m.Time.Before(now.Add(-metricOldest)) || m.Time.After(now.Add(metricNewest)) {
					continue
				}
				out = append(out, Metric{
					Scope: g.group.Scope, Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions, Unit: m.Unit, Time: m.Time, Values: m.Values,
				})
			}
		}
	}
	return out, unread
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
