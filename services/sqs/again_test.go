package sqs

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/engine/store"
)

// Far more messages than memory knows are delayed, then visible again after a receive: each is given once each time, also after a restart, and memory
// stays small.
func TestMoreAgainThanMemoryKnows(t *testing.T) {
	for _, group := range []string{"", "tenant"} {
		t.Run("group "+group, func(t *testing.T) {
			b := open(t)
			url := b.create("q", map[string]string{"VisibilityTimeout": "30"})
			const n = 5 * windowSize
			for i := 0; i < n; i += 10 {
				var entries []api.SendMessageBatchRequestEntry
				for j := i; j < i+10; j++ {
					entries = append(entries, api.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(j)), MessageBody: new(fmt.Sprint(j)),
						MessageGroupId: optional(group), DelaySeconds: new(int32(1 + (j*7)%5))})
				}
				if out, err := b.r.sendMessageBatch(b.ctx, &api.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil || len(out.Failed) > 0 {
					t.Fatal(err, out)
				}
			}
			b.small(url)
			b.counts(url, 0, 0, n)
			b.Advance(2 * time.Second)
			b.counts(url, 2*n/5, 0, 3*n/5)
			b.Advance(3 * time.Second)
			b.all(url, n)
			b.counts(url, 0, n, 0)
			b.Advance(31 * time.Second)
			b.small(url)
			b.counts(url, n, 0, 0)
			b.all(url, n/2)
			b.forget(url)
			b.counts(url, n-n/2, n/2, 0)
			b.all(url, n-n/2)
			b.Advance(31 * time.Second)
			b.forget(url)
			b.all(url, n)
			if left := b.receive(url, 10); len(left) > 0 {
				t.Fatal(bodies(left))
			}
		})
	}
}

// all receives n messages, each once.
func (b *bench) all(url *string, n int) {
	b.t.Helper()
	seen := map[string]bool{}
	for len(seen) < n {
		got := b.receive(url, min(10, n-len(seen)))
		for _, m := range got {
			if seen[*m.Body] {
				b.t.Fatalf("%s was given twice", *m.Body)
			}
			seen[*m.Body] = true
		}
		if len(got) == 0 {
			b.t.Fatalf("%d of %d messages were given", len(seen), n)
		}
		b.small(url)
	}
}

func (b *bench) counts(url *string, visible, flying, delayed int) {
	b.t.Helper()
	for n, want := range map[string]int{"ApproximateNumberOfMessages": visible, "ApproximateNumberOfMessagesNotVisible": flying, "ApproximateNumberOfMessagesDelayed": delayed} {
		if got := b.attribute(url, n); got != strconv.Itoa(want) {
			b.t.Errorf("%s: %s, want %d", n, got, want)
		}
	}
}

// small checks that memory knows few of the messages that are not in flight.
func (b *bench) small(url *string) {
	b.t.Helper()
	n, err := byURL(b.ctx, url)
	if err == nil {
		err = b.Lanes.Do(b.ctx, n.shard(), func(store.Tx) error {
			q := b.r.shards[n.shard()][n]
			if len(q.again.items) > 2*windowSize || len(q.window) > windowSize || len(q.delays.at) > maxMoments || q.fair != nil && len(q.fair.groups) > 3*windowSize+2*parkedSize {
				b.t.Errorf("%d again, %d in the window, %d moments", len(q.again.items), len(q.window), len(q.delays.at))
			}
			return nil
		})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
