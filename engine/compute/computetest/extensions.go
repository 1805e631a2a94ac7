package computetest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sundog/engine/compute"
)

// journal takes the lines of an environment until its end.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) log(l compute.LogLine) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, l.Text)
}

func (j *journal) has(part string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(strings.Join(j.lines, "\n")+"\n", part)
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// probed gives the suite's function with the probe as its extension, which does something wrong.
func (s *suite) probed(wrong string) compute.Version {
	return s.version("probe "+wrong, func(v *compute.Version) {
		v.Layers = []string{s.layer}
		v.Env = map[string]string{"PROBE": wrong, "MARK": "mark"}
		v.Timeout = 3 * time.Second
	})
}

func (s *suite) invoke(t *testing.T, v compute.Version, event, id string, j *journal) outcome {
	t.Helper()
	r, err := s.c.Invoke(t.Context(), v, compute.Invocation{RequestID: id, Payload: []byte(event), Log: j.log, Settled: func(d time.Duration) { j.log(compute.LogLine{Text: fmt.Sprint("settled ", d >= 0)}) }})
	if err != nil {
		t.Fatal(err)
	}
	return outcome{Result: r}
}

func (s *suite) extensions(t *testing.T) {
	v, j := s.probed(""), &journal{}
	want := func(part string) {
		t.Helper()
		Eventually(t, part+" in the log", func() bool { return j.has(part) })
	}
	v.RuntimeVersion = func() (string, string) { return "own:1", "arn:own" }
	first := s.invoke(t, v, `{"op":"count"}`, "first-request", j)
	expect(t, first, `1`)
	want("probe registered 200 {\"functionName\":\"fn\",\"functionVersion\":\"$LATEST\",\"handler\":\"" + v.Handler + "\"}")
	want(" false\n") // it does not see the function's handler
	want("EXTENSION\tName: probe\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n")
	want("TELEMETRY\tName: probe\tState: Subscribed\tTypes: [Platform, Function]\n")
	want("probe saw INVOKE first-request true\n")
	want("settled true\n")
	second := s.invoke(t, v, `{"op":"log"}`, "second-request", j)
	if second.Environment != first.Environment {
		t.Fatal("another environment: ", j.text())
	}
	s.c.Drop(v.ID)
	want("probe saw SHUTDOWN spindown true\n")
	for _, e := range []string{
		`platform.initStart {"functionName":"fn","functionVersion":"$LATEST","initializationType":"on-demand","instanceId":"` + compute.InstanceID("fn", first.LogStream) +
			`","instanceMaxMemory":` + strconv.Itoa(v.MemoryMB<<20) + `,"phase":"init","runtimeVersion":"own:1","runtimeVersionArn":"arn:own"}`,
		`platform.initRuntimeDone {"initializationType":"on-demand","phase":"init","status":"success"}`, `platform.initReport {`,
		`platform.extension {"events":["INVOKE","SHUTDOWN"],"name":"probe","state":"Ready"}`, `platform.telemetrySubscription {"name":"probe"`,
		`platform.start {"requestId":"first-request"`, `platform.runtimeDone {"metrics":{"durationMs":`, `platform.report {"metrics":{"billedDurationMs":`, `function "raw one"`,
	} {
		want("probe heard " + e)
	}
}

func (s *suite) extensionsFail(t *testing.T) {
	for wrong, want := range map[string][2]string{
		"crash in init": {"Extension.Crash", "RequestId: r Error: exit status 3"}, "init error": {"Extension.InitError", "Error: Extension.NoConfig"},
	} {
		j := &journal{}
		failed(t, s.invoke(t, s.probed(wrong), `{"op":"count"}`, "r", j), compute.Init, want[0], want[1])
	}
	j := &journal{}
	failed(t, s.invoke(t, s.probed("crash"), `{"op":"sleep","ms":60000}`, "crash-request", j), compute.Exit, "Extension.Crash", "RequestId: crash-request Error: exit status 2")
	// What hangs after the response costs the environment, and the log tells of it.
	j, hang := &journal{}, s.probed("hang")
	first := s.invoke(t, hang, `{"op":"count"}`, "hang-request", j)
	expect(t, first, `1`)
	Eventually(t, "the timeout in the log", func() bool { return j.has("RequestId: hang-request Error: Task timed out after 3.00 seconds") })
	if again := s.invoke(t, hang, `{"op":"count"}`, "after-request", &journal{}); !again.Cold {
		t.Fatal("the environment outlived its timeout")
	}
	slow := s.probed("slow function")
	slow.Timeout = time.Second
	failed(t, s.invoke(t, slow, `{"op":"sleep","ms":60000}`, "slow-request", j), compute.Timeout, "Sandbox.Timedout", "Task timed out after 1.00 seconds")
	Eventually(t, "its reason", func() bool { return j.has("probe saw SHUTDOWN timeout true") })
	failed(t, s.invoke(t, s.probed("exiting function"), `{"op":"exit"}`, "exit-request", j), compute.Exit, "Runtime.ExitError", "exit status 3")
	Eventually(t, "its reason", func() bool { return j.has("probe saw SHUTDOWN failure true") })
}
