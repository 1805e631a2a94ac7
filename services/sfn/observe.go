package sfn

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/lang/asl"
)

// logging is where a machine's executions are logged, and how much.
type logging struct {
	Level string    `json:"level"` // ALL, ERROR or FATAL
	Data  bool      `json:"data,omitempty"`
	Group cloud.ARN `json:"group"` // arn:...:log-group:NAME
}

// loggingOf checks a logging configuration; nil: nothing is logged.
func (r *sfnRoom) loggingOf(ctx context.Context, l *api.LoggingConfiguration) (*logging, error) {
	if l == nil || deref(l.Level) == "" || *l.Level == "OFF" {
		return nil, nil
	}
	if len(l.Destinations) != 1 || l.Destinations[0].CloudWatchLogsLogGroup == nil {
		return nil, errLogging("Must specify exactly one Log Destination.")
	}
	text := deref(l.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn)
	a, err := cloud.ParseARN(strings.TrimSuffix(text, ":*"))
	if typ, _ := a.ResourceType(); err != nil || a.Service != "logs" || typ != "log-group" || !strings.HasSuffix(text, ":*") {
		return nil, errLogging("Log Destination not found.")
	}
	if _, err := r.d.Directory.Describe(ctx, a); err != nil {
		if cloud.AsError(err).Kind == cloud.NotFound {
			return nil, errLogging("Log Destination not found.")
		}
		return nil, err
	}
	return &logging{Level: *l.Level, Data: deref(l.IncludeExecutionData), Group: a}, nil
}

// shown is the configuration as the API gives it back.
func (l *logging) shown() *api.LoggingConfiguration {
	if l == nil {
		return &api.LoggingConfiguration{Level: ptr("OFF"), IncludeExecutionData: ptr(false)}
	}
	return &api.LoggingConfiguration{Level: &l.Level, IncludeExecutionData: &l.Data,
		Destinations: []api.LogDestination{{CloudWatchLogsLogGroup: &api.CloudWatchLogsLogGroup{LogGroupArn: ptr(l.Group.String() + ":*")}}}}
}

// covers tells whether an event is logged at the level.
func (l *logging) covers(typ string) bool {
	bad := strings.HasSuffix(typ, "Failed") || strings.HasSuffix(typ, "TimedOut") || strings.HasSuffix(typ, "Aborted")
	switch l.Level {
	case "ALL":
		return true
	case "ERROR":
		return bad
	}
	return bad && strings.HasPrefix(typ, "Execution")
}

// log writes the events of a committed step to the machine's log group, as Step Functions does.
func (e *engine) log(rec *record, history []asl.HistoryEvent) {
	if rec.Log == nil || e.d.Telemetry == nil {
		return
	}
	var lines []telemetry.LogEvent
	for i := range history {
		h := &history[i]
		if !rec.Log.covers(h.Type) {
			continue
		}
		line, err := logLine(rec, h)
		if err != nil {
			e.d.Log.Error("an event of an execution cannot be logged", "execution", rec.ARN, "event", h.ID, "error", err)
			continue
		}
		lines = append(lines, telemetry.LogEvent{Time: h.Time, Ingested: h.Time, Message: line})
	}
	if len(lines) > 0 {
		_, group := rec.Log.Group.ResourceType()
		e.d.Telemetry.Log(telemetry.LogGroup{Scope: rec.Log.Group.Scope(), Name: group}, streamOf(rec), lines...)
	}
}

func streamOf(rec *record) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(rec.Machine))
	return fmt.Sprintf("states/%s/%s/%08x", rec.machineName().Name, rec.Start.UTC().Format("2006-01-02-15-04"), h.Sum32())
}

func logLine(rec *record, h *asl.HistoryEvent) (string, error) {
	details := map[string]any{}
	if d := h.Details; d != nil {
		bare := *d
		if !rec.Log.Data {
			bare.Input, bare.Output, bare.Parameters, bare.AssignedVariables = nil, nil, nil, nil
		}
		b, err := json.Marshal(&bare)
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(b, &details); err != nil {
			return "", err
		}
		if bare.Input != nil {
			details["inputDetails"] = map[string]bool{"truncated": false}
		}
		if bare.Output != nil {
			details["outputDetails"] = map[string]bool{"truncated": false}
		}
	}
	b, err := json.Marshal(map[string]any{"id": strconv.FormatInt(h.ID, 10), "type": h.Type, "details": details, "previous_event_id": strconv.FormatInt(h.PreviousID, 10),
		"event_timestamp": strconv.FormatInt(h.Time.UnixMilli(), 10), "execution_arn": rec.ARN, "redrive_count": "0"})
	return string(b), err
}

// metricNames are CloudWatch's names for the ends of executions.
var metricNames = map[asl.Status]string{asl.Succeeded: "ExecutionsSucceeded", asl.Failed: "ExecutionsFailed", asl.Aborted: "ExecutionsAborted", asl.TimedOut: "ExecutionsTimedOut"}

// count records a metric of a machine.
func (e *engine) count(rec *record, metric, unit string, value float64) {
	if e.d.Telemetry == nil {
		return
	}
	e.d.Telemetry.Metric(telemetry.Metric{Scope: rec.scope(), Namespace: "AWS/States", Name: metric, Unit: unit, Time: e.d.Clock.Now(),
		Dimensions: map[string]string{"StateMachineArn": rec.Machine}, Values: []float64{value}})
}

// over records the end of an execution: its span and its metrics.
func (e *engine) over(rec *record) {
	if e.d.Telemetry == nil {
		return
	}
	e.count(rec, metricNames[rec.Status], "Count", 1)
	e.count(rec, "ExecutionTime", "Milliseconds", float64(rec.Stop.Sub(rec.Start).Milliseconds()))
	if rec.Trace.IsZero() {
		return
	}
	s := telemetry.Span{Trace: rec.Trace.Root, ID: rec.Span, Parent: rec.Trace.Parent, Scope: rec.scope(), Name: rec.machineName().Name, Kind: "workflow",
		Resource: rec.ARN, Start: rec.Start, End: rec.Stop}
	if rec.Status != asl.Succeeded {
		s.Fault = string(rec.Status) + " " + deref(rec.Error) + ": " + deref(rec.Cause)
	}
	e.d.Telemetry.Span(s)
}
