package crash

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"sundog/api/sqs"
)

// visibility is how long a received message is hidden, in seconds: short, since a crash leaves messages in flight.
const visibility = "3"

// inbox is a queue and what came out of it.
type inbox struct {
	p     *platform
	queue string
	// open gives what was sent, of a message's body; nil: the body itself.
	open func(body string) string
	// first is told of every text that comes for the first time, one after another; nil: nobody.
	first func(text string, m *sqs.Message)

	mu      sync.Mutex
	ids     map[string]string    // the message that a text came in, by text
	deleted map[string]time.Time // when the deletion was acknowledged, by message
	repeats int
}

func newInbox(p *platform, name string, attributes map[string]string) *inbox {
	attrs := map[string]string{"VisibilityTimeout": visibility}
	for k, v := range attributes {
		attrs[k] = v
	}
	out := must[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: &name, Attributes: attrs})
	return &inbox{p: p, queue: *out.QueueUrl, ids: map[string]string{}, deleted: map[string]time.Time{}}
}

func (b *inbox) String() string {
	return fmt.Sprintf("%d received, %d deleted, %d more than once", len(b.ids), len(b.deleted), b.repeats)
}

// receive takes messages until the platform has gone.
func (b *inbox) receive(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := b.take(ctx, 1); b.p.gone("receiving", err) {
			return
		}
	}
}

// take receives messages and deletes them; it gives how many came.
func (b *inbox) take(ctx context.Context, wait int32) (int, error) {
	asked := time.Now()
	out, err := call[sqs.ReceiveMessageOutput](ctx, b.p, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{
		QueueUrl: &b.queue, MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: &wait, MessageSystemAttributeNames: []string{"All"}})
	if err != nil {
		return 0, err
	}
	batch := &sqs.DeleteMessageBatchInput{QueueUrl: &b.queue}
	for i := range out.Messages {
		m := &out.Messages[i]
		b.see(m, asked)
		batch.Entries = append(batch.Entries, sqs.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	if len(batch.Entries) == 0 {
		return 0, nil
	}
	deleted, err := call[sqs.DeleteMessageBatchOutput](ctx, b.p, sqs.DeleteMessageBatchOp, batch)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range deleted.Successful {
		i, _ := strconv.Atoi(*d.Id)
		b.deleted[*out.Messages[i].MessageId] = time.Now()
	}
	return len(out.Messages), nil
}

// see notes a message; one whose deletion was acknowledged before it was asked for must not come.
func (b *inbox) see(m *sqs.Message, asked time.Time) {
	text := *m.Body
	if b.open != nil {
		text = b.open(text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, ok := b.deleted[*m.MessageId]; ok && at.Before(asked) {
		b.p.t.Errorf("%s: the message %s came again after its deletion was acknowledged", b.queue, text)
	}
	before, again := b.ids[text]
	switch {
	case !again:
		b.ids[text] = *m.MessageId
		if b.first != nil {
			b.first(text, m)
		}
	case before != *m.MessageId && m.Attributes["MessageDeduplicationId"] != "":
		b.p.t.Errorf("%s: %s came in two messages inside the deduplication interval", b.queue, text)
	default:
		b.repeats++
	}
}

func (b *inbox) lacks(texts []string) (first string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range texts {
		if b.ids[text] == "" {
			if n++; n == 1 {
				first = text
			}
		}
	}
	return first, n
}

// drain receives what is left until everything that was acknowledged came and the queue has nothing more, in any state. Messages that were in flight
// at the last crash come back within their visibility timeout, and what is on its way from a topic may take as long.
func (b *inbox) drain(acked []string) {
	const patience = 30 * time.Second
	for deadline := time.Now().Add(patience); ; {
		n, err := b.take(context.Background(), 1)
		if err != nil {
			b.p.t.Errorf("draining: %v", err)
			return
		}
		if n > 0 {
			continue
		}
		lost, missing := b.lacks(acked)
		left, err := b.left()
		if err != nil {
			b.p.t.Errorf("asking for what is left: %v", err)
			return
		}
		if missing == 0 && left == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.p.t.Errorf("%s: %d messages are left; %d were acknowledged and never came, the first %q", b.queue, left, missing, lost)
			return
		}
	}
}

// left asks how many messages the queue has, in all states.
func (b *inbox) left() (n int, err error) {
	names := []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}
	out, err := call[sqs.GetQueueAttributesOutput](context.Background(), b.p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &b.queue, AttributeNames: names})
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		k, err := strconv.Atoi(out.Attributes[name])
		if err != nil {
			return 0, fmt.Errorf("%s of %s: %w", name, b.queue, err)
		}
		n += k
	}
	return n, nil
}
