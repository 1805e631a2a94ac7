package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// initMemory is what the init above a function may use beside the function's own limit.
const initMemory = 16 << 20

// groups makes one memory control group for each environment, where this process may (cgroup v2, else v1).
type groups struct {
	base string // "": none here; memory is sampled instead
	v2   bool
	next atomic.Int64
}

// newGroups finds where groups can be made, and clears away those of processes that have gone.
func newGroups() *groups {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return &groups{}
	}
	for line := range strings.Lines(string(b)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		g := &groups{v2: part[1] == ""}
		switch {
		case part[1] == "memory":
			g.base = filepath.Join("/sys/fs/cgroup/memory", part[2])
		case g.v2:
			g.base = filepath.Join("/sys/fs/cgroup", part[2])
		default:
			continue
		}
		if g.open() {
			return g
		}
	}
	return &groups{}
}

// open makes the base below the own group and tries it out.
func (g *groups) open() bool {
	sweepGroups(g.base)
	base, err := os.MkdirTemp(g.base, "sundog-"+strconv.Itoa(os.Getpid())+"-") // several drivers of a process have one each
	if err != nil {
		return false
	}
	g.base = base
	if g.v2 {
		_ = os.WriteFile(filepath.Join(g.base, "cgroup.subtree_control"), []byte("+memory"), 0) // create finds out
	}
	dir, ok := g.create()
	if !ok {
		_ = os.Remove(g.base)
		return false
	}
	_ = os.Remove(dir)
	return true
}

// sweepGroups removes the groups of platforms that have ended without doing so.
func sweepGroups(dir string) {
	old, err := filepath.Glob(filepath.Join(dir, "sundog-*"))
	if err != nil {
		return
	}
	for _, o := range old {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(o), "sundog-"), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || pid == os.Getpid() || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		below, _ := filepath.Glob(filepath.Join(o, "*"))
		for _, b := range append(below, o) {
			_ = syscall.Rmdir(b) // files in it are the kernel's and go with it
		}
	}
}

// create makes a group without a limit; false when there are none here.
func (g *groups) create() (string, bool) {
	if g.base == "" {
		return "", false
	}
	dir := filepath.Join(g.base, strconv.FormatInt(g.next.Add(1), 10))
	if os.Mkdir(dir, 0o755) != nil {
		return "", false
	}
	if _, err := os.Stat(filepath.Join(dir, g.limitFile())); err != nil {
		_ = os.Remove(dir)
		return "", false
	}
	return dir, true
}

func (g *groups) limitFile() string {
	if g.v2 {
		return "memory.max"
	}
	return "memory.limit_in_bytes"
}

// limit sets the group's limit, swap included where it is accounted.
func (g *groups) limit(dir string, mb int) error {
	n := strconv.Itoa(mb<<20 + initMemory)
	if err := os.WriteFile(filepath.Join(dir, g.limitFile()), []byte(n), 0); err != nil {
		return fmt.Errorf("process: memory limit: %w", err)
	}
	swap, value := "memory.memsw.limit_in_bytes", n
	if g.v2 {
		swap, value = "memory.swap.max", "0"
	}
	_ = os.WriteFile(filepath.Join(dir, swap), []byte(value), 0) // absent without swap accounting
	return nil
}

// killed tells whether the kernel killed something in the group for its memory.
func (g *groups) killed(dir string) bool {
	file := "memory.oom_control"
	if g.v2 {
		file = "memory.events"
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return n != "0"
		}
	}
	return false
}

// anonymousKB gives the memory of a group that is no file's; false when there is no group.
func (g *groups) anonymousKB(dir string) (int, bool) {
	if dir == "" {
		return 0, false
	}
	key := "total_rss "
	if g.v2 {
		key = "anon "
	}
	b, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), key); ok {
			v, err := strconv.Atoi(n)
			return v >> 10, err == nil
		}
	}
	return 0, false
}

func (g *groups) remove(dir string) {
	if dir != "" {
		_ = syscall.Rmdir(dir) // a straggler keeps it until the next start sweeps
	}
}

func (g *groups) close() {
	if g.base == "" {
		return
	}
	below, _ := filepath.Glob(filepath.Join(g.base, "*"))
	for _, b := range below {
		_ = syscall.Rmdir(b)
	}
	_ = syscall.Rmdir(g.base)
}

// statusKB reads one size of /proc/PID/status; 0 when the process has gone or there is no /proc.
func statusKB(pid int, key string) int { return sizeKB("/proc/"+strconv.Itoa(pid)+"/status", key) }

// sizeKB reads one size of a file of /proc; 0 when there is none.
func sizeKB(file, key string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, key)
		if !ok {
			continue
		}
		if f := strings.Fields(rest); len(f) > 0 {
			n, _ := strconv.Atoi(f[0])
			return n
		}
	}
	return 0
}

// children lists the direct children of a process, whichever of its threads forked them.
func children(pid int) []int {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		return nil
	}
	var all []int
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for s := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(s); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// treeOf lists a process and all below it.
func treeOf(pid int) []int {
	const most = 4 * maxProcesses // there are no more in a sandbox
	all := []int{pid}
	for i := 0; i < len(all) && i < most; i++ {
		all = append(all, children(all[i])...)
	}
	return all
}

// residentKB gives the memory of processes that is no file's: their own, and what they share with whom they please, files of /tmp that they have mapped
// included. What several have counts for each.
func residentKB(pids []int) (own, shared int) {
	for _, p := range pids {
		own += statusKB(p, "RssAnon:")
		shared += statusKB(p, "RssShmem:")
	}
	return own, shared
}

// proportionalKB is residentKB where what several processes have counts once. It takes longer.
func proportionalKB(pids []int) (own, shared int) {
	for _, p := range pids {
		file := "/proc/" + strconv.Itoa(p) + "/smaps_rollup"
		a, s := sizeKB(file, "Pss_Anon:"), sizeKB(file, "Pss_Shmem:")
		if a == 0 { // it has gone, or keeps others from looking
			a, s = residentKB([]int{p})
		}
		own, shared = own+a, shared+s
	}
	return own, shared
}

// machineKB reads one size of /proc/meminfo; 0 when unknown.
func machineKB(key string) int { return sizeKB("/proc/meminfo", key) }

// MachineMemory gives the bytes of memory that this machine has; 0 when unknown.
func MachineMemory() int64 { return int64(machineKB("MemTotal:")) << 10 }

// environmentsByMemory bounds the environments of a machine: three quarters of its memory at 64 MiB each.
func environmentsByMemory() int {
	const each = 64 << 10 // KB
	total := machineKB("MemTotal:")
	if total == 0 {
		return 64
	}
	return max(8, total/4*3/each)
}
