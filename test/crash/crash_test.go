package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// The shape of a run: each round loads the platform for between one and two parts, then kills it.
const (
	rounds = 4
	part   = 500 * time.Millisecond
)

func TestNothingAcknowledgedIsLost(t *testing.T) {
	eachMode(t, rounds, func(p *platform) []load {
		return []load{newItems(p), newMessages(p, 3, 1), newGroups(p, 3, 1), newObjects(p), newExecutions(p)}
	})
}

// Sixteen send and sixteen receive, from a standard queue and a FIFO queue, and a topic fans out, while the platform is killed three times.
func TestMessagesHold(t *testing.T) {
	eachMode(t, 3, func(p *platform) []load {
		return []load{newMessages(p, 16, 16), newGroups(p, 16, 16), newFanOut(p, 3)}
	})
}

func eachMode(t *testing.T, kills int, loads func(*platform) []load) {
	for _, mode := range []string{"sync", "relaxed"} {
		t.Run(mode, func(t *testing.T) {
			p := newPlatform(t, mode)
			crashes(t, p, kills, loads(p))
		})
	}
}

func crashes(t *testing.T, p *platform, kills int, loads []load) {
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
	for _, l := range loads {
		start := time.Now()
		l.check()
		t.Logf("%s, checked in %v", l, time.Since(start).Round(time.Millisecond))
	}
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
