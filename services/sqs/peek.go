package sqs

import (
	"context"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// Peeked is one message of a queue as it stands.
type Peeked struct {
	ID         string
	Body       string
	State      string // "ready", "delayed" or "in flight"
	Sent       time.Time
	Visible    time.Time // when it becomes ready; zero when it is
	Receives   int       // as ApproximateReceiveCount
	Group      string
	Attributes map[string]bus.Attribute
}

// The bounds of what one Peek gives.
const (
	MaxPeek      = 1000     // messages
	maxPeekBytes = 32 << 20 // of bodies; the message that goes over it is the last
)

// Peek gives the first messages of a queue by age, without changing anything: no receive is counted, no message becomes invisible. now is the
// platform's time. An *Error of kind NotFound when there is no such queue. It reads the store only, and may run concurrently with anything.
func Peek(ctx context.Context, s store.Store, now time.Time, queue cloud.ARN, limit int) (out []Peeked, err error) {
	n := nameOf(queue)
	err = s.View(ctx, func(rd store.Reader) error {
		out = nil
		rec, err := readRecord(rd, n)
		if err != nil {
			return err
		}
		if rec == nil {
			return errNoQueue()
		}
		prefix := genKey(n.shard(), "msg", rec.Gen)
		it := rd.Scan(store.Prefix(prefix))
		defer func() { _ = it.Close() }()
		for size := 0; len(out) < min(limit, MaxPeek) && size < maxPeekBytes && it.Next(); {
			seq, _, err := store.CutU64(it.Key()[len(prefix):])
			if err != nil {
				return err
			}
			m, err := decodeMessage(it.Value())
			if err != nil {
				return err
			}
			if now.UnixMilli()-m.Sent >= rec.config().retention*1000 {
				continue // it is gone at the next receive
			}
			p, err := peeked(rd, genKey(n.shard(), "flight", rec.Gen).U64(seq), m, now)
			if err != nil {
				return err
			}
			out, size = append(out, p), size+len(p.Body)
		}
		return it.Err()
	})
	return out, err
}

// peeked tells in which state a message is.
func peeked(rd store.Reader, flightKey store.Key, m *message, now time.Time) (Peeked, error) {
	p := Peeked{ID: m.ID, Body: m.Body, State: "ready", Sent: time.UnixMilli(m.Sent).UTC(), Receives: int(m.Count), Group: m.Group, Attributes: m.Attrs}
	f, ok, err := readFlight(rd, flightKey)
	if err != nil || !ok {
		return p, err
	}
	p.Receives += int(f.Count)
	if f.Due > now.UnixMilli() {
		p.Visible = time.UnixMilli(f.Due).UTC()
		if p.State = "in flight"; f.Count == 0 {
			p.State = "delayed"
		}
	}
	return p, nil
}
