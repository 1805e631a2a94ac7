package sns

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/engine/timer"
)

// The archive of a FIFO topic (SNS Developer Guide, "Amazon SNS message archiving for FIFO topic owners"): every message, by time and sequence
// number, in the topic's shard. What is over the retention period is not seen any more, and goes once a day.

const (
	archiveKind  = "sns.archive"
	sweepEvery   = 24 * time.Hour
	maxRetention = 365 // days
)

// archived is a message in the archive.
type archived struct {
	ID         string                   `json:"id"`
	Body       string                   `json:"body"`
	ByProtocol map[string]string        `json:"byProtocol,omitempty"`
	Subject    *string                  `json:"subject,omitempty"`
	Attributes map[string]bus.Attribute `json:"attributes,omitempty"`
	Group      string                   `json:"group"`
	Dedup      string                   `json:"dedup"`
	Sequence   string                   `json:"sequence"`
	Time       int64                    `json:"time"`
}

func (a *archived) message() *message {
	return &message{
		id: a.ID, body: a.Body, byProtocol: a.ByProtocol, subject: a.Subject, attrs: a.Attributes, group: a.Group, dedup: a.Dedup, sequence: a.Sequence, time: a.Time,
	}
}

// retention reads an ArchivePolicy: for how many days messages are kept; 0: they are not.
func retention(doc string) (days int, err error) {
	if doc == "" {
		return 0, nil
	}
	var p struct {
		Days json.RawMessage `json:"MessageRetentionPeriod"`
	}
	if err := readDocument("ArchivePolicy", doc, &p); err != nil {
		return 0, err
	}
	if p.Days == nil {
		return 0, nil
	}
	if days, err = strconv.Atoi(string(bytes.Trim(p.Days, `"`))); err != nil || days < 1 || days > maxRetention {
		return 0, errInvalid("ArchivePolicy: MessageRetentionPeriod must be between 1 and %d days", maxRetention)
	}
	return days, nil
}

// archives tells whether a topic keeps its messages.
func (r *record) archives() bool { return r.ArchivedSince != 0 }

// archiveBegins gives the earliest moment of which messages are kept, unix ms.
func (r *record) archiveBegins(now time.Time) int64 {
	days, err := retention(r.Attributes["ArchivePolicy"])
	if err != nil {
		days = 0 // not written: it was checked
	}
	return max(r.ArchivedSince, now.AddDate(0, 0, -days).UnixMilli())
}

func archiveTimer(n name, due time.Time) timer.Timer {
	return timer.Timer{Shard: n.shard(), Kind: archiveKind, ID: n.arn().String(), Due: due}
}

// settleArchive begins or ends the archive, as the record's policy says.
func (r *snsRoom) settleArchive(tx store.Tx, n name, rec *record) error {
	days, err := retention(rec.Attributes["ArchivePolicy"])
	if err != nil {
		return err
	}
	now := r.d.Clock.Now()
	switch {
	case days > 0 && !rec.archives():
		rec.ArchivedSince = now.UnixMilli()
		return r.d.Timers.Set(tx, archiveTimer(n, now.Add(sweepEvery)))
	case days == 0:
		delete(rec.Attributes, "ArchivePolicy")
		if !rec.archives() {
			return nil
		}
		rec.ArchivedSince = 0
		if err := r.d.Timers.Cancel(tx, n.shard(), archiveKind, n.arn().String()); err != nil {
			return err
		}
		k := n.key("archive")
		return tx.DeleteRange(k, k.End())
	}
	return nil
}

// sweepArchive is the timer's handler: what is too old goes, and the timer is set anew.
func (r *snsRoom) sweepArchive(ctx context.Context, t timer.Timer) error {
	a, err := cloud.ParseARN(t.ID)
	if err != nil {
		return err
	}
	n := name{a.Scope(), a.Resource}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := readRecord(tx, n)
		if err != nil || rec == nil || !rec.archives() {
			return err
		}
		now := r.d.Clock.Now()
		if err := tx.DeleteRange(n.key("archive"), n.key("archive").U64(uint64(rec.archiveBegins(now)))); err != nil {
			return err
		}
		return r.d.Timers.Set(tx, archiveTimer(n, now.Add(sweepEvery)))
	})
}

// archive keeps a message, and stamps it with the time at which its turn came, so that the archive's order is that of the topic.
func (r *snsRoom) archive(tx store.Tx, t *topic, m *message) error {
	m.time = r.d.Clock.Now().UnixMilli()
	b, err := json.Marshal(archived{
		ID: m.id, Body: m.body, ByProtocol: m.byProtocol, Subject: m.subject, Attributes: m.attrs, Group: m.group, Dedup: m.dedup, Sequence: m.sequence, Time: m.time,
	})
	if err != nil {
		return err
	}
	return tx.Put(t.name.key("archive").U64(uint64(m.time)).Str(m.sequence), b)
}

// inLane gives a topic as it is, for what runs in its lane: replays must not miss a message between the archive's end and the present.
func (t *topic) inLane(tx store.Tx) (*topic, error) {
	if !t.record.archives() {
		return t, nil
	}
	return readTopic(tx, t.name)
}
