package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sandboxes opens a driver that starts sandboxes with memory groups.
func sandboxes(t testing.TB) *Driver {
	d := open(t, Options{Reexec: true})
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
	d := sandboxes(t)
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

// BenchmarkSandbox is what an environment costs until its program has been started.
func BenchmarkSandbox(b *testing.B) {
	d := sandboxes(b)
	for b.Loop() {
		h := started(b, d, "/bin/true")
		b.StopTimer()
		d.end(h)
		b.StartTimer()
	}
}
