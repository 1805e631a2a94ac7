package computetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
)

func (s *suite) answers(t *testing.T) {
	v := s.version("answers", nil)
	first := s.call(t, v, `{"op":"count"}`)
	expect(t, first, `1`)
	if !first.Cold || first.Init <= 0 || first.Environment == "" || !strings.Contains(first.LogStream, "[$LATEST]"+first.Environment) {
		t.Fatalf("first: %+v", first.Result)
	}
	second := s.call(t, v, `{"op":"count"}`)
	expect(t, second, `2`)
	if second.Cold || second.Init != 0 || second.Environment != first.Environment || second.MaxMemoryMB == 0 {
		t.Fatalf("second: %+v", second.Result)
	}
	expect(t, s.call(t, v, `{"op":"echo","value":{"ü":[1,null,"x\u0000"]}}`), `{"ü":[1,null,"x\u0000"]}`)
	big := `"` + strings.Repeat("ab", 1<<20) + `"`
	expect(t, s.call(t, v, `{"op":"echo","value":`+big+`}`), big)
	i := call(t, s.c, v, `{"op":"context"}`, func(i *compute.Invocation) { i.RequestID = "the-request" })
	expect(t, i, `{"id":"the-request","arn":"arn:aws:lambda:eu-west-1:123456789012:function:fn","name":"fn","memory":"256","left":true}`)
}

func (s *suite) environment(t *testing.T) {
	v := s.version("environment", nil)
	names := []string{
		"STAGE", "AWS_PROFILE", "SECRET_OF_HOST", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_EXECUTION_ENV", "_HANDLER", "TZ", "AWS_CONFIG_FILE",
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL", "LAMBDA_TASK_ROOT", "AWS_XRAY_CONTEXT_MISSING", "PYTHONPYCACHEPREFIX",
	}
	list, _ := json.Marshal(names)
	want := map[string]any{
		"STAGE": "test", "AWS_PROFILE": nil, "SECRET_OF_HOST": nil, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		"AWS_LAMBDA_FUNCTION_NAME": "fn", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn", "AWS_EXECUTION_ENV": "AWS_Lambda_" + v.Runtime, "_HANDLER": v.Handler, "TZ": ":UTC",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "LAMBDA_TASK_ROOT": s.root(v.CodeDir), "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "PYTHONPYCACHEPREFIX": nil,
	}
	b, _ := json.Marshal(want)
	expect(t, s.call(t, v, fmt.Sprintf(`{"op":"env","names":%s}`, list)), string(b))
	cwd, _ := json.Marshal(s.root(v.CodeDir))
	expect(t, s.call(t, v, `{"op":"cwd"}`), string(cwd))
	if s.l.framed {
		trace := cloud.Trace{Root: "1-5759e988-bd862e3fe1be46a994272793", Parent: "53995c3f42cd8ad8", Sampled: true}
		o := call(t, s.c, v, `{"op":"env","names":["_X_AMZN_TRACE_ID"]}`, func(i *compute.Invocation) { i.Trace = trace })
		expect(t, o, `{"_X_AMZN_TRACE_ID":"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}`)
	}
}

func (s *suite) failures(t *testing.T) {
	v := s.version("failures", nil)
	before := s.call(t, v, `{"op":"fail"}`)
	failed(t, before, compute.Handled, "TypeError", "intended")
	if s.l.framed {
		s.told(t, before)
	}
	after := s.call(t, v, `{"op":"count"}`)
	expect(t, after, `1`)
	if after.Environment != before.Environment {
		t.Fatal("an error of the handler ended the environment")
	}
	failed(t, s.call(t, v, `{"op":"exit"}`), compute.Exit, "Runtime.ExitError", "Error: Runtime exited with error: exit status 3")
	fresh := s.call(t, v, `{"op":"count"}`)
	expect(t, fresh, `1`)
	if !fresh.Cold {
		t.Fatal("the environment outlived its process")
	}
	if first := s.call(t, s.version("exits at once", nil), `{"op":"exit"}`); first.MaxMemoryMB == 0 {
		t.Fatal("nobody knows how much memory a program had that ended by itself")
	}
	slow := s.version("timeout", func(v *compute.Version) { v.Timeout = time.Second })
	o := s.call(t, slow, `{"op":"sleep","ms":60000}`)
	failed(t, o, compute.Timeout, "Sandbox.Timedout", "Error: Task timed out after 1.00 seconds")
	if o.Duration != time.Second {
		t.Fatalf("duration %v", o.Duration)
	}
	expect(t, s.call(t, slow, `{"op":"count"}`), `1`)
	small := s.version("memory", func(v *compute.Version) { v.MemoryMB = 128 })
	m := s.call(t, small, `{"op":"memory"}`)
	failed(t, m, compute.OutOfMemory, "Runtime.ExitError", "Error: Runtime exited with error: signal: killed")
	if m.MaxMemoryMB != 128 {
		t.Fatalf("max memory %d", m.MaxMemoryMB)
	}
}

