package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// spent is the processor time that a measurement took, of each of those who took part. On a machine that does other things too it says more than a rate.
type spent struct{ platform, functions, client time.Duration }

// tick is the unit of times in /proc.
const tick = 10 * time.Millisecond

// spentBy reads what a platform, the processes below it, and this program have used so far; zero where there is no /proc.
func spentBy(pid int) spent {
	s := spent{platform: ownTime(pid, false), client: ownTime(os.Getpid(), false)}
	for _, c := range below(pid) {
		s.functions += ownTime(c, true)
	}
	return s
}

func (s spent) since(before spent) spent {
	return spent{s.platform - before.platform, s.functions - before.functions, s.client - before.client}
}

func (s spent) plus(more spent) spent {
	return spent{s.platform + more.platform, s.functions + more.functions, s.client + more.client}
}

// each writes what one of n requests took.
func (s spent) each(n int) string {
	if n == 0 || s.platform == 0 {
		return ""
	}
	us := func(d time.Duration) int64 { return d.Microseconds() / int64(n) }
	functions := ""
	if s.functions > 0 {
		functions = fmt.Sprintf(", function %d", us(s.functions))
	}
	return fmt.Sprintf("CPU us each: server %d%s, client %d", us(s.platform), functions, us(s.client))
}

// ownTime reads the processor time of a process, with that of its ended children or without.
func ownTime(pid int, children bool) time.Duration {
	f := statFields(pid)
	last := 13
	if children {
		last = 15
	}
	var sum time.Duration
	for i := 12; i <= last && i-1 < len(f); i++ {
		n, _ := strconv.ParseInt(f[i-1], 10, 64)
		sum += time.Duration(n) * tick
	}
	return sum
}

// statFields reads /proc/PID/stat behind the name, so that the state is the first field; nil when the process has gone.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
}

// below lists all processes under a process.
func below(pid int) (all []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for s := range strings.FieldsSeq(string(b)) {
			if c, err := strconv.Atoi(s); err == nil {
				all = append(append(all, c), below(c)...)
			}
		}
	}
	return all
}
