package sns

import (
	"context"
	"sync"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/eventpattern"
)

// topic is what a publish needs to know of a topic, compiled.
type topic struct {
	name   name
	record record
	subs   []compiled
}

type compiled struct {
	subscription
	filter *eventpattern.Pattern
	target cloud.ARN
	dead   cloud.ARN
}

// topics caches compiled topics. The zero value is ready; safe for concurrent use.
type topics struct {
	mu      sync.RWMutex
	version uint64
	known   map[name]*topic
}

const maxTopics = 10_000

func (t *topics) forget(n name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	delete(t.known, n)
}

// compile gives a topic with its subscriptions; errNoTopic when there is none.
func (r *snsRoom) compile(ctx context.Context, n name) (*topic, error) {
	r.topics.mu.RLock()
	t, version := r.topics.known[n], r.topics.version
	r.topics.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	t = &topic{name: n}
	var subs []subscription
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		rec, err := readRecord(rd, n)
		if err != nil {
			return err
		}
		if rec == nil {
			return errNoTopic()
		}
		t.record = *rec
		subs, err = subscriptions(rd, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, s := range subs {
		c := compiled{subscription: s}
		if c.filter, err = s.filter(""); err != nil {
			return nil, err
		}
		if c.target, err = cloud.ParseARN(s.Endpoint); err != nil {
			return nil, err
		}
		if c.dead, err = deadLetter(s.Attributes["RedrivePolicy"]); err != nil {
			return nil, err
		}
		t.subs = append(t.subs, c)
	}
	r.topics.mu.Lock()
	defer r.topics.mu.Unlock()
	if r.topics.version == version {
		if r.topics.known == nil || len(r.topics.known) >= maxTopics {
			r.topics.known = map[name]*topic{}
		}
		r.topics.known[n] = t
	}
	return t, nil
}
