package app

import (
	"context"
	"runtime/metrics"
	"testing"
	"time"
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
	deadline := time.Now().Add(30 * time.Second)
	for percent() == was {
		garbage = make([]byte, 1<<20)
		if time.Now().After(deadline) {
			t.Fatal("the heap gets no room although much is allocated")
		}
	}
	for percent() != was {
		if time.Now().After(deadline) {
			t.Fatalf("the heap keeps its room although nothing is allocated: %d%%", percent())
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
	if got := percent(); got != was {
		t.Errorf("%d%% afterwards, %d%% before", got, was)
	}
}

var garbage []byte // so that it is on the heap
