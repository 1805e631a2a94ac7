package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sundog/engine/store"
)

// TestLogModel compares the recorder with a sorted list, under lines that come late, in bursts and over many rows, under removals, and under all kinds of queries.
func TestLogModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := open(t, Options{})
		m := &logModel{rt: rt, b: b}
		stop := b.Tail(func(e TailEvent) { m.all = append(m.all, e.Log) })
		defer stop()
		rt.Repeat(map[string]func(*rapid.T){
			"write": m.write, "flush": func(*rapid.T) { b.flush() }, "expire": m.expire, "delete": m.delete, "query": m.query, "pages": m.pages,
			"clock": func(*rapid.T) { must(t, 0, moved(b, rapid.IntRange(0, 1500).Draw(rt, "ms"))) },
			"":      m.check,
		})
	})
}

func moved(b *bench, ms int) error {
	_, err := b.clock.Advance(ctx, time.Duration(ms)*time.Millisecond)
	return err
}

// logModel has all lines that are kept, as the tail showed them, in the order of their ids after sort.
type logModel struct {
	rt  *rapid.T
	b   *bench
	all []LogEvent
}

var streams = []string{"a/1", "a/2", "b/1"}

func (m *logModel) at(name string) time.Time {
	return start.Add(time.Duration(rapid.IntRange(-3000, 6000).Draw(m.rt, name)) * time.Millisecond)
}

func (m *logModel) write(*rapid.T) {
	events := make([]LogEvent, rapid.IntRange(1, 20).Draw(m.rt, "lines"))
	size := rapid.SampledFrom([]int{0, 10, 20_000}).Draw(m.rt, "size")
	for i := range events {
		events[i].Message = fmt.Sprint(len(m.all)+i, strings.Repeat("x", size))
		if rapid.Bool().Draw(m.rt, "late") {
			events[i].Time = m.at("time")
		}
	}
	m.b.Log(group, rapid.SampledFrom(streams).Draw(m.rt, "stream"), events...)
}

func (m *logModel) sorted() []LogEvent {
	slices.SortFunc(m.all, func(a, b LogEvent) int { return strings.Compare(a.ID, b.ID) })
	return m.all
}

func (m *logModel) expire(*rapid.T) {
	before := m.at("before")
	m.b.flush()
	must(m.b.t, 0, m.b.Expire(ctx, group, before))
	m.all = slices.DeleteFunc(m.all, func(e LogEvent) bool { return e.Time.Before(before) })
}

func (m *logModel) delete(*rapid.T) {
	if rapid.IntRange(0, 3).Draw(m.rt, "really") > 0 {
		return
	}
	s := rapid.SampledFrom(append([]string{""}, streams...)).Draw(m.rt, "stream")
	must(m.b.t, 0, m.b.DeleteStream(ctx, group, s))
	m.all = slices.DeleteFunc(m.all, func(e LogEvent) bool { return s == "" || e.Stream == s })
}

// draw makes a query.
func (m *logModel) draw() (q LogQuery) {
	q.Group, q.Descending = group, rapid.Bool().Draw(m.rt, "descending")
	if rapid.Bool().Draw(m.rt, "bounded") {
		q.From, q.To = m.at("from"), m.at("to")
	}
	switch rapid.IntRange(0, 3).Draw(m.rt, "streams") {
	case 1:
		q.Streams = []string{streams[0], streams[2]}
	case 2:
		q.StreamPrefix = "a/"
	}
	all := m.sorted()
	if len(all) > 0 && rapid.Bool().Draw(m.rt, "after") {
		q.After = rapid.SampledFrom(all).Draw(m.rt, "event").ID
	}
	if len(all) > 0 && rapid.Bool().Draw(m.rt, "before") {
		q.Before = rapid.SampledFrom(all).Draw(m.rt, "event").ID
	}
	return q
}

// selected is what a query should give.
func (m *logModel) selected(q LogQuery) (out []LogEvent) {
	for _, e := range m.sorted() {
		ok := (q.Streams == nil || slices.Contains(q.Streams, e.Stream)) && strings.HasPrefix(e.Stream, q.StreamPrefix) &&
			(q.From.IsZero() || !e.Time.Before(q.From)) && (q.To.IsZero() || !e.Time.After(q.To)) && (q.After == "" || e.ID > q.After) && (q.Before == "" || e.ID < q.Before)
		if ok {
			out = append(out, e)
		}
	}
	if q.Descending {
		slices.Reverse(out)
	}
	if q.Limit > 0 {
		out = out[:min(q.Limit, len(out))]
	}
	return out
}

func (m *logModel) same(q LogQuery) {
	m.b.flush()
	got, err := m.b.Logs(ctx, q)
	if must(m.b.t, got, err); !slices.Equal(got, m.selected(q)) {
		m.rt.Fatalf("%+v: %d lines, want %d", q, len(got), len(m.selected(q)))
	}
}

func (m *logModel) query(*rapid.T) {
	q := m.draw()
	q.Limit = rapid.SampledFrom([]int{0, 1, 7}).Draw(m.rt, "limit")
	m.same(q)
}

