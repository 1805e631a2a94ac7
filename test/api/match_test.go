package api

import (
	"encoding/json"
	"strings"
	"testing"
)

func value(t *testing.T, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMatcher(t *testing.T) {
	for _, c := range []struct{ name, want, got, diff string }{
		{"equal", `{"a":[1,true,null,"x"]}`, `{"a":[1,true,null,"x"]}`, ""},
		{"number", `{"a":1}`, `{"a":2}`, "l.a: want 1, got 2"},
		{"missing", `{"a":1,"b":2}`, `{"a":1}`, "l.b: want 2, got null"},
		{"extra", `{"a":1}`, `{"a":1,"b":2}`, "l.b: want null, got 2"},
		{"shorter list", `[1,2]`, `[1]`, "l: want [1,2], got [1]"},
		{"hole", `"arn:<partition>:sqs:<region>:111111111111:<resource:1>"`, `"arn:aws:sqs:us-east-1:000000000000:q"`, ""},
		{"same hole", `["<resource:1>","a <resource:1>"]`, `["q","a q"]`, ""},
		{"other hole", `["<resource:1>","a <resource:1>"]`, `["q","a r"]`, `want "a q", got "a r"`},
		{"hole in a name", `{"<resource:1>":1}`, `{"q":1}`, ""},
		{"hole for a number", `"<n:1>"`, `7`, ""},
		{"hole for a structure", `"<n:1>"`, `{}`, "want"},
		{"nested hole", `"<<next-token>:1>"`, `"abc"`, ""},
		{"repeated", `"<a:len(5)>b"`, `"aaaaab"`, ""},
		{"repeated less", `"<a:len(5)>b"`, `"aaaab"`, "want"},
		{"word", `{"SentTimestamp":"timestamp"}`, `{"SentTimestamp":"1700000000000"}`, ""},
		{"word for a structure", `"timestamp"`, `{"a":1}`, ""},
		{"date within", `"at date."`, `"at 2030-01-02T03:04:05.000Z."`, ""},
		{"no date", `"at date."`, `"at noon."`, "want"},
		{"parsed", `{"Policy":{"a":["b"]}}`, `{"Policy":"{\"a\":[\"b\"]}"}`, ""},
		{"bytes", `"b'a\\x02\\n\\''"`, `"YQIKJw=="`, ""},
		{"ignored", `{"Error":{"Detail":1}}`, `{"Error":{"Detail":2}}`, ""},
		{"ignored when absent", `{"Error":{}}`, `{"Error":{"Detail":{"x":2}}}`, ""},
		{"set", `{"Principal":{"AWS":["a","b"]}}`, `{"Principal":{"AWS":["b","a"]}}`, ""},
		{"loose", `["<md5>","<md5>"]`, `["a","b"]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := NewMatcher(&Case{Service: "x", Unverified: []string{"$..Error.Detail"}}, Manifest{Common: map[string][]Transform{"x": {{Key: "MD5", Replacement: "<md5>"}}}})
			if err != nil {
				t.Fatal(err)
			}
			diff := m.Match([]string{"l"}, value(t, c.want), value(t, c.got))
			if c.diff == "" && diff != "" || !strings.Contains(diff, c.diff) {
				t.Fatalf("got %q, want %q", diff, c.diff)
			}
		})
	}
}

// A comparison that fails binds no holes.
func TestMatcherBindsTogether(t *testing.T) {
	m, err := NewMatcher(&Case{}, Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	want := value(t, `["<a:1>",1]`)
	if m.Match(nil, want, value(t, `["x",2]`)) == "" || m.Match(nil, want, value(t, `["y",1]`)) != "" || m.Match(nil, want, value(t, `["z",1]`)) == "" {
		t.Fatal(m.bound)
	}
}

func TestStand(t *testing.T) {
	s := NewStand("http://ours")
	queue := "http://endpoint.test/000000000000/q"
	const topic, id = "arn:aws:sns:us-east-1:000000000000:t", "0b6a6c6e-0000-4000-8000-00000000000"
	first := s.Params(map[string]any{"QueueUrl": queue}, 0)
	if first["QueueUrl"] != "http://ours/000000000000/q" {
		t.Fatal(first)
	}
	s.Learn(first, map[string]any{"SubscriptionArn": topic + ":" + id + "1"})
	s.Learn(first, map[string]any{"Messages": []any{map[string]any{"ReceiptHandle": "h1"}, map[string]any{"ReceiptHandle": "h2"}}})
	handle := func(c string) string { return strings.Repeat(c, 120) }
	for _, c := range []struct {
		key, in, want string
		nth           int
	}{
		{"SubscriptionArn", topic + ":" + id + "9", topic + ":" + id + "1", 0},
		{"ReceiptHandle", handle("a"), "h2", 2},
		{"ReceiptHandle", handle("b"), "h1", 0},
		{"ReceiptHandle", handle("a"), "h2", 0}, // known by now
		{"ReceiptHandle", handle("c"), handle("c"), 0},
		{"Message", id + "7", id + "7", 0},
	} {
		if got := s.Params(map[string]any{"QueueUrl": queue, c.key: c.in}, c.nth); got[c.key] != c.want {
			t.Errorf("%s %s: got %v, want %s", c.key, c.in, got[c.key], c.want)
		}
	}
}
