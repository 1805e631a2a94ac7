package telemetry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The tables, in shard 0 of the recorder's own store: "log" (group, time, arrival), "stream" (group, stream), "metric" (metric, minute),
// "metricid" (metric), "span" (trace, start, span), "trace" (start, trace).
func table(name string) store.Key { return store.K(0, "telemetry", name) }

func groupKey(name string, g LogGroup) store.Key {
	return table(name).Str(g.Scope.Account).Str(g.Scope.Region).Str(g.Name)
}

func scopeKey(name string, sc cloud.Scope) store.Key {
	return table(name).Str(sc.Account).Str(sc.Region)
}

func metricKey(name string, m MetricID, sc cloud.Scope) store.Key {
	return scopeKey(name, sc).Str(m.Namespace).Str(m.Name).Str(dimensionText(m.Dimensions))
}

// dimensionText is the canonical text of dimensions, so that equal sets are one metric.
func dimensionText(d map[string]string) string {
	names := make([]string, 0, len(d))
	for n := range d {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%q=%q,", n, d[n])
	}
	return b.String()
}

// eventID makes an id of digits that sorts by time, then arrival.
func eventID(at time.Time, seq uint64) string { return fmt.Sprintf("%016d%040d", at.UnixMilli(), seq) }

func isRoot(s *Span) bool { return s.Parent == "" || s.Fields["entry"] != "" }

// batch gathers the read-modify-write rows (streams, rollups) of one commit, so that each is written once.
type batch struct {
	tx      store.Tx
	streams map[string]*StreamInfo
	points  map[string]*Datapoint
	err     error
}

func newBatch(tx store.Tx) *batch {
	return &batch{tx: tx, streams: map[string]*StreamInfo{}, points: map[string]*Datapoint{}}
}

func (b *batch) add(it item) {
	switch {
	case b.err != nil:
	case it.group != nil:
		b.addLog(*it.group, it.stream, it.events)
	case it.metric != nil:
		b.addMetric(it.metric)
	case it.span != nil:
		b.addSpan(it.span)
	}
}

func (b *batch) put(k store.Key, v any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = b.tx.Put(k, text)
	}
	if b.err == nil {
		b.err = err
	}
}

// row reads a JSON row into v; false when it is absent.
func (b *batch) row(k store.Key, v any) bool {
	text, err := b.tx.Get(k)
	if err == nil && text != nil {
		err = json.Unmarshal(text, v)
	}
	if b.err == nil {
		b.err = err
	}
	return text != nil
}

func (b *batch) addLog(g LogGroup, stream string, events []LogEvent) {
	k := groupKey("stream", g).Str(stream)
	s := b.streams[string(k)]
	if s == nil {
		s = &StreamInfo{Name: stream}
		b.row(k, s)
		b.streams[string(k)] = s
	}
	for _, e := range events {
		b.put(groupKey("log", g).Str(e.ID), e)
		if s.Created.IsZero() {
			s.Created = e.Ingested
		}
		if s.First.IsZero() || e.Time.Before(s.First) {
			s.First = e.Time
		}
		if e.Time.After(s.Last) {
			s.Last = e.Time
		}
		s.Ingested, s.Bytes = e.Ingested, s.Bytes+int64(len(e.Message))+26
	}
}

func (b *batch) addMetric(m *Metric) {
	id := MetricID{Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions}
	minute := m.Time.Truncate(time.Minute)
	k := metricKey("metric", id, m.Scope).U64(uint64(minute.Unix()))
	d := b.points[string(k)]
	if d == nil {
		d = &Datapoint{Time: minute, Unit: m.Unit}
		if !b.row(k, d) {
			b.put(metricKey("metricid", id, m.Scope), id)
		}
		b.points[string(k)] = d
	}
	for i, v := range m.Values {
		n := 1.0
		if m.Counts != nil {
			n = m.Counts[i]
		}
		d.merge(v, n)
	}
}

func (b *batch) addSpan(s *Span) {
	b.put(table("span").Str(s.Trace).U64(uint64(s.Start.UnixNano())).Str(s.ID), s)
	if isRoot(s) {
		b.put(table("trace").U64(uint64(s.Start.UnixNano())).Str(s.Trace), s)
	}
}

func (b *batch) finish() error {
	for k, s := range b.streams {
		b.put(store.Key(k), s)
	}
	for k, d := range b.points {
		b.put(store.Key(k), d)
	}
	return b.err
}
