package sqs

import (
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/store"
)

// A repeated receive gives the same messages and handles, with the visibility begun anew, as long as none of them has changed.
func TestReceiveAttempts(t *testing.T) {
	b := open(t)
	url := b.create("q.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	for _, body := range []string{"a", "b", "c"} {
		b.send(url, body, func(in *api.SendMessageInput) { in.MessageGroupId = new("g") })
	}
	attempt := func(id string) []api.Message {
		t.Helper()
		out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, ReceiveRequestAttemptId: &id, MaxNumberOfMessages: new(int32(2)), AttributeNames: []string{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Messages
	}
	first := attempt("1")
	b.advance(20 * time.Second)
	again := attempt("1")
	if bodies(first) != "a b " || bodies(again) != "a b " || *first[0].ReceiptHandle != *again[0].ReceiptHandle || again[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("first %+v, then %+v", first, again)
	}
	b.advance(20 * time.Second)
	if got := b.receive(url, 10); len(got) != 0 {
		t.Fatalf("the repeated receive did not begin the visibility anew: %s", bodies(got))
	}
	if got := attempt("2"); len(got) != 0 {
		t.Fatalf("another attempt got %s", bodies(got))
	}
	if _, err := b.r.changeVisibility(b.ctx, &api.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: first[1].ReceiptHandle, VisibilityTimeout: new(int32(100))}); err != nil {
		t.Fatal(err)
	}
	if got := attempt("1"); len(got) != 0 {
		t.Fatalf("repeated after a change of visibility: %s", bodies(got))
	}
	b.advance(101 * time.Second)
	third := attempt("3")
	if err := b.delete(url, third[0]); err != nil {
		t.Fatal(err)
	}
	if got := attempt("3"); len(got) != 0 {
		t.Fatalf("repeated after a delete: %s", bodies(got))
	}
	b.advance(31 * time.Second)
	if got := attempt("4"); bodies(got) != "b c " {
		t.Fatal(bodies(got))
	}
	b.advance(dedupInterval * time.Millisecond)
	attempt("5")
	n, _ := byURL(b.ctx, url)
	if kept := b.r.shards[n.shard()][n].attempts; len(kept.byID) != 1 || len(kept.order) != 1 {
		t.Fatalf("%d attempts are kept after their time", len(kept.byID))
	}
}

// The deduplication scope of a queue decides over the ids of different groups, and the limit per group needs it.
func TestDeduplicationScope(t *testing.T) {
	for _, c := range []struct {
		scope string
		want  string
	}{{"queue", "a "}, {"messageGroup", "a b "}} {
		b := open(t)
		url := b.create("q.fifo", map[string]string{"FifoQueue": "true", "DeduplicationScope": c.scope})
		for _, g := range []string{"a", "b", "a"} {
			b.send(url, g, inGroup(g, "same"))
		}
		if got := bodies(b.receive(url, 10)); got != c.want {
			t.Errorf("%s: %q, want %q", c.scope, got, c.want)
		}
		set := func(attrs map[string]string) error {
			_, err := b.r.setQueueAttributes(b.ctx, &api.SetQueueAttributesInput{QueueUrl: url, Attributes: attrs})
			return err
		}
		err := set(map[string]string{"FifoThroughputLimit": "perMessageGroupId"})
		if c.scope == "messageGroup" && err != nil || c.scope == "queue" && !cloud.IsCode(err, "InvalidAttributeValue") {
			t.Errorf("%s: %v", c.scope, err)
		}
		if err := set(map[string]string{"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"}); err != nil {
			t.Error(err)
		}
		if err := set(map[string]string{"DeduplicationScope": "queue"}); !cloud.IsCode(err, "InvalidAttributeValue") {
			t.Errorf("the scope was taken from under the limit: %v", err)
		}
	}
}

// Sequence numbers have 20 digits and rise, over a restart as well.
func TestSequenceNumbers(t *testing.T) {
	b := open(t)
	url := b.create("q.fifo", map[string]string{"FifoQueue": "true"})
	last := ""
	for i, dedup := range []string{"1", "2", "3", "4"} {
		if i == 2 {
			b.forget(url)
		}
		got := *b.send(url, "x", inGroup("g", dedup)).SequenceNumber
		if len(got) != 20 || got <= last {
			t.Fatalf("%s after %s", got, last)
		}
		last = got
	}
}

// A visibility can be prolonged to 12 hours from the receive at hand, whenever the first was.
func TestVisibilityBound(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	b.send(url, "x")
	change := func(m api.Message, seconds int32) error {
		_, err := b.r.changeVisibility(b.ctx, &api.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: &seconds})
		return err
	}
	for range 3 {
		m := b.receive(url, 1)[0]
		if err := change(m, maxVisibility); err != nil {
			t.Fatal(err)
		}
		b.advance(time.Hour)
		if err := change(m, maxVisibility-3600); err != nil {
			t.Fatal(err)
		}
		err := change(m, maxVisibility-3599)
		if !cloud.IsCode(err, "InvalidParameterValueException") || cloud.AsError(err).Message != "Value 39601 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]." {
			t.Fatal(err)
		}
		b.advance(12 * time.Hour)
	}
}

