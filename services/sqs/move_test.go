package sqs

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "sundog/api/sqs"
	"sundog/engine/enginetest"
	"sundog/services/servicetest"
)

const here = "arn:aws:sqs:eu-west-1:000000000000:"

// graveyard makes a dead letter queue with so many letters of a source that has maxReceiveCount 1.
func (b *bench) graveyard(suffix string, letters int) (dead, source *string) {
	b.t.Helper()
	attrs := map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"%sdead%s","maxReceiveCount":1}`, here, suffix)}
	deadAttrs := map[string]string{}
	if suffix != "" {
		attrs["FifoQueue"], deadAttrs["FifoQueue"] = "true", "true"
	}
	dead, source = b.create("dead"+suffix, deadAttrs), b.create("q"+suffix, attrs)
	for i := range letters {
		b.send(source, strconv.Itoa(i), func(in *api.SendMessageInput) {
			if suffix != "" {
				in.MessageGroupId, in.MessageDeduplicationId = new(strconv.Itoa(i%3)), new(strconv.Itoa(i))
			}
		})
	}
	for b.attribute(source, "ApproximateNumberOfMessages") != "0" {
		b.receive(source, 10)
	}
	b.arrive(dead, letters)
	return dead, source
}

func (b *bench) move(to string, rate int32, suffix string) *string {
	b.t.Helper()
	in := &api.StartMessageMoveTaskInput{SourceArn: new(here + "dead" + suffix), DestinationArn: optional(to)}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = &rate
	}
	out, err := b.r.startMove(b.ctx, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out.TaskHandle
}

// newest waits until the newest task has a status, and gives it.
func (b *bench) newest(status string) api.ListMessageMoveTasksResultEntry {
	b.t.Helper()
	for {
		out, err := b.r.listMoves(b.ctx, &api.ListMessageMoveTasksInput{SourceArn: new(here + "dead")})
		if err != nil {
			b.t.Fatal(err)
		}
		e := out.Results[0]
		if *e.Status == status {
			return e
		}
		if *e.Status != "RUNNING" && *e.Status != "CANCELLING" {
			b.t.Fatalf("the task is %s, want %s", *e.Status, status)
		}
	}
}

// arrive waits until a queue has so many messages that are ready: what moves comes by the bus.
func (b *bench) arrive(url *string, n int) {
	b.t.Helper()
	for b.attribute(url, "ApproximateNumberOfMessages") != strconv.Itoa(n) {
		b.Settle()
	}
}

// A redriven message is a new one, with its attributes and body.
func TestMovedMessages(t *testing.T) {
	b := open(t)
	dead, source := b.graveyard("", 1)
	before := b.receive(dead, 1)[0]
	b.advance(time.Minute)
	b.move("", 0, "")
	e := b.newest("COMPLETED")
	if *e.ApproximateNumberOfMessagesMoved != 1 || *e.ApproximateNumberOfMessagesToMove != 1 || e.TaskHandle != nil || e.DestinationArn != nil || *e.StartedTimestamp != b.r.now() {
		t.Errorf("%+v", e)
	}
	b.arrive(source, 1)
	after := b.receive(source, 1)[0]
	if *after.MessageId == *before.MessageId || *after.Body != "0" || after.Attributes["ApproximateReceiveCount"] != "1" || after.Attributes["DeadLetterQueueSourceArn"] != "" ||
		after.Attributes["SentTimestamp"] != strconv.FormatInt(b.r.now(), 10) {
		t.Errorf("%+v", after)
	}
}

// What cannot go anywhere stays, and the task says why.
func TestMoveFails(t *testing.T) {
	b := open(t)
	dead, source := b.graveyard("", 1)
	b.send(dead, "of nobody")
	if _, err := b.r.deleteQueue(b.ctx, &api.DeleteQueueInput{QueueUrl: source}); err != nil {
		t.Fatal(err)
	}
	b.create("other", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + here + `dead","maxReceiveCount":1}`})
	b.move("", 0, "")
	if e := b.newest("FAILED"); *e.FailureReason != "AWS.SimpleQueueService.NonExistentQueue" || *e.ApproximateNumberOfMessagesMoved != 0 {
		t.Errorf("%+v", e)
	}
	if n := b.attribute(dead, "ApproximateNumberOfMessages"); n != "2" {
		t.Fatalf("%s messages are left of 2", n)
	}
	m := b.receive(dead, 1)
	if bodies(m) != "0 " {
		t.Fatalf("the message that could not be moved cannot be received: %s", bodies(m))
	}
	if err := b.delete(dead, m[0]); err != nil {
		t.Fatal(err)
	}
	b.move("", 0, "")
	if e := b.newest("FAILED"); *e.FailureReason != "CouldNotDetermineMessageSource" {
		t.Errorf("%+v", e)
	}
	b.move(here+"other", 0, "")
	b.newest("COMPLETED")
	if n := b.attribute(dead, "ApproximateNumberOfMessages"); n != "0" {
		t.Fatalf("%s messages are left", n)
	}
}

