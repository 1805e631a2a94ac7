package telemetry

import (
	"log/slog"
	"strings"
	"testing"

	"sundog/engine/store/mem"
	"sundog/internal/clock"
)

// BenchmarkLog measures what recording a line costs the one who records it; drops are reported.
func BenchmarkLog(b *testing.B) {
	s := mem.New()
	r := New(Options{Store: s, Clock: clock.NewManual(start), Log: slog.New(slog.DiscardHandler)})
	line := LogEvent{Message: strings.Repeat("x", 200)}
	b.ReportAllocs()
	for b.Loop() {
		r.Log(group, "s", line)
	}
	b.ReportMetric(float64(r.Dropped())/float64(b.N)*100, "%dropped")
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLogKept measures lines that are waited for, a thousand at a time.
func BenchmarkLogKept(b *testing.B) {
	s := mem.New()
	r := New(Options{Store: s, Clock: clock.NewManual(start), Log: slog.New(slog.DiscardHandler)})
	lines := make([]LogEvent, 1000)
	for i := range lines {
		lines[i].Message = strings.Repeat("x", 200)
	}
	for b.Loop() {
		if err := r.LogDurable(ctx, group, "s", lines...); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}
