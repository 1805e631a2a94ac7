package process

import (
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// An idle function in a sandbox does nothing, not even what it left to do; the next call finds it as it was.
func TestFrozenWhenIdle(t *testing.T) {
	for runtime, c := range map[string]struct{ file, text string }{
		"nodejs20.x": {"index.js", `let n = 0; setInterval(() => { n++; }, 1); exports.handler = async () => { const was = n; await new Promise((r) => setTimeout(r, 20)); return n > was; };`},
		"python3.12": {"index.py", "import threading, time\nn = 0\ndef tick():\n    global n\n    while True:\n        n += 1\n        time.sleep(0.001)\nthreading.Thread(target=tick, daemon=True).start()\n" +
			"def handler(event, context):\n    was = n\n    time.sleep(0.05)\n    return n > was\n"},
	} {
		t.Run(runtime, func(t *testing.T) {
			d := open(t, Options{Reexec: true, FreezeAfter: time.Millisecond})
			defer shut(t, d)
			if !d.sandboxed() {
				t.Log("there are no sandboxes here: nothing is frozen")
				return
			}
			v := function(runtime, "index.handler", code(t, c.file, c.text))
			for range 3 {
				r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`)})
				if err != nil || string(r.Payload) != "true" {
					t.Fatalf("%s %v", r.Payload, err)
				}
				e := d.environments()[0]
				computetest.Eventually(t, "the function's program is stopped", func() bool {
					_, state := parentOf(e.proc.program())
					return state == "T"
				})
			}
		})
	}
}
