package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// idlePauses are for how long memory is left alone before it is looked at how long the first access takes: about as long as a batch of telemetry gathers, and
// as long as a pre-started runtime waits here.
var idlePauses = []time.Duration{0, 50 * time.Millisecond, settle}

// idleMemory tells what the first access to a page of memory costs that nobody has touched for a while. On a machine of its own that is next to nothing; on a
// virtual one whose host takes idle pages back it is 10 us and more, and what waits, such as a pre-started runtime, is slow when it is needed.
func idleMemory() string {
	const pages = 4096
	size := os.Getpagesize()
	memory := make([]byte, pages*size)
	access := func() time.Duration {
		start := time.Now()
		for i := range pages {
			memory[i*size]++
		}
		return time.Since(start) / pages
	}
	var all []string
	for _, pause := range idlePauses {
		access()
		access()
		time.Sleep(pause)
		all = append(all, fmt.Sprintf("%d ns after %s", access().Nanoseconds(), short(pause)))
	}
	return strings.Join(all, ", ")
}
