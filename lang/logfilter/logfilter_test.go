package logfilter

import (
	"errors"
	"testing"
)

const (
	event  = `{"level":"ERROR","code":404,"ratio":0.5,"ok":false,"none":null,"user":{"name":"ann.lee","ids":[1,2,3]},"tags":[{"k":"a"},{"k":"b"}],"text":"42","odd.key":1}`
	access = `127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, line string
		want          bool
	}{
		{"", "anything", true},
		{" ", "anything", true},
		{"ERROR", "an ERROR here", true},
		{"ERROR", "an error here", false},
		{"ERROR ARGUMENTS", "ERROR of ARGUMENTS", true},
		{"ERROR ARGUMENTS", "ERROR", false},
		{"?ERROR ?WARN", "a WARN", true},
		{"?ERROR ?WARN", "an INFO", false},
		{"ERROR -EXITING", "ERROR", true},
		{"ERROR -EXITING", "ERROR EXITING", false},
		{`"INTERNAL SERVER ERROR"`, "500 INTERNAL SERVER ERROR", true},
		{`"INTERNAL SERVER ERROR"`, "INTERNAL ERROR", false},
		{`"say \"hi\""`, `to say "hi"`, true},
		{`-"Task timed out"`, "Task timed out after 3 s", false},
		{"%4[0-9]{2}%", "status 404", true},
		{"%4[0-9]{2}%", "status 500", false},

		{`{ $.level = "ERROR" }`, event, true},
		{`{ $.level = ERROR }`, event, true},
		{`{ $.level = "ERROR" && $.code > 500 }`, event, false},
		{`{ $.level = "INFO" || $.code >= 404 }`, event, true},
		{`{ ($.level = "INFO" || $.level = "ERROR") && $.code = 404 }`, event, true},
		{`{ $.level = "INFO" || $.level = "ERROR" && $.code = 1 }`, event, false},
		{`{ $.code = 4* }`, event, true},
		{`{ $.code != 404 }`, event, false},
		{`{ $.ratio < 0.75 }`, event, true},
		{`{ $.ok IS FALSE }`, event, true},
		{`{ $.ok IS TRUE }`, event, false},
		{`{ $.none IS NULL }`, event, true},
		{`{ $.level IS NULL }`, event, false},
		{`{ $.gone NOT EXISTS }`, event, true},
		{`{ $.none NOT EXISTS }`, event, false},
		{`{ $.gone != 1 }`, event, false},
		{`{ $.user.name = "ann.*" }`, event, true},
		{`{ $.user.name = %^ann\.% }`, event, true},
		{`{ $.user.ids[1] = 2 }`, event, true},
		{`{ $.user.ids[7] = 2 }`, event, false},
		{`{ $.tags[*].k = "b" }`, event, true},
		{`{ $.["odd.key"] = 1 }`, event, true},
		{`{ $['odd.key'] = 1 }`, event, true},
		{`{ $.text = 42 }`, event, true},
		{`{ $.level = "ERROR" }`, "no JSON", false},
		{`{ $.level = "ERROR" }`, `{"level":`, false},

		{"[ip, id, user, time, request, status, bytes]", access, true},
		{"[ip, id, user, time, request, status]", access, false},
		{"[ip, id, user, time, request, status = 4*, bytes]", access, true},
		{"[ip, id, user, time, request, status = 5*, bytes]", access, false},
		{"[..., status = 404, bytes > 1000]", access, true},
		{"[..., status = 404, bytes > 2000]", access, false},
		{`[ip=%127\.0\.0\.[1-9]%, ...]`, access, true},
		{`[..., request = "GET *", status, bytes]`, access, true},
		{"[..., status = 5* || status = 404, bytes]", access, true},
		{"[ip, ..., status != 200 && status < 500, bytes]", access, true},
		{"[...]", "", true},
		{"[a]", "", false},
		{`[a, b]`, `x "not closed`, true},
	}
	for _, tt := range tests {
		p, err := Parse(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if got := p.Match(tt.line); got != tt.want {
			t.Errorf("%s on %s: %v", tt.pattern, tt.line, got)
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, pattern := range []string{
		"a:b", `"open`, "%open", "%(%", "-", "?", "{", "{}", "{ $.a }", "{ $.a = }", "{ $.a > x }", "{ $.a = 1", "{ $.a = 1 } x", "{ $. = 1 }",
		"{ $.a[x] = 1 }", "{ ($.a = 1 }", "{ $.a IS 3 }", "{ $.a NOT 3 }", "{ a = 1 }", "[", "[a", "[]", "[a,]", "[..., a, ...]", "[a = ]", "[a = 1 && b = 2]", "[a] b",
	} {
		var e *Error
		if _, err := Parse(pattern); !errors.As(err, &e) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range []string{"ERROR -x ?y", `{ $.level = "ERROR" && ($.code > 3 || $.a[*] IS NULL) }`, "[ip, ..., s = 4* || s = 5*]", `"a\"b"`, "%x%"} {
		f.Add(p, event)
		f.Add(p, access)
	}
	f.Fuzz(func(_ *testing.T, pattern, line string) {
		if p, err := Parse(pattern); err == nil {
			p.Match(line)
		}
	})
}
