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
	if err := d.Ensure(t.Context(), version("stays"), 1); err != nil {
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
