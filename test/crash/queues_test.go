package crash

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"sundog/api/sqs"
)

// crew is how many send and how many receive.
type crew struct{ producers, consumers int }

// several gives a worker n times.
func several(n int, worker func(context.Context)) []func(context.Context) {
	out := make([]func(context.Context), n)
	for i := range out {
		out[i] = worker
	}
	return out
}

// messages are sent to a standard queue by some, received and deleted by others.
type messages struct {
	*inbox
	record
	crew
	next atomic.Int64
}

func newMessages(p *platform, c crew) *messages {
	return &messages{inbox: newInbox(p, "crash", nil), crew: c}
}

func (w *messages) String() string {
	return fmt.Sprintf("%d messages: %v", len(w.acked), w.inbox)
}

func (w *messages) workers() []func(context.Context) {
	return append(several(w.producers, w.send), several(w.consumers, w.receive)...)
}

func (w *messages) send(ctx context.Context) {
	for ctx.Err() == nil {
		body := strconv.FormatInt(w.next.Add(1), 10)
		_, err := call[sqs.SendMessageOutput](ctx, w.p, sqs.SendMessageOp, &sqs.SendMessageInput{QueueUrl: &w.queue, MessageBody: &body})
		if w.p.gone("SendMessage", err) {
			return
		}
		w.ack(body)
	}
}

func (w *messages) check() { w.drain(w.acked) }

// fifoGroups is how many message groups the producers of a FIFO queue share.
const fifoGroups = 5

// groups are messages of a FIFO queue: each producer sends the next one to its group only when the last one is acknowledged. A group's messages
// come in the order of their sequence numbers, and so do each producer's, without a gap or a repetition.
type groups struct {
	*inbox
	record
	crew
	sent     []atomic.Int64    // acknowledged, by producer
	last     map[string]int64  // the newest received, by producer
	sequence map[string]string // the newest sequence number received, by group
}

func newGroups(p *platform, c crew) *groups {
	w := &groups{crew: c, sent: make([]atomic.Int64, c.producers), last: map[string]int64{}, sequence: map[string]string{}}
	w.inbox = newInbox(p, "crash.fifo", map[string]string{"FifoQueue": "true"})
	w.first = w.follows
	return w
}

func (w *groups) String() string {
	return fmt.Sprintf("%d messages of %d FIFO groups: %v", len(w.acked), len(w.sequence), w.inbox)
}

func (w *groups) workers() []func(context.Context) {
	out := several(w.consumers, w.receive)
	for i := range w.producers {
		out = append(out, func(ctx context.Context) { w.send(ctx, i) })
	}
	return out
}

// send sends messages in order. One whose fate is unknown is sent again after the crash, under the same deduplication id.
func (w *groups) send(ctx context.Context, producer int) {
	for ctx.Err() == nil {
		n := w.sent[producer].Load() + 1
		body := fmt.Sprintf("%d/%d", producer, n)
		_, err := call[sqs.SendMessageOutput](ctx, w.p, sqs.SendMessageOp, &sqs.SendMessageInput{
			QueueUrl: &w.queue, MessageBody: &body, MessageGroupId: new(strconv.Itoa(producer % fifoGroups)), MessageDeduplicationId: new("d/" + body)})
		if w.p.gone("SendMessage (FIFO)", err) {
			return
		}
		w.sent[producer].Store(n)
		w.ack(body)
	}
}

// follows checks that a message is the next one of its producer, and after the one before it in its group.
func (w *groups) follows(body string, m *sqs.Message) {
	producer, text, _ := strings.Cut(body, "/")
	n, _ := strconv.ParseInt(text, 10, 64)
	if last := w.last[producer]; n != last+1 {
		w.p.t.Errorf("producer %s: message %d came after %d", producer, n, last)
	}
	w.last[producer] = n
	group, sequence := m.Attributes["MessageGroupId"], m.Attributes["SequenceNumber"]
	if last := w.sequence[group]; sequence <= last { // of one length
		w.p.t.Errorf("group %s: the message numbered %q came after %q", group, sequence, last)
	}
	w.sequence[group] = sequence
}

func (w *groups) check() { w.drain(w.acked) }
