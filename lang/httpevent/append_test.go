package httpevent_test

import (
	"encoding/json"
	"net/textproto"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sundog/lang/httpevent"
)

// TestPayloadIsJSONOfEvent holds the encoder by hand against encoding/json.
func TestPayloadIsJSONOfEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRequest(t)
		e := r.Event()
		body, encoded := httpevent.Text(r.Header, r.Body)
		e.Body, e.IsBase64Encoded = body, &encoded
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Payload()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatalf("have %s\nwant %s", got, want)
		}
	})
}

func anyRequest(t *rapid.T) *httpevent.Request {
	awkward := rapid.SampledFrom([]string{"", "a.b", "<&>", "\"\\\b\f\n\r\t\x00\x1f\x7f", "\u2028\u2029\u202a", "\xff", "é\xc3", "日本\xe2\x80", "🌞\xf0\x9f", "\ufffd"})
	words := rapid.OneOf(rapid.String(), awkward, rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	text := func(name string) string { return words.Draw(t, name) }
	texts := rapid.MapOf(words, words)
	r := &httpevent.Request{
		Account: text("account"), API: text("api"), RouteKey: text("route"), Stage: text("stage"), Method: text("method"), Path: text("path"),
		RawQuery: rapid.OneOf(rapid.SampledFrom([]string{"", "a=1&a=2&b=%22%3c", "a;b", "%zz", "x=%ff&y"}), words).Draw(t, "query"),
		Host:     text("host"), Prefix: text("prefix"), Protocol: text("protocol"), SourceIP: text("ip"), UserAgent: text("agent"), ID: text("id"),
		Time:   time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "time")),
		Header: map[string][]string{}, Body: rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(words, func(s string) []byte { return []byte(s) })).Draw(t, "body"),
		PathParameters: texts.Draw(t, "parameters"), StageVariables: texts.Draw(t, "variables"),
		Authorizer: rapid.SampledFrom([]any{nil, map[string]any{"iam": nil, "x": "<"}, map[string]string{}}).Draw(t, "authorizer"),
	}
	names := rapid.OneOf(rapid.StringMatching(`[a-zA-Z][a-z0-9-]{0,8}`), rapid.SampledFrom([]string{"Cookie", "Content-Type", "Content-Encoding"}))
	values := rapid.OneOf(rapid.SampledFrom([]string{"application/json", "text/plain; charset=utf-8", "image/png", "a=1; b=2"}), words)
	for n, vs := range rapid.MapOf(names, rapid.SliceOf(values)).Draw(t, "header") {
		r.Header[textproto.CanonicalMIMEHeaderKey(n)] = vs
	}
	return r
}

// TestPlainTexts are the forms that a body's or header's JSON may have.
func TestPlainTexts(t *testing.T) {
	for raw, want := range map[string]string{
		`"plain é"`: "plain é", `"a\"b\\\u00e9\n"`: "a\"b\\é\n", "\"\xff\"": "\ufffd", `""`: "", `null`: "", `12`: "12", `{"a":1}`: `{"a":1}`, `true`: "true",
	} {
		r, ok := httpevent.ParseResponse([]byte(`{"statusCode":200,"headers":{"x":`+raw+`},"body":`+raw+`}`), httpevent.Format2)
		if !ok || string(r.Body) != want || r.Header["x"][0] != want {
			t.Errorf("%s is %q and %q, not %q", raw, r.Body, r.Header["x"], want)
		}
	}
}
