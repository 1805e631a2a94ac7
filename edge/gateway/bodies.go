package gateway

import (
	"context"
	"io"
	"net/http"
	"sync"

	"sundog/cloud"
)

const (
	freeBody    = 64 << 10  // bytes of a body that are not counted
	leastBodies = 320 << 20 // of Options.BodyMemory: a sandbox's share holds the largest request
	sandboxPart = 4         // a sandbox's share of it is one in so many
)

// bodies bounds the memory of bodies that are read whole, which they are before anybody knows whether their sender may do anything: of all that are served
// at a time, and of those that come from one sandbox.
type bodies struct {
	most int64

	mu  sync.Mutex
	all int64
	of  map[string]int64 // by environment
}

func newBodies(memory int64) *bodies {
	return &bodies{most: max(memory, leastBodies), of: map[string]int64{}}
}

// held is what a request holds. It belongs to the request's goroutine.
type held struct {
	b       *bodies
	sandbox string
	n       int64
}

// hold begins a request. Its release gives everything back.
func (b *bodies) hold(ctx context.Context) *held {
	h := &held{b: b}
	if s := cloud.SandboxFrom(ctx); s != nil {
		h.sandbox = s.Environment
	}
	return h
}

// take counts n bytes in, or gives an error that says to come again.
func (h *held) take(n int64) error {
	b := h.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all+n > b.most || h.sandbox != "" && b.of[h.sandbox]+n > b.most/sandboxPart {
		return cloud.Errorf(cloud.Unavailable, "ServiceUnavailable", "Too many large requests are under way. Please try again.").WithStatus(http.StatusServiceUnavailable)
	}
	b.all += n
	if h.n += n; h.sandbox != "" {
		b.of[h.sandbox] += n
	}
	return nil
}

func (h *held) release() {
	if h.n == 0 {
		return
	}
	b := h.b
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all -= h.n
	if h.sandbox != "" {
		if b.of[h.sandbox] -= h.n; b.of[h.sandbox] == 0 {
			delete(b.of, h.sandbox)
		}
	}
	h.n = 0
}

// whole makes r.Body one that may be read whole. A body whose length is known is counted now, another one while it is read.
func (h *held) whole(r *http.Request) error {
	if r.ContentLength > freeBody {
		return h.take(r.ContentLength)
	}
	if r.ContentLength < 0 {
		r.Body = &heldBody{ReadCloser: r.Body, h: h, free: freeBody}
	}
	return nil
}

// heldBody counts what is read.
type heldBody struct {
	io.ReadCloser
	h    *held
	free int64
}

// Read implements io.Reader.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.free -= int64(n); b.free < 0 {
		if e := b.h.take(-b.free); e != nil {
			return 0, e
		}
		b.free = 0
	}
	return n, err
}
