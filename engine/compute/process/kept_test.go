package process

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// Environments that were ensured stay when others are idle for too long, and come back when they end.
func TestKept(t *testing.T) {
	d := open(t, Options{Reexec: true, Spares: -1, IdleTimeout: 100 * time.Millisecond})
	defer shut(t, d)
	text := `console.log('at init'); if (process.env.BREAKS) throw new Error('on purpose'); exports.handler = async (e) => { if (e.exit) process.exit(1); return process.env.AWS_LAMBDA_INITIALIZATION_TYPE }`
	kept, other := function("nodejs20.x", "index.handler", code(t, "index.js", text)), function("nodejs20.x", "index.handler", code(t, "index.js", text))
	other.ID = "other"
	var mu sync.Mutex
	var starts []compute.Start
	var wrote []string
	told := func(s compute.Start, lines []compute.LogLine) {
		mu.Lock()
		defer mu.Unlock()
		starts = append(starts, s)
		for _, l := range lines {
			wrote = append(wrote, l.Text)
		}
	}
	if err := d.Ensure(t.Context(), kept, 1, told); err != nil {
		t.Fatal(err)
	}
	if s := starts[0]; len(starts) != 1 || !s.Early || s.Cold || s.Failed || s.Init <= 0 || s.Began.IsZero() || !strings.HasSuffix(strings.Join(wrote, "|"), "INFO\tat init") {
		t.Fatal(starts, wrote)
	}
	first := runOne(t, d, kept, starts[0].LogStream)
	if !first.start.Early || first.start.Cold || first.result.Cold || first.result.Init <= 0 || first.result.Billed() != first.result.Duration || len(first.lines) != 0 {
		t.Fatalf("%+v", first)
	}
	if second := runOne(t, d, kept, starts[0].LogStream); second.start.Early || second.result.Init != 0 {
		t.Fatalf("%+v", second)
	}
	ask := func(v compute.Version, payload, want string) {
		t.Helper()
		r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(payload)})
		if err != nil || want != "" && string(r.Payload) != want {
			t.Fatalf("%s %v, want %s", r.Payload, err, want)
		}
	}
	ask(other, `{}`, `"on-demand"`)
	computetest.Eventually(t, "only the kept one", func() bool { return d.Stats() == compute.Stats{Idle: 1} })
	ask(kept, `{}`, `"provisioned-concurrency"`)
	ask(kept, `{"exit":true}`, "")
	computetest.Eventually(t, "another in its place", func() bool { return d.Stats() == compute.Stats{Idle: 1} })
	mu.Lock()
	if len(starts) != 2 || starts[1].LogStream == starts[0].LogStream {
		t.Error("not told of the other one", starts)
	}
	starts, wrote = nil, nil
	mu.Unlock()
	broken := other
	broken.ID, broken.Env = "broken", map[string]string{"BREAKS": "1"}
	if err := d.Ensure(t.Context(), broken, 1, told); err == nil || !starts[0].Failed || starts[0].Init <= 0 {
		t.Fatal(err, starts)
	}
	if all := strings.Join(wrote, "|"); !strings.Contains(all, "at init") || !strings.Contains(all, "on purpose") || !strings.HasSuffix(all, "\tPhase: init\tStatus: error\tError Type: Error") {
		t.Fatal(all)
	}
	if err := d.Ensure(t.Context(), kept, 0, nil); err != nil {
		t.Fatal(err)
	}
	computetest.Eventually(t, "none", func() bool { return d.Stats() == compute.Stats{} })
}

// once is what one invocation heard.
type once struct {
	start  compute.Start
	lines  []string
	result compute.Result
}

// runOne invokes a version, in the environment of a log stream.
func runOne(t *testing.T, d *Driver, v compute.Version, stream string) once {
	t.Helper()
	var o once
	r, err := d.Invoke(t.Context(), v, compute.Invocation{
		RequestID: "r", Payload: []byte(`{}`),
		Started: func(s compute.Start) { o.start = s }, Log: func(l compute.LogLine) { o.lines = append(o.lines, l.Text) },
	})
	if err != nil || r.LogStream != stream {
		t.Fatal(r, err)
	}
	o.result = r
	return o
}
