package process

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// processors looks at the machine's.
type processors struct {
	mu         sync.Mutex
	at         time.Time
	idle, all  uint64 // since the machine's start, as of at
	idleLately bool
}

// processorsEvery is over how long they are looked at, at least.
const processorsEvery = 100 * time.Millisecond

// left tells whether the processors have been idle for a part of their time lately; false where nothing tells.
func (p *processors) left(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.at) < processorsEvery {
		return p.idleLately
	}
	idle, all := processorTime()
	p.idleLately = all > p.all && (idle-p.idle)*7 >= all-p.all
	p.at, p.idle, p.all = now, idle, all
	return p.idleLately
}

// processorTime reads for how long all processors have been idle, and how long that was in all; zero when unknown.
func processorTime() (idle, all uint64) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseUint(f, 10, 64)
		if i == 0 || err != nil || i > 8 { // the name; guests' time is in the others
			continue
		}
		if all += n; i == 4 || i == 5 { // idle, and waiting for the disk
			idle += n
		}
	}
	return idle, all
}
