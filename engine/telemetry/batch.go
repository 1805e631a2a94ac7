package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The tables, in shard 0 of the recorder's own store: "group" (group), "lines" (group, place of the first line, place of the last), "stream" (group, stream),
// "metric" (metric, minute, unit), "hour" (metric, hour, unit), "metricid" (metric), "span" (trace, start, span), "trace" (arrival, trace), "root" (trace).
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
	var few [8]string
	names := few[:0]
	for n := range d {
		names = append(names, n)
	}
	slices.Sort(names)
	b := make([]byte, 0, 64)
	for _, n := range names {
		b = append(strconv.AppendQuote(b, n), '=')
		b = append(strconv.AppendQuote(b, d[n]), ',')
	}
	if len(b) > longDimensions {
		sum := sha256.Sum256(b)
		return "#" + hex.EncodeToString(sum[:])
	}
	return string(b)
}

// eventBytes is what CloudWatch counts for an event besides its message.
const eventBytes = 26

// rootRow is what is known of a trace as a whole.
type rootRow struct {
	Arrived uint64 // order of the trace's first span among all traces: the clock can be taken back, this cannot
	Start   int64  // unix nanoseconds of the span that stands for the trace in lists
	Root    bool   // that span has no parent that is recorded
	Spans   int
	Faults  int // spans that failed
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
	known   map[series]*Datapoint // those of points that are asked for again and again
	texts   map[uintptr]string    // of dimensions, by the map that holds them, which many metrics of a batch have in common
	roots   map[string]*rootRow
	traces  int // that are new
	dropped int // that cannot be kept
	err     error
}

func newBatch(tx store.Tx) *batch {
	return &batch{tx: tx, groups: map[string]*GroupInfo{}, streams: map[string]*StreamInfo{}, points: map[string]*Datapoint{}, known: map[series]*Datapoint{}, texts: map[uintptr]string{}, roots: map[string]*rootRow{}}
}

func (b *batch) add(w *work) {
	switch {
	case b.err != nil:
	case w.chunk != nil:
		b.addChunk(w.chunk)
	case w.metric != nil:
		b.addMetric(w.metric)
	case w.sums != nil:
		b.addSums(w.sums)
	case w.span != nil:
		b.addSpan(w.span)
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

// addChunk keeps lines, and notes them in what is known of their group and streams.
func (b *batch) addChunk(c *chunk) {
	b.putRow(c.key(), c.row, nil)
	info := cached(b, b.groups, groupKey("group", c.group))
	info.Name = c.group.Name
	prefix := groupKey("stream", c.group)
	for i := range c.streams {
		part := &c.streams[i]
		s := cached(b, b.streams, prefix.Clone().Str(part.name))
		s.Name = part.name
		created, ingested, first, last := nanos(part.created), nanos(part.ingested), nanos(part.first), nanos(part.last)
		if s.Created.IsZero() {
			s.Created = created
		}
		if info.Created.IsZero() || created.Before(info.Created) {
			info.Created = created
		}
		if s.First.IsZero() || first.Before(s.First) {
			s.First = first
		}
		if last.After(s.Last) {
			s.Last = last
		}
		s.Ingested, s.Bytes, info.Bytes = ingested, s.Bytes+part.counted, info.Bytes+part.counted
	}
}

func nanos(n int64) time.Time { return time.Unix(0, n).UTC() }

// series is one metric in one minute, its dimensions in their canonical text.
type series struct {
	scope                             cloud.Scope
	namespace, name, dimensions, unit string
	minute                            int64
}

// point gives the rollup that a metric's values belong to.
func (b *batch) point(m *Metric) *Datapoint {
	minute, unit := m.Time.Truncate(time.Minute), m.Unit
	if unit == "" {
		unit = "None"
	}
	s := series{m.Scope, m.Namespace, m.Name, b.dimensions(m.Dimensions), unit, minute.Unix()}
	if d := b.known[s]; d != nil {
		return d
	}
	id := MetricID{Namespace: m.Namespace, Name: m.Name, Dimensions: m.Dimensions}
	d := cached(b, b.points, metricKey("metric", id, m.Scope).U64(uint64(max(minute.Unix(), 0))).Str(unit))
	if d.Time.IsZero() {
		d.Time, d.Unit = minute, unit
		b.put(metricKey("metricid", id, m.Scope), id)
	}
	b.known[s] = d
	return d
}

// dimensions is dimensionText. The batch's items keep their maps, so that none takes another's place.
func (b *batch) dimensions(d map[string]string) string {
	at := reflect.ValueOf(d).Pointer()
	text, ok := b.texts[at]
	if !ok {
		text = dimensionText(d)
		b.texts[at] = text
	}
	return text
}

func (b *batch) addMetric(m *Metric) {
	d := b.point(m)
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

// addSums adds what a meter gathered of a metric.
func (b *batch) addSums(s *sums) {
	m, g := s.meter, s.meter.gauges[s.gauge]
	b.addMetric(&Metric{
		Scope: m.scope, Namespace: m.namespace, Name: g.Name, Unit: g.Unit, Dimensions: m.dimensions, Time: time.Unix(s.minute, 0).UTC(), Values: s.values, Counts: s.counts,
	})
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
	if s.Fault != "" {
		r.Faults++
	}
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
