package crash

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"sundog/api/sns"
	"sundog/api/sqs"
)

// fanOut is a topic with several queues: what was published reaches each.
type fanOut struct {
	p     *platform
	topic string
	record
	next   atomic.Int64
	queues []string
	mu     sync.Mutex
	seen   []map[string]bool // by queue
}

func newFanOut(p *platform, queues int) *fanOut {
	topic := must[sns.CreateTopicOutput](p, sns.CreateTopicOp, &sns.CreateTopicInput{Name: new("crash")})
	w := &fanOut{p: p, topic: *topic.TopicArn}
	for i := range queues {
		name := "crash-fan-" + strconv.Itoa(i)
		arn := "arn:aws:sqs:us-east-1:000000000000:" + name
		policy := fmt.Sprintf(`{"Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q,`+
			`"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}}`, arn, w.topic)
		out := must[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": visibility, "Policy": policy}})
		must[sns.SubscribeOutput](p, sns.SubscribeOp, &sns.SubscribeInput{
			TopicArn: &w.topic, Protocol: new("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"}})
		w.queues, w.seen = append(w.queues, *out.QueueUrl), append(w.seen, map[string]bool{})
	}
	return w
}

func (w *fanOut) String() string {
	return fmt.Sprintf("%d messages published to %d queues", len(w.acked), len(w.queues))
}

func (w *fanOut) workers() []func(context.Context) {
	return []func(context.Context){w.publish, w.publish}
}

func (w *fanOut) publish(ctx context.Context) {
	for ctx.Err() == nil {
		body := strconv.FormatInt(w.next.Add(1), 10)
		_, err := call[sns.PublishOutput](ctx, w.p, sns.PublishOp, &sns.PublishInput{TopicArn: &w.topic, Message: &body})
		if w.p.gone("Publish", err) {
			return
		}
		w.ack(body)
	}
}

// take receives from one queue and deletes.
func (w *fanOut) take(ctx context.Context, i int, wait int32) (int, error) {
	out, err := call[sqs.ReceiveMessageOutput](ctx, w.p, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{
		QueueUrl: &w.queues[i], MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: &wait})
	if err != nil || len(out.Messages) == 0 {
		return 0, err
	}
	batch := &sqs.DeleteMessageBatchInput{QueueUrl: &w.queues[i]}
	w.mu.Lock()
	for n, m := range out.Messages {
		w.seen[i][*m.Body] = true
		batch.Entries = append(batch.Entries, sqs.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(n)), ReceiptHandle: m.ReceiptHandle})
	}
	w.mu.Unlock()
	_, err = call[sqs.DeleteMessageBatchOutput](ctx, w.p, sqs.DeleteMessageBatchOp, batch)
	return len(out.Messages), err
}

func (w *fanOut) check() {
	var work sync.WaitGroup
	for i, queue := range w.queues {
		work.Go(func() {
			w.p.drain(queue, 4, func(ctx context.Context, wait int32) (int, error) { return w.take(ctx, i, wait) })
		})
	}
	work.Wait()
	for i := range w.queues {
		for _, body := range w.acked {
			if !w.seen[i][body] {
				w.p.t.Errorf("the message %s was published and never reached queue %d", body, i)
			}
		}
	}
}
