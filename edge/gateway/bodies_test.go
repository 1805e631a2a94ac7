package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sundog/cloud"
)

const big = 100 << 20

func request(h *held, n int64) error {
	r := &http.Request{ContentLength: n, Body: http.NoBody}
	return h.whole(r)
}

// What is read whole is bounded, of all and of a sandbox; what is small always passes, and what is over gives its place back.
func TestBodiesAreBounded(t *testing.T) {
	b := newBodies(4 * big)
	one, other, outside := b.hold(cloud.WithSandbox(t.Context(), &cloud.Sandbox{Environment: "1"})), b.hold(cloud.WithSandbox(t.Context(), &cloud.Sandbox{Environment: "2"})), b.hold(t.Context())
	for i, c := range []struct {
		h  *held
		n  int64
		ok bool
	}{
		{one, big, true}, {one, freeBody + 1, false}, {one, freeBody, true}, // a quarter, and what is small
		{other, big, true},
		{outside, 2 * big, true}, {outside, freeBody + 1, false}, {outside, freeBody, true},
	} {
		err := request(c.h, c.n)
		if (err == nil) != c.ok || err != nil && cloud.AsError(err).Status != http.StatusServiceUnavailable {
			t.Errorf("request %d: %v", i, err)
		}
	}
	one.release()
	if err := request(b.hold(cloud.WithSandbox(t.Context(), &cloud.Sandbox{Environment: "1"})), big); err != nil {
		t.Error("after it is over:", err)
	}
	other.release()
	outside.release()
	if b.all != big || len(b.of) != 1 {
		t.Errorf("%d bytes of %d sandboxes are held", b.all, len(b.of))
	}
}

// A body whose length nobody has said counts as it is read.
func TestBodiesOfUnknownLength(t *testing.T) {
	b := newBodies(0)
	h := b.hold(cloud.WithSandbox(t.Context(), &cloud.Sandbox{Environment: "1"}))
	read := func(n int) error {
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(strings.Repeat("x", n))))
		r.ContentLength = -1
		_, err := readBody(r, 1<<30, h)
		return err
	}
	if err := read(leastBodies / sandboxPart); err != nil || h.n != leastBodies/sandboxPart-freeBody {
		t.Errorf("%d bytes are held: %v", h.n, err)
	}
	if err := read(3 * freeBody); cloud.AsError(err).Status != http.StatusServiceUnavailable {
		t.Error(err)
	}
}
