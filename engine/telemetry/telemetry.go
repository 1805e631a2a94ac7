// Package telemetry records and finds logs, metrics and spans. It has a store of its own, beside the platform's data.
//
// One goroutine writes what others recorded: everything that came within 50 ms in one commit, and the values of meters after a second. What was not
// written when the process is killed is lost, unless somebody waits for it (the Durable forms). Flush has everything written that was recorded before, so
// whoever calls it first reads all of it.
package telemetry

import (
	"context"
	"encoding/json"
	"time"

	"sundog/cloud"
)

// LogEvent is one line of a log stream. Time and Ingested are on the platform's clock.
type LogEvent struct {
	Time     time.Time
	Ingested time.Time
	Message  string
	ID       string // given by the recorder: sorts by time, then by arrival
	Stream   string // filled by queries
}

// LogGroup names a log group. The logs room keeps the groups' settings; telemetry keeps the lines.
type LogGroup struct {
	Scope cloud.Scope
	Name  string
}

// Metric is one value of a metric, or a set of values with counts.
type Metric struct {
	Scope      cloud.Scope
	Namespace  string
	Name       string
	Dimensions map[string]string
	Unit       string // CloudWatch's units; "" is None
	Time       time.Time
	Values     []float64  // those beyond ±2^360, and none-numbers, are dropped
	Counts     []float64  // nil: each value once
	Set        *Datapoint // a statistic set in place of Values; its Time and Unit are not used
}

// Span is one piece of work in a trace: what a request or event caused.
type Span struct {
	Trace    string // the root: "1-..."
	ID       string
	Parent   string // "" at the root
	Scope    cloud.Scope
	Name     string // "POST /orders", "sqs:SendMessage", "my-app-dev-getUser"
	Kind     string // "http", "api", "invoke", "delivery", "workflow", "state", "segment"
	Resource string // ARN, or ""
	Start    time.Time
	End      time.Time
	Status   int    // HTTP status, or 0
	Fault    string // the error's text; "" when all is well
	Fields   map[string]string
	Segment  json.RawMessage `json:",omitempty"` // an X-Ray segment document as it came; nil for our own spans
}

// LogQuery selects lines. Zero times are unbounded; To is included. Match, when not nil, is called for each line of the selected streams.
type LogQuery struct {
	Group        LogGroup
	Streams      []string // nil: all
	StreamPrefix string   // only streams whose names begin so
	From, To     time.Time
	Match        func(message string) bool
	Limit        int    // 0: 10,000
	MaxBytes     int    // stop after that many bytes of messages; 0: 64 MiB
	After        string // an event id: only later ones
	Before       string // an event id: only earlier ones
	Descending   bool
}

// GroupInfo describes a log group that lines were written to.
type GroupInfo struct {
	Name    string
	Created time.Time // of the first line's arrival
	Bytes   int64     // of the lines that are kept, and 26 for each
}

// StreamInfo describes a log stream.
type StreamInfo struct {
	Name        string
	Created     time.Time
	First, Last time.Time // of events; zero when empty
	Ingested    time.Time
	Bytes       int64
}

// MetricQuery selects one metric's values in periods, which begin at From, rounded down to a minute.
type MetricQuery struct {
	Scope           cloud.Scope
	Namespace, Name string
	Dimensions      map[string]string
	Unit            string        // "": all units, each with data points of its own
	From, To        time.Time     // To is not included
	Period          time.Duration // 0: a minute
}

// MetricID names a metric that has values.
type MetricID struct {
	Namespace, Name string
	Dimensions      map[string]string
}

// Head is the span that stands for a trace in lists, and what is known of the whole.
type Head struct {
	Span
	Faults int // spans of the trace that failed
}

// SpanQuery selects traces by the time of their first span, newest first.
type SpanQuery struct {
	Scope    cloud.Scope // zero: all scopes
	From, To time.Time
	Limit    int
}

// Recorder takes telemetry. Log, Metric and Span never block and may drop under overload, counting what they dropped; the Durable forms
// return when the data is as durable as anything else (for what a client was told is stored).
type Recorder interface {
	Log(g LogGroup, stream string, events ...LogEvent)
	LogDurable(ctx context.Context, g LogGroup, stream string, events ...LogEvent) error
	Metric(m ...Metric)
	MetricDurable(ctx context.Context, m ...Metric) error
	Span(s ...Span)
	SpanDurable(ctx context.Context, s ...Span) error
	// Meter gives a meter of metrics that have their dimensions in common. The map must not be changed afterwards.
	Meter(sc cloud.Scope, namespace string, dimensions map[string]string, gauges ...Gauge) Meter
	Reader
	// Tail calls fn for every line and span that is recorded from now on, until stop; fn must not block.
	Tail(fn func(TailEvent)) (stop func())
	// DeleteStream removes a stream's lines, or with "" those of the whole group; lines that were recorded before go too.
	DeleteStream(ctx context.Context, g LogGroup, stream string) error
	// Expire removes a group's lines with a time before that; the streams stay.
	Expire(ctx context.Context, g LogGroup, before time.Time) error
	Dropped() int64
	Flush(ctx context.Context) error // waits until what was recorded before can be read
	Close() error
}

// Gauge names one of a Meter's metrics.
type Gauge struct{ Name, Unit string }

// Meter records metrics whose values come together again and again, such as those of a function's invocations, at less cost than Recorder.Metric. They gather
// in memory and are written after a second, or when Flush is called. It is safe for concurrent use.
type Meter interface {
	// Add records a value of each of the meter's metrics, in their order. It never blocks and may drop.
	Add(at time.Time, values ...float64)
}

// TailEvent is a log line (Group set) or a span.
type TailEvent struct {
	Group *LogGroup
	Log   LogEvent
	Span  *Span
}

// Reader finds telemetry.
type Reader interface {
	Logs(ctx context.Context, q LogQuery) ([]LogEvent, error)
	// Groups gives a scope's groups that lines were written to, by name; Group one of them, nil when there is none.
	Groups(ctx context.Context, sc cloud.Scope) ([]GroupInfo, error)
	Group(ctx context.Context, g LogGroup) (*GroupInfo, error)
	// Streams gives a group's streams by name; Stream one of them, nil when there is none.
	Streams(ctx context.Context, g LogGroup) ([]StreamInfo, error)
	Stream(ctx context.Context, g LogGroup, stream string) (*StreamInfo, error)
	Metrics(ctx context.Context, q MetricQuery) ([]Datapoint, error)
	MetricIDs(ctx context.Context, sc cloud.Scope) ([]MetricID, error)
	// Trace gives all spans of a trace by start time; empty when unknown.
	Trace(ctx context.Context, root string) ([]Span, error)
	// Traces gives the heads of the traces that a query selects.
	Traces(ctx context.Context, q SpanQuery) ([]Head, error)
}
