package sqs

import (
	"bytes"
	"strings"
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/services/servicetest"
)

// Deliveries come in once by their id, and what a queue cannot take is told for good.
func TestDeliver(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	fifo := b.create("q.fifo", map[string]string{"FifoQueue": "true"})
	deliver := func(queue, id, body string, parameters map[string]string) bus.Outcome {
		t.Helper()
		out, err := target{b.r}.Deliver(b.ctx, bus.Delivery{
			ID: id, Target: cloud.NewARN("sqs", servicetest.Scope, queue), Payload: []byte(body), Parameters: parameters,
			Attributes: map[string]bus.Attribute{"a": {Type: "String", Value: "v"}}, As: cloud.Principal{Kind: cloud.Service, Service: "sns.amazonaws.com"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for range 2 {
		if out := deliver("q", "1", "hello", map[string]string{"AWSTraceHeader": "Root=1", "DelaySeconds": "5"}); out.Kind != bus.Done {
			t.Fatal(out)
		}
	}
	if n := b.attribute(url, "ApproximateNumberOfMessagesDelayed"); n != "1" {
		t.Fatalf("%s messages of one delivery", n)
	}
	b.advance(5 * time.Second)
	out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, AttributeNames: []string{"All"}, MessageAttributeNames: []string{"All"}})
	if err != nil || len(out.Messages) != 1 || out.Messages[0].Attributes["AWSTraceHeader"] != "Root=1" || out.Messages[0].Attributes["SenderId"] != "sns.amazonaws.com" || *out.Messages[0].MessageAttributes["a"].StringValue != "v" {
		t.Fatalf("%+v %v", out, err)
	}
	if out := deliver("q.fifo", "2", "x", map[string]string{"MessageGroupId": "g", "MessageDeduplicationId": "d"}); out.Kind != bus.Done || b.attribute(fifo, "ApproximateNumberOfMessages") != "1" {
		t.Fatal(out)
	}
	for _, c := range []struct {
		queue, body string
		parameters  map[string]string
		code        string
	}{
		{"none", "x", nil, "QueueDoesNotExist"}, {"q", "", nil, "MissingRequiredParameterException"}, {"q.fifo", "x", nil, "MissingRequiredParameterException"},
		{"q", strings.Repeat("x", maxMessage+1), nil, "InvalidParameterValueException"}, {"q", "x", map[string]string{"DelaySeconds": "soon"}, "InvalidParameterValueException"},
		{"q", "x", map[string]string{"transfer": "1"}, "InternalFailure"},
	} {
		if out := deliver(c.queue, c.queue+c.body[:min(1, len(c.body))]+c.code, c.body, c.parameters); out.Kind != bus.Permanent || out.Code != c.code || out.Reason == "" {
			t.Errorf("%s %.5q: %+v, want %s", c.queue, c.body, out, c.code)
		}
	}
}

// Pollers of the platform receive, prolong, give back and take away.
func TestSource(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	arn := cloud.NewARN("sqs", servicetest.Scope, "q")
	b.send(url, "a", func(in *api.SendMessageInput) { in.MessageGroupId = new("g") })
	b.send(url, "b")
	s := source{b.r}
	got, err := s.Receive(b.ctx, arn, cloud.Principal{}, 20, 0)
	if err != nil || len(got) != 2 || got[0].Body != "a" || got[0].GroupID != "g" || got[0].MD5 != md5Text("a") || got[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("%+v %v", got, err)
	}
	if err := s.Extend(b.ctx, arn, got[0].Receipt, time.Hour); err != nil {
		t.Fatal(err)
	}
	if errs := s.Nack(b.ctx, arn, []string{got[1].Receipt, "nonsense"}, 0); errs[0] != nil || !cloud.IsCode(errs[1], "ReceiptHandleIsInvalid") {
		t.Fatal(errs)
	}
	again, err := s.Receive(b.ctx, arn, cloud.Principal{}, 20, 0)
	if err != nil || len(again) != 1 || again[0].Body != "b" {
		t.Fatalf("%+v %v", again, err)
	}
	if errs := s.Ack(b.ctx, arn, []string{got[0].Receipt, again[0].Receipt}); errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	b.advance(2 * time.Hour)
	if left := b.receive(url, 10); len(left) != 0 {
		t.Fatal(bodies(left))
	}
	if errs := s.Ack(b.ctx, cloud.NewARN("sqs", servicetest.Scope, "none"), []string{"x"}); !cloud.IsCode(errs[0], "QueueDoesNotExist") {
		t.Fatal(errs)
	}
}

// The id of a delivery is kept as long as the delivery can come again: a new one's until it is settled.
func TestDeliveredIDsGo(t *testing.T) {
	b := open(t)
	b.create("q", nil)
	left := func() (n int) {
		t.Helper()
		if err := b.r.d.Store.View(b.ctx, func(rd store.Reader) error {
			it := rd.Scan(store.ScanOptions{})
			for it.Next() {
				if bytes.Contains(it.Key(), []byte("given")) {
					n++
				}
			}
			return it.Close()
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	deliver := func(id string, fresh bool) {
		t.Helper()
		out, err := target{b.r}.Deliver(b.ctx, bus.Delivery{
			ID: id, Fresh: fresh, Target: cloud.NewARN("sqs", servicetest.Scope, "q"), Payload: []byte("x"), As: cloud.Principal{Kind: cloud.Service}})
		if err != nil || out.Kind != bus.Done {
			t.Fatal(out, err)
		}
	}
	if deliver("1", true); left() != 0 {
		t.Fatalf("%d rows of an id that cannot come again", left())
	}
	deliver("2", false)
	if deliver("2", false); left() != 2 {
		t.Fatalf("%d rows of an id that may come again", left())
	}
	if n := b.attribute(new("http://h/"+servicetest.Scope.Account+"/q"), "ApproximateNumberOfMessages"); n != "2" {
		t.Fatalf("%s messages of two deliveries", n)
	}
}
