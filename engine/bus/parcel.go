package bus

import (
	"maps"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// Deliveries that are emitted together and differ in little else than their targets are stored together: the payload once, and the rest of the first
// with what is different in the others. So a message to ten queues takes one row, not ten. Which of them are over is a counter, to which each adds its bit
// in the transaction that ends it; it starts at minus the sum of all bits.

const (
	maxMembers = 62     // as many bits as fit
	several    = "\x00" // what names of deliveries in a body of several begin with
)

// parcel is a body of several in memory.
type parcel struct {
	shard store.Shard
	name  string
	count int   // of deliveries
	at    int64 // under which it is due

	// Guarded by the dispatcher's mu:
	live    int  // of its deliveries in memory, those that are not over
	partial bool // some of those that are due are not in memory
}

func overKey(s store.Shard, name string) store.Key { return store.K(s, "bus", "over").Str(name) }

// ref names the n-th delivery of a body of several.
func ref(n int, name string) string { return several + string(rune('0'+n)) + name }

// parseRef takes a ref apart; n is -1 for the name of a body.
func parseRef(text string) (n int, name string) {
	if len(text) < 2 || text[:1] != several {
		return -1, text
	}
	return int(text[1] - '0'), text[2:]
}

// member is what a delivery of a body has to itself.
type member struct {
	ID         string            `json:"id"`
	Target     cloud.ARN         `json:"target"`
	DeadLetter cloud.ARN         `json:"deadLetter,omitzero"`
	OrderKey   string            `json:"orderKey,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Report     map[string]string `json:"report,omitempty"`
	Apart      bool              `json:"apart,omitempty"` // has an index row of its own
}

// of gives a delivery of a body of several.
func (m *member) of(x *body) stored {
	d := x.stored
	d.ID, d.Target, d.DeadLetter, d.OrderKey, d.Parameters, d.Report = m.ID, m.Target, m.DeadLetter, m.OrderKey, m.Parameters, m.Report
	return d
}

// together tells how many of the first deliveries can be stored in one body.
func together(all []*entry) int {
	n := 1
	for first := &all[0].Delivery; n < min(len(all), maxMembers) && alike(first, &all[n].Delivery); {
		n++
	}
	return n
}

// alike tells whether two deliveries have all in common that a body's deliveries have.
func alike(a, b *Delivery) bool {
	return a.Fresh && b.Fresh && string(a.Payload) == string(b.Payload) && string(a.Letter) == string(b.Letter) && (a.Letter == nil) == (b.Letter == nil) &&
		a.Scope == b.Scope && a.Source == b.Source && a.NotBefore.Equal(b.NotBefore) && a.Expires.Equal(b.Expires) && a.Attempt == b.Attempt &&
		a.Retry == b.Retry && a.As == b.As && a.Trace == b.Trace && sameAttributes(a.Attributes, b.Attributes)
}

func writeSeveral(tx store.Tx, s store.Shard, name string, all []*entry, now time.Time) error {
	p := &parcel{shard: s, name: name, count: len(all), at: due(&all[0].Delivery, now)}
	x := body{stored: all[0].stored, At: p.at, Members: make([]member, len(all))}
	direct := false
	for i, e := range all {
		e.parcel, e.bit = p, i
		apart, err := writeIndex(tx, e, now, ref(i, name))
		if err != nil {
			return err
		}
		direct = direct || !apart
		x.Members[i] = member{e.ID, e.Target, e.DeadLetter, e.OrderKey, e.Parameters, e.Report, apart}
	}
	if err := x.put(tx, s, name); err != nil {
		return err
	}
	if err := tx.Put(overKey(s, name), overlay.Counter(-bits(len(all)))); err != nil || !direct {
		return err
	}
	return tx.Put(dueKey(s, p.at, name), nil)
}

// bits is the sum of the bits of n deliveries.
func bits(n int) int64 { return 1<<n - 1 }

// isOver tells from a body's counter whether its n-th delivery is over.
func (p *parcel) isOver(counter []byte, n int) bool {
	return (overlay.Count(counter)+bits(p.count))>>n&1 == 1
}

// empty tells from a body's counter whether all of its deliveries are over.
func (p *parcel) empty(counter []byte) bool { return overlay.Count(counter) == 0 }

func sameAttributes(a, b map[string]Attribute) bool {
	return maps.EqualFunc(a, b, func(x, y Attribute) bool {
		return x.Type == y.Type && x.Value == y.Value && string(x.Binary) == string(y.Binary)
	})
}

// drop notes that a delivery of a body of several is out of memory: the last one of them sees whether the body can go; the caller holds mu.
func (b *Dispatcher) drop(p *parcel) {
	if p == nil {
		return
	}
	if p.live--; p.live > 0 {
		return
	}
	if n := name(p.shard, p.name); b.parcels[n] == p {
		delete(b.parcels, n)
	}
	b.hold()
	b.enqueue(&settlement{verdict: verdict{kind: cleared}, parcel: p})
}

// clear takes away a body all of whose deliveries are over.
func (p *parcel) clear(tx store.Tx) error {
	v, err := tx.Get(overKey(p.shard, p.name))
	if err != nil || !p.empty(v) {
		return err
	}
	for _, k := range []store.Key{overKey(p.shard, p.name), bodyKey(p.shard, p.name), dueKey(p.shard, p.at, p.name)} {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
