package runtimeapi

import (
	"sync"

	"sundog/engine/compute"
)

// gate lets a streamed response through to an invocation's Out, which is of another goroutine, until the invocation is over: what a runtime sends afterwards
// would be written into an answer that is somebody else's by then.
type gate struct {
	inv  *compute.Invocation
	mu   sync.Mutex
	over bool
}

func (g *gate) begin(contentType string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.inv.Begin(contentType)
	}
}

// Write implements io.Writer.
func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return 0, ErrDeadline
	}
	return g.inv.Out.Write(b)
}

// shut waits for a write under way; nothing is written afterwards.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}
