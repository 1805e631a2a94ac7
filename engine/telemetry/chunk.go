package telemetry

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"sundog/engine/store"
)

// Lines are kept together: what one commit brings of a group is one row, or as many as its size asks for. A row's key has the places of its first and
// last line. Rows of a group may overlap, since lines come late, but only those of the same second: no row has lines of two. So whoever reads in order has
// to look at one second's rows at a time.
//
// The row: the number of streams, and their names (each a length and the text); then one byte, how the rest is packed (0 as it is, 1 with S2). The rest: the
// number of lines; for each line the time in nanoseconds since 1970, less that of the line before; the arrival's time less its own; the order of arrival
// less that of the line before; the number of its stream; the length of its message; then the messages. All numbers are varints, signed where they are
// differences.
const (
	spanMillis = 1000     // of one row's lines
	chunkBytes = 64 << 10 // of messages in a row, about
)

const (
	packedNot = iota
	packedS2
)

// line is one line, its message text[from:to] of what holds it.
type line struct {
	at, ingested int64 // unix nanoseconds
	seq          uint64
	stream       uint32 // its number there
	from, to     uint32
}

func (l *line) place() place { return place{uint64(max(floorMilli(l.at), 0)), l.seq} }

// floorMilli is what Time.UnixMilli makes of nanoseconds.
func floorMilli(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns < 0 && ms*int64(time.Millisecond) != ns {
		ms--
	}
	return ms
}

// lines are lines of a group with the texts that they refer to.
type lines struct {
	streams []string
	all     []line
	text    []byte
}

// event gives a line as queries do. The strings are its own.
func (ls *lines) event(l *line) LogEvent {
	return LogEvent{
		Time: time.Unix(0, l.at).UTC(), Ingested: time.Unix(0, l.ingested).UTC(), Message: string(ls.text[l.from:l.to]), ID: l.place().id(), Stream: ls.streams[l.stream],
	}
}

// chunk is a row of lines that is to be written.
type chunk struct {
	group       LogGroup
	first, last place
	row         []byte
	streams     []streamPart
	lines       int
}

// streamPart is what a chunk adds to what is known of a stream.
type streamPart struct {
	name                       string
	first, last                int64 // unix nanoseconds
	created, ingested, counted int64 // arrivals of the first and the last; bytes
}

func (c *chunk) key() store.Key {
	return c.last.appendTo(c.first.appendTo(groupKey("lines", c.group)))
}

// cut sorts lines and makes rows of them. The lines are changed.
func (p *packer) cut(g LogGroup, ls *lines) (out []chunk) {
	slices.SortFunc(ls.all, func(a, b line) int { return a.place().compare(b.place()) })
	for rest := ls.all; len(rest) > 0; {
		n, size, span := 0, 0, rest[0].place().ms/spanMillis
		for ; n < len(rest) && rest[n].place().ms/spanMillis == span; n++ {
			if size += int(rest[n].to - rest[n].from); n > 0 && size > chunkBytes {
				break
			}
		}
		out = append(out, p.pack(g, ls, rest[:n]))
		rest = rest[n:]
	}
	return out
}

// packer makes rows. The zero value is ready; what it took up for one row is used for the next.
type packer struct {
	numbers []uint32 // of streams in the row, plus one; 0: it is not in it
	body    []byte
	packed  []byte
}

