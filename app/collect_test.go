package app

import (
	"context"
	"runtime/metrics"
	"testing"
	"time"

	"sundog/engine/compute/computetest"
)

// While much is allocated the heap gets room; it is as before afterwards.
func TestCollector(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent := func() int64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	was := percent()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		collector{room: 256 << 20, often: time.Hour, after: 10 * time.Millisecond, look: 10 * time.Millisecond, much: 1 << 20, looks: 3}.run(ctx)
		close(ended)
	}()
	computetest.Eventually(t, "room for the heap while much is allocated", func() bool {
		for range 64 {
			garbage = make([]byte, 1<<20)
		}
		return percent() != was
	})
	computetest.Eventually(t, "the heap as before, when nothing is allocated", func() bool { return percent() == was })
	cancel()
	<-ended
	if got := percent(); got != was {
		t.Errorf("%d%% afterwards, %d%% before", got, was)
	}
}

var garbage []byte // so that it is on the heap
