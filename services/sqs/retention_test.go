package sqs

import (
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/engine/store"
)

// rows counts what the store has of a queue's messages.
func (b *bench) rows(url *string, table string) (n int) {
	b.t.Helper()
	name, err := byURL(b.ctx, url)
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.Store.View(b.ctx, func(rd store.Reader) error {
		n = 0
		rec, err := readRecord(rd, name)
		if err != nil {
			return err
		}
		it := rd.Scan(store.Prefix(genKey(name.shard(), table, rec.Gen)))
		defer func() { _ = it.Close() }()
		for it.Next() {
			n++
		}
		return it.Err()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Messages go by the clock: from what is shown at once, from the store within an hour although nobody touches the queue.
func TestRetention(t *testing.T) {
	b := open(t)
	url := b.create("q", map[string]string{"MessageRetentionPeriod": "60"})
	b.send(url, "a")
	b.advance(59 * time.Second)
	b.send(url, "b")
	b.advance(2 * time.Second)
	if n := b.attribute(url, "ApproximateNumberOfMessages"); n != "1" {
		t.Fatalf("%s messages, want the younger", n)
	}
	if got := bodies(b.receive(url, 10)); got != "b " {
		t.Fatal(got)
	}
	idle := b.create("idle", map[string]string{"MessageRetentionPeriod": "60"})
	for range 3 {
		b.send(idle, "x")
	}
	b.Advance(sweepInterval)
	if n := b.rows(idle, "msg"); n != 0 {
		t.Fatalf("%d rows are left", n)
	}
	if n := b.attribute(idle, "ApproximateNumberOfMessages"); n != "0" {
		t.Fatal(n)
	}
	b.Advance(2 * sweepInterval)
	if b.r.sweeper.armed.Load() {
		t.Fatal("queues without messages are looked after")
	}
	b.send(idle, "x")
	b.Advance(sweepInterval)
	if n := b.rows(idle, "msg"); n != 0 {
		t.Fatalf("%d rows are left", n)
	}
}

// A dead letter's age counts from when it was first sent, unless it is a FIFO queue's.
func TestRetentionOfDeadLetters(t *testing.T) {
	for _, c := range []struct {
		suffix string
		left   string
	}{{"", "0"}, {".fifo", "1"}} {
		b := open(t)
		attrs := map[string]string{"MessageRetentionPeriod": "3600"}
		source := map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead` + c.suffix + `","maxReceiveCount":1}`}
		var how []func(*api.SendMessageInput)
		if c.suffix != "" {
			attrs["FifoQueue"], source["FifoQueue"] = "true", "true"
			how = append(how, inGroup("g", "1"))
		}
		dead := b.create("dead"+c.suffix, attrs)
		url := b.create("q"+c.suffix, source)
		b.send(url, "poison", how...)
		b.advance(50 * time.Minute)
		b.receive(url, 1)
		b.receive(url, 1)
		b.arrive(dead, 1)
		b.advance(15 * time.Minute)
		if n := b.attribute(dead, "ApproximateNumberOfMessages"); n != c.left {
			t.Fatalf("%s: %s dead letters after the retention period of their source", c.suffix, n)
		}
		if n := b.rows(dead, "aged"); n != 0 {
			t.Fatalf("%s: %d rows by age", c.suffix, n)
		}
	}
}

// An older message behind a younger one goes in time as well.
func TestAgedBehindYoung(t *testing.T) {
	b := open(t)
	dead := b.create("dead", map[string]string{"MessageRetentionPeriod": "3600"})
	url := b.create("q", map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":1}`})
	b.send(url, "old")
	b.advance(40 * time.Minute)
	b.send(dead, "young")
	b.receive(url, 1)
	b.receive(url, 1)
	b.arrive(dead, 2)
	if n := b.rows(dead, "aged"); n != 1 {
		t.Fatalf("%d rows by age", n)
	}
	b.advance(21 * time.Minute)
	if n := b.attribute(dead, "ApproximateNumberOfMessages"); n != "1" {
		t.Fatalf("%s messages, want the younger", n)
	}
	if got := bodies(b.receive(dead, 10)); got != "young " || b.rows(dead, "aged") != 0 {
		t.Fatal(got, b.rows(dead, "aged"))
	}
}
