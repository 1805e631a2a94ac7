package sqs

import (
	"encoding/binary"
	"errors"
	"slices"

	"sundog/engine/bus"
)

// message is one message as it is kept.
type message struct {
	ID       string
	Body     string
	Sent     int64  // unix ms, on the platform's clock
	Sender   string // principal id
	Group    string
	Dedup    string
	Trace    string // X-Ray header: the AWSTraceHeader attribute
	Cause    string // the same of the call that sent it, not shown
	Source   string // ARN of the queue that this one is the dead letter queue of
	Count    uint32 // receives in the queues before this one
	First    int64  // first receive there, unix ms
	Attrs    map[string]bus.Attribute
	Sequence uint64 // not encoded: it is in the key
}

// flight is the state of a message that is delayed, in flight, or was received before.
type flight struct {
	Due   int64  // unix ms when it becomes visible
	Count uint32 // receives in this queue; 0: it is only delayed
	First int64  // first receive, unix ms
	Nonce uint32 // of the newest receipt handle
	Taken int64  // newest receive, unix ms
}

const codecVersion = 1

var errCodec = errors.New("sqs: malformed row")

type writer []byte

func (w *writer) str(s string) {
	*w = binary.AppendUvarint(*w, uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) num(n int64) { *w = binary.AppendVarint(*w, n) }

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) num() int64 {
	n, k := binary.Varint(r.b)
	if k <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *reader) str() string { return string(r.skip()) }

// skip passes over a text, and gives it.
func (r *reader) skip() []byte {
	n, k := binary.Uvarint(r.b)
	if k <= 0 || n > uint64(len(r.b)-k) {
		r.bad, r.b = true, nil
		return nil
	}
	s := r.b[k : k+int(n)]
	r.b = r.b[k+int(n):]
	return s
}

func (m *message) encode() []byte {
	w := make(writer, 0, len(m.Body)+160)
	w = append(w, codecVersion)
	for _, s := range []string{m.ID, m.Body, m.Sender, m.Group, m.Dedup, m.Trace, m.Cause, m.Source} {
		w.str(s)
	}
	w.num(m.Sent)
	w.num(int64(m.Count))
	w.num(m.First)
	w.num(int64(len(m.Attrs)))
	names := make([]string, 0, len(m.Attrs))
	for n := range m.Attrs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		a := m.Attrs[n]
		w.str(n)
		w.str(a.Type)
		w.str(a.Value)
		w.str(string(a.Binary))
	}
	return w
}

func decodeMessage(b []byte) (*message, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return nil, errCodec
	}
	r := reader{b: b[1:]}
	m := &message{}
	for _, p := range []*string{&m.ID, &m.Body, &m.Sender, &m.Group, &m.Dedup, &m.Trace, &m.Cause, &m.Source} {
		*p = r.str()
	}
	m.Sent, m.Count, m.First = r.num(), uint32(r.num()), r.num()
	n := r.num()
	for ; n > 0 && !r.bad; n-- {
		name := r.str()
		a := bus.Attribute{Type: r.str(), Value: r.str()}
		if v := r.str(); v != "" {
			a.Binary = []byte(v)
		}
		if m.Attrs == nil {
			m.Attrs = map[string]bus.Attribute{}
		}
		m.Attrs[name] = a
	}
	if r.bad || len(r.b) > 0 {
		return nil, errCodec
	}
	return m, nil
}

// groupIn reads only the group of an encoded message.
func groupIn(b []byte) (string, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return "", errCodec
	}
	r := reader{b: b[1:]}
	for range 3 { // ID, body, sender
		r.skip()
	}
	g := r.str()
	if r.bad {
		return "", errCodec
	}
	return g, nil
}

func (f flight) encode() []byte {
	w := make(writer, 0, 32)
	w = append(w, codecVersion)
	w.num(f.Due)
	w.num(int64(f.Count))
	w.num(f.First)
	w.num(int64(f.Nonce))
	w.num(f.Taken)
	return w
}

func decodeFlight(b []byte) (flight, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return flight{}, errCodec
	}
	r := reader{b: b[1:]}
	f := flight{Due: r.num(), Count: uint32(r.num()), First: r.num(), Nonce: uint32(r.num())}
	if len(r.b) > 0 { // rows of earlier versions end here
		f.Taken = r.num()
	}
	if r.bad || len(r.b) > 0 {
		return flight{}, errCodec
	}
	return f, nil
}
