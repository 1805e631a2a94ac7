package runtimeapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// listener takes telemetry over HTTP; the first posts fail.
func listener(t *testing.T, failures int32) (port string, events chan string) {
	events = make(chan string, 100)
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= failures {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var batch []struct {
			Time, Type string
			Record     json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Error(err)
		}
		for _, e := range batch {
			if _, err := time.Parse(time.RFC3339, e.Time); err != nil {
				t.Error(err)
			}
			events <- e.Type + " " + string(e.Record)
		}
	}))
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, events
}

func (w *world) subscribe(path, id, body string) answer {
	w.t.Helper()
	return w.ask("PUT", path, body, "Lambda-Extension-Identifier", id)
}

func expectEvents(t *testing.T, events chan string, want ...string) {
	t.Helper()
	for _, x := range want {
		if got := <-events; got != x {
			t.Fatalf("got  %s\nwant %s", got, x)
		}
	}
}

func TestTelemetry(t *testing.T) {
	w := start(t, func(o *Options) { o.JSONLogs = true })
	port, events := listener(t, 1)
	w.Platform("initStart", map[string]any{"phase": "init"})
	id := w.register("inner", `[]`)
	w.want(w.subscribe("/2022-07-01/telemetry", id, fmt.Sprintf(`{"schemaVersion":"2022-12-13","types":["platform","function","extension"],
		"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:%s/x"}}`, port)), 200, `"OK"`)
	if got := <-w.notices; !strings.HasPrefix(got, `INFO {"time":"`) || !strings.HasSuffix(got, `Z","type":"platform.telemetrySubscription","record":{"name":"inner","state":"Subscribed","types":["platform","function","extension"]}}`) {
		t.Fatal(got)
	}
	w.InitDone()
	w.Platform("start", map[string]any{"requestId": "r", "version": "7"})
	w.Line("function", w.o.Clock.Now(), `{"a":1}`)
	w.Line("extension", w.o.Clock.Now(), "plain")
	w.Platform("end", map[string]any{"requestId": "r"})
	w.Platform("report", map[string]any{"requestId": "r", "status": "success"})
	expectEvents(t, events, `platform.initStart {"phase":"init"}`,
		`platform.telemetrySubscription {"name":"inner","state":"Subscribed","types":["platform","function","extension"]}`,
		`platform.start {"requestId":"r","version":"7"}`, `function {"a":1}`, `extension "plain"`, `platform.report {"requestId":"r","status":"success"}`)
	w.want(w.subscribe("/2022-07-01/telemetry", id, `{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP","port":1}}`), 403, "Telemetry.SubscriptionClosed")
}

func TestLogsAPI(t *testing.T) {
	w := start(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	w.Platform("initStart", map[string]any{"phase": "init"})
	id := w.register("inner", `[]`)
	w.want(w.subscribe("/2020-08-15/logs", id, fmt.Sprintf(`{"schemaVersion":"2021-03-18","types":["platform","function"],"buffering":{"timeoutMs":30000},"destination":{"protocol":"TCP","port":%d}}`,
		ln.Addr().(*net.TCPAddr).Port)), 200, "OK")
	w.Line("function", w.o.Clock.Now(), `{"a":1}`)
	w.Line("extension", w.o.Clock.Now(), "unwanted")
	w.Platform("start", map[string]any{"requestId": "r", "version": "7", "tracing": 1})
	w.Platform("runtimeDone", map[string]any{"requestId": "r", "status": "success", "metrics": 1})
	w.Platform("end", map[string]any{"requestId": "r"})
	w.Platform("report", map[string]any{"requestId": "r", "metrics": map[string]any{"durationMs": 1}, "status": "success"})
	w.Shutdown("spindown", time.UnixMilli(1)) // what is held goes out at once
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for _, want := range []string{
		`"platform.logsSubscription","record":{"name":"inner","state":"Subscribed","types":["platform","function"]}`, `"function","record":"{\"a\":1}"`,
		`"platform.start","record":{"requestId":"r","version":"7"}`, `"platform.runtimeDone","record":{"requestId":"r","status":"success"}`,
		`"platform.end","record":{"requestId":"r"}`, `"platform.report","record":{"metrics":{"durationMs":1},"requestId":"r"}`,
	} {
		if !in.Scan() || !strings.Contains(in.Text(), want) {
			t.Fatalf("got  %s\nwant %s", in.Text(), want)
		}
	}
}

func TestSubscriptionChecks(t *testing.T) {
	w := start(t, nil)
	id := w.register("inner", `[]`)
	const ok = `"destination":{"protocol":"HTTP","URI":"http://sandbox:1234"}`
	for body, part := range map[string]string{
		`{`: "unexpected EOF",
		`{"schemaVersion":"1999-01-01","types":["platform"],` + ok + `}`:                                                                                                "schemaVersion",
		`{"schemaVersion":"2022-07-01",` + ok + `}`:                                                                                                                     "types is required",
		`{"schemaVersion":"2022-07-01","types":["all"],` + ok + `}`:                                                                                                     "none of platform, function, extension",
		`{"schemaVersion":"2022-07-01","types":["platform"],"buffering":{"maxItems":10},` + ok + `}`:                                                                    "buffering.maxItems",
		`{"schemaVersion":"2022-07-01","types":["platform"],"buffering":{"timeoutMs":24},` + ok + `}`:                                                                   "buffering.timeoutMs",
		`{"schemaVersion":"2022-07-01","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://elsewhere:1"}}`:                                              "destination.URI",
		`{"schemaVersion":"2022-07-01","types":["platform"],"destination":{"protocol":"UDP"}}`:                                                                          "destination.protocol",
		`{"schemaVersion":"2022-07-01","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:` + w.Addr()[len("127.0.0.1:"):] + `"}}`: "own",
	} {
		w.want(w.subscribe("/2022-07-01/telemetry", id, body), 400, part)
	}
	w.want(w.subscribe("/2022-07-01/telemetry", "x", `{}`), 403, "Extension.UnknownExtensionIdentifier")
}

// A subscriber that does not answer loses events, and is told how many.
func TestLost(t *testing.T) {
	w := start(t, nil)
	port, events := listener(t, postTries)
	id := w.register("inner", `[]`)
	w.want(w.subscribe("/2022-07-01/telemetry", id, fmt.Sprintf(`{"schemaVersion":"2022-07-01","types":["platform"],"buffering":{"timeoutMs":25},"destination":{"protocol":"HTTP","URI":"http://sandbox:%s"}}`, port)), 200, "OK")
	if got := <-events; !strings.HasPrefix(got, "platform.logsDropped ") || !strings.Contains(got, `"droppedRecords":1`) {
		t.Fatal(got)
	}
}
