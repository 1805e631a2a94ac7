package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"sundog/api/sns"
	"sundog/api/sqs"
)

// published are messages to a topic, whose queues all have to get each of them: one as it is, the others as notifications.
type published struct {
	p      *platform
	topic  string
	queues []*inbox
	record
	crew
	next atomic.Int64
}

const fanOut = 3

func newPublished(p *platform, c crew) *published {
	topic := must[sns.CreateTopicOutput](p, sns.CreateTopicOp, &sns.CreateTopicInput{Name: new("crash")})
	w := &published{p: p, topic: *topic.TopicArn, crew: c}
	for i := range fanOut {
		b := newInbox(p, "crash-topic-"+strconv.Itoa(i), nil)
		w.queues = append(w.queues, b)
		w.subscribe(b, i == 0)
		if i > 0 {
			b.open = func(body string) string {
				var n struct{ Message string }
				if err := json.Unmarshal([]byte(body), &n); err != nil {
					p.t.Errorf("a notification: %v: %s", err, body)
				}
				return n.Message
			}
		}
	}
	return w
}

func (w *published) subscribe(b *inbox, raw bool) {
	a := must[sqs.GetQueueAttributesOutput](w.p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: &b.queue, AttributeNames: []string{"QueueArn"}})
	arn := a.Attributes["QueueArn"]
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": %q}]}`, arn)
	must[sqs.SetQueueAttributesOutput](w.p, sqs.SetQueueAttributesOp, &sqs.SetQueueAttributesInput{QueueUrl: &b.queue, Attributes: map[string]string{"Policy": policy}})
	must[sns.SubscribeOutput](w.p, sns.SubscribeOp, &sns.SubscribeInput{
		TopicArn: &w.topic, Protocol: new("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": strconv.FormatBool(raw)}})
}

func (w *published) String() string {
	text := make([]string, len(w.queues))
	for i, b := range w.queues {
		text[i] = b.String()
	}
	return fmt.Sprintf("%d messages published to %d queues: %s", len(w.acked), len(w.queues), strings.Join(text, "; "))
}

func (w *published) workers() []func(context.Context) {
	out := several(w.producers, w.publish)
	for i := range w.consumers {
		out = append(out, w.queues[i%len(w.queues)].receive)
	}
	return out
}

func (w *published) publish(ctx context.Context) {
	for ctx.Err() == nil {
		text := strconv.FormatInt(w.next.Add(1), 10)
		_, err := call[sns.PublishOutput](ctx, w.p, sns.PublishOp, &sns.PublishInput{TopicArn: &w.topic, Message: &text})
		if w.p.gone("Publish", err) {
			return
		}
		w.ack(text)
	}
}

func (w *published) check() {
	var work sync.WaitGroup
	for _, b := range w.queues {
		work.Go(func() { b.drain(w.acked) })
	}
	work.Wait()
}
