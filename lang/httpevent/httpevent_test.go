package httpevent_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sundog/lang/httpevent"
)

func TestEvent(t *testing.T) {
	r := httpevent.Request{
		Account: "000000000000", API: "a1", RouteKey: "$default", Stage: "$default", Method: "POST", Path: "/x%20y", RawQuery: "a=1&a=2", Host: "a1.example.com",
		Header: map[string][]string{"Cookie": {"c=1; d=2"}, "X-A": {"1", "2"}, "Content-Type": {"image/png"}}, Body: []byte{1}, Time: time.Unix(0, 0),
	}
	b, err := r.Payload()
	if err != nil {
		t.Fatal(err)
	}
	var e httpevent.Event
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	if e.Headers["x-a"] != "1,2" || !slices.Equal(e.Cookies, []string{"c=1", "d=2"}) || e.QueryStringParameters["a"] != "1,2" || *e.Body != "AQ==" || !*e.IsBase64Encoded {
		t.Fatalf("%s", b)
	}
	if c := e.RequestContext; c.DomainPrefix != "a1" || c.Time != "01/Jan/1970:00:00:00 +0000" || c.HTTP.Path != "/x%20y" {
		t.Fatalf("%+v", c)
	}
}

func TestPrelude(t *testing.T) {
	whole := `{"statusCode":201,"headers":{"x":"y"},"cookies":["a=b"]}` + strings.Repeat("\x00", 8) + "body"
	for n := range whole {
		if _, _, done, ok := httpevent.ParsePrelude([]byte(whole[:n])); done && n < len(whole)-4 || !ok {
			t.Fatalf("%d bytes: done %v ok %v", n, done, ok)
		}
	}
	r, rest, done, ok := httpevent.ParsePrelude([]byte(whole))
	if !done || !ok || r.Status != 201 || string(rest) != "body" || r.Header["Set-Cookie"][0] != "a=b" || r.Header["Content-Type"][0] != "application/octet-stream" {
		t.Fatalf("%+v %q %v %v", r, rest, done, ok)
	}
	for _, bad := range []string{"nonsense" + strings.Repeat("\x00", 8), strings.Repeat("x", httpevent.MaxPrelude+1), `{"statusCode":9}` + strings.Repeat("\x00", 8), `{"statusCode":101}` + strings.Repeat("\x00", 8)} {
		if _, _, done, ok := httpevent.ParsePrelude([]byte(bad)); !done || ok {
			t.Fatalf("%.20q is no prelude", bad)
		}
	}
}

func TestCORS(t *testing.T) {
	c := &httpevent.CORS{Origins: []string{"https://*", "http://a"}, Methods: []string{"GET"}, Headers: []string{"*"}, Credentials: true, Expose: []string{"X-E"}}
	r, ok := c.Preflight("OPTIONS", map[string][]string{"Origin": {"http://a"}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"x-z"}})
	want := []string{"Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin"}
	if !ok || r.Status != 204 || !slices.Equal(slices.Sorted(maps.Keys(r.Header)), want) || r.Header["Access-Control-Allow-Headers"][0] != "x-z" {
		t.Fatalf("%+v", r)
	}
	h := map[string][]string{"access-control-allow-origin": {"mine"}, "X": {"1"}}
	c.Apply(h, "https://b")
	if h["Access-Control-Allow-Origin"][0] != "https://b" || h["access-control-allow-origin"] != nil || h["Access-Control-Expose-Headers"][0] != "x-e" {
		t.Fatalf("%+v", h)
	}
	c.Apply(h, "ftp://c")
	if len(h) != 1 {
		t.Fatalf("%+v", h)
	}
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"body":"x"}`), "2.0")
	f.Add([]byte(`"text"`), "1.0")
	f.Fuzz(func(t *testing.T, b []byte, format string) {
		if r, ok := httpevent.ParseResponse(b, format); ok && (r.Status < 100 || r.Status > 599) {
			t.Fatalf("%+v", r)
		}
		httpevent.ParsePrelude(b)
	})
}

func TestResponsesOfFunctionURLs(t *testing.T) {
	for payload, want := range map[string]string{
		`["hello", 3, true]`: `application/json ["hello",3,true]`,
		`{"a": 1}`:           `application/json {"a":1}`,
		`"hi there"`:         `application/json hi there`,
		`{"statusCode": 200, "body": "{\"a\": 1}"}`:                               `application/json {"a": 1}`,
		`{"statusCode": 200, "body": "x", "headers": {"content-type": "text/x"}}`: ` x`,
	} {
		r, ok := httpevent.ParseResponse([]byte(payload), httpevent.FormatURL)
		if got := strings.Join(r.Header["Content-Type"], "") + " " + string(r.Body); !ok || got != want {
			t.Errorf("%s gives %s, want %s", payload, got, want)
		}
	}
}

// A function's answer is the last one: what only informs, or hands the connection over, is none.
func TestAnswersThatAreNone(t *testing.T) {
	for _, status := range []string{"100", "101", "103", "199"} {
		for _, format := range []string{httpevent.Format1, httpevent.Format2, httpevent.FormatURL} {
			if r, ok := httpevent.ParseResponse([]byte(`{"statusCode":`+status+`,"headers":{"Upgrade":"x"},"body":"x"}`), format); ok {
				t.Errorf("%s in %s: %+v", status, format, r)
			}
		}
	}
}
