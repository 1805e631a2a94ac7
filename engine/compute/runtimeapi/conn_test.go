package runtimeapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"sundog/engine/compute"
)

// client is a runtime's connection, byte by byte.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	c, err := net.Dial("tcp", w.Addr())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return &client{w.t, c, bufio.NewReader(c)}
}

// say writes a request, with lines for line ends.
func (c *client) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads an answer.
func (c *client) hear(status int, part string) http.Header {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || !strings.Contains(string(b), part) {
		c.t.Fatalf("got %d %s (%v), want %d ...%s...", res.StatusCode, b, err, status, part)
	}
	return res.Header
}

// parked waits until a connection waits for an invocation, unless its connection has gone to net/http.
func (w *world) parked(elsewhere bool) {
	for len(w.idle) == 0 && !elsewhere {
		w.Attend()
		runtime.Gosched()
	}
}

const nextText = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\nHost: h\n\n"

func post(id, what, headers, body string) string {
	return "POST /2018-06-01/runtime/invocation/" + id + "/" + what + " HTTP/1.1\nHost: h\n" + headers + "\n" + body
}

func sized(body string) string { return fmt.Sprintf("Content-Length: %d\n", len(body)) }

// TestConnection has one connection serve one invocation after another, in all the ways in which a runtime can answer.
func TestConnection(t *testing.T) {
	const chunked = "Transfer-Encoding: chunked\n"
	long := strings.Repeat("x", MaxResponse+1)
	for _, c := range []struct {
		name, answer string
		status       int
		body         string
		failed       bool
	}{
		{"sized", post("ID", "response", sized(`{"a":1}`)+"Content-Type: a/b\n", `{"a":1}`), 202, `{"a":1}`, false},
		{"empty", post("ID", "response", sized(""), ""), 202, "", false},
		{"chunked", post("ID", "response", chunked, "3\n[1,\n2;x=y\n2]\n0\n\n"), 202, "[1,2]", false},
		{"chunked, with an error behind", post("ID", "response", chunked+"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\n",
			"1\n1\n0\nLambda-Runtime-Function-Error-Type: Midway\nLambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJNaWR3YXkifQ==\n\n"), 202, `{"errorType":"Midway"}`, true},
		{"chunked, too long", post("ID", "response", chunked, fmt.Sprintf("%x\n%s\n0\n\n", len(long), long)), 413, "Function.ResponseSizeTooLarge", true},
		{"error", post("ID", "error", sized(`{"errorType":"E"}`), `{"errorType":"E"}`), 202, `{"errorType":"E"}`, true},
		{"error that is no JSON", post("ID", "error", sized("no")+"lambda-runtime-function-error-type: My.Type\n", "no"), 202, "My.Type", true},
		{"through net/http", post("ID", "response", sized("[]")+"Lambda-Runtime-Function-Response-Mode: streaming\n", "[]"), 202, "[]", false},
		{"after a wrong one", post("other", "response", sized("1"), "1") + post("ID", "response", sized("2"), "2"), 400, "2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, nil)
			k := w.dial()
			for i := range 3 {
				id := fmt.Sprint("id-", i)
				k.say(nextText)
				if i == 1 { // parked before the invocation comes; else perhaps after
					w.parked(c.name == "through net/http")
				}
				got := w.invoke(compute.Invocation{RequestID: id, Payload: []byte(`{"n":1}`), ClientContext: []byte("{\n}")}, time.Minute)
				if h := k.hear(200, `{"n":1}`); h.Get("Lambda-Runtime-Aws-Request-Id") != id || h.Get("Lambda-Runtime-Client-Context") != "{ }" {
					t.Fatal(h)
				}
				k.say(strings.ReplaceAll(c.answer, "ID", id))
				r := <-got
				if r.err != nil || r.Failed != c.failed || !strings.Contains(string(r.Body), c.body) {
					t.Fatalf("%+v %.100s", r.err, r.Body)
				}
				k.hear(c.status, "")
				if c.status == 400 {
					k.hear(202, "")
				}
			}
		})
	}
}

// TestOtherConnections has runtimes that use a connection for each request, or leave one behind.
func TestOtherConnections(t *testing.T) {
	w := start(t, nil)
	gone := w.dial()
	gone.say(nextText)
	w.parked(false)
	_ = gone.Close()
	for i := range 3 {
		id := fmt.Sprint("id-", i)
		asks, answers := w.dial(), w.dial()
		got := w.invoke(compute.Invocation{RequestID: id}, time.Minute)
		asks.say(nextText)
		asks.hear(200, "")
		if i == 1 {
			_ = asks.Close()
		}
		answers.say(post(id, "response", sized("1"), "1"))
		answers.hear(202, "OK")
		if r := <-got; r.err != nil || string(r.Body) != "1" {
			t.Fatalf("%+v", r)
		}
		if i == 2 { // it goes on, also after somebody else has answered
			asks.say(nextText)
			got := w.invoke(compute.Invocation{RequestID: "last"}, time.Minute)
			asks.hear(200, "")
			asks.say(post("last", "response", sized("2"), "2"))
			if r := <-got; r.err != nil || string(r.Body) != "2" {
				t.Fatalf("%+v", r)
			}
		}
	}
}

