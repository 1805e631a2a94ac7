package app

import (
	"context"
	"runtime/debug"
	"time"
)

// settleTime is how long after its start a platform gives back what only the start needed.
const settleTime = time.Second

// settle gives memory that only the start needed back to the system: garbage, and the pages of the program's file that are mapped because the start
// has touched them, or pages near them. Those that are used again are found in the system's cache.
func (p *Platform) settle(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(settleTime):
	}
	debug.FreeOSMemory()
	if err := dropProgram(); err != nil {
		p.o.Log.Debug("pages of the program that only the start used stay in memory", "error", err)
	}
}
