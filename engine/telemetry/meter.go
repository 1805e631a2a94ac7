package telemetry

import (
	"slices"
	"sync"
	"time"

	"sundog/cloud"
)

// meter is the Meter of a recorder.
type meter struct {
	r          *recorder
	scope      cloud.Scope
	namespace  string
	dimensions map[string]string
	gauges     []Gauge

	mu     sync.Mutex
	open   []sums // of one minute, in the order of gauges; empty: nothing was recorded since the last take
	closed []sums // of minutes before
	room   []int  // how many values each gauge had at the last take
	queued bool   // the recorder knows that there is something to take
	values int    // that wait
}

// sums are values of one metric in one minute.
type sums struct {
	meter          *meter
	gauge          int
	minute         int64     // in seconds since 1970
	values, counts []float64 // values[i] came counts[i] times
}

const (
	meterDelay  = time.Second
	meterValues = 16 << 10 // that wait before they are written without more delay
	valueBytes  = 16
	fewValues   = 8 // so many are looked at for one that comes again
)

// Meter gives a meter of metrics that have their dimensions in common. The map must not be changed afterwards.
func (r *recorder) Meter(sc cloud.Scope, namespace string, dimensions map[string]string, gauges ...Gauge) Meter {
	return &meter{r: r, scope: sc, namespace: namespace, dimensions: dimensions, gauges: gauges, room: make([]int, len(gauges))}
}

// Add records a value of each of the meter's metrics, in their order, without waiting.
func (m *meter) Add(at time.Time, values ...float64) {
	if m.r.waiting.Load() > queueBytes {
		m.r.dropped.Add(int64(len(values)))
		return
	}
	minute := at.Unix()
	minute -= minute % 60
	m.mu.Lock()
	if len(m.open) > 0 && m.open[0].minute != minute {
		m.closed, m.open = append(m.closed, m.open...), nil
	}
	if len(m.open) == 0 {
		m.begin(minute)
	}
	more := 0
	for i, v := range values[:min(len(values), len(m.open))] {
		more += m.open[i].add(v)
	}
	m.values += more
	tell, full := !m.queued, m.values >= meterValues
	m.queued = true
	m.mu.Unlock()
	m.r.waiting.Add(int64(more) * valueBytes)
	if tell || full {
		m.r.metered(m, tell, full)
	}
}

// begin starts a minute.
func (m *meter) begin(minute int64) {
	m.open = make([]sums, len(m.gauges))
	for i := range m.open {
		m.open[i] = sums{meter: m, gauge: i, minute: minute}
		if n := min(m.room[i], meterValues); n > fewValues {
			m.open[i].values, m.open[i].counts = make([]float64, 0, n+n/4), make([]float64, 0, n+n/4)
		}
	}
}

// add takes a value, and tells how many places that took.
func (s *sums) add(v float64) int {
	if i := slices.Index(s.values[:min(len(s.values), fewValues)], v); i >= 0 {
		s.counts[i]++
		return 0
	}
	s.values, s.counts = append(s.values, v), append(s.counts, 1)
	return 1
}

// take gives what waits, and how many values that are.
func (m *meter) take(out []sums) ([]sums, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.values
	out = append(append(out, m.closed...), m.open...)
	for i := range m.open {
		m.room[i] = len(m.open[i].values)
	}
	m.open, m.closed, m.values, m.queued = nil, nil, 0, false
	return out, n
}
