package process

import (
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
)

// Environments that were ensured stay when others are idle for too long, and come back when they end.
func TestKept(t *testing.T) {
	d := open(t, Options{Reexec: true, Spares: -1, IdleTimeout: 100 * time.Millisecond})
	defer shut(t, d)
	text := `exports.handler = async (e) => { if (e.exit) process.exit(1); return process.env.AWS_LAMBDA_INITIALIZATION_TYPE }`
	kept, other := function("nodejs20.x", "index.handler", code(t, "index.js", text)), function("nodejs20.x", "index.handler", code(t, "index.js", text))
	other.ID = "other"
	if err := d.Ensure(t.Context(), kept, 1); err != nil {
		t.Fatal(err)
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
	if err := d.Ensure(t.Context(), kept, 0); err != nil {
		t.Fatal(err)
	}
	computetest.Eventually(t, "none", func() bool { return d.Stats() == compute.Stats{} })
}
