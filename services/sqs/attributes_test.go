package sqs

import (
	"strings"
	"testing"

	api "sundog/api/sqs"
	"sundog/cloud"
)

// A dead letter queue must be there, and of the same type.
func TestRedriveTarget(t *testing.T) {
	b := open(t)
	b.create("dead", nil)
	b.create("dead.fifo", map[string]string{"FifoQueue": "True"})
	policy := func(queue string) string {
		return `{"deadLetterTargetArn":"` + (name{cloud.CallFrom(b.ctx).Scope, queue}).arn().String() + `","maxReceiveCount":"2"}`
	}
	for _, c := range []struct{ queue, target, want string }{
		{"a", "dead", ""},
		{"b", "none", "Dead letter target does not exist."},
		{"c", "dead.fifo", "Dead-letter queue must be same type of queue as the source."},
		{"d.fifo", "dead.fifo", ""},
		{"e.fifo", "dead", "Dead-letter queue must be same type of queue as the source."},
	} {
		attrs := map[string]string{"RedrivePolicy": policy(c.target)}
		if strings.HasSuffix(c.queue, ".fifo") {
			attrs["FifoQueue"] = "true"
		}
		_, err := b.r.createQueue(b.ctx, &api.CreateQueueInput{QueueName: &c.queue, Attributes: attrs})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s to %s: %v, want %q", c.queue, c.target, err, c.want)
		}
	}
	url := b.create("f", nil)
	_, err := b.r.setQueueAttributes(b.ctx, &api.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"RedrivePolicy": policy("none")}})
	if !cloud.IsCode(err, "InvalidParameterValueException") {
		t.Fatal(err)
	}
}

// The service takes booleans in any case, and a message in flight holds back only those behind it.
func TestGroupAfterPartOfABatch(t *testing.T) {
	b := open(t)
	url := b.create("q.fifo", map[string]string{"FifoQueue": "True", "VisibilityTimeout": "1"})
	for _, body := range []string{"a", "b", "c"} {
		b.send(url, body, inGroup("g", body))
	}
	got := b.receive(url, 10)
	if len(got) != 3 {
		t.Fatal(got)
	}
	if _, err := b.r.changeVisibility(b.ctx, &api.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: got[1].ReceiptHandle, VisibilityTimeout: new(int32(4))}); err != nil {
		t.Fatal(err)
	}
	b.Advance(2e9)
	if got = b.receive(url, 10); len(got) != 1 || *got[0].Body != "a" {
		t.Fatal(got)
	}
}
