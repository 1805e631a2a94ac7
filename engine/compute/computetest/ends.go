package computetest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sundog/engine/compute"
)

// Wall is real time, for the clock of a driver under test: deadlines of invocations are on it. It is read from the kernel, since nothing but
// the program's own clock may ask the time package.
func Wall() time.Time {
	var tv syscall.Timeval
	if err := syscall.Gettimeofday(&tv); err != nil {
		panic(err)
	}
	return time.Unix(tv.Unix())
}

// Eventually waits until ok, for at most ten seconds.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	Within(t, 10*time.Second, what, ok)
}

// Within waits until ok, for at most a time.
func Within(t *testing.T, most time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTimer(0)
	defer tick.Stop()
	limit := time.NewTimer(most)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
			tick.Reset(5 * time.Millisecond)
		case <-limit.C:
			t.Fatal("not in time: " + what)
		}
	}
}

func shrinks(t *testing.T, open Open, code string) {
	c := open(t, Config{IdleTimeout: 50 * time.Millisecond})
	t.Cleanup(func() { closed(t, c) })
	v := version(language{name: "python", runtime: "python3.11", handler: "main.handler", code: code}, "shrinks", nil)
	expect(t, call(t, c, v, `{"op":"count"}`, nil), `1`)
	Eventually(t, "no environments", func() bool { return c.Stats() == compute.Stats{} })
	expect(t, call(t, c, v, `{"op":"count"}`, nil), `1`)
}

// leavesNothing checks that a child that a function left behind in a session of its own ends with its environment.
func leavesNothing(t *testing.T, open Open, code string) {
	c := open(t, Config{IdleTimeout: time.Hour})
	mark := "mark-" + filepath.Base(t.TempDir()) + "-" + filepath.Base(code)
	v := version(language{name: "node", runtime: "nodejs20.x", handler: "index.handler", code: code}, "leaves", func(v *compute.Version) { v.Env = map[string]string{"MARK": mark} })
	expect(t, call(t, c, v, `{"op":"child"}`, nil), `"`+mark+`"`)
	if len(Marked(mark)) == 0 {
		t.Fatal("the child was not found")
	}
	closed(t, c)
	Eventually(t, "no processes", func() bool { return len(Marked(mark)) == 0 })
}

// Marked finds the processes whose environment has a text.
func Marked(text string) []string {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil
	}
	var found []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(b), text) {
			found = append(found, filepath.Base(filepath.Dir(f)))
		}
	}
	return found
}