// A task is one at a time, can be cancelled, and outlives a restart.
func TestMoveOverRestart(t *testing.T) {
	b := open(t)
	dead, _ := b.graveyard("", 8)
	arrivals := b.create("target", nil)
	handle := b.move(here+"target", 1, "")
	_, err := b.r.startMove(b.ctx, &api.StartMessageMoveTaskInput{SourceArn: new(here + "dead")})
	wantCode(t, err, "InvalidParameterValueException")
	e := b.newest("RUNNING")
	if *e.TaskHandle != *handle || *e.MaxNumberOfMessagesPerSecond != 1 || *e.DestinationArn != here+"target" {
		t.Errorf("%+v", e)
	}
	if err := b.r.close(); err != nil {
		t.Fatal(err)
	}
	b.Stop()

	k := servicetest.Over(enginetest.Over(t, b.Store, b.Clock, b.IDs))
	rm := New(k.Deps)
	k.Begin(t, rm)
	b = &bench{Kit: k, r: rm.Target.(target).sqsRoom, ctx: k.Context(), t: t}
	if e := b.newest("RUNNING"); *e.TaskHandle != *handle {
		t.Errorf("%+v", e)
	}
	if out, err := b.r.cancelMove(b.ctx, &api.CancelMessageMoveTaskInput{TaskHandle: handle}); err != nil || *out.ApproximateNumberOfMessagesMoved > 8 {
		t.Fatal(out, err)
	}
	moved := *b.newest("CANCELLED").ApproximateNumberOfMessagesMoved
	_, err = b.r.cancelMove(b.ctx, &api.CancelMessageMoveTaskInput{TaskHandle: handle})
	wantCode(t, err, "ResourceNotFoundException")
	b.arrive(arrivals, int(moved))
	b.arrive(dead, 8-int(moved))
	b.move(here+"target", 0, "")
	b.newest("COMPLETED")
	b.arrive(arrivals, 8)
}

func TestRefusedMoves(t *testing.T) {
	b := open(t)
	b.graveyard("", 0)
	b.create("f.fifo", map[string]string{"FifoQueue": "true"})
	start := func(source, to string, rate int32) func(*bench) error {
		return func(b *bench) error {
			_, err := b.r.startMove(b.ctx, &api.StartMessageMoveTaskInput{SourceArn: &source, DestinationArn: optional(to), MaxNumberOfMessagesPerSecond: &rate})
			return err
		}
	}
	b.refuses(t, []refusal{
		{"rate", start(here+"dead", "", 501), "InvalidParameterValueException", "Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid."},
		{"no ARN", start("dead", "", 1), "InvalidParameterValueException", "You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"},
		{"no such source", start(here+"none", "", 1), "ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist."},
		{"no such destination", start(here+"dead", here+"none", 1), "ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist."},
		{"no dead letter queue", start(here+"q", "", 1), "InvalidParameterValueException", "Source queue must be configured as a Dead Letter Queue."},
		{"other type", start(here+"dead", here+"f.fifo", 1), "InvalidParameterValueException", ""},
	})
}

// Large messages go in transactions that the store takes: as dead letters and with a task.
func TestLargeDeadLetters(t *testing.T) {
	b := open(t)
	dead := b.create("dead", nil)
	source := b.create("q", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"` + here + `dead","maxReceiveCount":1}`})
	const n = 40
	for range n {
		b.send(source, strings.Repeat("x", maxMessage))
	}
	for range n / 10 {
		b.receive(source, 10)
	}
	for b.attribute(source, "ApproximateNumberOfMessages") != "0" {
		b.receive(source, 10)
	}
	b.arrive(dead, n)
	b.move("", 0, "")
	b.newest("COMPLETED")
	b.arrive(source, n)
}

// Whatever is received, buried, moved and forgotten by memory: messages are neither lost nor doubled.
func TestMoveModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := open(t)
		suffix := rapid.SampledFrom([]string{"", ".fifo"}).Draw(rt, "type")
		n := rapid.IntRange(1, 30).Draw(rt, "messages")
		dead, source := b.graveyard(suffix, n)
		either := func(rt *rapid.T) *string { return rapid.SampledFrom([]*string{dead, source}).Draw(rt, "queue") }
		rt.Repeat(map[string]func(*rapid.T){
			"move": func(rt *rapid.T) {
				_, err := b.r.startMove(b.ctx, &api.StartMessageMoveTaskInput{SourceArn: new(here + "dead" + suffix)})
				if err != nil && !strings.Contains(err.Error(), "already a task running") {
					rt.Fatal(err)
				}
			},
			"receive": func(rt *rapid.T) { b.receive(either(rt), rapid.IntRange(1, 10).Draw(rt, "max")) },
			"forget":  func(rt *rapid.T) { b.forget(either(rt)) },
			"advance": func(*rapid.T) { b.advance(10 * time.Second) },
		})
		b.r.moves.wg.Wait()
		for have := 0; have != n; {
			b.advance(time.Minute)
			have = 0
			for _, url := range []*string{dead, source} {
				k, _ := strconv.Atoi(b.attribute(url, "ApproximateNumberOfMessages"))
				have += k
			}
		}
		seen := map[string]int{}
		for len(seen) < n { // what the source has given once goes on to the dead letters
			for _, url := range []*string{source, dead} {
				for _, body := range b.drain(url) {
					seen[body]++
				}
			}
			b.Settle()
		}
		for body, times := range seen {
			if times != 1 {
				rt.Errorf("%s is there %d times", body, times)
			}
		}
	})
}

// drain receives and deletes all that a queue gives.
func (b *bench) drain(url *string) (got []string) {
	b.t.Helper()
	for {
		out, err := b.r.receiveMessage(b.ctx, &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: new(int32(10)), VisibilityTimeout: new(int32(60))})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, m := range out.Messages {
			got = append(got, *m.Body)
			if err := b.delete(url, m); err != nil {
				b.t.Fatal(err)
			}
		}
		if len(out.Messages) == 0 {
			return got
		}
	}
}