// pages walks over all that a query selects.
func (m *logModel) pages(*rapid.T) {
	m.b.flush()
	q := m.draw()
	want, limit := m.selected(q), rapid.IntRange(1, 5).Draw(m.rt, "page")
	var got []LogEvent
	for q.Limit = limit; ; {
		page, err := m.b.Logs(ctx, q)
		got = append(got, must(m.b.t, page, err)...)
		if len(page) < limit {
			break
		}
		if q.Descending {
			q.Before = page[limit-1].ID
		} else {
			q.After = page[limit-1].ID
		}
	}
	if !slices.Equal(got, want) {
		m.rt.Fatalf("%d lines in pages of %d, want %d", len(got), limit, len(want))
	}
}

func (m *logModel) check(*rapid.T) {
	m.same(LogQuery{Group: group})
	bytes := int64(0)
	for _, e := range m.all {
		bytes += int64(len(e.Message)) + eventBytes
	}
	g, err := m.b.Group(ctx, group)
	if must(m.b.t, g, err); g == nil && bytes > 0 || g != nil && g.Bytes != bytes {
		m.rt.Fatalf("%+v, want %d bytes", g, bytes)
	}
}

// rowsOf counts the rows of the group.
func (b *bench) rowsOf() (n int) {
	b.t.Helper()
	must(b.t, 0, b.store.View(ctx, func(rd store.Reader) error {
		it := rd.Scan(store.Prefix(groupKey("lines", group)))
		for it.Next() {
			n++
		}
		return it.Close()
	}))
	return n
}

func TestLinesTogetherAreOneRow(t *testing.T) {
	b := open(t, Options{})
	events := make([]LogEvent, 300)
	for i := range events {
		events[i].Message = strings.Repeat("x", 100)
	}
	must(t, 0, b.LogDurable(ctx, group, "s", events...))
	want(t, b.rowsOf(), 1)
	for i := range events { // as long as a row may be
		events[i].Message = strings.Repeat("x", chunkBytes)
	}
	must(t, 0, b.LogDurable(ctx, group, "s", events...))
	want(t, b.rowsOf(), 301)
}

// TestManyRowsOfOneMoment reads lines of one moment that are too many to be held.
func TestManyRowsOfOneMoment(t *testing.T) {
	b := open(t, Options{})
	events := make([]LogEvent, 5)
	for i := range 40 {
		for j := range events {
			x := fmt.Sprint(i, j, " ")
			events[j] = LogEvent{Time: start, Message: x + randomText(i*len(events)+j)}
		}
		must(t, 0, b.LogDurable(ctx, group, "s", events...))
	}
	for _, descending := range []bool{false, true} {
		got, err := b.Logs(ctx, LogQuery{Group: group, Descending: descending})
		must(t, got, err)
		if descending {
			slices.Reverse(got)
		}
		want(t, len(got), 200)
		for i, e := range got {
			want(t, e.Message, fmt.Sprint(i/5, i%5, " ")+randomText(i))
		}
	}
}

// randomText is long and cannot be packed.
func randomText(seed int) string {
	b := make([]byte, 16<<10)
	x := uint64(seed) + 1
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return string(b)
}

func TestMalformedRows(t *testing.T) {
	ls := lines{streams: []string{"s", "t"}, text: []byte("abcdef")}
	for i := range 6 {
		ls.all = append(ls.all, line{at: int64(i), ingested: 9, seq: uint64(i), stream: uint32(i % 2), from: uint32(i), to: uint32(i + 1)})
	}
	all := func(string) bool { return true }
	row := new(packer).cut(group, &ls)[0].row
	back, err := unpack(row, all)
	want(t, string(must(t, back, err).text), "abcdef")
	for n := range row {
		if _, err := unpack(row[:n], all); err == nil {
			t.Fatalf("the first %d bytes of %d are taken for a row", n, len(row))
		}
	}
	for i := range row { // it may be a row still, but must not panic
		other := slices.Clone(row)
		other[i] ^= 0xff
		_, _ = unpack(other, all)
	}
}

func TestPlaces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := place{rapid.Uint64Range(0, 9_999_999_999_999_999).Draw(rt, "ms"), rapid.Uint64().Draw(rt, "seq")}
		back, ok := parsePlace(p.id())
		if !ok || back != p {
			rt.Fatalf("%v is read as %v", p, back)
		}
		if p.next().compare(p) <= 0 {
			rt.Fatalf("%v comes before %v", p.next(), p)
		}
	})
	last, ok := parsePlace("0000000000000001" + strings.Repeat("9", 40))
	want(t, fmt.Sprint(last, ok), fmt.Sprint(place{1, 1<<64 - 1}, true))
	for _, bad := range []string{"", "1", strings.Repeat("x", idDigits)} {
		_, ok := parsePlace(bad)
		want(t, ok, false)
	}
	b := open(t, Options{})
	_, err := b.Logs(ctx, LogQuery{Group: group, After: "x"})
	want(t, err != nil, true)
}
