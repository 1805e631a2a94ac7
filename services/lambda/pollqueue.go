package lambda

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"sync"

	"sundog/cloud"
	"sundog/engine/bus"
)

const queueWait = 20 * time.Second // of one long poll

// queuePoller receives messages of one queue into batches. It belongs to one goroutine; batches run beside it.
type queuePoller struct {
	*poller
	src   bus.Source
	gate  *batchGate
	carry []queued // received, but too much for the last batch

	begun chan struct{} // closed when the batch that is collected runs, or there is none
}

// queued is a message with its record.
type queued struct {
	bus.Message
	raw json.RawMessage
}

// queueBatch is what one call of the function gets.
type queueBatch struct {
	messages []queued
	size     int
	since    time.Time // of the first message
}

// pollQueue receives and runs batches until ctx ends.
func (p *poller) pollQueue(ctx context.Context) {
	src, err := p.r.d.Bus.Source(p.src)
	if err != nil {
		p.r.d.Log.Error("an event source mapping has no source", "mapping", p.m.id(), "error", err)
		return
	}
	q := &queuePoller{poller: p, src: src, gate: p.m.gate()}
	var running sync.WaitGroup
	defer running.Wait()
	defer q.giveBack(ctx)
	for trouble := 0; q.gate.enter(ctx); {
		q.pollers()
		q.begun = make(chan struct{})
		batch, err := q.collect(ctx)
		if len(batch.messages) > 0 {
			trouble = 0
			idle := p.r.d.Clock.Busy("event source mapping " + p.m.id())
			close(q.begun)
			if q.m.fifo() && len(q.carry) > 0 {
				q.runBefore(ctx, batch)
				idle()
				continue
			}
			running.Go(func() {
				defer idle()
				_, ok := q.runBatch(ctx, batch)
				q.gate.done(!ok)
			})
			continue
		}
		close(q.begun)
		q.gate.idle()
		if err == nil || ctx.Err() != nil {
			trouble = 0
			continue
		}
		p.warn(trouble, err)
		pause(ctx, backoff(trouble))
		trouble++
	}
}

// runBefore runs a batch to its end before what is carried, which may be of the same groups. What follows a message that failed stays hidden, as that does.
func (q *queuePoller) runBefore(ctx context.Context, b queueBatch) {
	left, ok := q.runBatch(ctx, b)
	q.gate.done(!ok)
	q.carry = slices.DeleteFunc(slices.Clone(q.carry), func(m queued) bool {
		return slices.ContainsFunc(left, func(before queued) bool { return before.GroupID == m.GroupID })
	})
}

// giveBack makes visible what no batch was made of.
func (q *queuePoller) giveBack(ctx context.Context) {
	if len(q.carry) == 0 {
		return
	}
	var receipts []string
	for _, m := range q.carry {
		receipts = append(receipts, m.Receipt)
	}
	for _, err := range q.src.Nack(context.WithoutCancel(ctx), q.queue(), receipts, 0) {
		if err != nil {
			q.r.d.Log.Warn("a message stays hidden until its time is over", "queue", q.queue().String(), "error", err)
		}
	}
}

func (q *queuePoller) queue() cloud.ARN { return q.poller.src }

// collect makes a batch: of what one long poll gives, or, with a batching window, of what comes until the window closes or the batch is full, by
// number or by size. What no filter lets through is deleted, as on Lambda.
func (q *queuePoller) collect(ctx context.Context) (queueBatch, error) {
	pl, err := q.r.plan(ctx, q.m.function())
	if err == nil {
		err = q.r.mayRead(ctx, q.queue(), pl)
	}
	if err != nil {
		return queueBatch{}, err
	}
	size := int(val(q.m.Config.BatchSize, 10))
	window := time.Duration(val(q.m.Config.MaximumBatchingWindowInSeconds, 0)) * time.Second
	var b queueBatch
	carried := q.carry
	q.carry = nil
	full := q.add(&b, carried)
	stop := func() {}
	defer func() { stop() }()
	for open := false; !full && len(b.messages) < size && ctx.Err() == nil; {
		wait := queueWait
		if len(b.messages) > 0 {
			end := b.since.Add(window)
			if wait = min(windowStep, end.Sub(q.r.d.Clock.Now())); wait <= 0 {
				break
			}
			if !open { // a clock that is moved waits at the window's end for the batch to begin: before its messages come back to the queue
				begun := q.begun // of this batch, whatever comes after it
				open, stop = true, q.r.d.Clock.AfterNow(end, func() { <-begun })
			}
		}
		got, err := q.src.Receive(ctx, q.queue(), asRole(pl), q.want(&b, size), wait)
		if err == nil && len(got) == 0 {
			q.polled(0, 0)
		}
		if err != nil || len(got) == 0 && len(b.messages) == 0 {
			return b, err // the batch that is here runs all the same
		}
		full = q.add(&b, q.filter(ctx, got))
	}
	return b, nil
}

// windowStep is how long a poll waits while a batching window is open: a clock that is moved forward closes it sooner.
const windowStep = time.Second

