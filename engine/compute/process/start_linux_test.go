package process

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sandboxes opens a driver that starts sandboxes with memory groups.
func sandboxes(t testing.TB, spares int) *Driver {
	d := open(t, Options{Reexec: true, Spares: spares})
	t.Cleanup(func() { shut(t, d) })
	if ok, lack := d.Sandboxed(); !ok {
		t.Skip(lack)
	}
	if err := d.ownEtc(); err != nil {
		t.Fatal(err)
	}
	return d
}

// started starts a program in a sandbox.
func started(t testing.TB, d *Driver, argv ...string) *host {
	h, err := d.newHost()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.start(h, argv, nil, "/", false, inside{}); err != nil {
		t.Fatal(err)
	}
	return h
}

// A sandbox is in its memory group, nothing else is, and the group goes with it.
func TestSandboxesBeginInTheirMemoryGroup(t *testing.T) {
	d := sandboxes(t, 1)
	if d.groups.base == "" {
		t.Skip("no memory groups here")
	}
	h := started(t, d, "/bin/sleep", "600")
	procs, err := os.ReadFile(filepath.Join(h.group, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	inside := strings.Fields(string(procs))
	if !slices.Contains(inside, strconv.Itoa(h.proc.pid)) || len(inside) != 2 {
		t.Errorf("the group has %v; the init is %d, and there is its program", inside, h.proc.pid)
	}
	if own := strconv.Itoa(os.Getpid()); slices.Contains(inside, own) {
		t.Errorf("the group has the platform")
	}
	d.end(h)
	if _, err := os.Stat(h.group); !os.IsNotExist(err) {
		t.Errorf("the group is left: %v", err)
	}
}

// BenchmarkSandbox is what an environment costs until its program has been started, without and with what was made beforehand.
func BenchmarkSandbox(b *testing.B) {
	for name, spares := range map[string]int{"alone": -1, "seeded": 1} {
		b.Run(name, func(b *testing.B) {
			d := sandboxes(b, spares)
			for b.Loop() {
				h := started(b, d, "/bin/true")
				b.StopTimer()
				d.end(h)
				await(b, func() bool { return spares < 0 || d.seeds.ready() })
				b.StartTimer()
			}
		})
	}
}

// ready tells whether there is one, which waits for its plan.
func (s *seeds) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		return false
	}
	_, state := parentOf(s.kept.seed.pid)
	return state == "S"
}

// What was made beforehand is used by the next sandbox, and nothing of it is left when the driver is closed or nobody uses functions any more.
func TestSeeds(t *testing.T) {
	d := sandboxes(t, 1)
	d.end(started(t, d, "/bin/true"))
	await(t, d.seeds.ready)
	kept := d.seeds.kept
	h := started(t, d, "/bin/sleep", "600")
	if h != kept || h.seed != nil {
		t.Error("it was not used")
	}
	d.end(h)
	await(t, d.seeds.ready)
	kept = d.seeds.kept
	d.seeds.clear(false)
	await(t, func() bool { return gone(kept) })
	d.end(started(t, d, "/bin/true"))
	await(t, d.seeds.ready)
	kept = d.seeds.kept
	kept.seed.kill() // as the kernel might
	<-kept.seed.exited
	d.end(started(t, d, "/bin/true"))
	await(t, func() bool { return gone(kept) })
	await(t, d.seeds.ready)
	kept = d.seeds.kept
	shut(t, d)
	if !gone(kept) {
		t.Error("it is left after Close")
	}
}

func gone(h *host) bool {
	_, folder := os.Stat(h.dir)
	_, group := os.Stat(h.group)
	return os.IsNotExist(folder) && (h.group == "" || os.IsNotExist(group))
}

func await(t testing.TB, done func() bool) {
	t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for !done() {
		select {
		case <-late.C:
			t.Fatal("it never came")
		default:
			runtime.Gosched()
		}
	}
}
