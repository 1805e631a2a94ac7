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
	// outside are those of subs whose endpoints are outside of the platform, by id.
	outside map[string]*compiled
}

type compiled struct {
	subscription
	filter *eventpattern.Pattern
	target cloud.ARN
	dead   cloud.ARN
	policy ownPolicy // of HTTP endpoints
	status feedback
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
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		t, err = readTopic(rd, n)
		return err
	})
	if err != nil {
		return nil, err
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

// readTopic reads and compiles a topic; subscriptions that are not confirmed are left out. errNoTopic when there is none.
func readTopic(rd store.Reader, n name) (*topic, error) {
	rec, err := readRecord(rd, n)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, errNoTopic()
	}
	subs, err := subscriptions(rd, n)
	if err != nil {
		return nil, err
	}
	t := &topic{name: n, record: *rec, outside: map[string]*compiled{}}
	for _, s := range subs {
		if s.Pending {
			continue
		}
		c, err := rec.compile(n, s)
		if err != nil {
			return nil, err
		}
		t.subs = append(t.subs, c)
	}
	for i := range t.subs {
		if s := &t.subs[i]; outside(s.Protocol) {
			t.outside[s.ID] = s
		}
	}
	return t, nil
}

func (r *record) compile(n name, s subscription) (c compiled, err error) {
	c.subscription, c.status = s, r.feedback(s.Protocol)
	if c.filter, err = s.filter(); err != nil {
		return c, err
	}
	to := s.Endpoint
	if outside(s.Protocol) {
		to = n.subscriptionARN(s.ID)
		if c.policy, err = r.effective(&s); err != nil {
			return c, err
		}
	}
	if c.target, err = cloud.ParseARN(to); err != nil {
		return c, err
	}
	c.dead, err = deadLetter(s.Attributes["RedrivePolicy"])
	return c, err
}
