package lambda

import (
	"slices"

	"sundog/engine/telemetry"
)

// eventCount is the group of metrics that mappings of queues and streams can ask for; the other groups are Kafka's (Lambda Developer Guide, "Using
// CloudWatch metrics with Lambda").
const eventCount = "EventCount"

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
