// Package telemetry records and finds logs, metrics and spans. It has a store of its own, beside the platform's data.
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
	Values     []float64
	Counts     []float64 // nil: each value once
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
	Segment  json.RawMessage // an X-Ray segment document as it came; nil for our own spans
}

// LogQuery selects lines. Zero times are unbounded. Filter is CloudWatch's filter pattern syntax, "" matches all; the logs room evaluates
// it, so Match, when not nil, is called for each line.
type LogQuery struct {
	Group      LogGroup
	Streams    []string // nil: all
	From, To   time.Time
	Match      func(message string) bool
	Limit      int    // 0: 10,000
	After      string // an event id: only later ones
	Descending bool
}

// StreamInfo describes a log stream.
type StreamInfo struct {
	Name        string
	Created     time.Time
	First, Last time.Time // of events; zero when empty
	Ingested    time.Time
	Bytes       int64
}

// MetricQuery selects one metric's values in periods.
type MetricQuery struct {
	Scope           cloud.Scope
	Namespace, Name string
	Dimensions      map[string]string
	From, To        time.Time
	Period          time.Duration
}

// Datapoint is the values of one period, rolled up.
type Datapoint struct {
	Time                 time.Time
	Sum, Min, Max, Count float64
	Unit                 string
	Values, Counts       []float64 // for percentiles; bounded
}

// MetricID names a metric that has values.
type MetricID struct {
	Namespace, Name string
	Dimensions      map[string]string
}

// SpanQuery selects traces by the time of their first span, newest first.
type SpanQuery struct {
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
	Reader
	// Tail calls fn for every line and span that is recorded from now on, until stop; fn must not block.
	Tail(fn func(TailEvent)) (stop func())
	DeleteStream(ctx context.Context, g LogGroup, stream string) error // "" : the whole group
	Dropped() int64
	Flush(ctx context.Context) error // waits until what was recorded before can be read
	Close() error
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
	Streams(ctx context.Context, g LogGroup) ([]StreamInfo, error)
	Metrics(ctx context.Context, q MetricQuery) ([]Datapoint, error)
	MetricIDs(ctx context.Context, sc cloud.Scope) ([]MetricID, error)
	// Trace gives all spans of a trace by start time; empty when unknown.
	Trace(ctx context.Context, root string) ([]Span, error)
	// Traces gives the first spans of the traces that a query selects.
	Traces(ctx context.Context, q SpanQuery) ([]Span, error)
}