// want tells how many messages to ask for: ten at first, and then as many as will probably fit.
func (q *queuePoller) want(b *queueBatch, size int) int {
	n := 10
	if len(b.messages) > 0 {
		n = max(n, (maxRecords-b.size)/(b.size/len(b.messages)+1))
	}
	return min(size-len(b.messages), n, 1000)
}

// add puts messages into the batch; true when it is full by size. The rest is carried to the next one.
func (q *queuePoller) add(b *queueBatch, messages []queued) bool {
	for i, m := range messages {
		if len(b.messages) > 0 && b.size+len(m.raw)+1 > maxRecords {
			q.carry = messages[i:]
			return true
		}
		if len(b.messages) == 0 {
			b.since = q.r.d.Clock.Now()
		}
		b.messages, b.size = append(b.messages, m), b.size+len(m.raw)+1
	}
	return false
}

// filter makes the records of messages and deletes those that do not pass.
func (q *queuePoller) filter(ctx context.Context, got []bus.Message) []queued {
	var passed []queued
	var dropped []string
	for _, m := range got {
		raw, err := json.Marshal(q.record(m))
		if err != nil {
			q.r.d.Log.Error("a message cannot be written as a record", "queue", q.queue().String(), "message", m.ID, "error", err)
			continue
		}
		if len(q.filters) > 0 && !q.matches(filterable(raw, m.Body)) {
			dropped = append(dropped, m.Receipt)
			continue
		}
		passed = append(passed, queued{m, raw})
	}
	q.polled(len(got), len(dropped))
	q.ack(ctx, dropped)
	return passed
}

// ack deletes messages and tells how many it could.
func (q *queuePoller) ack(ctx context.Context, receipts []string) (deleted int) {
	for group := range slices.Chunk(receipts, 100) {
		for _, err := range q.src.Ack(context.WithoutCancel(ctx), q.queue(), group) {
			if err != nil {
				q.r.d.Log.Warn("a message could not be deleted after its run", "queue", q.queue().String(), "error", err)
			} else {
				deleted++
			}
		}
	}
	return deleted
}

// runBatch runs the function with a batch, deletes what it has dealt with, and gives what is left; false when the function failed with all of it. What is
// left comes back after its visibility timeout.
func (q *queuePoller) runBatch(ctx context.Context, b queueBatch) (left []queued, ok bool) {
	payload, err := eventOf(b.messages, func(m queued) []byte { return m.raw }, nil)
	if err == nil {
		q.count(invokedEvents, len(b.messages))
		var res cloud.Result
		if res, err = q.call(ctx, payload, deepest(q.m.function(), b.messages), q.patience(ctx, b)); err == nil {
			done, left, ok := q.settled(res, b.messages)
			q.count(failedEvents, len(left))
			q.count(deletedEvents, q.ack(ctx, receipts(done)))
			return left, ok
		}
		if cloud.IsCode(err, codeRecursive) && !q.redrives(ctx) {
			q.ack(ctx, receipts(b.messages)) // it would go round for ever: AWS drops what no dead-letter queue takes
		}
	}
	q.count(failedEvents, len(b.messages))
	q.r.d.Log.Warn("a batch of messages did not run", "queue", q.queue().String(), "function", q.m.function().name, "error", err)
	return b.messages, false
}

// patience is how long a throttled batch is tried again: until its messages can be seen by others (Lambda Developer Guide, "Understanding backoff
// strategies").
func (q *queuePoller) patience(ctx context.Context, b queueBatch) time.Duration {
	seconds := 30
	if d, err := q.r.d.Directory.Describe(ctx, q.queue()); err == nil {
		if n, err := strconv.Atoi(d.Attributes["VisibilityTimeout"]); err == nil {
			seconds = n
		}
	}
	return time.Duration(seconds)*time.Second - q.r.d.Clock.Wall().Sub(b.since)
}

// redrives tells whether the queue hands messages to a dead-letter queue, or cannot be asked.
func (q *queuePoller) redrives(ctx context.Context) bool {
	d, err := q.r.d.Directory.Describe(ctx, q.queue())
	return err != nil || d.Attributes["RedrivePolicy"] != ""
}

func receipts(messages []queued) (all []string) {
	for _, m := range messages {
		all = append(all, m.Receipt)
	}
	return all
}

// deepest is the trace of the message of a batch that comes from the longest loop through a function.
func deepest(f ref, messages []queued) cloud.Trace {
	name := lineageName(f)
	return slices.MaxFunc(messages, func(a, b queued) int { return visits(a.Trace.Lineage, name) - visits(b.Trace.Lineage, name) }).Trace
}

// settled parts the messages that the function has dealt with from those that are left; false when it failed with all of them.
func (q *queuePoller) settled(res cloud.Result, messages []queued) (done, left []queued, ok bool) {
	if res.FunctionError != "" {
		return nil, messages, false
	}
	failed := map[string]bool{}
	if q.reports() {
		ids, ok := failures(res.Payload)
		if !ok {
			return nil, messages, false
		}
		for _, id := range ids {
			if !slices.ContainsFunc(messages, func(m queued) bool { return m.ID == id }) {
				return nil, messages, false
			}
			failed[id] = true
		}
	}
	for _, m := range messages {
		if failed[m.ID] {
			left = append(left, m)
		} else {
			done = append(done, m)
		}
	}
	return done, left, true
}
