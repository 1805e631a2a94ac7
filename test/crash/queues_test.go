package crash

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sundog/api/sqs"
)

// visibility is how long a received message is hidden, in seconds: short, since a crash leaves messages in flight.
const visibility = "3"

// messages are sent to a standard queue by some, received and deleted by others.
type messages struct {
	p                  *platform
	queue              string
	senders, receivers int
	record
	next atomic.Int64

	seenMu  sync.Mutex
	seen    map[string]bool
	deleted map[string]time.Time // when the deletion was acknowledged
}

func newMessages(p *platform, senders, receivers int) *messages {
	out := must[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: new("crash"), Attributes: map[string]string{"VisibilityTimeout": visibility}})
	return &messages{p: p, queue: *out.QueueUrl, senders: senders, receivers: receivers, seen: map[string]bool{}, deleted: map[string]time.Time{}}
}

func (w *messages) String() string {
	return fmt.Sprintf("%d messages, %d of them received, %d deleted", len(w.acked), len(w.seen), len(w.deleted))
}

func (w *messages) workers() []func(context.Context) {
	return append(slices.Repeat([]func(context.Context){w.send}, w.senders), slices.Repeat([]func(context.Context){w.receive}, w.receivers)...)
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

func (w *messages) receive(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := w.take(ctx, 1); w.p.gone("receiving", err) {
			return
		}
	}
}

// take receives messages and deletes them; it gives how many came.
func (w *messages) take(ctx context.Context, wait int32) (int, error) {
	asked := time.Now()
	out, err := call[sqs.ReceiveMessageOutput](ctx, w.p, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{
		QueueUrl: &w.queue, MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: &wait})
	if err != nil {
		return 0, err
	}
	batch := &sqs.DeleteMessageBatchInput{QueueUrl: &w.queue}
	for i, m := range out.Messages {
		w.see(*m.Body, asked)
		batch.Entries = append(batch.Entries, sqs.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	if len(batch.Entries) == 0 {
		return 0, nil
	}
	deleted, err := call[sqs.DeleteMessageBatchOutput](ctx, w.p, sqs.DeleteMessageBatchOp, batch)
	if err != nil {
		return 0, err
	}
	w.seenMu.Lock()
	defer w.seenMu.Unlock()
	for _, d := range deleted.Successful {
		i, _ := strconv.Atoi(*d.Id)
		w.deleted[*out.Messages[i].Body] = time.Now()
	}
	return len(out.Messages), nil
}

// see notes a message; one whose deletion was acknowledged before it was asked for must not come.
func (w *messages) see(body string, asked time.Time) {
	w.seenMu.Lock()
	defer w.seenMu.Unlock()
	w.seen[body] = true
	if at, ok := w.deleted[body]; ok && at.Before(asked) {
		w.p.t.Errorf("the message %s came again after its deletion was acknowledged", body)
	}
}

// check receives what is left. Messages that were in flight at the last crash come back within their visibility timeout.
func (w *messages) check() {
	w.p.drain(w.queue, max(w.receivers, 4), w.take)
	for _, body := range w.acked {
		if !w.seen[body] {
			w.p.t.Errorf("the message %s was acknowledged and never delivered", body)
		}
	}
}

// drain takes until nothing comes any more, then looks whether the queue says so too.
func (p *platform) drain(queue string, several int, take func(ctx context.Context, wait int32) (int, error)) {
	var work sync.WaitGroup
	for range several {
		work.Go(func() {
			for {
				if n, err := take(context.Background(), 5); err != nil || n == 0 {
					if err != nil {
						p.t.Errorf("draining: %v", err)
					}
					return
				}
			}
		})
	}
	work.Wait()
	left, err := call[sqs.GetQueueAttributesOutput](context.Background(), p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []string{"All"}})
	if err != nil {
		p.t.Errorf("after draining: %v", err)
		return
	}
	for _, a := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
		if left.Attributes[a] != "0" {
			p.t.Errorf("%s is %q at the end", a, left.Attributes[a])
		}
	}
}

