package telemetry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
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

// eventID makes an id of digits that sorts by time, then arrival.
func eventID(at time.Time, seq uint64) string {
	var b [56]byte
	digits(b[:16], uint64(max(at.UnixMilli(), 0)))
	digits(b[16:], seq)
	return string(b[:])
}

// digits fills b with a number's decimal digits, zeros before them.
func digits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// eventBytes is what CloudWatch counts for an event besides its message.
const eventBytes = 26

// encodeEvent makes the row of a line: the times of the event and of its arrival in nanoseconds since 1970 (varints), the id and the stream (each a length
// as a uvarint, and the text), and the message.
func encodeEvent(e *LogEvent) []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen64+4+len(e.ID)+len(e.Stream)+len(e.Message))
	b = binary.AppendVarint(b, e.Time.UnixNano())
	b = binary.AppendVarint(b, e.Ingested.UnixNano())
	for _, s := range [...]string{e.ID, e.Stream} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return append(b, e.Message...)
}

func decodeEvent(row []byte) (e LogEvent, err error) {
	times := [2]int64{}
	for i := range times {
		v, n := binary.Varint(row)
		if n <= 0 {
			return e, errLogRow
		}
		times[i], row = v, row[n:]
	}
	for _, s := range [...]*string{&e.ID, &e.Stream} {
		size, n := binary.Uvarint(row)
		if n <= 0 || size > uint64(len(row)-n) {
			return e, errLogRow
		}
		*s, row = string(row[n:n+int(size)]), row[n+int(size):]
	}
	e.Time, e.Ingested, e.Message = time.Unix(0, times[0]).UTC(), time.Unix(0, times[1]).UTC(), string(row)
	return e, nil
}

var errLogRow = errors.New("telemetry: malformed log row")

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

func (b *batch) add(it item) {
	switch {
	case b.err != nil:
	case it.group != nil:
		b.addLog(*it.group, it.stream, it.events)
	case it.metrics != nil:
		for i := range it.metrics {
			b.addMetric(&it.metrics[i])
		}
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
	prefix := groupKey("log", g)
	for i := range events {
		e := &events[i]
		b.putRow(make(store.Key, 0, len(prefix)+len(e.ID)+2).Raw(prefix).Str(e.ID), encodeEvent(e), nil)
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