// Over 120,000 messages in flight a standard queue refuses a short poll; a long poll and a FIFO queue give nothing. A delete makes room.
func TestInFlightLimit(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		b := open(t)
		attrs := map[string]string{}
		if suffix != "" {
			attrs["FifoQueue"] = "true"
		}
		url := b.create("q"+suffix, attrs)
		for _, body := range []string{"a", "b"} {
			b.send(url, body, func(in *api.SendMessageInput) {
				if suffix != "" {
					in.MessageGroupId, in.MessageDeduplicationId = &body, &body
				}
			})
		}
		m := b.receive(url, 1)[0]
		n, _ := byURL(b.ctx, url)
		err := b.r.lane(b.ctx, n, func(_ store.Tx, q *queue) error { // as many others are in flight
			for seq := uint64(1 << 40); len(q.flying) < maxFlying; seq++ {
				q.flying[seq] = flying{flight: flight{Due: 1 << 60}}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		receive := func(wait int32) ([]api.Message, error) {
			out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: &wait})
			if err != nil {
				return nil, err
			}
			return out.Messages, nil
		}
		if got, err := receive(0); suffix == "" && !cloud.IsCode(err, "OverLimit") || suffix != "" && (err != nil || len(got) > 0) {
			t.Errorf("%s: %v %v", suffix, got, err)
		}
		polled := make(chan string)
		go func() {
			got, err := receive(20)
			if err != nil {
				t.Error(err)
			}
			polled <- bodies(got)
		}()
		if err := b.delete(url, m); err != nil {
			t.Fatal(err)
		}
		if got := <-polled; got != "b " {
			t.Errorf("%s: a long poll got %q after there was room", suffix, got)
		}
	}
}

// Entries of a batch fail by themselves; what concerns the request fails it whole.
func TestBatches(t *testing.T) {
	b := open(t)
	url := b.create("q", map[string]string{"MaximumMessageSize": "1024"})
	big := string(make([]byte, 1025))
	out, err := b.r.sendMessageBatch(b.ctx, &api.SendMessageBatchInput{QueueUrl: url, Entries: []api.SendMessageBatchRequestEntry{
		{Id: new("good"), MessageBody: new("x")}, {Id: new("late"), MessageBody: new("x"), DelaySeconds: new(int32(901))},
		{Id: new("bad"), MessageBody: new("\x00")}, {Id: new("big"), MessageBody: new(string(append([]byte("x"), []byte(big)...)))},
		{Id: new("dup"), MessageBody: new("x"), MessageDeduplicationId: new("d")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	for _, f := range out.Failed {
		if codes[*f.Id] = *f.Code; !*f.SenderFault || *f.Message == "" {
			t.Errorf("%+v", f)
		}
	}
	if len(out.Successful) != 1 || *out.Successful[0].Id != "good" || codes["late"] != "InvalidParameterValue" || codes["bad"] != "InvalidMessageContents" || codes["dup"] != "InvalidParameterValue" || codes["big"] == "" {
		t.Fatalf("%v %v", out.Successful, codes)
	}
	batch := func(entries ...api.SendMessageBatchRequestEntry) func(*bench) error {
		return func(b *bench) error {
			_, err := b.r.sendMessageBatch(b.ctx, &api.SendMessageBatchInput{QueueUrl: url, Entries: entries})
			return err
		}
	}
	half := new(string(make([]rune, maxMessage/2+1)))
	b.refuses(t, []refusal{
		{"empty", batch(), "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."},
		{"twice", batch(api.SendMessageBatchRequestEntry{Id: new("a"), MessageBody: new("x")}, api.SendMessageBatchRequestEntry{Id: new("a"), MessageBody: new("x")}), "BatchEntryIdsNotDistinct", "Id a repeated."},
		{"id", batch(api.SendMessageBatchRequestEntry{Id: new("a.b"), MessageBody: new("x")}), "InvalidBatchEntryId", "A batch entry id can only contain"},
		{"too long in all", batch(api.SendMessageBatchRequestEntry{Id: new("a"), MessageBody: half}, api.SendMessageBatchRequestEntry{Id: new("b"), MessageBody: half}), "BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes."},
	})
	m := b.receive(url, 1)[0]
	changed, err := b.r.changeVisibilityBatch(b.ctx, &api.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []api.ChangeMessageVisibilityBatchRequestEntry{
		{Id: new("good"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: new(int32(0))}, {Id: new("none"), ReceiptHandle: new("nonsense"), VisibilityTimeout: new(int32(0))},
		{Id: new("long"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: new(int32(43_201))}, {Id: new("open"), ReceiptHandle: m.ReceiptHandle},
	}})
	if err != nil || len(changed.Successful) != 1 || len(changed.Failed) != 3 || *changed.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatal(changed, err)
	}
	if got := b.receive(url, 1); len(got) != 1 {
		t.Fatal("a visibility of 0 did not bring the message back")
	}
}

// A queue that permits no more does not take dead letters any more: they stay where they are.
func TestRedriveIsPermitted(t *testing.T) {
	b := open(t)
	dead, source := b.graveyard("", 0)
	if _, err := b.r.setQueueAttributes(b.ctx, &api.SetQueueAttributesInput{QueueUrl: dead, Attributes: map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`}}); err != nil {
		t.Fatal(err)
	}
	b.send(source, "x")
	for i := range 3 {
		if got := b.receive(source, 1); len(got) != 1 {
			t.Fatalf("receive %d got nothing", i+1)
		}
	}
}
