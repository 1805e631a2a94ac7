package process

import (
	"sync"
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// One process waits for a function; two while functions start together.
func TestSpares(t *testing.T) {
	d := open(t, Options{Reexec: true, IdleTimeout: 2 * time.Second})
	defer shut(t, d)
	version := func(id string) compute.Version {
		v := function("nodejs20.x", "index.handler", code(t, "index.js", trivialNode))
		v.ID = id
		return v
	}
	waiting := func(n int) {
		t.Helper()
		computetest.Eventually(t, "the processes that wait", func() bool {
			d.spares.mu.Lock()
			defer d.spares.mu.Unlock()
			for _, st := range d.spares.stocks {
				return len(st.kept) == n && st.busy == 0 && !d.spares.soon
			}
			return false
		})
	}
	if err := d.Ensure(t.Context(), version("stays"), 1, nil); err != nil {
		t.Fatal(err)
	}
	waiting(1)
	var work sync.WaitGroup
	for _, id := range []string{"one", "another"} {
		v := version(id)
		work.Go(func() {
			if r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{"n":1}`)}); err != nil || r.Kind != compute.None {
				t.Error(r, err)
			}
		})
	}
	work.Wait()
	waiting(2)
	waiting(1) // nothing has started for some time
}

// A process that has waited goes through an invocation of its own before it takes a function, which finds the same world as in one that has not.
func TestStaleSpare(t *testing.T) {
	for _, l := range []struct{ runtime, handler, file, text string }{
		{"nodejs20.x", "index.handler", "index.js", `exports.handler = async (event, context) => JSON.stringify([Object.keys(require.cache), Object.keys(process.env).sort(), Object.keys(globalThis),
			process.eventNames(), process._getActiveHandles().length, process.cwd(), context.awsRequestId])`},
		{"python3.12", "index.handler", "index.py", "import json, os, sys, threading\n\ndef handler(event, context):\n" +
			"    return json.dumps([sorted(sys.modules), sorted(os.environ), sys.path, threading.active_count(), os.getcwd(), context.aws_request_id])\n"},
	} {
		t.Run(l.runtime, func(t *testing.T) {
			d := open(t, Options{Reexec: true})
			defer shut(t, d)
			v := function(l.runtime, l.handler, code(t, l.file, l.text))
			if err := d.Ensure(t.Context(), v, 1, nil); err != nil {
				t.Fatal(err)
			}
			world := func(id string, waited time.Duration) string {
				t.Helper()
				computetest.Eventually(t, "a process that waits", func() bool {
					d.spares.mu.Lock()
					defer d.spares.mu.Unlock()
					for _, st := range d.spares.stocks {
						for _, h := range st.kept {
							h.since = d.o.Clock.Wall().Add(-waited)
						}
						return len(st.kept) > 0
					}
					return false
				})
				v.ID = id
				r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "request", Payload: []byte(`{}`)})
				if err != nil || r.Kind != compute.None || !r.Cold {
					t.Fatalf("%s %v %+v", r.Payload, err, r)
				}
				return string(r.Payload)
			}
			if fresh, stale := world("fresh", -time.Hour), world("stale", time.Hour); fresh != stale {
				t.Errorf("fresh %s\nstale %s", fresh, stale)
			}
		})
	}
}
