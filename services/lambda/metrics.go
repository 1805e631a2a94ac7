package lambda

import (
	"maps"
	"slices"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/telemetry"
)

const metricSpace = "AWS/Lambda"

// meters record the metrics of a plan's invocations: of the function, of what it was invoked as (its name, a version or an alias), and of all functions of
// the account; those through an alias also for the version that it chose (Lambda Developer Guide, "Types of metrics for Lambda functions"). The zero value
// is ready.
type meters struct {
	once                        sync.Once
	function, resource, account telemetry.Meter
	early                       [3]telemetry.Meter // of provisioned concurrency: of the same, the resource first
	chosen                      sync.Map           // *build -> telemetry.Meter
}

// measure records what every invocation does.
func (r *lambdaRoom) measure(p *plan, b *build, res compute.Result, n concurrent, now time.Time) {
	m := &p.meters
	m.once.Do(func() {
		m.function = r.meter(p.ref.Scope, p.dimensions)
		m.resource = r.meter(p.ref.Scope, p.resource)
		m.account = r.meter(p.ref.Scope, nil, telemetry.Gauge{Name: "UnreservedConcurrentExecutions", Unit: "Count"}, telemetry.Gauge{Name: "ClaimedAccountConcurrency", Unit: "Count"})
		if p.early != nil {
			m.early = r.earlyMeters(p)
		}
	})
	failed, took := 0.0, millis(res.Duration)
	if res.Kind != compute.None {
		failed = 1
	}
	values := [...]float64{1, failed, 0, took, float64(n.function)} // in the order of meter's gauges
	m.function.Add(now, values[:]...)
	m.resource.Add(now, values[:]...)
	m.account.Add(now, 1, failed, 0, took, float64(n.account), float64(n.unreserved), float64(n.claimed))
	if p.early != nil {
		on, spilled := 1.0, 0.0
		if !n.provisioned {
			on, spilled = 0, 1
		}
		m.early[0].Add(now, on, spilled, float64(n.early), float64(n.early)/float64(p.ready))
		m.early[1].Add(now, on, spilled)
		m.early[2].Add(now, on, spilled)
	}
	q := p.through()
	if q == nil {
		return
	}
	known, ok := m.chosen.Load(b)
	if !ok {
		dimensions := maps.Clone(q.resource)
		dimensions["ExecutedVersion"] = str(b.Config.Version)
		known, _ = m.chosen.LoadOrStore(b, r.meter(p.ref.Scope, dimensions))
	}
	known.(telemetry.Meter).Add(now, values[:]...)
}

func (r *lambdaRoom) meter(sc cloud.Scope, dimensions map[string]string, more ...telemetry.Gauge) telemetry.Meter {
	return r.d.Telemetry.Meter(sc, metricSpace, dimensions, append([]telemetry.Gauge{
		{Name: "Invocations", Unit: "Count"}, {Name: "Errors", Unit: "Count"}, {Name: "Throttles", Unit: "Count"}, {Name: "Duration", Unit: "Milliseconds"},
		{Name: "ConcurrentExecutions", Unit: "Count"},
	}, more...)...)
}

// earlyMeters are those of provisioned concurrency. How much of it is in use is known, and means something, of the version or alias that has it.
func (r *lambdaRoom) earlyMeters(p *plan) [3]telemetry.Meter {
	counts := []telemetry.Gauge{{Name: "ProvisionedConcurrencyInvocations", Unit: "Count"}, {Name: "ProvisionedConcurrencySpilloverInvocations", Unit: "Count"}}
	used := []telemetry.Gauge{{Name: "ProvisionedConcurrentExecutions", Unit: "Count"}, {Name: "ProvisionedConcurrencyUtilization", Unit: "None"}}
	t, sc := r.d.Telemetry, p.ref.Scope
	return [3]telemetry.Meter{
		t.Meter(sc, metricSpace, p.resource, slices.Concat(counts, used)...), t.Meter(sc, metricSpace, p.dimensions, counts...), t.Meter(sc, metricSpace, nil, counts...),
	}
}

// through is the plan of the alias whose weights choose the version; nil when no alias does.
func (p *plan) through() *plan {
	switch {
	case p.held != nil:
		return p.held
	case p.alias != nil:
		return p
	}
	return nil
}

// count records one value of a metric that not every invocation has, under the same dimensions.
func (r *lambdaRoom) count(p *plan, name, unit string, value float64, at time.Time) {
	all := [...]telemetry.Metric{{Dimensions: p.dimensions}, {Dimensions: p.resource}, {}}
	for i := range all {
		m := &all[i]
		m.Scope, m.Namespace, m.Name, m.Unit, m.Time, m.Values = p.ref.Scope, metricSpace, name, unit, at, []float64{value}
	}
	r.d.Telemetry.Metric(all[:]...)
}

func (r *lambdaRoom) throttled(p *plan) { r.count(p, "Throttles", "Count", 1, r.d.Clock.Now()) }
