package sqs

import (
	"container/heap"

	"sundog/engine/store"
)

// attempts are the receives of a FIFO queue that can be repeated by their ReceiveRequestAttemptId. They are kept in memory only: after a
// restart a repeated receive is a new one.
type attempts struct {
	byID  map[string]attempt
	order []expiry // oldest first
}

// attempt is the answer to a receive.
type attempt struct {
	seqs   []uint64
	nonces []uint32
	until  int64
}

type expiry struct {
	id    string
	until int64
}

// remember keeps the answer to a receive for 5 minutes.
func (q *queue) remember(req request, out []received, now int64) {
	if req.attempt == "" || len(out) == 0 {
		return
	}
	t := &q.attempts
	for len(t.order) > 0 && t.order[0].until <= now {
		if e := t.order[0]; t.byID[e.id].until == e.until {
			delete(t.byID, e.id)
		}
		t.order = t.order[1:]
	}
	a := attempt{until: now + dedupInterval}
	for _, m := range out {
		a.seqs, a.nonces = append(a.seqs, m.Sequence), append(a.nonces, m.flight.Nonce)
	}
	if t.byID == nil {
		t.byID = map[string]attempt{}
	}
	t.byID[req.attempt] = a
	t.order = append(t.order, expiry{req.attempt, a.until})
}

// repeat answers a repeated receive as before, with the visibility begun anew, unless any of the messages was deleted, became visible or had
// its visibility changed since.
func (q *queue) repeat(tx store.Tx, req request, now int64) ([]received, bool, error) {
	a, ok := q.attempts.byID[req.attempt]
	if req.attempt == "" || !ok || a.until <= now {
		return nil, false, nil
	}
	for i, seq := range a.seqs {
		if f, ok := q.flying[seq]; !ok || f.Nonce != a.nonces[i] || f.changed {
			delete(q.attempts.byID, req.attempt)
			return nil, false, nil
		}
	}
	var out []received
	for _, seq := range a.seqs {
		m, err := q.message(tx, seq)
		if err != nil || m == nil {
			return nil, true, err
		}
		f := q.flying[seq]
		before := f.Due
		f.Due = now + req.visibility
		if err := q.writeFlight(tx, seq, f.flight, before); err != nil {
			return nil, true, err
		}
		q.flying[seq] = f
		heap.Push(&q.due, dueItem{f.Due, seq})
		out = append(out, received{message: m, flight: f.flight, handle: q.handle(seq, f.Nonce)})
	}
	return out, true, nil
}
