package bus

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
)

// The outbox of a shard:
//
//	(shard, "bus", "body", name)                        -> a delivery, or several that were emitted together
//	(shard, "bus", "over", name)                        -> for a body of several: a counter that is 0 once all of them are over; see parcel
//	(shard, "bus", "due", moment, name)                 -> nothing; for a body, unless each of its deliveries has a row in one of the tables below
//	(shard, "bus", "wait", target, moment, name)        -> nothing; in the place of the row above while memory has no room for the target's
//	(shard, "bus", "group", target, order key) + stamp  -> name; one for each delivery with an OrderKey, in the order of commits
//
// The name of a delivery that is stored by itself is its ID; see ref for others. A row of the index tables whose body is gone was cancelled, and is taken
// away when it is met.

const (
	lifetime = 24 * time.Hour // of a delivery that does not say
	maxID    = 512
)

func bodyKey(s store.Shard, name string) store.Key { return store.K(s, "bus", "body").Str(name) }

func dueTable(s store.Shard) store.Key { return store.K(s, "bus", "due") }

func dueKey(s store.Shard, at int64, name string) store.Key {
	return dueTable(s).U64(uint64(at)).Str(name)
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
}

// body is what one row of the table of bodies holds.
type body struct {
	stored
	At      int64    `json:"at,omitempty"`      // of several: under which the body is due
	Members []member `json:"members,omitempty"` // of several: the first is the delivery above; nil: there is one
}

// encode puts the payload behind the JSON of the rest, so that it is stored as it is.
func (x body) encode() ([]byte, error) {
	payload := x.Payload
	x.Payload = nil
	head, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encoding delivery %s: %w", x.ID, err)
	}
	b := make([]byte, 0, len(head)+len(payload)+4)
	b = binary.AppendUvarint(b, uint64(len(head)))
	return append(append(b, head...), payload...), nil
}

func decode(b []byte) (x body, err error) {
	n, at := binary.Uvarint(b)
	if at <= 0 || n > uint64(len(b)-at) {
		return x, errors.New("bus: malformed delivery")
	}
	if err := json.Unmarshal(b[at:at+int(n)], &x); err != nil {
		return x, fmt.Errorf("decoding a delivery: %w", err)
	}
	if rest := b[at+int(n):]; len(rest) > 0 {
		x.Payload = rest
	}
	return x, nil
}

// due gives the moment from which a delivery may be tried.
func due(d *Delivery, now time.Time) int64 {
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
	if len(d.ID) > maxID || strings.HasPrefix(d.ID, several) {
		return fmt.Errorf("bus: the id of a delivery is over %d bytes, or begins with a zero byte", maxID)
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
	entries := make([]*entry, len(deliveries))
	for i := range deliveries {
		e := &entry{stored: stored{Delivery: deliveries[i]}, shard: s}
		if err := b.complete(&e.Delivery, now); err != nil {
			return err
		}
		entries[i] = e
	}
	b.crowded(entries, now)
	for rest := entries; len(rest) > 0; {
		n := together(rest)
		var err error
		if n == 1 {
			err = write(tx, rest[0], now)
		} else {
			err = writeSeveral(tx, s, b.o.IDs.Hex(12), rest[:n], now)
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	tx.AfterCommit(func(store.Stamp) { b.accept(entries) })
	return nil
}

// put writes a body under a name.
func (x body) put(tx store.Tx, s store.Shard, name string) error {
	b, err := x.encode()
	if err != nil {
		return err
	}
	return tx.Put(bodyKey(s, name), b)
}

// write puts a delivery by itself, with its index row.
func write(tx store.Tx, e *entry, now time.Time) error {
	if err := (body{stored: e.stored}).put(tx, e.shard, e.ID); err != nil {
		return err
	}
	if apart, err := writeIndex(tx, e, now, e.ID); apart || err != nil {
		return err
	}
	e.index = dueKey(e.shard, e.at, e.ID)
	return tx.Put(e.index, nil)
}

// writeIndex puts a delivery's row in the group or wait table, if it belongs into one of them, and notes when it is due.
func writeIndex(tx store.Tx, e *entry, now time.Time, name string) (apart bool, err error) {
	if e.OrderKey != "" {
		return true, tx.PutStamped(groupKey(e.shard, e.Target, e.OrderKey), nil, []byte(name))
	}
	e.at = due(&e.Delivery, now)
	if !e.aside {
		return false, nil
	}
	e.index = waitKey(e.shard, e.Target, e.at, name)
	return true, tx.Put(e.index, nil)
}

// Cancel implements Bus. A delivery that is being handed over at this moment may still arrive.
func (b *Dispatcher) Cancel(tx store.Tx, s store.Shard, id string) error {
	x, err := tx.Get(bodyKey(s, id))
	if err != nil || x == nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { b.cancelled(s, id) })
	return tx.Delete(bodyKey(s, id))
}
