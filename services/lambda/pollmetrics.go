package lambda

import (
	"slices"

	"sundog/engine/telemetry"
)

// The groups of metrics that a mapping can ask for (Lambda Developer Guide, "Using CloudWatch metrics with Lambda": event source mapping metrics).
const (
	eventCount = "EventCount"
	errorCount = "ErrorCount"
)

// The metrics of the group EventCount.
const (
	polledEvents    = "PolledEventCount"
	filteredEvents  = "FilteredOutEventCount"
	invokedEvents   = "InvokedEventCount"
	failedEvents    = "FailedInvokeEventCount"
	droppedEvents   = "DroppedEventCount"
	deliveredEvents = "OnFailureDestinationDeliveredEventCount"
	deletedEvents   = "DeletedEventCount"
)

// count records how many events a metric is about, if the mapping asks for its metrics.
func (p *poller) count(name string, n int) {
	c := p.m.Config.MetricsConfig
	if n == 0 || c == nil || !slices.Contains(c.Metrics, eventCount) {
		return
	}
	p.r.d.Telemetry.Metric(telemetry.Metric{
		Scope: p.sc, Namespace: "AWS/Lambda", Name: name, Dimensions: map[string]string{"EventSourceMappingUUID": p.m.id()}, Unit: "Count",
		Time: p.r.d.Clock.Now(), Values: []float64{float64(n)},
	})
}
