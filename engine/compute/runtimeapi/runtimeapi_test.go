package runtimeapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/internal/clock"
	"sundog/internal/ids"
)

// world is a server with what a test sees of it.
type world struct {
	t *testing.T
	*Server
	notices chan string
	broken  chan bool
}

func start(t *testing.T, change func(*Options)) *world {
	w := &world{t: t, notices: make(chan string, 100), broken: make(chan bool, 1)}
	o := Options{
		Clock: clock.New(computetest.Wall, 0), IDs: ids.New(), Function: "fn", Version: "7", Handler: "a.b", Account: "123456789012",
		Notice: func(level, s string) { w.notices <- level + " " + s }, Broken: func() { w.broken <- true },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if w.Server, err = Listen(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers come in pairs. Without an answer the status is 0 and the body tells why.
func (w *world) ask(method, path, body string, headers ...string) answer {
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.Addr()+path, strings.NewReader(body))
	if err != nil {
		return answer{body: err.Error()}
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{body: err.Error()}
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

// want checks a status and a part of the body.
func (w *world) want(a answer, status int, part string) answer {
	w.t.Helper()
	if a.status != status || !strings.Contains(a.body, part) {
		w.t.Fatalf("got %d %s, want %d ...%s...", a.status, a.body, status, part)
	}
	return a
}

const (
	runtimePath   = "/2018-06-01/runtime/"
	extensionPath = "/2020-01-01/extension/"
)

type invoked struct {
	Response
	err error
}

func (w *world) invoke(i compute.Invocation, wait time.Duration) chan invoked {
	ch := make(chan invoked, 1)
	go func() {
		r, err := w.Invoke(i, "arn:aws:lambda:eu-west-1:123456789012:function:fn:7", "Root=1-2-3", time.UnixMilli(1700000000123), wait, nil)
		ch <- invoked{r, err}
	}()
	return ch
}

func TestRuntime(t *testing.T) {
	w := start(t, nil)
	w.want(w.ask("POST", runtimePath+"invocation/x/response", "1"), 403, "InvalidStateTransition")
	got := w.invoke(compute.Invocation{RequestID: "one", Payload: []byte(`{"a":1}`), ClientContext: []byte(`{"c":1}`), Identity: []byte(`{"i":1}`), Tenant: "blue"}, time.Minute)
	a := w.want(w.ask("GET", runtimePath+"invocation/next", ""), 200, `{"a":1}`)
	for k, v := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id": "one", "Lambda-Runtime-Deadline-Ms": "1700000000123", "Lambda-Runtime-Trace-Id": "Root=1-2-3",
		"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:fn:7", "Lambda-Runtime-Client-Context": `{"c":1}`,
		"Lambda-Runtime-Cognito-Identity": `{"i":1}`, "Lambda-Runtime-Aws-Tenant-Id": "blue", "Content-Type": "application/json",
	} {
		if a.header.Get(k) != v {
			t.Errorf("%s: %q", k, a.header.Get(k))
		}
	}
	w.want(w.ask("GET", runtimePath+"invocation/next", ""), 403, "State transition from RuntimeRunningState to RuntimeReadyState failed for runtime")
	w.want(w.ask("POST", runtimePath+"invocation/other/response", "1"), 400, "InvalidRequestID")
	w.want(w.ask("POST", runtimePath+"init/error", "{}"), 403, "InvalidStateTransition")
	w.want(w.ask("POST", runtimePath+"invocation/one/response", `"done"`), 202, `{"status":"OK"}`)
	if r := <-got; r.err != nil || string(r.Body) != `"done"` || r.Failed {
		t.Fatalf("%+v", r)
	}
	w.want(w.ask("POST", runtimePath+"invocation/one/response", `"again"`), 403, "InvalidStateTransition")
	w.want(w.ask("GET", "/2018-06-01/runtime/nothing", ""), 404, "NotFound")

	got = w.invoke(compute.Invocation{RequestID: "two"}, time.Minute)
	w.ask("GET", runtimePath+"invocation/next", "")
	w.want(w.ask("POST", runtimePath+"invocation/two/error", "not json", "Lambda-Runtime-Function-Error-Type", "My.Type"), 202, "OK")
	if r := <-got; !r.Failed || !strings.Contains(string(r.Body), `"errorType":"My.Type"`) {
		t.Fatalf("%s", r.Body)
	}
	got = w.invoke(compute.Invocation{RequestID: "three"}, time.Minute)
	w.ask("GET", runtimePath+"invocation/next", "")
	w.want(w.ask("POST", runtimePath+"invocation/three/response", strings.Repeat("x", MaxResponse+1)), 413, "RequestEntityTooLarge")
	if r := <-got; !r.Failed || !strings.Contains(string(r.Body), "Function.ResponseSizeTooLarge") {
		t.Fatalf("%s", r.Body)
	}
	if r := <-w.invoke(compute.Invocation{RequestID: "late"}, time.Millisecond); r.err != ErrDeadline {
		t.Fatal(r.err)
	}
}

func TestStream(t *testing.T) {
	w := start(t, nil)
	var out bytes.Buffer
	got := w.invoke(compute.Invocation{RequestID: "s", Out: &out}, time.Minute)
	w.ask("GET", runtimePath+"invocation/next", "")
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+w.Addr()+runtimePath+"invocation/s/response", io.MultiReader(strings.NewReader("one "), strings.NewReader("two")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Header.Set("Content-Type", "text/x")
	req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {"Midway"}, "Lambda-Runtime-Function-Error-Body": {"eyJlcnJvclR5cGUiOiJNaWR3YXkifQ=="}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if r := <-got; res.StatusCode != 202 || out.String() != "one two" || !r.Failed || !r.Streamed || string(r.Body) != `{"errorType":"Midway"}` || r.ContentType != "text/x" {
		t.Fatalf("%d %q %+v %s", res.StatusCode, out.String(), r, r.Body)
	}
}

func TestInitError(t *testing.T) {
	w := start(t, nil)
	w.want(w.ask("POST", runtimePath+"init/error", `{"errorType":"X"}`), 202, "OK")
	if got := string(<-w.InitError()); got != `{"errorType":"X"}` {
		t.Fatal(got)
	}
	w.want(w.ask("GET", runtimePath+"invocation/next", ""), 403, "RuntimeInitErrorState")
}

// register registers an extension and gives its identifier.
func (w *world) register(name, events string) string {
	w.t.Helper()
	a := w.want(w.ask("POST", extensionPath+"register", `{"events":`+events+`}`, "Lambda-Extension-Name", name, "Lambda-Extension-Accept-Feature", "accountId"), 200, `"functionName":"fn"`)
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body["functionVersion"] != "7" || body["handler"] != "a.b" || body["accountId"] != "123456789012" {
		w.t.Fatal(a.body)
	}
	return a.header.Get("Lambda-Extension-Identifier")
}

func (w *world) event(id string) chan answer {
	ch := make(chan answer, 1)
	go func() { ch <- w.ask("GET", extensionPath+"event/next", "", "Lambda-Extension-Identifier", id) }()
	return ch
}

func TestExtensions(t *testing.T) {
	w := start(t, nil)
	w.Expect("outer")
	if err := w.Registered(time.Millisecond); err != ErrDeadline {
		t.Fatal(err)
	}
	w.want(w.ask("POST", extensionPath+"register", `{"events":["NEVER"]}`, "Lambda-Extension-Name", "outer"), 400, "Extension.InvalidEventType")
	w.want(w.ask("POST", extensionPath+"register", `{"events":["SHUTDOWN"]}`, "Lambda-Extension-Name", "inner"), 400, "ShutdownEventNotSupportedForInternalExtension")
	w.want(w.ask("POST", extensionPath+"register", `{`, "Lambda-Extension-Name", "outer"), 400, "InvalidRequestFormat")
	w.want(w.ask("POST", extensionPath+"register", `{}`), 400, "Extension.InvalidExtensionName")
	outer, inner := w.register("outer", `["INVOKE","SHUTDOWN"]`), w.register("inner", `["INVOKE"]`)
	w.want(w.ask("POST", extensionPath+"register", `{}`, "Lambda-Extension-Name", "outer"), 403, "Extension.InvalidExtensionState")
	if err := w.Registered(time.Minute); err != nil {
		t.Fatal(err)
	}
	w.want(w.ask("GET", extensionPath+"event/next", ""), 403, "Extension.MissingExtensionIdentifier")
	w.want(w.ask("GET", extensionPath+"event/next", "", "Lambda-Extension-Identifier", "x"), 403, "Extension.UnknownExtensionIdentifier")
	w.RuntimeReady()
	w.want(w.ask("POST", extensionPath+"register", `{}`, "Lambda-Extension-Name", "late"), 403, "Extension.RegistrationClosed")
	o, i := w.event(outer), w.event(inner)
	if err := w.Settle(time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	notes := (<-w.notices) + "|" + (<-w.notices)
	if !strings.Contains(notes, "INFO EXTENSION\tName: outer\tState: Ready\tEvents: [INVOKE, SHUTDOWN]") || !strings.Contains(notes, "INFO EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]") {
		t.Fatal(notes)
	}
	if !w.Begin(Event{RequestID: "r1", ARN: "arn", Trace: "Root=1", Deadline: time.UnixMilli(5)}) {
		t.Fatal("nobody took the event")
	}
	const invoke = `{"deadlineMs":5,"eventType":"INVOKE","invokedFunctionArn":"arn","requestId":"r1","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}`
	if a := w.want(<-o, 200, invoke); a.header.Get("Lambda-Extension-Event-Identifier") == "" {
		t.Fatal("no event identifier")
	}
	w.want(<-i, 200, invoke)
	i = w.event(inner)
	if err := w.Settle(10*time.Millisecond, nil); err != ErrDeadline {
		t.Fatal("settled while one is at work: ", err)
	}
	if !w.Shutdown("timeout", time.UnixMilli(9)) {
		t.Fatal("nobody takes the end")
	}
	w.want(<-w.event(outer), 200, `{"deadlineMs":9,"eventType":"SHUTDOWN","shutdownReason":"timeout"}`)
	if err := w.Gone(time.Millisecond); err != ErrDeadline {
		t.Fatal(err)
	}
	w.Ended("outer", "exit status 1")
	if err := w.Gone(time.Minute); err != nil {
		t.Fatal(err)
	}
	if f, ok := w.Fault(); ok {
		t.Fatal("an end after SHUTDOWN is no crash: ", f)
	}
	_ = w.Close()
	if a := <-i; a.status == 200 {
		t.Fatal("an event after the end: ", a.body)
	}
}

func TestExtensionsFail(t *testing.T) {
	for name, fail := range map[string]func(w *world, id string){
		"Extension.Crash exit status 2": func(w *world, _ string) { w.Ended("outer", "exit status 2") },
		"Extension.InitError Extension.ConfigInvalid": func(w *world, id string) {
			w.want(w.ask("POST", extensionPath+"init/error", `{}`, "Lambda-Extension-Identifier", id), 400, "Extension.MissingHeader")
			w.want(w.ask("POST", extensionPath+"init/error", `{}`, "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.ConfigInvalid"), 202, "OK")
			if got := <-w.notices; got != "WARN EXTENSION\tName: outer\tState: InitError\tEvents: [INVOKE]\tError Type: Extension.ConfigInvalid" {
				w.t.Error(got)
			}
		},
		"Extension.ExitError Extension.Unknown": func(w *world, id string) {
			w.want(w.ask("POST", extensionPath+"exit/error", `{}`, "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.Unknown"), 202, "OK")
			w.want(w.ask("GET", extensionPath+"event/next", ``, "Lambda-Extension-Identifier", id), 403, "Extension.InvalidExtensionState")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			w.Expect("outer")
			fail(w, w.register("outer", `["INVOKE"]`))
			<-w.broken
			if err := w.Settle(time.Minute, nil); err == ErrDeadline {
				t.Fatal(err)
			}
			if f, _ := w.Fault(); f.Type+" "+f.Message != name {
				t.Fatal(f)
			}
		})
	}
}

// Nobody waits for the end of an extension that takes no SHUTDOWN events, nor of one that has asked for more after it.
func TestGone(t *testing.T) {
	w := start(t, nil)
	w.Expect("deaf", "loop")
	deaf, loop := w.register("deaf", `["INVOKE"]`), w.register("loop", `["SHUTDOWN"]`)
	w.RuntimeReady()
	w.event(deaf)
	l := w.event(loop)
	if err := w.Settle(time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	w.Shutdown("spindown", time.UnixMilli(1))
	w.want(<-l, 200, "SHUTDOWN")
	if err := w.Gone(time.Millisecond); err != ErrDeadline {
		t.Fatal(err)
	}
	w.event(loop)
	if err := w.Gone(time.Minute); err != nil {
		t.Fatal(err)
	}
}
