package lambda

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/telemetry"
)

// tailSize is how much of the log LogType Tail returns.
const tailSize = 4096

// report is what is recorded of one invocation: its log with START, END and REPORT lines, its metrics and its span.
type report struct {
	r      *lambdaRoom
	p      *plan
	b      *build
	id     string
	runs   concurrent
	trace  cloud.Trace // under which the function's own work hangs
	parent string
	span   string
	group  telemetry.LogGroup
	begun  time.Time

	mu     sync.Mutex
	stream string
	kept   []byte
	keep   bool
	failed bool                  // the environment did not come up
	ready  []telemetry.LogEvent  // records of the init, which come after what it wrote
	start  []telemetry.LogEvent  // the START line, which comes after what the Init phase wrote
	place  [4]telemetry.LogEvent // of lines on their way to the recorder, which does not keep it; start's and the last ones'
}

func (r *lambdaRoom) record(t cloud.Trace, p *plan, b *build, c call, n concurrent) *report {
	if t.IsZero() { // sampled: the platform keeps its own record of what runs, whatever the function's tracing says
		lineage := t.Lineage
		t = cloud.NewTrace(r.d.Clock.Now(), r.d.IDs)
		t.Lineage = lineage
	}
	span := cloud.NewSpanID(r.d.IDs)
	return &report{
		r: r, p: p, b: b, id: c.id, runs: n, trace: t.Under(span), parent: t.Parent, span: span, keep: c.tail, begun: r.d.Clock.Now(),
		group: telemetry.LogGroup{Scope: p.ref.Scope, Name: logGroup(&b.Config)},
	}
}

// beforehand writes what environments leave in the log that were started beforehand: their first line, and what their init wrote.
func (r *lambdaRoom) beforehand(p *plan, b *build) func(compute.Start, []compute.LogLine) {
	return func(s compute.Start, lines []compute.LogLine) {
		w := &report{r: r, p: p, b: b, stream: s.LogStream, group: telemetry.LogGroup{Scope: p.ref.Scope, Name: logGroup(&b.Config)}}
		w.initStart(compute.Provisioned, s)
		for _, l := range lines {
			w.line(l)
		}
		w.write(w.initDone(compute.Provisioned, s), false)
	}
}

// initDone gives the records of an init that went well. They have no text: functions that do not log JSON have it in their report.
func (r *report) initDone(initialization string, s compute.Start) []telemetry.LogEvent {
	if s.Failed || s.Init == 0 || !r.json() {
		return nil
	}
	level := levelInfo
	if initialization == compute.OnDemand {
		level = levelDebug
	}
	record := map[string]any{"initializationType": initialization, "phase": "init", "status": "success"}
	lines := r.system(nil, levelDebug, "initRuntimeDone", "", func() map[string]any { return record })
	return r.system(lines, level, "initReport", "", func() map[string]any {
		record["metrics"] = map[string]any{"durationMs": millis(s.Init)}
		return record
	})
}

// initStart writes the first line of an environment.
func (r *report) initStart(initialization string, s compute.Start) {
	runtime, arn := r.r.runtimeNames(r.p.ref.Region, str(r.b.Config.Runtime))
	lines := r.systemAt(s.Began, nil, levelInfo, "initStart", "INIT_START Runtime Version: "+runtime+"\tRuntime Version ARN: "+arn+"\n", func() map[string]any {
		return map[string]any{
			"initializationType": initialization, "phase": "init", "runtimeVersion": runtime, "runtimeVersionArn": arn,
			"functionName": r.p.ref.name, "functionVersion": str(r.b.Config.Version),
			"instanceId": compute.InstanceID(r.p.ref.name, s.LogStream), "instanceMaxMemory": int64(val(r.b.Config.MemorySize, 128)) << 20,
		}
	})
	r.write(lines, s.Failed)
}

// started notes the environment's log stream and writes the first line of a cold start.
func (r *report) started(s compute.Start) {
	r.stream, r.failed = s.LogStream, s.Failed
	version := str(r.b.Config.Version)
	if s.Cold {
		r.initStart(compute.OnDemand, s)
		r.ready = r.initDone(compute.OnDemand, s)
	}
	r.start = r.system(r.place[:0:1], levelInfo, "start", "START RequestId: "+r.id+" Version: "+version+"\n", func() map[string]any {
		return map[string]any{"requestId": r.id, "version": version}
	})
	if !s.Cold {
		r.begin()
	}
}

// line writes what the function wrote. What comes from the Init phase is no part of the invocation's own log, unless that phase failed.
func (r *report) line(l compute.LogLine) {
	if l.System && !r.wants(levels[l.Level]) {
		return
	}
	text := l.Text
	if !l.Open {
		text += "\n"
	}
	if !l.Init {
		r.begin()
	}
	r.write([]telemetry.LogEvent{event(l.Time, text)}, !l.Init || r.failed)
}

