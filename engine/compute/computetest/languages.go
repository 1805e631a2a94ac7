package computetest

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sundog/engine/compute"
)

// with gives a version of the suite's function with another handler and further variables.
func (s *suite) with(id, handler string, env map[string]string) compute.Version {
	return s.version(id, func(v *compute.Version) { v.Handler, v.Env = handler, env })
}

// wrapper: a script that a layer brings starts the runtime, with the function's variables, and may change them.
func (s *suite) wrapper(t *testing.T) {
	module := strings.Split(s.l.handler, ".")[0]
	if s.l.name == "python" {
		module = "own"
	}
	if err := os.Chmod(s.wrapping+"/wrap", 0o755); err != nil {
		t.Fatal(err)
	}
	v := s.with("wrapped", s.l.handler, map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap", "WRAPPED": module + ".wrapped"})
	v.Layers = []string{s.wrapping}
	expect(t, s.call(t, v, `{}`), `"`+s.l.handler+` of fn"`)
	missing := s.with("missing wrapper", s.l.handler, map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/nothing"})
	failed(t, s.call(t, missing, `{}`), compute.Init, "Runtime.InvalidEntrypoint", "fork/exec /opt/nothing: no such file or directory")
}

// jsonLines gives what a function logged as objects.
func jsonLines(t *testing.T, o outcome) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, l := range o.lines {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(l.Text), &m); err != nil {
			t.Fatalf("%q: %v", l.Text, err)
		}
		all = append(all, m)
	}
	return all
}

func matches(m map[string]any, want map[string]any) bool {
	for k, v := range want {
		if m[k] != v {
			return false
		}
	}
	return true
}

// logsJSON: with the JSON format every line is an object, at the level that was asked for.
func (s *suite) logsJSON(t *testing.T, handler string, want ...map[string]any) outcome {
	t.Helper()
	o := s.call(t, s.with("json", handler, map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}), `{}`)
	got := jsonLines(t, o)
	if len(got) != len(want) {
		t.Fatalf("%d lines: %s", len(got), o.text())
	}
	for i := range want {
		if !matches(got[i], want[i]) || got[i]["timestamp"] == nil || got[i]["requestId"] == nil {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
	return o
}

func (s *suite) nodeOwn(t *testing.T) {
	expect(t, s.call(t, s.with("deep", "deep/er/index.handler", nil), `{}`), `"deep"`)
	o := s.call(t, s.with("mapped", "mapped.handler", map[string]string{"NODE_OPTIONS": "--enable-source-maps"}), `{}`)
	failed(t, o, compute.Handled, "TypeError", "mapped")
	if !strings.Contains(string(o.Payload), "original.ts:11") {
		t.Fatalf("not mapped: %s", o.Payload)
	}
	expect(t, s.call(t, s.with("preload", "index.wrapped", map[string]string{"NODE_OPTIONS": "--require ./preload.js"}), `{}`), `"preloaded fn"`)
	o = s.logsJSON(t, "mapped.json", map[string]any{"level": "INFO", "message": "text 1"}, map[string]any{"level": "ERROR"})
	if !strings.Contains(o.text(), `"message":{"errorType":"RangeError","errorMessage":"in the log","stackTrace":["RangeError: in the log"`) {
		t.Fatal(o.text())
	}
	for what, want := range map[string]string{
		"string": `{"errorType":"string","errorMessage":"boom","trace":[]}`, "null": `{"errorType":"handled"`,
		"named": `"name":"Named","stack":["Named: boom"`, "circular": `{"errorType":"Error","errorMessage":"boom","trace":["Error: boom"`, "rejected": `"reason":{"errorType":"Error","errorMessage":"boom"`,
	} {
		o := s.call(t, s.with("thrown", "thrown.handler", nil), `{"what":"`+what+`"}`)
		if !strings.Contains(string(o.Payload)+o.text(), want) {
			t.Errorf("%s: %s\n%s", what, o.Payload, o.text())
		}
	}
}

// slowInit: an init over its limit is run once more, as a part of the invocation; one over the function's timeout fails with it.
func (s *suite) slowInit(t *testing.T) {
	slow := func(ms string, timeout time.Duration) outcome {
		return s.call(t, s.version("slow "+ms, func(v *compute.Version) {
			v.Handler, v.InitTimeout, v.Timeout, v.Env = "slow.handler", 300*time.Millisecond, timeout, map[string]string{"SLOW": ms}
		}), `{}`)
	}
	o := slow("700", 10*time.Second)
	expect(t, o, `"slow"`)
	if o.Init != 0 || !o.Cold || o.Duration < 700*time.Millisecond {
		t.Fatalf("%+v", o.Result)
	}
	if !strings.Contains(o.text(), "init begins") || !regexp.MustCompile(`(?m)^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout$`).MatchString(o.text()) {
		t.Fatal(o.text())
	}
	o = slow("60000", time.Second)
	failed(t, o, compute.Timeout, "Sandbox.Timedout", "Error: Task timed out after 1.00 seconds")
	if !strings.Contains(o.text(), "Phase: invoke\tStatus: timeout") {
		t.Fatal(o.text())
	}
	broken := s.version("broken twice", func(v *compute.Version) { v.CodeDir = s.broken })
	if o = s.call(t, broken, `{}`); !strings.Contains(o.text(), "Phase: init\tStatus: error\tError Type: Runtime.ImportModuleError") {
		t.Fatal(o.text())
	}
}

func (s *suite) pythonOwn(t *testing.T) {
	expect(t, s.call(t, s.with("decimals", "own.decimals", nil), `{}`), `[1.5,"ü"]`)
	failed(t, s.call(t, s.with("set", "own.unmarshalled", nil), `{}`), compute.Handled, "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable")
	failed(t, s.call(t, s.with("bad name", "nodot", nil), `{}`), compute.Init, "Runtime.MalformedHandlerName", "Bad handler 'nodot'")
	s.logsJSON(t, "own.json", map[string]any{"level": "WARNING", "message": "paid 3", "logger": "shop", "order": "one"},
		map[string]any{"level": "INFO", "message": "hidden"},
		map[string]any{"level": "ERROR", "message": "it broke", "errorType": "RuntimeError", "errorMessage": "in the log"})
}
