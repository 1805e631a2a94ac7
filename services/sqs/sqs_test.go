package sqs

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/servicetest"
)

// bench is a running room with a caller's context.
type bench struct {
	*servicetest.Kit
	r   *sqsRoom
	ctx context.Context
	t   testing.TB
}

func open(t testing.TB) *bench {
	k := servicetest.New(t)
	rm := New(k.Deps)
	r := rm.Target.(target).sqsRoom
	k.Begin(t, rm)
	return &bench{Kit: k, r: r, ctx: k.Context(), t: t}
}

func (b *bench) create(queue string, attrs map[string]string) *string {
	b.t.Helper()
	out, err := b.r.createQueue(b.ctx, &api.CreateQueueInput{QueueName: &queue, Attributes: attrs})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.QueueUrl
}

func (b *bench) send(url *string, body string, more ...func(*api.SendMessageInput)) *api.SendMessageOutput {
	b.t.Helper()
	in := &api.SendMessageInput{QueueUrl: url, MessageBody: &body}
	for _, m := range more {
		m(in)
	}
	out, err := b.r.sendMessage(b.ctx, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func inGroup(g, dedup string) func(*api.SendMessageInput) {
	return func(in *api.SendMessageInput) { in.MessageGroupId, in.MessageDeduplicationId = &g, &dedup }
}

func (b *bench) receive(url *string, n int) []api.Message {
	b.t.Helper()
	out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: new(int32(n)), AttributeNames: []string{"All"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Messages
}

func bodies(ms []api.Message) string {
	s := ""
	for _, m := range ms {
		s += *m.Body + " "
	}
	return s
}

func (b *bench) delete(url *string, m api.Message) error {
	_, err := b.r.deleteMessage(b.ctx, &api.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle})
	return err
}

func (b *bench) advance(d time.Duration) {
	b.t.Helper()
	if _, err := b.Clock.Advance(b.ctx, d); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) attribute(url *string, name string) string {
	b.t.Helper()
	out, err := b.r.getQueueAttributes(b.ctx, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []string{"All"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Attributes[name]
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !cloud.IsCode(err, code) {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

func TestVisibility(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	b.send(url, "a")
	m := b.receive(url, 10)
	if len(m) != 1 || m[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("first receive: %+v", m)
	}
	if again := b.receive(url, 10); len(again) != 0 {
		t.Fatalf("received while invisible: %s", bodies(again))
	}
	if n := b.attribute(url, "ApproximateNumberOfMessagesNotVisible"); n != "1" {
		t.Fatalf("in flight %s", n)
	}
	b.advance(31 * time.Second)
	m = b.receive(url, 10)
	if len(m) != 1 || m[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("after the timeout: %+v", m)
	}
	if err := b.delete(url, m[0]); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Hour)
	if m := b.receive(url, 10); len(m) != 0 || b.attribute(url, "ApproximateNumberOfMessages") != "0" {
		t.Fatalf("after delete: %s", bodies(m))
	}
}

func TestDelay(t *testing.T) {
	b := open(t)
	url := b.create("q", map[string]string{"DelaySeconds": "10"})
	b.send(url, "late")
	b.send(url, "now", func(in *api.SendMessageInput) { in.DelaySeconds = new(int32(0)) })
	if got := bodies(b.receive(url, 10)); got != "now " {
		t.Fatalf("before: %q", got)
	}
	b.advance(10 * time.Second)
	if got := bodies(b.receive(url, 10)); got != "late " {
		t.Fatalf("after: %q", got)
	}
}

func TestLongPollWakes(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	got := make(chan []api.Message)
	go func() {
		out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: new(int32(20))})
		if err != nil {
			t.Error(err)
		}
		got <- out.Messages
	}()
	b.send(url, "x")
	if m := <-got; bodies(m) != "x " {
		t.Fatalf("got %q", bodies(m))
	}
}

func TestDeadLetter(t *testing.T) {
	b := open(t)
	dead := b.create("dead", nil)
	url := b.create("q", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":"2"}`})
	b.send(url, "poison")
	for range 2 {
		if m := b.receive(url, 1); len(m) != 1 {
			t.Fatal("not received")
		}
	}
	if m := b.receive(url, 1); len(m) != 0 {
		t.Fatal("received a third time")
	}
	if err := b.Clock.Settle(b.ctx); err != nil {
		t.Fatal(err)
	}
	m := b.receive(dead, 10)
	if bodies(m) != "poison " || m[0].Attributes["DeadLetterQueueSourceArn"] != "arn:aws:sqs:eu-west-1:000000000000:q" || m[0].Attributes["ApproximateReceiveCount"] != "3" {
		t.Fatalf("dead letter: %+v", m)
	}
	if n := b.attribute(url, "ApproximateNumberOfMessages"); n != "0" {
		t.Fatalf("%s left", n)
	}
}

func TestMoveTask(t *testing.T) {
	b := open(t)
	dead := b.create("dead", nil)
	url := b.create("q", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":1}`})
	for i := range 5 {
		b.send(url, strconv.Itoa(i))
	}
	b.receive(url, 10)
	b.receive(url, 10)
	if err := b.Clock.Settle(b.ctx); err != nil {
		t.Fatal(err)
	}
	if n := b.attribute(dead, "ApproximateNumberOfMessages"); n != "5" {
		t.Fatalf("%s dead letters", n)
	}
	if _, err := b.r.startMove(b.ctx, &api.StartMessageMoveTaskInput{SourceArn: new("arn:aws:sqs:eu-west-1:000000000000:dead")}); err != nil {
		t.Fatal(err)
	}
	var got []api.Message
	for len(got) < 5 { // arrives by the bus; the receive waits
		out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: new(int32(20)), VisibilityTimeout: new(int32(60))})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.Messages...)
	}
	if n := b.attribute(dead, "ApproximateNumberOfMessages"); n != "0" {
		t.Fatalf("%s left", n)
	}
}

func TestFIFO(t *testing.T) {
	b := open(t)
	url := b.create("q.fifo", map[string]string{"FifoQueue": "true"})
	first := b.send(url, "a1", inGroup("a", "1"))
	again := b.send(url, "a1", inGroup("a", "1"))
	if *first.MessageId != *again.MessageId || *first.SequenceNumber != *again.SequenceNumber {
		t.Fatal("a repeated message got another id")
	}
	b.send(url, "a2", inGroup("a", "2"))
	b.send(url, "b1", inGroup("b", "3"))
	m := b.receive(url, 1)
	if bodies(m) != "a1 " {
		t.Fatalf("first: %q", bodies(m))
	}
	if got := b.receive(url, 10); bodies(got) != "b1 " {
		t.Fatalf("a group with a message in flight gave more: %q", bodies(got))
	}
	if err := b.delete(url, m[0]); err != nil {
		t.Fatal(err)
	}
	m = b.receive(url, 10)
	if bodies(m) != "a2 " {
		t.Fatalf("next of the group: %q", bodies(m))
	}
	b.advance(31 * time.Second)
	wantCode(t, b.delete(url, m[0]), "InvalidParameterValueException")
	if got := b.receive(url, 10); bodies(got) != "a2 b1 " {
		t.Fatalf("after the timeout: %q", bodies(got))
	}
	b.advance(5 * time.Minute)
	if *b.send(url, "a1", inGroup("a", "1")).MessageId == *first.MessageId {
		t.Fatal("deduplicated after the interval")
	}
}

// What memory holds can be dropped at any time: a shard that is opened again goes on with the rows.
func TestReopen(t *testing.T) {
	for _, attrs := range []map[string]string{nil, {"FifoQueue": "true"}} {
		b := open(t)
		queue := "q"
		if attrs != nil {
			queue = "q.fifo"
		}
		url := b.create(queue, attrs)
		for i := range 20 {
			if attrs != nil {
				b.send(url, strconv.Itoa(i), inGroup(strconv.Itoa(i%4), strconv.Itoa(i)))
			} else {
				b.send(url, strconv.Itoa(i))
			}
		}
		flying := b.receive(url, 3)
		n, err := byURL(b.ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.r.d.Lanes.Do(b.ctx, n.shard(), func(store.Tx) error { b.r.shards[n.shard()] = nil; return nil }); err != nil {
			t.Fatal(err)
		}
		if got := b.attribute(url, "ApproximateNumberOfMessagesNotVisible"); got != "3" {
			t.Fatalf("%s in flight after reopening", got)
		}
		for _, m := range flying {
			if err := b.delete(url, m); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for {
			ms := b.receive(url, 10)
			if len(ms) == 0 {
				break
			}
			for _, m := range ms {
				if seen[*m.Body] {
					t.Fatalf("%s twice", *m.Body)
				}
				seen[*m.Body] = true
				if err := b.delete(url, m); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(seen) != 17 {
			t.Fatalf("%d messages, want 17", len(seen))
		}
	}
}

func TestWindowIsBounded(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	n, _ := byURL(b.ctx, url)
	const total = windowSize + 504
	for i := 0; i < total; i += 10 {
		var entries []api.SendMessageBatchRequestEntry
		for j := range 10 {
			entries = append(entries, api.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(j)), MessageBody: new(strconv.Itoa(i + j))})
		}
		if _, err := b.r.sendMessageBatch(b.ctx, &api.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(b.r.shards[n.shard()][n].window); got > windowSize {
		t.Fatalf("the window has %d", got)
	}
	seen := 0
	for {
		ms := b.receive(url, 10)
		if len(ms) == 0 {
			break
		}
		seen += len(ms)
	}
	if seen != total {
		t.Fatalf("received %d of %d", seen, total)
	}
}

func TestErrors(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	fifo := b.create("q.fifo", map[string]string{"FifoQueue": "true"})
	_, err := b.r.createQueue(b.ctx, &api.CreateQueueInput{QueueName: new("q"), Attributes: map[string]string{"DelaySeconds": "5"}})
	wantCode(t, err, "QueueNameExists")
	_, err = b.r.createQueue(b.ctx, &api.CreateQueueInput{QueueName: new("x"), Attributes: map[string]string{"FifoQueue": "false"}})
	wantCode(t, err, "InvalidAttributeName")
	_, err = b.r.sendMessage(b.ctx, &api.SendMessageInput{QueueUrl: fifo, MessageBody: new("x")})
	wantCode(t, err, "MissingRequiredParameterException")
	_, err = b.r.sendMessage(b.ctx, &api.SendMessageInput{QueueUrl: url, MessageBody: new("\x01")})
	wantCode(t, err, "InvalidMessageContents")
	_, err = b.r.getQueueURL(b.ctx, &api.GetQueueUrlInput{QueueName: new("none")})
	wantCode(t, err, "QueueDoesNotExist")
	wantCode(t, b.delete(url, api.Message{ReceiptHandle: new("nonsense")}), "ReceiptHandleIsInvalid")
	var many []api.SendMessageBatchRequestEntry
	for i := range 11 {
		many = append(many, api.SendMessageBatchRequestEntry{Id: new(fmt.Sprint(i)), MessageBody: new("x")})
	}
	_, err = b.r.sendMessageBatch(b.ctx, &api.SendMessageBatchInput{QueueUrl: url, Entries: many})
	wantCode(t, err, "TooManyEntriesInBatchRequest")
}

// The digests are those that the developer guide's SDKs verify.
func TestMD5(t *testing.T) {
	if got := md5Text("test"); got != "098f6bcd4621d373cade4e832627b4f6" {
		t.Error(got)
	}
	attrs, err := attributesOf(map[string]api.MessageAttributeValue{"timestamp": {DataType: new("Number"), StringValue: new("1493147359900")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := md5Attributes(attrs); got != "235c5c510d26fb653d073faed50ae77c" {
		t.Error(got)
	}
}
