package bus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The outbox of a shard:
//
//	(shard, "bus", "body", id)                          -> the delivery
//	(shard, "bus", "due", moment, id)                   -> nothing; one for each delivery without an OrderKey
//	(shard, "bus", "wait", target, moment, id)          -> nothing; in the place of the row above while memory has no room for the target's
//	(shard, "bus", "group", target, order key) + stamp  -> id; one for each delivery with an OrderKey, in the order of commits
//	(shard, "bus", "payload", name)                     -> a payload that several deliveries share
//	(shard, "bus", "refs", name)                        -> how many bodies name it
//
// A row of the index tables whose delivery is gone was cancelled, and is taken away when it is met.

const (
	lifetime = 24 * time.Hour // of a delivery that does not say
	maxID    = 512
)

func bodyKey(s store.Shard, id string) store.Key { return store.K(s, "bus", "body").Str(id) }

func dueTable(s store.Shard) store.Key { return store.K(s, "bus", "due") }

func dueKey(s store.Shard, at int64, id string) store.Key {
	return dueTable(s).U64(uint64(at)).Str(id)
}

func groupTable(s store.Shard) store.Key { return store.K(s, "bus", "group") }

func groupKey(s store.Shard, target cloud.ARN, order string) store.Key {
	return groupTable(s).Str(target.String()).Str(order)
}

// stored is a delivery as it waits.
type stored struct {
	Delivery
	Troubles int    `json:"troubles,omitempty"` // attempts that failed by infrastructure since the last that counted
	Reason   string `json:"reason,omitempty"`   // of the last attempt
	Code     string `json:"code,omitempty"`
	Shared   string `json:"shared,omitempty"` // the payload's name, when it is stored apart
}

// encode puts the payload behind the JSON of the rest, so that it is stored as it is.
func (d stored) encode() ([]byte, error) {
	payload := d.Payload
	d.Payload = nil
	if d.Shared != "" {
		payload = nil
	}
	head, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding delivery %s: %w", d.ID, err)
	}
	b := make([]byte, 0, len(head)+len(payload)+4)
	b = binary.AppendUvarint(b, uint64(len(head)))
	return append(append(b, head...), payload...), nil
}

func decode(b []byte) (d stored, err error) {
	n, at := binary.Uvarint(b)
	if at <= 0 || n > uint64(len(b)-at) {
		return d, errors.New("bus: malformed delivery")
	}
	if err := json.Unmarshal(b[at:at+int(n)], &d); err != nil {
		return d, fmt.Errorf("decoding a delivery: %w", err)
	}
	if rest := b[at+int(n):]; len(rest) > 0 {
		d.Payload = rest
	}
	return d, nil
}

// due gives the moment from which a delivery may be tried.
func due(d Delivery, now time.Time) int64 {
	if d.NotBefore.After(now) {
		return d.NotBefore.UnixNano()
	}
	return max(now.UnixNano(), 1)
}

// complete fills in what a delivery leaves out.
func (b *Dispatcher) complete(d *Delivery, now time.Time) error {
	if d.Target.IsZero() {
		return errors.New("bus: a delivery without a target")
	}
	if d.ID == "" {
		d.ID, d.Fresh = b.o.IDs.UUID(), true
	}
	if len(d.ID) > maxID {
		return fmt.Errorf("bus: the id of a delivery is over %d bytes", maxID)
	}
	if d.Expires.IsZero() {
		d.Expires = now.Add(lifetime)
		if d.NotBefore.After(now) {
			d.Expires = d.NotBefore.Add(lifetime)
		}
	}
	return nil
}

// Emit implements Bus. It keeps the payloads, which must not be changed afterwards. An id that waits already in the shard is the same
// delivery: it arrives once.
func (b *Dispatcher) Emit(tx store.Tx, s store.Shard, deliveries ...Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	now := b.o.Clock.Now()
	names, err := b.share(tx, s, deliveries)
	if err != nil {
		return err
	}
	entries := make([]*entry, 0, len(deliveries))
	crowded := b.crowded(deliveries)
	for _, d := range deliveries {
		if err := b.complete(&d, now); err != nil {
			return err
		}
		e, err := write(tx, s, stored{Delivery: d, Shared: names[identify(d.Payload)]}, now, crowded[d.Target])
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	tx.AfterCommit(func(store.Stamp) { b.accept(entries) })
	return nil
}

// write puts a delivery and its index row; aside: into the target's backlog, if it is due.
func write(tx store.Tx, s store.Shard, d stored, now time.Time, aside bool) (*entry, error) {
	body, err := d.encode()
	if err != nil {
		return nil, err
	}
	if err := tx.Put(bodyKey(s, d.ID), body); err != nil {
		return nil, err
	}
	e := &entry{stored: d, shard: s}
	if d.OrderKey != "" {
		return e, tx.PutStamped(groupKey(s, d.Target, d.OrderKey), nil, []byte(d.ID))
	}
	e.at = due(d.Delivery, now)
	if e.index, e.aside = dueKey(s, e.at, d.ID), aside && e.at <= now.UnixNano(); e.aside {
		e.index = waitKey(s, d.Target, e.at, d.ID)
	}
	return e, tx.Put(e.index, nil)
}

// Cancel implements Bus. A delivery that is being handed over at this moment may still arrive.
func (b *Dispatcher) Cancel(tx store.Tx, s store.Shard, id string) error {
	body, err := tx.Get(bodyKey(s, id))
	if err != nil || body == nil {
		return err
	}
	d, err := decode(body)
	if err != nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { b.cancelled(s, id) })
	if err := tx.Delete(bodyKey(s, id)); err != nil {
		return err
	}
	return unref(tx, s, d.Shared)
}