// pack makes one row of lines in their order.
func (p *packer) pack(g LogGroup, from *lines, part []line) chunk {
	c := chunk{group: g, first: part[0].place(), last: part[len(part)-1].place(), lines: len(part)}
	p.numbers = append(p.numbers[:0], make([]uint32, len(from.streams))...)
	body := binary.AppendUvarint(p.body[:0], uint64(len(part)))
	var at int64
	var seq uint64
	for i := range part {
		l := &part[i]
		if p.numbers[l.stream] == 0 {
			c.streams = append(c.streams, streamPart{name: from.streams[l.stream], first: l.at, last: l.at, created: l.ingested, ingested: l.ingested})
			p.numbers[l.stream] = uint32(len(c.streams))
		}
		s := &c.streams[p.numbers[l.stream]-1]
		s.first, s.last, s.ingested = min(s.first, l.at), max(s.last, l.at), max(s.ingested, l.ingested)
		s.created = min(s.created, l.ingested)
		s.counted += int64(l.to-l.from) + eventBytes
		body = binary.AppendVarint(body, l.at-at)
		body = binary.AppendVarint(body, l.ingested-l.at)
		body = binary.AppendVarint(body, int64(l.seq-seq))
		body = binary.AppendUvarint(body, uint64(p.numbers[l.stream]-1))
		body = binary.AppendUvarint(body, uint64(l.to-l.from))
		at, seq = l.at, l.seq
	}
	for i := range part {
		body = append(body, from.text[part[i].from:part[i].to]...)
	}
	how, body := p.squeeze(body)
	size := binary.MaxVarintLen64 + 1 + len(body)
	for i := range c.streams {
		size += binary.MaxVarintLen64 + len(c.streams[i].name)
	}
	row := binary.AppendUvarint(make([]byte, 0, size), uint64(len(c.streams)))
	for i := range c.streams {
		row = append(binary.AppendUvarint(row, uint64(len(c.streams[i].name))), c.streams[i].name...)
	}
	c.row = append(append(row, how), body...)
	return c
}

// squeeze packs a body, if that makes it shorter.
func (p *packer) squeeze(body []byte) (how byte, out []byte) {
	if p.body = body[:0]; cap(body) > 4*chunkBytes {
		p.body = nil
	}
	into := p.packed
	if need := s2.MaxEncodedLen(len(body)); len(into) < need {
		into = make([]byte, need)
		if need <= 4*chunkBytes {
			p.packed = into
		}
	}
	if packed := s2.Encode(into, body); len(packed) < len(body) {
		return packedS2, packed
	}
	return packedNot, body
}

var errLogRow = errors.New("telemetry: malformed log row")

// reader reads numbers off the front of a row.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 { return cutNumber(r, binary.Uvarint) }

func (r *reader) varint() int64 { return cutNumber(r, binary.Varint) }

// cutNumber reads one number with one of package binary's functions.
func cutNumber[T int64 | uint64](r *reader, read func([]byte) (T, int)) T {
	v, n := read(r.b)
	if r.bad = r.bad || n <= 0; r.bad {
		return 0
	}
	r.b = r.b[n:]
	return v
}

// take cuts n bytes off.
func (r *reader) take(n uint64) []byte {
	if r.bad = r.bad || n > uint64(len(r.b)); r.bad {
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// unpack reads a row, or nothing of it when no stream is wanted. What it gives does not refer to the row if that is packed.
func unpack(row []byte, wanted func(stream string) bool) (*lines, error) {
	r, out := reader{b: row}, &lines{}
	n := r.uvarint()
	some := false
	for range min(n, uint64(len(row))) {
		s := string(r.take(r.uvarint()))
		some = some || wanted(s)
		out.streams = append(out.streams, s)
	}
	how := r.take(1)
	switch {
	case r.bad || uint64(len(out.streams)) != n:
		return nil, errLogRow
	case !some:
		return out, nil
	case how[0] == packedS2:
		body, err := s2.Decode(nil, r.b)
		if err != nil {
			return nil, errLogRow
		}
		r.b = body
	case how[0] != packedNot:
		return nil, errLogRow
	}
	return out, out.read(r.b)
}

// read reads the lines.
func (ls *lines) read(body []byte) error {
	r := reader{b: body}
	n := r.uvarint()
	if r.bad || n > uint64(len(body)) {
		return errLogRow
	}
	ls.all = make([]line, n)
	var at, end int64
	var seq uint64
	for i := range ls.all {
		at += r.varint()
		ingested := at + r.varint()
		seq += uint64(r.varint())
		stream, size := r.uvarint(), r.uvarint()
		if r.bad || stream >= uint64(len(ls.streams)) || size > uint64(len(body)) {
			return errLogRow
		}
		ls.all[i] = line{at: at, ingested: ingested, seq: seq, stream: uint32(stream), from: uint32(end), to: uint32(end + int64(size))}
		end += int64(size)
	}
	if ls.text = r.b; end != int64(len(ls.text)) {
		return errLogRow
	}
	return nil
}
