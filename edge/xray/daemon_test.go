package xray

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sundog/cloud"
)

// service plays the xray service.
type service struct {
	docs   chan string
	answer string
	err    error
}

func (s service) Call(ctx context.Context, as cloud.Principal, _, op string, in json.RawMessage, _ io.Reader) (cloud.Reply, error) {
	if s.err != nil {
		return cloud.Reply{}, s.err
	}
	var put struct{ TraceSegmentDocuments []string }
	if err := json.Unmarshal(in, &put); err != nil {
		return cloud.Reply{}, err
	}
	for _, d := range put.TraceSegmentDocuments {
		s.docs <- as.Account + " " + cloud.CallFrom(ctx).Scope.Region + " " + d
	}
	if op == "PutTraceSegments" {
		return cloud.Reply{Out: json.RawMessage(s.answer)}, nil
	}
	return cloud.Reply{Out: json.RawMessage(`{"op":"` + op + `"}`)}, nil
}

const header = "{\"format\": \"json\", \"version\": 1}\n"

func start(t *testing.T, s service) *Daemon {
	t.Helper()
	d, err := Listen(Options{Addr: "127.0.0.1:0", Caller: s, Scope: cloud.Scope{Account: "1", Region: "r"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
	return d
}

func send(t *testing.T, d *Daemon, datagrams ...string) {
	t.Helper()
	c, err := net.Dial("udp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, s := range datagrams {
		if _, err := c.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDatagrams(t *testing.T) {
	s := service{docs: make(chan string, 10), answer: `{"UnprocessedTraceSegments":[{"Id":"x","ErrorCode":"ParseError"}]}`}
	d := start(t, s)
	send(t, d, "junk", header, header+"{", header+"[]", "{\"format\":\"xml\",\"version\":1}\n{}", header+`{"id":"1"}`)
	if got := <-s.docs; got != `1 r {"id":"1"}` {
		t.Fatal(got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := d.Stats(); got != (Stats{Received: 6, Malformed: 5, Rejected: 1}) {
		t.Fatalf("%+v", got)
	}
}

func TestProxy(t *testing.T) {
	d := start(t, service{})
	tests := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/GetSamplingRules", "", 200, `{"op":"GetSamplingRules"}`},
		{"POST", "/SamplingTargets", "{}", 200, `{"op":"GetSamplingTargets"}`},
		{"POST", "/SamplingTargets", "{", 400, "not JSON"},
		{"POST", "/SamplingTargets", strings.Repeat("x", maxBody+1), 413, "too large"},
		{"GET", "/GetSamplingRules", "", 501, "does not serve"},
		{"POST", "/TraceSegments", "{}", 501, "does not serve"},
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, tt := range tests {
		req, err := http.NewRequest(tt.method, "http://"+d.Addr()+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != tt.status || !strings.Contains(string(b), tt.want) {
			t.Errorf("%s %s: %d %s %v", tt.method, tt.path, res.StatusCode, b, err)
		}
	}
}

func TestServiceFails(t *testing.T) {
	d := start(t, service{err: cloud.Errorf(cloud.Denied, "AccessDeniedException", "no").WithStatus(403)})
	res, err := http.Post("http://"+d.Addr()+"/GetSamplingRules", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if res.StatusCode != 403 || res.Header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(header + `{"id":"1"}`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if doc, err := document(datagram); err == nil && !json.Valid([]byte(doc)) {
			t.Fatal(doc)
		}
	})
}