// told: the runtime logs what the handler threw, as one line.
func (s *suite) told(t *testing.T, o outcome) {
	t.Helper()
	part, open := map[string]string{
		"node": "\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\"", "python": "[ERROR] TypeError: intended\nTraceback (most recent call last):\n\u00a0\u00a0File \"/var/task/main.py\"",
	}[s.l.name], s.l.name == "python"
	for _, l := range o.lines {
		if strings.Contains(l.Text, part) && l.Open == open && !l.Init {
			return
		}
	}
	t.Fatalf("%q is not in %+v", part, o.lines)
}

func (s *suite) logs(t *testing.T) {
	v := s.version("logs", nil)
	o := call(t, s.c, v, `{"op":"log"}`, func(i *compute.Invocation) { i.RequestID = "log-request" })
	expect(t, o, `"logged"`)
	var raw, framed []string
	for _, l := range o.lines {
		if l.Open || l.Init {
			t.Fatalf("%+v", l)
		}
		if l.Level == "" {
			raw = append(raw, l.Text)
		} else {
			framed = append(framed, l.Level+" "+l.Text)
		}
	}
	if strings.Join(raw, "|") != "raw one|raw two" {
		t.Fatalf("raw lines: %q", raw)
	}
	switch s.l.name {
	case "node":
		if len(framed) != 2 || !strings.HasSuffix(framed[0], "Z\tlog-request\tINFO\tfirst\nsecond") || !strings.HasSuffix(framed[1], "Z\tlog-request\tERROR\tthird") {
			t.Fatalf("framed: %q", framed)
		}
	case "python":
		if len(framed) != 1 || !strings.HasPrefix(framed[0], "ERROR [ERROR]\t20") || !strings.HasSuffix(framed[0], "Z\tlog-request\tfirst\nsecond") {
			t.Fatalf("framed: %q", framed)
		}
	}
	if o := s.call(t, v, `{"op":"native"}`); o.text() != "from a child" {
		t.Fatalf("native: %q", o.text())
	}
}

