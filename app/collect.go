package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collector puts garbage collections off while the platform has much to do, and gives the memory back afterwards. What lives is small, so that Go would collect
// several times a second under load, and each time some of the answers that are on their way wait for it: processors are shared with functions and clients,
// and whoever has to stop or to help may have to get one first.
type collector struct {
	room  int64         // what the heap may grow to while much is allocated; bytes
	often time.Duration // collections closer to each other than that are put off
	after time.Duration // once that has gone on for so long
	look  time.Duration // how often it is looked at whether much is allocated still
	much  int64         // that many bytes a look
	looks int           // for so many looks less was allocated: it is over
}

func newCollector() collector {
	return collector{room: 96 << 20, often: 2 * time.Second, after: 5 * time.Second, look: 250 * time.Millisecond, much: 512 << 10, looks: 4}
}

// run works until the context ends. GOGC or GOMEMLIMIT in the environment leave it to who has set them.
func (c collector) run(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	cycles := make(chan struct{}, 1)
	atCycles(ctx, cycles)
	var since, last time.Time // of collections that are close to each other: the first and the last
	for {
		select {
		case <-ctx.Done():
			return
		case <-cycles:
		}
		now := time.Now()
		if now.Sub(last) > c.often {
			since = now
		}
		if last = now; now.Sub(since) >= c.after {
			c.roomy(ctx, cycles)
			last = time.Time{}
		}
	}
}

// roomy gives the heap room until little is allocated.
func (c collector) roomy(ctx context.Context, cycles <-chan struct{}) {
	const usual = 100 // percent: Go's own
	defer debug.SetGCPercent(usual)
	ticker := time.NewTicker(c.look)
	defer ticker.Stop()
	before, live := heap()
	for calm := 0; calm < c.looks; {
		debug.SetGCPercent(max(usual, int((c.room-live)*100/max(live, 1<<20))))
		select {
		case <-ctx.Done():
			return
		case <-cycles:
			_, live = heap()
		case <-ticker.C:
			allocated, _ := heap()
			if calm++; allocated-before > c.much {
				calm = 0
			}
			before = allocated
		}
	}
	debug.SetGCPercent(usual)
	debug.FreeOSMemory()
}

// heap tells how many bytes were ever allocated, and how many lived at the last collection.
func heap() (allocated, live int64) {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()), int64(s[1].Value.Uint64())
}

// atCycles sends after each collection, until the context ends; one that was not received yet stands for those after it too.
func atCycles(ctx context.Context, c chan<- struct{}) {
	runtime.AddCleanup(new([64]byte), func(struct{}) {
		if ctx.Err() != nil {
			return
		}
		select {
		case c <- struct{}{}:
		default:
		}
		atCycles(ctx, c)
	}, struct{}{})
}