// groups are FIFO message groups, one for each sender, which sends the next message only when the last one is acknowledged.
type groups struct {
	p         *platform
	queue     string
	receivers int
	sent      []atomic.Int64 // acknowledged, by group
	mu        sync.Mutex
	last      map[string]int64  // the newest received, by group
	ids       map[string]string // the message id of each body
	repeat    int
}

func newGroups(p *platform, senders, receivers int) *groups {
	out := must[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: new("crash.fifo"), Attributes: map[string]string{"FifoQueue": "true", "VisibilityTimeout": visibility}})
	return &groups{p: p, queue: *out.QueueUrl, receivers: receivers, sent: make([]atomic.Int64, senders), last: map[string]int64{}, ids: map[string]string{}}
}

func (w *groups) String() string {
	var all int64
	for i := range w.sent {
		all += w.sent[i].Load()
	}
	return fmt.Sprintf("%d messages of %d FIFO groups, %d of them more than once", all, len(w.sent), w.repeat)
}

func (w *groups) workers() []func(context.Context) {
	var out []func(context.Context)
	for g := range w.sent {
		out = append(out, func(ctx context.Context) { w.send(ctx, g) })
	}
	return append(out, slices.Repeat([]func(context.Context){w.receive}, w.receivers)...)
}

// send sends messages in order. One whose fate is unknown is sent again after the crash, under the same deduplication id.
func (w *groups) send(ctx context.Context, g int) {
	for ctx.Err() == nil {
		n := w.sent[g].Load() + 1
		body := fmt.Sprintf("%d/%d", g, n)
		_, err := call[sqs.SendMessageOutput](ctx, w.p, sqs.SendMessageOp, &sqs.SendMessageInput{
			QueueUrl: &w.queue, MessageBody: &body, MessageGroupId: new(strconv.Itoa(g)), MessageDeduplicationId: new("d/" + body)})
		if w.p.gone("SendMessage (FIFO)", err) {
			return
		}
		w.sent[g].Store(n)
	}
}

func (w *groups) receive(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := w.take(ctx, 1); w.p.gone("receiving (FIFO)", err) {
			return
		}
	}
}

func (w *groups) take(ctx context.Context, wait int32) (int, error) {
	out, err := call[sqs.ReceiveMessageOutput](ctx, w.p, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{
		QueueUrl: &w.queue, MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: &wait})
	if err != nil {
		return 0, err
	}
	batch := &sqs.DeleteMessageBatchInput{QueueUrl: &w.queue}
	for i, m := range out.Messages {
		w.see(*m.Body, *m.MessageId)
		batch.Entries = append(batch.Entries, sqs.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	if len(batch.Entries) == 0 {
		return 0, nil
	}
	_, err = call[sqs.DeleteMessageBatchOutput](ctx, w.p, sqs.DeleteMessageBatchOp, batch)
	return len(out.Messages), err
}

// see notes a message: it is the next one of its group, or one that came before and whose deletion got lost with a crash. The same text as another
// message was sent twice, and is a duplicate.
func (w *groups) see(body, id string) {
	group, text, _ := strings.Cut(body, "/")
	n, _ := strconv.ParseInt(text, 10, 64)
	w.mu.Lock()
	defer w.mu.Unlock()
	if other := w.ids[body]; other != "" && other != id {
		w.p.t.Errorf("the message %s came as %s and as %s", body, other, id)
	}
	w.ids[body] = id
	switch last := w.last[group]; {
	case n == last+1:
		w.last[group] = n
	case n <= last:
		w.repeat++
	default:
		w.p.t.Errorf("group %s: message %d came after %d", group, n, last)
		w.last[group] = n
	}
}

func (w *groups) check() {
	w.p.drain(w.queue, w.receivers, w.take)
	for g := range w.sent {
		if last, sent := w.last[strconv.Itoa(g)], w.sent[g].Load(); last < sent {
			w.p.t.Errorf("group %d: %d messages were acknowledged, the last one received is %d", g, sent, last)
		}
	}
}
