package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// The shape of a run: each round loads the platform for between one and two parts, then kills it.
const part = 500 * time.Millisecond

func TestNothingAcknowledgedIsLost(t *testing.T) {
	eachMode(t, 4, func(p *platform) []load {
		return []load{newItems(p), newMessages(p, crew{3, 1}), newGroups(p, crew{3, 1}), newObjects(p), newExecutions(p)}
	})
}

// Records of a stream hold while its shards are split and merged.
func TestRecordsHold(t *testing.T) {
	eachMode(t, 3, func(p *platform) []load { return []load{newRecords(p)} })
}

// Sixteen send and sixteen receive, by a standard queue, by a FIFO queue and by a topic with its queues, while the platform is killed three times.
func TestMessagesHold(t *testing.T) {
	eachMode(t, 3, func(p *platform) []load {
		all := crew{16, 16}
		return []load{newMessages(p, all), newGroups(p, all), newPublished(p, all)}
	})
}

func eachMode(t *testing.T, kills int, loads func(*platform) []load) {
	for _, mode := range []string{"sync", "relaxed"} {
		t.Run(mode, func(t *testing.T) {
			p := newPlatform(t, mode)
			crashes(p, kills, loads(p))
		})
	}
}

// crashes runs loads at once, kills the platform some times, and checks what the loads know.
func crashes(p *platform, kills int, loads []load) {
	for range kills {
		ctx, stop := context.WithCancel(context.Background())
		var work sync.WaitGroup
		for _, l := range loads {
			for _, run := range l.workers() {
				work.Go(func() { run(ctx) })
			}
		}
		time.Sleep(part + rand.N(part)) // a crash may come at any moment
		p.kill()
		stop()
		work.Wait()
		p.start()
	}
	var work sync.WaitGroup
	for _, l := range loads {
		work.Go(func() {
			start := time.Now()
			l.check()
			p.t.Logf("%s, checked in %v", l, time.Since(start).Round(time.Millisecond))
		})
	}
	work.Wait()
}

// load is one kind of work and what is known of it.
type load interface {
	workers() []func(context.Context) // run until ctx ends or the platform has gone
	check()                           // reports what was lost, after the last start
	String() string                   // what was done
}

// record is what calls did: keys that were acknowledged. Safe for concurrent use.
type record struct {
	mu    sync.Mutex
	acked []string
}

func (r *record) ack(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked = append(r.acked, key)
}

// each calls fn for every acknowledged key, several at once.
func (r *record) each(fn func(key string)) {
	keys := make(chan string)
	var work sync.WaitGroup
	for range 16 {
		work.Go(func() {
			for k := range keys {
				fn(k)
			}
		})
	}
	for _, k := range r.acked {
		keys <- k
	}
	close(keys)
	work.Wait()
}

// gone tells whether a worker is to end: the platform has gone. Any other error fails the test, for a platform that lives has to answer.
func (p *platform) gone(what string, err error) bool {
	if err == nil {
		return false
	}
	if !unknown(err) {
		p.t.Errorf("%s: %v", what, err)
	}
	return true
}
