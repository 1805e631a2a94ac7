package sns

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/engine/timer"
)

// A replay hands archived messages to a subscription again (SNS Developer Guide, "Amazon SNS message replay for FIFO topic subscribers"). While
// it runs, the subscription gets what is published from the archive too, in order; then it is as it was.

const (
	replayKind  = "sns.replay"
	replayRows  = 500 // of the archive that one step reads
	replayBatch = 100 // messages that one step hands over
)

// The values of ReplayStatus.
const (
	replayPending   = "Pending"
	replayRuns      = "In progress"
	replayCompleted = "Completed"
	replayFailed    = "Failed"
)

// replay is a subscription's replay.
type replay struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	From   int64  `json:"from"`            // unix ms
	To     int64  `json:"to,omitempty"`    // unix ms; 0: all
	Began  string `json:"began"`           // sequence number of the newest message at the start: later ones are no replays
	After  []byte `json:"after,omitempty"` // the archive's key up to which it is done, without the prefix
}

// replayPolicy is the attribute.
type replayPolicy struct {
	PointType     string
	StartingPoint time.Time
	EndingPoint   time.Time
}

func parseReplay(doc string) (p replayPolicy, err error) {
	if doc == "" {
		return p, nil
	}
	if err := readDocument("ReplayPolicy", doc, &p); err != nil {
		return p, err
	}
	switch {
	case p == replayPolicy{}: // takes the policy away
	case p.PointType != "Timestamp":
		return p, errInvalid("ReplayPolicy: PointType must be Timestamp")
	case p.StartingPoint.IsZero():
		return p, errInvalid("ReplayPolicy: StartingPoint must be given")
	case !p.EndingPoint.IsZero() && !p.EndingPoint.After(p.StartingPoint):
		return p, errInvalid("ReplayPolicy: EndingPoint must be after StartingPoint")
	}
	return p, nil
}

// replaying tells whether a subscription gets its messages from the archive at present.
func (s *subscription) replaying() bool {
	return s.Replay != nil && (s.Replay.Status == replayPending || s.Replay.Status == replayRuns)
}

// settleReplay begins a replay where the subscription has a policy that none was begun for, or ends it when the policy is gone.
func (r *snsRoom) settleReplay(tx store.Tx, n name, s *subscription) error {
	doc := s.Attributes["ReplayPolicy"]
	if doc == "" {
		s.Replay = nil
		return nil
	}
	if s.Replay != nil {
		return nil
	}
	p, err := parseReplay(doc)
	if err != nil {
		return err
	}
	rec, err := readRecord(tx, n)
	if err != nil {
		return err
	}
	now := r.d.Clock.Now()
	switch {
	case rec == nil:
		return errNoTopic()
	case !rec.archives():
		return errInvalid("ReplayPolicy: the topic has no ArchivePolicy")
	case p.StartingPoint.UnixMilli() < rec.archiveBegins(now):
		return errInvalid("ReplayPolicy: StartingPoint must not be before the topic's BeginningArchiveTime %s", stamp(rec.archiveBegins(now)))
	case p.StartingPoint.After(now):
		return errInvalid("ReplayPolicy: StartingPoint must not be in the future")
	}
	s.Replay = &replay{ID: r.d.IDs.Hex(8), Status: replayPending, From: p.StartingPoint.UnixMilli()}
	if !p.EndingPoint.IsZero() {
		s.Replay.To = p.EndingPoint.UnixMilli()
	}
	if s.Replay.Began, err = lastSequence(tx, n); err != nil {
		return err
	}
	return r.d.Timers.Set(tx, timer.Timer{Shard: n.shard(), Kind: replayKind, ID: n.subscriptionARN(s.ID), Due: now})
}

// runReplay is the timer's handler: it hands over until the archive's end.
func (r *snsRoom) runReplay(ctx context.Context, t timer.Timer) error {
	a, err := cloud.ParseARN(t.ID)
	if err != nil {
		return err
	}
	resource, id, _ := strings.Cut(a.Resource, ":")
	n := name{a.Scope(), resource}
	if err := r.signer.load(ctx); err != nil { // never inside the lane
		return err
	}
	for done := false; !done; {
		err := r.d.Lanes.Do(ctx, n.shard(), func(tx store.Tx) (err error) {
			done, err = r.replayStep(ctx, tx, n, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replayStep hands over the next messages; true when there is no more to do.
func (r *snsRoom) replayStep(ctx context.Context, tx store.Tx, n name, id string) (done bool, err error) {
	s, err := readSubscription(tx, n, id)
	if err != nil || s == nil || !s.replaying() {
		return true, err
	}
	t, err := readTopic(tx, n)
	if cloud.IsCode(err, "NotFound") {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	p := *s.Replay // the row's own: this may run again
	s.Replay = &p
	if !t.record.archives() {
		p.Status = replayFailed
		return true, r.writeSubscription(tx, n, *s)
	}
	c, err := t.record.compile(n, *s)
	if err != nil {
		return false, err
	}
	out, done, err := r.replayed(ctx, tx, t, &c, &p)
	if err != nil {
		return false, err
	}
	if p.Status = replayRuns; done {
		p.Status = replayCompleted
	}
	if err := r.d.Bus.Emit(tx, n.shard(), out...); err != nil {
		return false, err
	}
	return done, r.writeSubscription(tx, n, *s)
}

// replayed reads on in the archive, and moves p on; true at the archive's end.
func (r *snsRoom) replayed(ctx context.Context, tx store.Tx, t *topic, c *compiled, p *replay) (out []bus.Delivery, done bool, err error) {
	prefix := t.name.key("archive")
	from := prefix.Clone().U64(uint64(max(p.From, t.record.archiveBegins(r.d.Clock.Now()))))
	if p.After != nil {
		if next := append(prefix.Clone().Raw(p.After), 0); bytes.Compare(next, from) > 0 {
			from = next
		}
	}
	it := tx.Scan(store.ScanOptions{Lo: from, Hi: prefix.End()})
	defer func() { _ = it.Close() }()
	for rows := 0; rows < replayRows && len(out) < replayBatch; rows++ {
		if !it.Next() {
			return out, it.Err() == nil, it.Err()
		}
		p.After = slices.Clone(it.Key()[len(prefix):])
		var a archived
		if err := json.Unmarshal(it.Value(), &a); err != nil {
			return nil, false, err
		}
		m := a.message()
		m.signatures = signatures{}
		again := m.sequence <= p.Began
		if again && p.To != 0 && m.time > p.To {
			continue
		}
		if again {
			m.repeat(p.ID)
		}
		if !c.passes(m) {
			continue
		}
		d, err := r.delivery(ctx, cloud.Call{}, t, c, m)
		if err != nil {
			return nil, false, err
		}
		d.ID += "/" + p.ID
		out = append(out, d)
	}
	return out, false, nil
}

// repeat marks a message as a replayed one. It gets a deduplication id of its own, so that a queue that has just got the message takes it again.
func (m *message) repeat(id string) {
	attrs := maps.Clone(m.attrs)
	if attrs == nil {
		attrs = map[string]bus.Attribute{}
	}
	attrs["Replayed"] = bus.Attribute{Type: "String", Value: "true"}
	sum := sha256.Sum256([]byte(m.dedup + "\x00" + id))
	m.attrs, m.dedup = attrs, hex.EncodeToString(sum[:])
}
