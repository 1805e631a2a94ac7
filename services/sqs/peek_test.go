package sqs

import (
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/services/servicetest"
)

func TestPeek(t *testing.T) {
	k := servicetest.New(t)
	rm := New(k.Deps)
	r := rm.Target.(target).sqsRoom
	k.Begin(t, rm)
	ctx := k.Context()
	q, err := r.createQueue(ctx, &api.CreateQueueInput{QueueName: new("q")})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		body  string
		delay int32
	}{{"one", 0}, {"two", 0}, {"late", 60}} {
		if _, err := r.sendMessage(ctx, &api.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: &m.body, DelaySeconds: &m.delay}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.receiveMessage(ctx, &api.ReceiveMessageInput{QueueUrl: q.QueueUrl}); err != nil || *got.Messages[0].Body != "one" {
		t.Fatalf("%+v %v", got, err)
	}
	arn := cloud.NewARN("sqs", servicetest.Scope, "q")
	for range 3 { // looking changes nothing
		got, err := Peek(ctx, k.Store, k.Clock.Now(), arn, 10)
		if err != nil || len(got) != 3 {
			t.Fatalf("%+v %v", got, err)
		}
		for i, want := range []Peeked{{Body: "one", State: "in flight", Receives: 1}, {Body: "two", State: "ready"}, {Body: "late", State: "delayed"}} {
			if g := got[i]; g.Body != want.Body || g.State != want.State || g.Receives != want.Receives || g.Visible.IsZero() != (want.State == "ready") {
				t.Errorf("%+v, want %+v", g, want)
			}
		}
	}
	k.Advance(2 * time.Minute)
	got, err := Peek(ctx, k.Store, k.Clock.Now(), arn, 2)
	if err != nil || len(got) != 2 || got[0].State != "ready" || got[0].Receives != 1 {
		t.Errorf("%+v %v", got, err)
	}
	k.Advance(5 * 24 * time.Hour)
	if got, err := Peek(ctx, k.Store, k.Clock.Now(), arn, 10); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := Peek(ctx, k.Store, k.Clock.Now(), cloud.NewARN("sqs", servicetest.Scope, "none"), 1); cloud.AsError(err).Kind != cloud.NotFound {
		t.Errorf("no queue: %v", err)
	}
}
