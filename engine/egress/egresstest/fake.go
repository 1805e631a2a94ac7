// Package egresstest plays the outside for tests: a client that records what it is asked and answers as programmed.
package egresstest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"sundog/engine/egress"
)

// Fake is an egress.Client without a network. The zero value answers 200 to everything; safe for concurrent use.
type Fake struct {
	mu  sync.Mutex
	got []egress.Request
	// Answer gives the answer; nil: 200 with an empty body. Set it before the first request.
	Answer func(ctx context.Context, r egress.Request) (egress.Response, error)
}

var _ egress.Client = (*Fake)(nil)

// Do implements egress.Client.
func (f *Fake) Do(ctx context.Context, r egress.Request) (egress.Response, error) {
	kept := r
	kept.Header, kept.Body = maps.Clone(r.Header), slices.Clone(r.Body)
	f.mu.Lock()
	f.got = append(f.got, kept)
	f.mu.Unlock()
	if f.Answer == nil {
		return egress.Response{Status: 200}, nil
	}
	return f.Answer(ctx, r)
}

// Requests gives what was asked so far.
func (f *Fake) Requests() []egress.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}
