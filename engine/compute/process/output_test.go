package process

import (
	"strings"
	"testing"
	"time"

	"sundog/engine/compute"
	"sundog/internal/clock"
)

// Who logs more than is allowed in a second loses the rest, and is told how much; the next second is its own again.
func TestOutputIsBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := &output{clock: clock.New(func() time.Time { return now }, 0)}
	var size int
	var last string
	take := func(l compute.LogLine) { size, last = size+len(l.Text), l.Text }
	o.begin(take)
	line := []byte(strings.Repeat("x", 999) + "\n")
	const lines = 2 * maxRate / 1000
	for range lines {
		o.write(line)
	}
	o.end()
	if size > maxRate+1000 || size < maxRate-1000 || !strings.HasSuffix(last, "lines were dropped here: a function may log 10 MiB a second") {
		t.Fatalf("%d bytes came through; the last line is %.100q", size, last)
	}
	now, size = now.Add(time.Second), 0
	o.begin(take)
	o.write(line)
	o.end()
	if size != 999 {
		t.Fatalf("%d bytes came through a second later", size)
	}
	for range lines { // nobody runs: it waits for the next invocation
		now = now.Add(time.Millisecond)
		o.write(line)
	}
	size = 0
	o.begin(take)
	if size == 0 || size > maxKept {
		t.Fatalf("%d bytes waited", size)
	}
}
