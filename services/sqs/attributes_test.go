package sqs

import (
	"maps"
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

// Attributes come as they are asked for, with what they are until they are set.
func TestAttributesAsked(t *testing.T) {
	b := open(t)
	url := b.create("q.fifo", map[string]string{"FifoQueue": "true", "DelaySeconds": "3"})
	ask := func(names ...string) (map[string]string, error) {
		out, err := b.r.getQueueAttributes(b.ctx, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names})
		if err != nil {
			return nil, err
		}
		return out.Attributes, nil
	}
	for _, c := range []struct {
		names []string
		want  map[string]string
	}{
		{nil, nil},
		{[]string{"Policy"}, nil},
		{[]string{"DelaySeconds", "VisibilityTimeout", "FifoQueue"}, map[string]string{"DelaySeconds": "3", "VisibilityTimeout": "30", "FifoQueue": "true"}},
		{[]string{"DeduplicationScope", "FifoThroughputLimit", "ContentBasedDeduplication"}, map[string]string{"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue", "ContentBasedDeduplication": "false"}},
		{[]string{"KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"}, map[string]string{"SqsManagedSseEnabled": "true"}},
	} {
		if got, err := ask(c.names...); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%v: %v %v, want %v", c.names, got, err, c.want)
		}
	}
	if _, err := ask("DelaySeconds", "Colour"); !cloud.IsCode(err, "InvalidAttributeName") {
		t.Error(err)
	}
	all, err := ask("All")
	if err != nil || len(all) != 16 || all["QueueArn"] != here+"q.fifo" || all["MaximumMessageSize"] != "1048576" {
		t.Errorf("%d attributes: %v %v", len(all), all, err)
	}
}
