package bus

import (
	"context"
	"strconv"
	"strings"
	"time"

	"sundog/engine/store"
)

const maxSettle = 256 // attempts settled in one commit

// settlement is a verdict on its way into the store.
type settlement struct {
	verdict
	entry  *entry
	d      stored  // as it is from now on
	letter *entry  // the dead letter, once written
	moved  int64   // where the delivery waits now; 0: where it was, or nowhere
	parcel *parcel // cleared; there is no entry
}

// settle writes a verdict, together with others.
func (b *Dispatcher) settle(e *entry, v verdict) {
	switch v.kind {
	case leave:
		return
	case later:
		e.NotBefore, e.Reason, e.Code = v.at, v.outcome.Reason, v.outcome.Code
		if e.Troubles++; v.counted {
			e.Attempt, e.Troubles = e.Attempt+1, 0
		}
	case dead:
		b.o.Log.Warn("a delivery failed for good", "source", e.Source.String(), "target", e.Target.String(), "id", e.ID,
			"code", v.outcome.Code, "reason", v.outcome.Reason, "deadLetter", e.DeadLetter.String())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enqueue(&settlement{verdict: v, entry: e, d: e.stored})
}

// enqueue has something settled; the caller holds mu.
func (b *Dispatcher) enqueue(s *settlement) {
	b.settling = append(b.settling, s)
	if !b.flushing {
		b.flushing = true
		b.work.Add(1)
		go b.flush()
	}
}

// batch takes what one commit can settle; the caller holds mu.
func (b *Dispatcher) batch() []*settlement {
	n, size := 0, 0
	for n < min(len(b.settling), maxSettle) {
		if s := b.settling[n]; s.kind == later || s.kind == dead {
			size += len(s.d.Payload) + 8<<10
		}
		if n++; size > store.MaxUpdate/4 {
			break
		}
	}
	batch := b.settling[:n:n]
	b.settling = b.settling[n:]
	return batch
}

// flush settles what is waiting until nothing is.
func (b *Dispatcher) flush() {
	defer b.work.Done()
	for {
		b.mu.Lock()
		batch := b.batch()
		if len(batch) == 0 {
			b.settling, b.flushing = nil, false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		for !b.write(batch) {
			if !b.sleep() {
				return
			}
		}
		b.settled(batch)
	}
}

// write commits a batch; false when it has to be tried again. It goes on while the bus closes.
func (b *Dispatcher) write(batch []*settlement) bool {
	err := b.o.Store.Update(context.WithoutCancel(b.ctx), func(tx store.Tx) error {
		now := b.o.Clock.Now()
		for _, s := range batch {
			if err := b.apply(tx, s, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.o.Log.Error("settling deliveries failed", "error", err)
	}
	return err == nil
}

// apply writes one verdict.
func (b *Dispatcher) apply(tx store.Tx, s *settlement, now time.Time) error {
	s.letter, s.moved = nil, 0
	switch {
	case s.kind == cleared:
		return s.parcel.clear(tx)
	case s.kind == later:
		return b.postpone(tx, s)
	case s.kind == dead && !s.d.DeadLetter.IsZero():
		if err := b.bury(tx, s, now); err != nil {
			return err
		}
	}
	return s.entry.end(tx)
}

// postpone writes what an attempt changed, and moves an unordered delivery to its next moment; from now on it is stored by itself. One that was
// cancelled meanwhile goes.
func (b *Dispatcher) postpone(tx store.Tx, s *settlement) error {
	e := s.entry
	waits, err := e.waits(tx)
	if err != nil {
		return err
	}
	if !waits {
		return e.strike(tx)
	}
	if e.parcel != nil || e.group == nil {
		if err := e.end(tx); err != nil {
			return err
		}
	}
	if err := (body{stored: s.d}).put(tx, e.shard, s.d.ID); err != nil {
		return err
	}
	if e.group != nil {
		return tx.Put(e.index, []byte(s.d.ID))
	}
	s.moved = s.at.UnixNano()
	return tx.Put(dueKey(e.shard, s.moved, s.d.ID), nil)
}

// report tells the emitting room the end of a delivery that asked for it.
func (b *Dispatcher) report(e *entry, v verdict) {
	if e.Report == nil || b.bind.Report == nil || v.kind != finished && v.kind != dead || e.gone.Load() {
		return
	}
	if tell := b.bind.Report(e.Source.Service); tell != nil {
		tell(e.Delivery, Result{Outcome: v.outcome, Attempts: e.Attempt + e.Troubles + 1, At: b.o.Clock.Now()})
	}
}

// settled takes settled deliveries out of memory.
func (b *Dispatcher) settled(batch []*settlement) {
	for _, s := range batch {
		if s.entry != nil {
			b.report(s.entry, s.verdict)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range batch {
		if s.letter != nil {
			b.arrive(s.letter)
		}
		if s.moved != 0 {
			b.notice(s.entry.shard, s.moved)
		}
		switch {
		case s.entry == nil:
			b.release()
		case s.entry.group != nil:
			b.settledInGroup(s)
		default:
			b.unload(s.entry)
		}
	}
	b.refill()
}

// maxReason bounds the error text in a dead letter, as Lambda and SNS do, and what is kept of one until then.
const maxReason = 1024

func brief(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxReason)], "") }

// bury emits the dead letter of a delivery: its payload, with attributes that say what went wrong, by the names of the service that sent it
// (Lambda Developer Guide, "Adding a dead-letter queue"; EventBridge User Guide, "Using dead-letter queues"; Scheduler User Guide, the same).
func (b *Dispatcher) bury(tx store.Tx, s *settlement, now time.Time) error {
	e := &entry{shard: s.entry.shard}
	e.Delivery = Delivery{
		ID: s.d.ID + ".dead", Scope: s.d.Scope, Source: s.d.Source, Target: s.d.DeadLetter, Payload: s.d.Payload, Parameters: s.d.Parameters,
		Attributes: deadAttributes(s), Retry: Retry{Max: -1}, As: s.d.As, Trace: s.d.Trace,
	}
	if s.d.Letter != nil {
		e.Payload = s.d.Letter
	}
	if len(e.ID) > maxID {
		e.ID = ""
	}
	if err := b.complete(&e.Delivery, now); err != nil {
		return err
	}
	s.letter = e
	return write(tx, e, now)
}

func deadAttributes(s *settlement) map[string]Attribute {
	out := map[string]Attribute{}
	for k, v := range s.d.Attributes {
		out[k] = v
	}
	text := func(k, v string) {
		if v != "" {
			out[k] = Attribute{Type: "String", Value: v}
		}
	}
	reason := brief(s.outcome.Reason)
	switch s.d.Source.Service {
	case "sns": // hands messages on as they were
	case "events", "scheduler":
		from := map[string]string{"events": "RULE_ARN", "scheduler": "SCHEDULE_ARN"}[s.d.Source.Service]
		text(from, s.d.Source.String())
		text("TARGET_ARN", s.d.Target.String())
		text("ERROR_CODE", s.outcome.Code)
		text("ERROR_MESSAGE", reason)
		text("EXHAUSTED_RETRY_CONDITION", s.limit)
		if s.limit != "" {
			out["RETRY_ATTEMPTS"] = Attribute{Type: "Number", Value: strconv.Itoa(s.d.Attempt)}
		}
	default:
		text("RequestID", s.d.ID)
		text("ErrorCode", s.outcome.Code)
		text("ErrorMessage", reason)
	}
	return out
}
