package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"sundog/app"
)

// banner shows what is live.
func (l *live) banner(all, platform time.Duration) {
	o := l.out
	o.line("")
	o.line("%s  %s  live in %s (platform %s)", o.paint(bold, "sundog"), o.paint(cyan, l.app.Service+" "+l.app.Stage), round(all), round(platform))
	o.line("")
	rows := [][]string{{"endpoint", "", ""}}
	if len(l.ready.APIs) > 0 && l.ready.HTTP != "" {
		rows = append(rows, []string{"HTTP API", l.ready.HTTP, ""})
	}
	rows = append(rows, []string{"AWS", l.ready.Endpoint, "AWS_ENDPOINT_URL; keys test / test; `sundog env` prints them"})
	o.table(rows)
	o.line("")
	rows = [][]string{{"function", "runtime", "event", "source"}}
	for _, f := range l.app.Functions {
		first := true
		for _, e := range f.Events {
			row := []string{"", "", e.Type, e.Summary}
			if first {
				row[0], row[1] = f.Key, f.Runtime
			}
			rows, first = append(rows, row), false
		}
		if first {
			rows = append(rows, []string{f.Key, f.Runtime, "", ""})
		}
	}
	o.table(rows)
	o.line("")
	for _, n := range l.platform.RuntimeNotes(runtimesOf(l)) {
		o.line("%s", o.paint(yellow, n))
	}
}

func runtimesOf(l *live) []string {
	seen := map[string]bool{}
	for _, f := range l.app.Functions {
		seen[f.Runtime] = true
	}
	var out []string
	for r := range seen {
		out = append(out, r)
	}
	sort.Strings(out)
	return out
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// follow shows log lines and invocations as they come.
func (l *live) follow() (stop func()) {
	events := make(chan app.TailEvent, 4096)
	stopTail := l.platform.Telemetry.Tail(func(e app.TailEvent) {
		select {
		case events <- e:
		default: // the screen is too slow; `sundog logs` has all lines
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events {
			l.show(e)
		}
	}()
	return func() {
		stopTail()
		close(events)
		<-done
	}
}

// show prints one event: a function's own lines, and one line for each invocation.
func (l *live) show(e app.TailEvent) {
	o := l.out
	if e.Group != nil {
		name, ok := strings.CutPrefix(e.Group.Name, "/aws/lambda/")
		if !ok || platformLine(e.Log.Message) {
			return
		}
		for line := range strings.SplitSeq(strings.TrimRight(e.Log.Message, "\n"), "\n") {
			o.line("%s %s", o.paint(dim, short(l, name)+" |"), line)
		}
		return
	}
	if e.Span == nil || e.Span.Kind != "invoke" {
		return
	}
	s := e.Span
	mark, text := o.paint(green, "ok"), ""
	if s.Fault != "" {
		mark, text = o.paint(red, "failed"), " "+o.paint(red, s.Fault)
	}
	detail := fmt.Sprintf("%.1f ms", float64(s.End.Sub(s.Start))/float64(time.Millisecond))
	if v := s.Fields["init"]; v != "" {
		detail += ", init " + v
	}
	if v := s.Fields["memory"]; v != "" {
		detail += ", " + v
	}
	o.line("%s %s %s %s%s", o.paint(bold, short(l, s.Name)), mark, detail, o.paint(dim, s.Trace), text)
}

// short gives a function's key in the file for its physical name.
func short(l *live, name string) string {
	for _, f := range l.app.Functions {
		if f.Name == name {
			return f.Key
		}
	}
	return name
}

// platformLine tells whether a log line is one of those that the platform writes around an invocation.
func platformLine(m string) bool {
	for _, p := range []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START "} {
		if strings.HasPrefix(m, p) {
			return true
		}
	}
	var doc struct{ Type string }
	return strings.HasPrefix(m, `{"`) && json.Unmarshal([]byte(m), &doc) == nil && strings.HasPrefix(doc.Type, "platform.")
}
