// Package computetest is the suite that every driver of engine/compute passes: the same functions in Node, in Python and in a custom runtime,
// with what Lambda does about time, memory, errors, exits, logs and streams.
package computetest

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
)

//go:embed testdata
var testdata embed.FS

// Config is what a driver under test must be set to.
type Config struct {
	IdleTimeout time.Duration
}

// Open makes a driver; the suite closes it.
type Open func(t *testing.T, c Config) compute.Compute

// language is one way to write the suite's functions.
type language struct {
	name, runtime string
	handler       string
	code          string
	framed        bool // logs come as the runtime frames them
}

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Setenv("AWS_PROFILE", "host") // no function sees these
	t.Setenv("SECRET_OF_HOST", "host")
	dir := unpack(t)
	layer := filepath.Dir(build(t, dir, "extension", "layer/extensions/probe"))
	for _, l := range []language{
		{name: "node", runtime: "nodejs20.x", handler: "index.handler", code: filepath.Join(dir, "node"), framed: true},
		{name: "python", runtime: "python3.11", handler: "main.handler", code: filepath.Join(dir, "python"), framed: true},
		{name: "provided", runtime: "provided.al2023", handler: "main.handler", code: build(t, dir, "provided", "bootstrap-code/bootstrap")},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, Config{IdleTimeout: time.Hour})
			t.Cleanup(func() { closed(t, c) })
			s := &suite{c: c, l: l, broken: filepath.Join(dir, "broken"), layer: layer, wrapping: filepath.Join(dir, "wrapper")}
			t.Run("answers", s.answers)
			t.Run("environment", s.environment)
			t.Run("failures", s.failures)
			t.Run("logs", s.logs)
			t.Run("init", s.initErrors)
			t.Run("pool", s.pool)
			t.Run("stream", s.stream)
			t.Run("extensions", s.extensions)
			t.Run("extensions fail", s.extensionsFail)
			switch l.name {
			case "node":
				t.Run("node", s.node)
				t.Run("wrapper", s.wrapper)
				t.Run("own", s.nodeOwn)
				t.Run("slow init", s.slowInit)
			case "python":
				t.Run("wrapper", s.wrapper)
				t.Run("own", s.pythonOwn)
			}
		})
	}
	t.Run("shrinks", func(t *testing.T) { t.Parallel(); shrinks(t, open, filepath.Join(dir, "python")) })
	t.Run("leaves nothing", func(t *testing.T) { t.Parallel(); leavesNothing(t, open, filepath.Join(dir, "node")) })
}

// Extensions runs the cases of extensions only, for drivers that hold environments together in several ways.
func Extensions(t *testing.T, open Open) {
	dir := unpack(t)
	l := language{name: "provided", runtime: "provided.al2023", handler: "main.handler", code: build(t, dir, "provided", "bootstrap-code/bootstrap")}
	s := &suite{c: open(t, Config{IdleTimeout: time.Hour}), l: l, layer: filepath.Dir(build(t, dir, "extension", "layer/extensions/probe"))}
	t.Cleanup(func() { closed(t, s.c) })
	s.extensions(t)
	s.extensionsFail(t)
}

func closed(t *testing.T, c compute.Compute) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func unpack(t *testing.T) string {
	dir := t.TempDir()
	if err := os.CopyFS(dir, testdata); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "testdata")
}

// build compiles a program of the suite to a file; the Go tool's cache makes it quick after the first time.
func build(t *testing.T, dir, source, file string) string {
	out := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", out, filepath.Join(dir, source, "main.go"))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return filepath.Dir(out)
}

type suite struct {
	c        compute.Compute
	l        language
	broken   string
	layer    string // with an extension
	wrapping string // a layer with a wrapper script
}

// root gives the path at which functions see their code.
func (s *suite) root(codeDir string) string {
	if c, ok := s.c.(interface{ TaskRoot(codeDir string) string }); ok {
		return c.TaskRoot(codeDir)
	}
	return codeDir
}

// version gives the suite's function with an own id.
func (s *suite) version(id string, change func(*compute.Version)) compute.Version {
	return version(s.l, id, change)
}

func version(l language, id string, change func(*compute.Version)) compute.Version {
	v := compute.Version{
		ID: l.name + "-" + id, Function: "fn", Qualifier: "$LATEST", ARN: cloud.MustARN("arn:aws:lambda:eu-west-1:123456789012:function:fn"),
		Runtime: l.runtime, Handler: l.handler, CodeDir: l.code, MemoryMB: 256, Timeout: 10 * time.Second, LogGroup: "/aws/lambda/fn",
		Endpoint: "http://127.0.0.1:4566", Env: map[string]string{"STAGE": "test"},
	}
	if change != nil {
		change(&v)
	}
	return v
}

// outcome is a result with what was logged.
type outcome struct {
	compute.Result
	lines []compute.LogLine
}

func (o outcome) text() string {
	var all []string
	for _, l := range o.lines {
		all = append(all, l.Text)
	}
	return strings.Join(all, "\n")
}

var requests struct {
	sync.Mutex
	n int
}

func requestID() string {
	requests.Lock()
	defer requests.Unlock()
	requests.n++
	return "00000000-0000-4000-8000-" + string([]byte{'0' + byte(requests.n/100%10), '0' + byte(requests.n/10%10), '0' + byte(requests.n%10)}) + "000000000"
}

func call(t *testing.T, c compute.Compute, v compute.Version, event string, change func(*compute.Invocation)) outcome {
	t.Helper()
	var o outcome
	i := compute.Invocation{RequestID: requestID(), Payload: []byte(event), Log: func(l compute.LogLine) { o.lines = append(o.lines, l) }}
	if change != nil {
		change(&i)
	}
	r, err := c.Invoke(t.Context(), v, i)
	if err != nil {
		t.Fatalf("%s: %v", event, err)
	}
	o.Result = r
	return o
}

func (s *suite) call(t *testing.T, v compute.Version, event string) outcome {
	t.Helper()
	return call(t, s.c, v, event, nil)
}

// expect compares JSON texts.
func expect(t *testing.T, o outcome, want string) {
	t.Helper()
	if o.Kind != compute.None || !sameJSON(o.Payload, []byte(want)) {
		t.Fatalf("got %s (kind %d, %s), want %s\n%s", o.Payload, o.Kind, o.Error, want, o.text())
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// failed checks how an invocation failed: its kind, and the type and a part of the message in its JSON.
func failed(t *testing.T, o outcome, kind compute.Failure, errorType, message string) {
	t.Helper()
	var e struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(o.Payload, &e); err != nil {
		t.Fatalf("payload %q: %v", o.Payload, err)
	}
	if o.Kind != kind || e.ErrorType != errorType || !strings.Contains(e.ErrorMessage, message) {
		t.Fatalf("got kind %d, %s: want kind %d, %s: ...%s...\n%s", o.Kind, o.Payload, kind, errorType, message, o.text())
	}
}
