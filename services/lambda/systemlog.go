package lambda

import (
	"math"
	"time"

	"sundog/engine/compute"
	"sundog/engine/telemetry"
)

// The levels of the platform's own log lines (Lambda Developer Guide, "System log level event mapping").
const (
	levelDebug = iota
	levelInfo
	levelWarn
)

var levels = map[string]int{"DEBUG": levelDebug, "INFO": levelInfo, "WARN": levelWarn}

// system adds one of the platform's lines, of now: a text with its end, or, for functions that log JSON, the record as an event if its level is wanted.
func (r *report) system(lines []telemetry.LogEvent, level int, kind, text string, record func() map[string]any) []telemetry.LogEvent {
	return r.systemAt(r.r.d.Clock.Now(), lines, level, kind, text, record)
}

func (r *report) systemAt(at time.Time, lines []telemetry.LogEvent, level int, kind, text string, record func() map[string]any) []telemetry.LogEvent {
	if !r.json() {
		return append(lines, event(at, text))
	}
	if !r.wants(level) {
		return lines
	}
	return append(lines, event(at, compute.SystemRecord(at, kind, record())+"\n"))
}

// wants tells whether the function's log takes the platform's lines of a level.
func (r *report) wants(level int) bool {
	return !r.json() || level >= levels[str(r.b.Config.LoggingConfig.SystemLogLevel)]
}

// json tells whether the function logs JSON.
func (r *report) json() bool {
	l := r.b.Config.LoggingConfig
	return l != nil && str(l.LogFormat) == "JSON"
}

// outcome gives the level and the status of an invocation's report.
func outcome(res compute.Result) (level int, status string) {
	switch res.Kind {
	case compute.None:
		return levelInfo, "success"
	case compute.Timeout:
		return levelWarn, "timeout"
	case compute.Exit, compute.OutOfMemory, compute.Init:
		return levelWarn, "failure"
	}
	return levelWarn, "error"
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func billed(res compute.Result) int64 { return int64(math.Ceil(millis(res.Billed()))) }

func (r *report) doneRecord(res compute.Result, status string) map[string]any {
	rec := map[string]any{
		"requestId": r.id, "status": status, "metrics": map[string]any{"durationMs": millis(res.Duration), "producedBytes": res.Produced()},
	}
	if fatalType(res) != "" {
		rec["errorType"] = errorType(res)
	}
	r.tracing(rec)
	return rec
}

func (r *report) reportRecord(res compute.Result, status string) map[string]any {
	metrics := map[string]any{
		"durationMs": millis(res.Duration), "billedDurationMs": billed(res), "memorySizeMB": val(r.b.Config.MemorySize, 128), "maxMemoryUsedMB": res.MaxMemoryMB,
	}
	if res.Init > 0 && !r.failed {
		metrics["initDurationMs"] = millis(res.Init)
	}
	rec := map[string]any{"requestId": r.id, "status": status, "metrics": metrics}
	if kind := fatalType(res); kind != "" {
		rec["errorType"] = kind
	}
	r.tracing(rec)
	return rec
}

// tracing adds where an invocation is traced, if its function traces.
func (r *report) tracing(rec map[string]any) {
	if r.traced() {
		rec["tracing"] = map[string]any{"spanId": r.span, "type": "X-Amzn-Trace-Id", "value": r.trace.String()}
	}
}

// traced tells whether the function itself takes part in the trace: tracing is Active and the trace is sampled. With PassThrough only the trace's
// header goes on.
func (r *report) traced() bool {
	t := r.b.Config.TracingConfig
	return r.trace.Sampled && t != nil && str(t.Mode) == "Active"
}