// TestResting has an invocation come while nobody has the connection of the last answer, and the runtime do all that it can do then.
func TestResting(t *testing.T) {
	const other = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\nHost: h\nConnection: close\n\n" // net/http's
	for _, c := range []struct {
		name string
		do   func(w *world, k *client, exit func()) (asks *client) // nil: none does
		err  error
	}{
		{"it asks", func(w *world, k *client, _ func()) *client { k.say(nextText); return k }, nil},
		{"it asks on another connection", func(w *world, _ *client, _ func()) *client { k := w.dial(); k.say(nextText); return k }, nil},
		{"it asks through net/http", func(w *world, _ *client, _ func()) *client { k := w.dial(); k.say(other); return k }, nil},
		{"it asks through net/http on the same", func(_ *world, k *client, _ func()) *client { k.say(other); return k }, nil},
		{"it closes and asks on another", func(w *world, k *client, _ func()) *client { _ = k.Close(); k = w.dial(); k.say(nextText); return k }, nil},
		{"it answers twice first", func(_ *world, k *client, _ func()) *client {
			k.say(post("first", "response", sized("1"), "1"))
			k.hear(403, "InvalidStateTransition")
			k.say(nextText)
			return k
		}, nil},
		{"it ends, and the connection stays open", func(_ *world, _ *client, exit func()) *client { exit(); return nil }, ErrExited},
		{"it closes and ends", func(_ *world, k *client, exit func()) *client { _ = k.Close(); exit(); return nil }, ErrExited},
		{"it does nothing", func(*world, *client, func()) *client { return nil }, ErrDeadline},
	} {
		for _, when := range []string{"meanwhile", "after", "before"} {
			if c.err != ErrDeadline || when == "after" {
				t.Run(c.name+", "+when, func(t *testing.T) { rested(t, c.do, c.err, when) })
			}
		}
	}
}

// rested has a runtime answer an invocation and then do something before, while or after the second one looks for it, which gives want.
func rested(t *testing.T, do func(*world, *client, func()) *client, want error, when string) {
	w, exited := start(t, nil), make(chan struct{})
	invoke := func(id string) chan invoked {
		got, wait := make(chan invoked, 1), time.Minute
		if want == ErrDeadline && id == "second" {
			wait = 20 * time.Millisecond
		}
		go func() {
			r, err := w.Invoke(compute.Invocation{RequestID: id}, "", "", time.Time{}, wait, exited)
			got <- invoked{r, err}
		}()
		return got
	}
	k := w.dial()
	k.say(nextText)
	got := invoke("first")
	k.hear(200, "")
	k.say(post("first", "response", sized("1"), "1"))
	if r := <-got; r.err != nil {
		t.Fatal(r.err)
	}
	k.hear(202, "")
	asks := make(chan *client, 1)
	act := func() { asks <- do(w, k, func() { close(exited) }) }
	switch when {
	case "before":
		w.Attend()
		act()
		got = invoke("second")
	case "after":
		got = invoke("second")
		w.sought()
		act()
	default:
		go act()
		got = invoke("second")
	}
	if k := <-asks; k != nil {
		k.hear(200, "")
		w.dial().say(post("second", "response", sized("2"), "2"))
	}
	if r := <-got; r.err != want || want == nil && string(r.Body) != "2" {
		t.Fatalf("%+v", r)
	}
}

// sought waits until an invocation looks for a request on a connection.
func (w *world) sought() {
	for {
		w.mu.Lock()
		sought := w.current != nil && w.current.via != nil && !w.current.handed
		w.mu.Unlock()
		if sought {
			return
		}
		runtime.Gosched()
	}
}

// TestEndings has invocations end without an answer.
func TestEndings(t *testing.T) {
	w := start(t, nil)
	k := w.dial()
	k.say(nextText)
	<-w.Ready()
	if r := <-w.invoke(compute.Invocation{RequestID: "late"}, 20*time.Millisecond); r.err != ErrDeadline {
		t.Fatal(r.err)
	}
	w = start(t, nil)
	k = w.dial()
	k.say(nextText)
	exited := make(chan struct{})
	got := make(chan error)
	go func() {
		_, err := w.Invoke(compute.Invocation{RequestID: "gone"}, "", "", time.Time{}, time.Minute, exited)
		got <- err
	}()
	k.hear(200, "") // the connection stays open: somebody below the program may have it
	close(exited)
	if err := <-got; err != ErrExited {
		t.Fatal(err)
	}
}

func FuzzHead(f *testing.F) {
	f.Add("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h\r\n")
	f.Add("POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		h := readHead([]byte(text), len(text))
		if h.kind != hotNone && (h.length < -1 || h.length > MaxResponse || strings.ContainsAny(string(h.id), "/?%")) {
			t.Fatalf("%+v", h)
		}
	})
}