// begin writes the START line, once.
func (r *report) begin() { r.write(r.first(), true) }

// first gives the START line, once.
func (r *report) first() (lines []telemetry.LogEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines, r.start = r.start, nil
	if len(r.ready) > 0 { // of the init, and no part of the invocation's tail
		r.r.d.Telemetry.Log(r.group, r.stream, r.ready...)
		r.ready = nil
	}
	return lines
}

func event(at time.Time, text string) telemetry.LogEvent {
	return telemetry.LogEvent{Time: at, Ingested: at, Message: text}
}

// write writes lines; own are those that the invocation's tail shows.
func (r *report) write(lines []telemetry.LogEvent, own bool) {
	if len(lines) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keep && own {
		for _, l := range lines {
			if r.kept = append(r.kept, l.Message...); !strings.HasSuffix(l.Message, "\n") {
				r.kept = append(r.kept, '\n')
			}
		}
		if len(r.kept) > 2*tailSize {
			r.kept = append(r.kept[:0], r.kept[len(r.kept)-tailSize:]...)
		}
	}
	r.r.d.Telemetry.Log(r.group, r.stream, lines...)
}

func (r *report) tail() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[max(0, len(r.kept)-tailSize):]
}

// finished writes the last lines, the metrics and the span.
func (r *report) finished(res compute.Result) {
	now := r.r.d.Clock.Now()
	lines := append(r.place[1:1], r.first()...)
	switch res.Kind {
	case compute.Timeout:
		_, text, _ := strings.Cut(res.Error, "Error: ")
		lines = append(lines, event(now, stampOf(now)+" "+r.id+" "+text+"\n\n"))
	case compute.Exit, compute.OutOfMemory, compute.Init:
		if strings.HasPrefix(res.Error, "RequestId: ") { // the platform's words: what a runtime says of itself it has logged
			lines = append(lines, event(now, res.Error+"\n"+errorType(res)+"\n"))
		}
	}
	level, status := outcome(res)
	done := level
	if res.Kind == compute.None {
		done = levelDebug
	}
	lines = r.system(lines, done, "runtimeDone", "END RequestId: "+r.id+"\n", func() map[string]any { return r.doneRecord(res, status) })
	r.write(r.system(lines, level, "report", r.reportLine(res), func() map[string]any { return r.reportRecord(res, status) }), true)
	r.r.measure(r.p, r.b, res, r.runs, now)
	if !r.trace.Sampled { // as the gateway does with the request above it
		return
	}
	s := telemetry.Span{
		Trace: r.trace.Root, ID: r.span, Parent: r.parent, Scope: r.p.ref.Scope, Name: r.p.ref.name, Kind: "invoke", Resource: r.p.ref.qualified().String(),
		Start: r.begun, End: now, Fault: res.Error, Fields: map[string]string{
			"requestId": r.id, "logGroup": r.group.Name, "logStream": res.LogStream, "version": str(r.b.Config.Version), "cold": strconv.FormatBool(res.Cold),
		},
	}
	r.r.d.Telemetry.Span(s)
}

func (r *report) reportLine(res compute.Result) string {
	b := make([]byte, 0, 512)
	number := func(before string, n int64, after string) {
		b = append(strconv.AppendInt(append(b, before...), n, 10), after...)
	}
	ms := func(before string, d time.Duration) {
		b = append(strconv.AppendFloat(append(b, before...), millis(d), 'f', 2, 64), " ms\t"...)
	}
	b = append(append(b, "REPORT RequestId: "...), r.id...)
	ms("\tDuration: ", res.Duration)
	number("Billed Duration: ", billed(res), " ms\t")
	number("Memory Size: ", int64(val(r.b.Config.MemorySize, 128)), " MB\t")
	number("Max Memory Used: ", int64(res.MaxMemoryMB), " MB\t")
	if res.Init > 0 && !r.failed {
		ms("Init Duration: ", res.Init)
	}
	if res.Kind == compute.Timeout {
		b = append(b, "Status: timeout"...)
	} else if kind := fatalType(res); kind != "" {
		b = append(b, "Status: error\tError Type: "+kind...)
	}
	if r.traced() {
		b = append(b, "\nXRAY TraceId: "+r.trace.Root+"\tSegmentId: "+r.span+"\tSampled: true\t"...)
	}
	return string(append(b, '\n'))
}

// fatalType is what ended an environment, as its report names it: memory by its name, which the function's error only knows as an exit. "": nothing did, or
// its time was over.
func fatalType(res compute.Result) string {
	switch res.Kind {
	case compute.OutOfMemory:
		return "Runtime.OutOfMemory"
	case compute.Exit, compute.Init:
		return errorType(res)
	}
	return ""
}

// errorType is the type of a function's error.
func errorType(res compute.Result) string {
	var shape struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal(res.Payload, &shape); err != nil || shape.Type == "" {
		return "Runtime.ExitError"
	}
	return shape.Type
}