func (s *suite) initErrors(t *testing.T) {
	broken := s.version("broken", func(v *compute.Version) {
		v.CodeDir, v.Handler = s.broken, map[string]string{"node": "index.handler", "python": "main.handler"}[s.l.name]
		if s.l.name == "provided" {
			v.CodeDir, v.Handler = s.l.code, "broken.handler"
		}
	})
	want := map[string]string{"node": "Error: Cannot find module './missing'", "python": "Unable to import module 'main': No module named 'missing_module'", "provided": "nothing to run"}
	for range 2 {
		o := s.call(t, broken, `{}`)
		failed(t, o, compute.Init, "Runtime.ImportModuleError", want[s.l.name])
		if !strings.Contains(o.text(), "before it breaks") || slices.ContainsFunc(o.lines, func(l compute.LogLine) bool { return !l.Init }) {
			t.Fatalf("log: %+v", o.lines)
		}
	}
	if s.l.name == "provided" {
		empty := s.version("empty", func(v *compute.Version) { v.CodeDir = t.TempDir() })
		failed(t, s.call(t, empty, `{}`), compute.Init, "Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
		return
	}
	absent := s.version("absent", func(v *compute.Version) { v.Handler = strings.Split(v.Handler, ".")[0] + ".nothing" })
	failed(t, s.call(t, absent, `{}`), compute.Init, "Runtime.HandlerNotFound", "nothing")
	syntax := s.version("syntax", func(v *compute.Version) { v.CodeDir, v.Handler = s.broken, "syntax.handler" })
	failed(t, s.call(t, syntax, `{}`), compute.Init, "Runtime.UserCodeSyntaxError", "")
}

func (s *suite) pool(t *testing.T) {
	v := s.version("pool", func(v *compute.Version) { v.MaxEnvironments = 2 })
	if err := s.c.Ensure(t.Context(), v, 2, nil); err != nil {
		t.Fatal(err)
	}
	seen := sync.Map{}
	var wg sync.WaitGroup
	for range 4 { // two at once, two after them
		wg.Go(func() {
			o := call(t, s.c, v, `{"op":"sleep","ms":100}`, nil)
			if o.Cold {
				t.Error("a prepared environment was cold")
			}
			seen.Store(o.Environment, true)
		})
	}
	wg.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	if n != 2 {
		t.Fatalf("%d environments", n)
	}
	full := s.version("full", func(v *compute.Version) { v.MaxEnvironments = 1 })
	expect(t, s.call(t, full, `{"op":"count"}`), `1`)
	started := make(chan struct{})
	wg.Go(func() {
		close(started)
		call(t, s.c, full, `{"op":"sleep","ms":400}`, nil)
	})
	<-started
	s.throttled(t, full)
	wg.Wait()
	s.c.Drop(full.ID)
	if o := s.call(t, full, `{"op":"count"}`); !o.Cold {
		t.Fatal("a dropped environment answered")
	}
}

// throttled calls until the one environment is busy, and expects the refusal then.
func (s *suite) throttled(t *testing.T, v compute.Version) {
	for range 200 {
		_, err := s.c.Invoke(t.Context(), v, compute.Invocation{RequestID: requestID(), Payload: []byte(`{"op":"count"}`), Deadline: Wall().Add(20 * time.Millisecond)})
		if err != nil {
			if !errors.Is(err, compute.Throttled) {
				t.Fatalf("error %v", err)
			}
			return
		}
	}
	t.Fatal("never throttled")
}

func (s *suite) stream(t *testing.T) {
	if s.l.name == "python" {
		return // Lambda's Python runtime does not stream
	}
	v := s.version("stream", func(v *compute.Version) { v.Handler = strings.Replace(v.Handler, ".handler", ".stream", 1) })
	var out bytes.Buffer
	o := call(t, s.c, v, `{}`, func(i *compute.Invocation) { i.Out = &out })
	want := "one two"
	if s.l.name == "node" {
		want = `{"statusCode":201}` + strings.Repeat("\x00", 8) + want
	}
	if out.String() != want || !o.Streamed || o.Kind != compute.None || o.ContentType == "" {
		t.Fatalf("%q %+v", out.String(), o.Result)
	}
	if o := s.call(t, v, `{}`); string(o.Payload) != want || o.Streamed {
		t.Fatalf("buffered: %q", o.Payload)
	}
}

func (s *suite) node(t *testing.T) {
	with := func(handler string) compute.Version {
		return s.version(handler, func(v *compute.Version) { v.Handler = handler })
	}
	expect(t, s.call(t, with("index.nested.callback"), `{}`), `"called back"`)
	expect(t, s.call(t, with("index.early"), `{}`), `"early"`)
	expect(t, s.call(t, with("index.never"), `{}`), `null`)
	expect(t, s.call(t, with("esm.handler"), `{}`), `true`)
	failed(t, s.call(t, with("index.rejects"), `{}`), compute.Unhandled, "Runtime.UnhandledPromiseRejection", "Error: nobody catches")
	failed(t, s.call(t, with("index.throws"), `{}`), compute.Unhandled, "Error", "thrown late")
	var out bytes.Buffer
	o := call(t, s.c, with("index.breaks"), `{}`, func(i *compute.Invocation) { i.Out = &out })
	failed(t, o, compute.Handled, "Error", "midway")
	options := s.version("options", func(v *compute.Version) { v.Env = map[string]string{"NODE_OPTIONS": "--stack-trace-limit=3"} })
	expect(t, s.call(t, options, `{"op":"env","names":["NODE_OPTIONS"]}`), `{"NODE_OPTIONS":"--stack-trace-limit=3"}`)
}
