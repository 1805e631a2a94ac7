package runtimeapi

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// A runtime that writes trailers without end is cut off, and its invocation has failed.
func TestEndlessTrailers(t *testing.T) {
	w := start(t, nil)
	k := w.dial()
	got := w.invoke(compute.Invocation{RequestID: "one"}, time.Minute)
	k.say(nextText)
	k.hear(200, "")
	k.say(post("one", "response", "Transfer-Encoding: chunked\n", "0\n"))
	line := strings.Repeat("x", 1000)
	for i := range 64 << 10 { // until the connection is closed
		if _, err := fmt.Fprintf(k, "T%d: %s\r\n", i, line); err != nil {
			break
		}
	}
	if r := <-got; r.err != nil || !r.Failed || !strings.Contains(string(r.Body), "TruncatedResponse") {
		t.Fatalf("%.300s %v", r.Body, r.err)
	}
}

// heard is an Out that tells of its first bytes.
type heard struct {
	bytes.Buffer
	first chan struct{}
}

func (h *heard) Write(b []byte) (int, error) {
	if h.Len() == 0 {
		defer close(h.first)
	}
	return h.Buffer.Write(b)
}

// What a runtime streams after its invocation is over goes nowhere: the writer belongs to another answer by then.
func TestStreamAfterTheEnd(t *testing.T) {
	w := start(t, nil)
	k := w.dial()
	out := &heard{first: make(chan struct{})}
	got := w.invoke(compute.Invocation{RequestID: "one", Out: out}, 300*time.Millisecond)
	k.say(nextText)
	k.hear(200, "")
	k.say(post("one", "response", "Lambda-Runtime-Function-Response-Mode: streaming\nTransfer-Encoding: chunked\n", "3\none\n"))
	<-out.first
	if r := <-got; r.err != ErrDeadline {
		t.Fatal(r.err)
	}
	k.say("3\ntwo\n0\n\n")
	k.hear(202, "OK")
	if out.String() != "one" {
		t.Errorf("the invocation's writer got %q", out.String())
	}
}

// Who does not read an invocation, and answers it on another connection, keeps nothing of it here.
func TestInvocationsThatAreNotRead(t *testing.T) {
	w := start(t, nil)
	deaf, k := w.dial(), w.dial()
	deaf.say("GET /2018-06-01/runtime/invocation/next HTTP/1.1\nHost: h\nConnection: close\n\n") // net/http's
	got := w.invoke(compute.Invocation{RequestID: "one", Payload: make([]byte, 32<<20)}, time.Minute)
	if _, err := deaf.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	k.say(post("one", "response", sized("1"), "1"))
	k.hear(202, "OK")
	if r := <-got; r.err != nil || string(r.Body) != "1" {
		t.Fatalf("%+v", r)
	}
	computetest.Eventually(t, "the connection is given up", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.asking == 0
	})
}

// What an init writes, and how often it subscribes, is bounded.
func TestSubscribingWithoutEnd(t *testing.T) {
	w := start(t, nil)
	for range 20 {
		w.Line("function", w.o.Clock.Now(), strings.Repeat("x", 1<<20))
	}
	held := 0
	for _, e := range w.hub.backlog {
		held += len(e.text)
	}
	if held > 4<<20 || held == 0 {
		t.Errorf("%d bytes wait for a subscriber", held)
	}
	id := w.register("inner", `[]`)
	const body = `{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP","port":1}}`
	for range maxSubscriptions {
		w.want(w.subscribe("/2022-07-01/telemetry", id, body), 200, "OK")
		<-w.notices
	}
	w.want(w.subscribe("/2022-07-01/telemetry", id, body), 403, "Telemetry.TooManySubscriptions")
}

// Runtimes post the cause of an error, for X-Ray, in a header of up to 1 MiB.
func TestErrorsWithLongCauses(t *testing.T) {
	w := start(t, nil)
	k := w.dial()
	for i, length := range []int{100, maxHead, 100 << 10, 1 << 20} {
		id := fmt.Sprint("id-", i)
		got := w.invoke(compute.Invocation{RequestID: id}, time.Minute)
		k.say(nextText)
		k.hear(200, "")
		const body = `{"errorMessage":"m","errorType":"T"}`
		k.say(post(id, "error", "Lambda-Runtime-Function-XRay-Error-Cause: "+strings.Repeat("c", length)+"\n"+sized(body), body))
		k.hear(202, "OK")
		if r := <-got; r.err != nil || string(r.Body) != body || !r.Failed {
			t.Fatalf("%d: %+v", length, r)
		}
	}
	w.invoke(compute.Invocation{RequestID: "last"}, time.Minute)
	k.say(nextText)
	k.hear(200, "")
	go func() { // until the connection is closed
		for range 64 {
			if _, err := k.Write([]byte("POST /2018-06-01/runtime/invocation/last/error HTTP/1.1\r\nA: " + strings.Repeat("c", 1<<20))); err != nil {
				return
			}
		}
	}()
	if b, err := io.ReadAll(k.r); len(b) > 0 {
		t.Errorf("%.100s %v", b, err)
	}
}
