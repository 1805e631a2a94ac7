package telemetry

import "strings"

// pending is what waits to be written. Two take turns: one is filled while the other is written, and what it took up is used again.
type pending struct {
	groups  map[LogGroup]*gathered
	order   []*gathered
	metrics []Metric
	spans   []Span
	meters  []*meter // that have values
	waiters []chan<- error
	size    int64 // bytes, about, without what meters have
	press   bool  // what meters have is to be written, too
	spare   []*gathered
}

// gathered are the lines of one group that wait.
type gathered struct {
	lines
	group   LogGroup
	numbers map[string]uint32 // of streams
}

// kept bounds, in bytes, what an empty pending holds on to for the next lines.
const kept = 1 << 20

func (p *pending) empty() bool {
	return len(p.order) == 0 && len(p.metrics) == 0 && len(p.spans) == 0 && len(p.waiters) == 0
}

// add takes lines that arrive at now, in nanoseconds, and have the numbers from seq on.
func (p *pending) add(g *LogGroup, stream string, events []LogEvent, now int64, seq uint64) {
	into := p.groups[*g]
	if into == nil {
		into = p.take(*g)
	}
	number, ok := into.numbers[stream]
	if !ok {
		number = uint32(len(into.streams))
		into.numbers[stream], into.streams = number, append(into.streams, stream)
	}
	for i := range events {
		e := &events[i]
		at := now
		if !e.Time.IsZero() {
			at = e.Time.UnixNano()
		}
		from := uint32(len(into.text))
		into.text = append(into.text, cutMessage(e.Message)...)
		into.all = append(into.all, line{at: at, ingested: now, seq: seq + uint64(i), stream: number, from: from, to: uint32(len(into.text))})
	}
}

// take gives an empty place for a group's lines.
func (p *pending) take(g LogGroup) *gathered {
	var into *gathered
	if n := len(p.spare); n > 0 {
		into, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		into = &gathered{numbers: map[string]uint32{}}
	}
	into.group = g
	p.groups[g], p.order = into, append(p.order, into)
	return into
}

// reset empties p, but for what its next use can have.
func (p *pending) reset() {
	var held []*gathered
	size := 0
	for _, g := range append(p.spare, p.order...) {
		if size += g.capacity(); size > kept {
			break
		}
		g.empty()
		held = append(held, g)
	}
	p.spare = held
	clear(p.groups)
	p.order, p.waiters = emptied(p.order), emptied(p.waiters)
	p.metrics, p.spans, p.meters = emptied(p.metrics), emptied(p.spans), emptied(p.meters)
	p.size, p.press = 0, false
}

// capacity is about how many bytes g holds on to.
func (g *gathered) capacity() int {
	return 1<<10 + cap(g.text) + cap(g.all)*lineBytes + cap(g.streams)*lineBytes
}

func (g *gathered) empty() {
	clear(g.streams)
	clear(g.numbers)
	g.lines = lines{streams: g.streams[:0], all: g.all[:0], text: g.text[:0]}
}

// emptied gives an empty slice that may use the place of s, if that is small, and holds on to nothing.
func emptied[T any](s []T) []T {
	if cap(s) > 1024 {
		return nil
	}
	clear(s[:cap(s)])
	return s[:0]
}

// cutMessage gives as much of a message as is kept.
func cutMessage(m string) string {
	if len(m) > messageBytes {
		return strings.ToValidUTF8(m[:messageBytes], "")
	}
	return m
}

// lineSize is about what lines take while they wait.
func lineSize(events []LogEvent) (n int64) {
	for i := range events {
		n += int64(min(len(events[i].Message), messageBytes)) + lineBytes
	}
	return n
}

func metricSize(all []Metric) (n int64) {
	for i := range all {
		m := &all[i]
		n += itemBytes + int64(len(m.Values)+len(m.Counts))*8 + int64(len(m.Dimensions))*itemBytes
	}
	return n
}

func spanSize(s *Span) int64 { return itemBytes + int64(len(s.Fault)+len(s.Segment)+len(s.Name)) }

// work is one thing to write, in a commit with others.
type work struct {
	chunk  *chunk
	metric *Metric
	span   *Span
	sums   *sums
	size   int64
	n      int // lines, spans or metrics, which are dropped if it cannot be written
}

// works lists what waits in the order in which it is written.
func (p *pending) works(pack *packer, extracted []Metric, summed []sums) []work {
	out := make([]work, 0, len(p.order)+len(p.metrics)+len(p.spans)+len(extracted)+len(summed))
	for _, g := range p.order {
		rows := pack.cut(g.group, &g.lines)
		for i := range rows {
			out = append(out, work{chunk: &rows[i], size: int64(len(rows[i].row)) + itemBytes, n: rows[i].lines})
		}
	}
	for _, list := range [][]Metric{p.metrics, extracted} {
		for i := range list {
			out = append(out, work{metric: &list[i], size: metricSize(list[i : i+1]), n: 1})
		}
	}
	for i := range p.spans {
		out = append(out, work{span: &p.spans[i], size: spanSize(&p.spans[i]), n: 1})
	}
	for i := range summed {
		out = append(out, work{sums: &summed[i], size: int64(len(summed[i].values)) * valueBytes, n: 1})
	}
	return out
}

// together gives how many of the first works go into one commit.
func together(all []work) int {
	size := int64(0)
	for i := range all {
		if size += all[i].size; i > 0 && (size > batchBytes || i >= batchItems) {
			return i
		}
	}
	return len(all)
}
