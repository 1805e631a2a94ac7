package sqs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "sundog/api/sqs"
	"sundog/engine/store"
)

// fill sends n messages of a group.
func (b *bench) fill(url *string, group string, n int) {
	b.t.Helper()
	for i := 0; i < n; i += 10 {
		var entries []api.SendMessageBatchRequestEntry
		for j := i; j < min(n, i+10); j++ {
			entries = append(entries, api.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(j)), MessageBody: new(fmt.Sprintf("%s%d", group, j)), MessageGroupId: optional(group)})
		}
		if out, err := b.r.sendMessageBatch(b.ctx, &api.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil || len(out.Failed) > 0 {
			b.t.Fatal(err, out)
		}
	}
}

// forget drops a queue's memory, as a restart does.
func (b *bench) forget(url *string) {
	b.t.Helper()
	n, err := byURL(b.ctx, url)
	if err == nil {
		err = b.Lanes.Do(b.ctx, n.shard(), func(store.Tx) error { b.r.shards[n.shard()] = nil; return nil })
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// A tenant's backlog, far over what memory knows of a queue, does not keep the messages of others back.
func TestFairQueue(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	const backlog = 2*windowSize + parkedSize
	b.fill(url, "noisy", backlog)
	b.fill(url, "quiet", 3)
	b.fill(url, "", 2)
	got := b.receive(url, 10)
	for range noisyFlying/10 - 1 {
		got = append(got, b.receive(url, 10)...)
	}
	if len(got) != noisyFlying || strings.Contains(bodies(got), "quiet") {
		t.Fatalf("first: %s", bodies(got))
	}
	seen := map[string]bool{}
	take := func(url *string) (quiet int) {
		ms := b.receive(url, 10)
		for _, m := range ms {
			if seen[*m.Body] {
				t.Fatalf("%s twice", *m.Body)
			}
			seen[*m.Body] = true
			if !strings.HasPrefix(*m.Body, "noisy") {
				quiet++
			}
		}
		got = append(got, ms...)
		return quiet
	}
	if quiet := take(url); quiet != 5 {
		t.Fatalf("%d messages of others were given next, want all 5: %s", quiet, bodies(got[noisyFlying:]))
	}
	b.fill(url, "quiet", 1)
	delete(seen, "quiet0")
	if quiet := take(url); quiet != 1 {
		t.Fatal("a new message of the quiet tenant was kept back")
	}
	b.forget(url)
	b.fill(url, "late", 1)
	if quiet := take(url); quiet != 1 {
		t.Fatal("after a restart the noisy tenant is not known")
	}
	for len(seen) < backlog-noisyFlying+7-1 { // quiet0 came twice
		if n := len(seen); take(url) != 0 || len(seen) == n {
			t.Fatalf("%d messages of %d were received", n, backlog+7)
		}
	}
	if take(url); len(got) != backlog+7 {
		t.Fatalf("%d messages were received, want %d", len(got), backlog+7)
	}
}

// Few messages that take long make a tenant noisy as well, until it sends nothing for five minutes.
func TestFairByTime(t *testing.T) {
	b := open(t)
	url := b.create("q", map[string]string{"VisibilityTimeout": "60"})
	b.fill(url, "slow", 6)
	b.fill(url, "fast", 1)
	work := func(d time.Duration) string {
		t.Helper()
		m := b.receive(url, 1)
		if len(m) != 1 {
			t.Fatal("nothing is ready")
		}
		b.advance(d)
		if err := b.delete(url, m[0]); err != nil {
			t.Fatal(err)
		}
		return *m[0].Body
	}
	for _, c := range []struct {
		takes time.Duration
		want  string
	}{{40 * time.Second, "slow0"}, {0, "fast0"}, {0, "slow1"}} {
		if got := work(c.takes); got != c.want {
			t.Fatalf("got %s, want %s", got, c.want)
		}
	}
	b.advance(5 * time.Minute)
	b.fill(url, "fast", 1)
	if got := work(0); got != "slow2" {
		t.Fatalf("got %s: a tenant that sends nothing is treated as others are", got)
	}
}

// Of several noisy tenants, the one with the fewest messages in flight comes first.
func TestFairAmongNoisy(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	b.fill(url, "a", 100)
	b.fill(url, "b", 100)
	count := map[byte]int{}
	for range 12 {
		for _, m := range b.receive(url, 10) {
			count[(*m.Body)[0]]++
		}
	}
	if count['a'] != 60 || count['b'] != 60 {
		t.Fatalf("%v in flight of a and b", map[string]int{"a": count['a'], "b": count['b']})
	}
}

// What fairness knows of tenants does not grow with their number.
func TestFairForgets(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	for i := range 300 {
		for j := range 10 {
			b.fill(url, fmt.Sprintf("%d-%d-", i, j), 1)
		}
		for _, m := range b.receive(url, 10) {
			if err := b.delete(url, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	n, _ := byURL(b.ctx, url)
	if f := b.r.shards[n.shard()][n].fair; len(f.tenants) > 1001 || len(f.groups) != 0 {
		t.Fatalf("%d tenants and %d groups are known of an empty queue", len(f.tenants), len(f.groups))
	}
}

// Whatever tenants send and consumers hold on to, every message is given, none while it is in flight.
func TestFairModel(t *testing.T) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		b := open(t)
		n++
		url := b.create(fmt.Sprintf("q%d", n), map[string]string{"VisibilityTimeout": "120"})
		left, held := map[string]int64{}, map[string]api.Message{} // until when they are in flight; those that are
		sent := 0
		rt.Repeat(map[string]func(*rapid.T){
			"send": func(rt *rapid.T) {
				group := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "group")
				for range rapid.IntRange(1, 60).Draw(rt, "messages") {
					body := strconv.Itoa(sent)
					sent++
					b.send(url, body, func(in *api.SendMessageInput) { in.MessageGroupId = optional(group) })
					left[body] = 0
				}
			},
			"receive": func(rt *rapid.T) {
				for range rapid.IntRange(1, 8).Draw(rt, "times") {
					for _, m := range b.receive(url, 10) {
						if until, there := left[*m.Body]; !there || until > b.r.now() {
							rt.Fatalf("%s was given while it was in flight or gone", *m.Body)
						}
						left[*m.Body], held[*m.Body] = b.r.now()+120_000, m
					}
				}
			},
			"delete": func(rt *rapid.T) {
				for _, body := range slices.Sorted(maps.Keys(held)) {
					if err := b.delete(url, held[body]); err != nil {
						rt.Fatal(err)
					}
					delete(left, body)
					delete(held, body)
					if rapid.Bool().Draw(rt, "enough") {
						break
					}
				}
			},
			"forget":  func(*rapid.T) { b.forget(url) },
			"advance": func(rt *rapid.T) { b.advance(time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds")) * time.Second) },
		})
		b.advance(3 * time.Minute)
		for _, body := range b.drain(url) {
			if _, there := left[body]; !there {
				rt.Fatalf("%s was given again", body)
			}
			delete(left, body)
		}
		if len(left) > 0 {
			rt.Fatalf("%d messages of %d were never given", len(left), sent)
		}
	})
}
