package telemetry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The tables, in shard 0 of the recorder's own store: "group" (group), "log" (group, time, arrival), "stream" (group, stream), "metric" (metric,
// minute, unit), "hour" (metric, hour, unit), "metricid" (metric), "span" (trace, start, span), "trace" (arrival, trace), "root" (trace).
func table(name string) store.Key { return store.K(0, "telemetry", name) }

func groupKey(name string, g LogGroup) store.Key {
	return scopeKey(name, g.Scope).Str(g.Name)
}

func scopeKey(name string, sc cloud.Scope) store.Key {
	return table(name).Str(sc.Account).Str(sc.Region)
}

func metricKey(name string, m MetricID, sc cloud.Scope) store.Key {
	return scopeKey(name, sc).Str(m.Namespace).Str(m.Name).Str(dimensionText(m.Dimensions))
}

// longDimensions is the length from which on dimensions stand in keys by their hash, for keys are bounded.
const longDimensions = 1 << 10

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
	if b.Len() > longDimensions {
		sum := sha256.Sum256([]byte(b.String()))
		return "#" + hex.EncodeToString(sum[:])
	}
	return b.String()
}

// eventID makes an id of digits that sorts by time, then arrival.
func eventID(at time.Time, seq uint64) string {
	return fmt.Sprintf("%016d%040d", max(at.UnixMilli(), 0), seq)
}

// eventBytes is what CloudWatch counts for an event besides its message.
const eventBytes = 26

// encodeEvent makes the row of a line: what surrounds the message as JSON, a line feed, and the message as it is.
func encodeEvent(e LogEvent) ([]byte, error) {
	message := e.Message
	e.Message = ""
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(append(b, '\n'), message...), nil
}

func decodeEvent(row []byte) (e LogEvent, err error) {
	head, message, ok := bytes.Cut(row, []byte{'\n'})
	if !ok {
		return e, errors.New("telemetry: malformed log row")
	}
	err = json.Unmarshal(head, &e)
	e.Message = string(message)
	return e, err
}

// rootRow is what is known of a trace as a whole.
type rootRow struct {
	Arrived uint64 // order of the trace's first span among all traces: the clock can be taken back, this cannot
	Start   int64  // unix nanoseconds of the span that stands for the trace in lists
	Root    bool   // that span has no parent that is recorded
	Spans   int
}

// maxSpans bounds the spans of one trace.
const maxSpans = 10_000

// batch gathers the read-modify-write rows (groups, streams, rollups, traces) of one commit, so that each is written once.
type batch struct {
	tx      store.Tx
	arrival func() uint64 // the next number in the order of arrival; only spans need it
	groups  map[string]*GroupInfo
	streams map[string]*StreamInfo
	points  map[string]*Datapoint
	roots   map[string]*rootRow
	traces  int // that are new
	dropped int // that cannot be kept
	err     error
}

func newBatch(tx store.Tx) *batch {
	return &batch{tx: tx, groups: map[string]*GroupInfo{}, streams: map[string]*StreamInfo{}, points: map[string]*Datapoint{}, roots: map[string]*rootRow{}}
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

// putRow writes a row. One that the store cannot take is left out, so that it does not take the rest of the batch with it.
func (b *batch) putRow(k store.Key, row []byte, err error) {
	if err == nil && (len(k) > store.MaxKey || len(row) > store.MaxValue) {
		b.dropped++
		return
	}
	if err == nil {
		err = b.tx.Put(k, row)
	}
	if b.err == nil {
		b.err = err
	}
}

func (b *batch) put(k store.Key, v any) {
	row, err := json.Marshal(v)
	b.putRow(k, row, err)
}

// row reads a JSON row into v; false when it is absent.
func (b *batch) row(k store.Key, v any) bool {
	row, err := b.tx.Get(k)
	if err == nil && row != nil {
		err = json.Unmarshal(row, v)
	}
	if b.err == nil {
		b.err = err
	}
	return row != nil
}

// cached gives the row of a key as this batch has it: read once, written at the end.
func cached[T any](b *batch, known map[string]*T, k store.Key) *T {
	v := known[string(k)]
	if v == nil {
		v = new(T)
		b.row(k, v)
		known[string(k)] = v
	}
	return v
}

func (b *batch) addLog(g LogGroup, stream string, events []LogEvent) {
	info := cached(b, b.groups, groupKey("group", g))
	s := cached(b, b.streams, groupKey("stream", g).Str(stream))
	info.Name, s.Name = g.Name, stream
	for _, e := range events {
		row, err := encodeEvent(e)
		b.putRow(groupKey("log", g).Str(e.ID), row, err)
		if s.Created.IsZero() {
			s.Created = e.Ingested
		}
		if info.Created.IsZero() {
			info.Created = e.Ingested
		}
		if s.First.IsZero() || e.Time.Before(s.First) {
			s.First = e.Time
		}
		if e.Time.After(s.Last) {
			s.Last = e.Time
		}
		size := int64(len(e.Message)) + eventBytes
		s.Ingested, s.Bytes, info.Bytes = e.Ingested, s.Bytes+size, info.Bytes+size
	}
}

func (b *batch) addMetric(m *Metric) {
	id := MetricID{Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions}
	minute, unit := m.Time.Truncate(time.Minute), m.Unit
	if unit == "" {
		unit = "None"
	}
	k := metricKey("metric", id, m.Scope).U64(uint64(max(minute.Unix(), 0))).Str(unit)
	d := cached(b, b.points, k)
	if d.Time.IsZero() {
		d.Time, d.Unit = minute, unit
		b.put(metricKey("metricid", id, m.Scope), id)
	}
	if m.Set != nil {
		d.addSet(*m.Set)
	}
	for i, v := range m.Values {
		n := 1.0
		if i < len(m.Counts) {
			n = m.Counts[i]
		}
		d.merge(v, n)
	}
}

// addSpan keeps a span, and for its trace the span that stands for it in lists: the earliest one that hangs under no other, or, until
// such a one comes, the first that came.
func (b *batch) addSpan(s *Span) {
	r := cached(b, b.roots, table("root").Str(s.Trace))
	if r.Spans >= maxSpans {
		b.dropped++
		return
	}
	start, root := s.Start.UnixNano(), s.Parent == "" || s.Fields["entry"] != ""
	if r.Spans == 0 {
		b.traces++
		r.Arrived = b.arrival()
	}
	if r.Spans == 0 || root && (!r.Root || start < r.Start) {
		r.Start, r.Root = start, root
		b.put(table("trace").U64(r.Arrived).Str(s.Trace), s)
	}
	r.Spans++
	b.put(table("span").Str(s.Trace).U64(uint64(start)).Str(s.ID), s)
}

func (b *batch) finish() error {
	putAll(b, b.groups)
	putAll(b, b.streams)
	putAll(b, b.points)
	putAll(b, b.roots)
	return b.err
}

func putAll[T any](b *batch, rows map[string]*T) {
	for k, v := range rows {
		b.put(store.Key(k), v)
	}
}
