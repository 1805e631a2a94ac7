package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/engine/compute/computetest"
)

// windows describes the windowed calls so far: records, start and end within the hour, state, and what the call is.
func (c *consumer) windows() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for i, e := range c.events {
		w := e["window"].(map[string]any)
		state, err := json.Marshal(e["state"])
		if err != nil {
			return err.Error()
		}
		s := fmt.Sprintf("[%s] %s-%s %s", c.calls[i], w["start"].(string)[14:19], w["end"].(string)[14:19], state)
		if e["isFinalInvokeForWindow"] == true {
			s += " final"
		}
		if e["isWindowTerminatedEarly"] == true {
			s += " early"
		}
		if e["shardId"] != "shard-0" || e["eventSourceARN"] != streamARN.String() {
			s += " elsewhere"
		}
		all = append(all, s)
	}
	return strings.Join(all, "\n")
}

// sums counts records into the state.
func sums(values []string, event map[string]any) (string, bool) {
	n, _ := event["state"].(map[string]any)["n"].(json.Number)
	before, _ := n.Int64()
	return fmt.Sprintf(`{"state":{"n":%d}}`, before+int64(len(values))), true
}

func (b *streamBench) windowsBecome(want string) {
	b.t.Helper()
	defer func() {
		if b.t.Failed() {
			b.t.Logf("\n%s\nwant\n%s", b.c.windows(), want)
		}
	}()
	computetest.Eventually(b.t, "the windows' calls", func() bool { return b.c.windows() == want })
}

// The clock stands at 03:04:05.
func TestTumblingWindows(t *testing.T) {
	b := openStream(t)
	b.c.answer = sums
	b.add("a", "b", "c")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.TumblingWindowInSeconds, in.BatchSize = n32(30), n32(2)
	})
	b.windowsBecome("[a b] 04:00-04:30 {}\n[c] 04:00-04:30 {\"n\":2}")
	if err := b.r.pollers.close(); err != nil { // the state outlives the process, and the window its end
		t.Fatal(err)
	}
	b.add("d")
	b.Clock.AdvanceWall(40 * time.Second)
	b.add("e")
	b.c.mu.Lock()
	b.c.calls, b.c.events = nil, nil
	b.c.mu.Unlock()
	if err := b.r.pollers.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.windowsBecome("[d] 04:00-04:30 {\"n\":3}\n[] 04:00-04:30 {\"n\":4} final\n[e] 04:30-05:00 {}")
	if _, err := b.Clock.Advance(b.ctx, 30*time.Second); err != nil { // nothing more comes, and it ends all the same
		t.Fatal(err)
	}
	b.windowsBecome("[d] 04:00-04:30 {\"n\":3}\n[] 04:00-04:30 {\"n\":4} final\n[e] 04:30-05:00 {}\n[] 04:30-05:00 {\"n\":1} final")
}

// A mapping that has no windows any more goes on without the one that was open.
func TestTumblingWindowTakenAway(t *testing.T) {
	b := openStream(t)
	b.c.answer = func(values []string, event map[string]any) (string, bool) {
		if event["state"] == nil {
			return "null", true
		}
		return sums(values, event)
	}
	b.add("a")
	id := b.read(func(in *api.CreateEventSourceMappingInput) { in.TumblingWindowInSeconds = n32(30) })
	b.c.becomes(t, "a")
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.TumblingWindowInSeconds = n32(0) })
	b.Clock.AdvanceWall(time.Minute)
	b.add("b")
	b.c.becomes(t, "a|b")
	if b.c.events[1]["window"] != nil {
		t.Fatal(b.c.events[1])
	}
}

// A response without a state fails its batch; halves hand the state on; a last call is tried again; a state that is too large ends the window.
func TestTumblingWindowTrouble(t *testing.T) {
	b := openStream(t)
	finals := 0
	b.c.answer = func(values []string, event map[string]any) (string, bool) {
		switch {
		case strings.Contains(strings.Join(values, ""), "x"):
			return `{"sum":1}`, true
		case strings.Contains(strings.Join(values, ""), "large"):
			return `{"state":{"s":"` + strings.Repeat("s", maxState) + `"}}`, true
		case len(values) == 0:
			finals++
			return "null", finals > 1
		}
		return sums(values, event)
	}
	b.add("a", "b", "x")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.TumblingWindowInSeconds, in.BisectBatchOnFunctionError, in.MaximumRetryAttempts, in.DestinationConfig = n32(900), new(true), n32(1), lostDestination
	})
	want := "[a b x] 00:00-15:00 {}\n[a] 00:00-15:00 {}\n[b x] 00:00-15:00 {\"n\":1}\n[b] 00:00-15:00 {\"n\":1}\n[x] 00:00-15:00 {\"n\":2}\n[x] 00:00-15:00 {\"n\":2}"
	b.windowsBecome(want)
	if got := b.lost(1)[0]; !strings.Contains(got, `"functionError":null`) {
		t.Fatal(got)
	}
	if _, err := b.Clock.Advance(b.ctx, 15*time.Minute); err != nil {
		t.Fatal(err)
	}
	want += "\n[] 00:00-15:00 {\"n\":2} final\n[] 00:00-15:00 {\"n\":2} final"
	b.windowsBecome(want)
	b.add("large")
	computetest.Eventually(t, "the early end", func() bool { return strings.HasSuffix(b.c.windows(), " final early") })
	b.add("f")
	computetest.Eventually(t, "a new window", func() bool { return strings.HasSuffix(b.c.windows(), "\n[f] 15:00-30:00 {}") })
}

// A batching window ends on the platform's clock, and who moves it finds the batch done.
func TestStreamWindowOnTheClock(t *testing.T) {
	b := openStream(t)
	b.read(func(in *api.CreateEventSourceMappingInput) { in.MaximumBatchingWindowInSeconds = n32(300) })
	b.add("a", "b")
	computetest.Eventually(t, "the window is open", func() bool {
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		return b.s.reads > 0
	})
	b.Advance(299 * time.Second)
	if got := b.c.log(); got != "" {
		t.Fatal(got)
	}
	computetest.Eventually(t, "the batch", func() bool {
		b.Advance(time.Second) // once, or the window was opened after the first advance
		return b.c.log() != ""
	})
	if got := b.c.log(); got != "a b" {
		t.Fatal(got)
	}
}
