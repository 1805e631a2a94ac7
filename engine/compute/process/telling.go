package process

import (
	"math"
	"time"

	"sundog/engine/compute"
)

// What subscribers of telemetry hear of the platform, in the words of Lambda's Telemetry API event reference.

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tell tells them of an event.
func (e *environment) tell(kind string, fields map[string]any) {
	if e.api != nil && e.api.Listens() {
		e.api.Platform(kind, fields)
	}
}

// initFields are in every event about the init.
func (e *environment) initFields() map[string]any {
	phase := "init"
	if e.before != nil {
		phase = "invoke"
	}
	return map[string]any{"initializationType": e.initialization(), "phase": phase}
}

// initialization is what its start was for.
func (e *environment) initialization() string {
	if e.early {
		return compute.Provisioned
	}
	return compute.OnDemand
}

func (e *environment) tellInitStart() {
	v := &e.pool.v
	if e.api == nil || !e.api.Listens() {
		return
	}
	f := e.initFields()
	f["functionName"], f["functionVersion"] = v.Function, v.Qualifier
	f["instanceId"], f["instanceMaxMemory"] = compute.InstanceID(v.Function, e.stream), v.MemoryMB<<20
	if v.RuntimeVersion != nil {
		f["runtimeVersion"], f["runtimeVersionArn"] = v.RuntimeVersion()
	}
	e.tell("initStart", f)
}

// tellInit tells how the init ended.
func (e *environment) tellInit(a answer) {
	status := outcome(a.kind)
	if a.kind == compute.Init {
		status = "failure"
	}
	done, report := e.initFields(), e.initFields()
	done["status"], report["status"] = status, status
	report["metrics"] = map[string]any{"durationMs": millis(e.d.o.Clock.Wall().Sub(e.begun))}
	if kind := errorType(a.payload); a.kind != compute.None && kind != "" {
		done["errorType"], report["errorType"] = kind, kind
	}
	e.tell("initRuntimeDone", done)
	e.tell("initReport", report)
}

// outcome is how an invocation ended, in the API's words.
func outcome(k compute.Failure) string {
	switch k {
	case compute.None:
		return "success"
	case compute.Handled:
		return "error"
	case compute.Timeout:
		return "timeout"
	}
	return "failure"
}

func tracing(f map[string]any, trace string) map[string]any {
	if trace != "" {
		f["tracing"] = map[string]any{"type": "X-Amzn-Trace-Id", "value": trace}
	}
	return f
}

func (e *environment) tellStart(i *compute.Invocation, trace string) {
	if e.api.Listens() {
		e.tell("start", tracing(map[string]any{"requestId": i.RequestID, "version": e.pool.v.Qualifier}, trace))
	}
}

// tellDone tells how an invocation ended, and what it took.
func (e *environment) tellDone(i *compute.Invocation, trace string, r *compute.Result) {
	if !e.api.Listens() {
		return
	}
	status := outcome(r.Kind)
	done := map[string]any{"requestId": i.RequestID, "status": status, "metrics": map[string]any{"durationMs": millis(r.Duration), "producedBytes": r.Produced()}}
	metrics := map[string]any{
		"durationMs": millis(r.Duration), "billedDurationMs": int64(math.Ceil(millis(r.Billed()))), "memorySizeMB": e.pool.v.MemoryMB, "maxMemoryUsedMB": r.MaxMemoryMB,
	}
	if r.Init > 0 {
		metrics["initDurationMs"] = millis(r.Init)
	}
	report := map[string]any{"requestId": i.RequestID, "status": status, "metrics": metrics}
	if kind := errorType(r.Payload); r.Kind != compute.None && r.Kind != compute.Timeout && kind != "" {
		done["errorType"], report["errorType"] = kind, kind
	}
	if r.Kind == compute.OutOfMemory {
		report["errorType"] = "Runtime.OutOfMemory"
	}
	e.tell("runtimeDone", tracing(done, trace))
	e.tell("end", map[string]any{"requestId": i.RequestID})
	e.tell("report", tracing(report, trace))
}
