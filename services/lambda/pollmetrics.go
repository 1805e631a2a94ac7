package lambda

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
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

// measures tells whether the mapping asks for its metrics.
func (p *poller) measures() bool {
	c := p.m.Config.MetricsConfig
	return c != nil && slices.Contains(c.Metrics, eventCount)
}

// count records how many events a metric is about, if it is about any.
func (p *poller) count(name string, n int) {
	if n > 0 {
		p.tell(name, n)
	}
}

// polled records how many events were read, none among them, and how many of them the filters took out, if there are filters.
func (p *poller) polled(n, filtered int) {
	p.tell(polledEvents, n)
	if len(p.filters) > 0 && n > 0 {
		p.tell(filteredEvents, filtered)
	}
}

func (p *poller) tell(name string, n int) {
	if p.measures() {
		p.r.d.Telemetry.Metric(mappingMetric(p.sc, p.m.id(), name, n, p.r.d.Clock.Now()))
	}
}

func mappingMetric(sc cloud.Scope, mapping, name string, n int, at time.Time) telemetry.Metric {
	return telemetry.Metric{Scope: sc, Namespace: metricSpace, Name: name, Dimensions: map[string]string{"EventSourceMappingUUID": mapping}, Unit: "Count", Time: at, Values: []float64{float64(n)}}
}

// pollers records how many pollers run of those that were set aside.
func (q *queuePoller) pollers() {
	if q.m.Config.ProvisionedPollerConfig != nil {
		q.r.d.Telemetry.Metric(mappingMetric(q.sc, q.m.id(), "ProvisionedPollers", q.gate.pollers(), q.r.d.Clock.Now()))
	}
}

// What a delivery to an on-failure destination is to be counted for, once it is there.
const (
	ofMapping = "mapping"
	ofEvents  = "events"
)

// countDelivered has what is in a delivery counted when it has come to the on-failure destination.
func (p *poller) countDelivered(d *bus.Delivery, events int) {
	if p.measures() {
		d.Report = maps.Clone(d.Report)
		d.Report[ofMapping], d.Report[ofEvents] = p.m.id(), strconv.Itoa(events)
	}
}

// delivered counts events that have come to an on-failure destination.
func (r *lambdaRoom) delivered(d bus.Delivery, at time.Time) {
	if n, err := strconv.Atoi(d.Report[ofEvents]); err == nil {
		r.d.Telemetry.Metric(mappingMetric(d.Source.Scope(), d.Report[ofMapping], deliveredEvents, n, at))
	}
}
