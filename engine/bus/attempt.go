package bus

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
)

// What becomes of a delivery after an attempt.
const (
	finished verdictKind = iota // it is over: its rows go
	later                       // it is tried again at a moment
	dead                        // it is over, and goes to its dead letter queue
	leave                       // the bus is closing: its rows stay as they are
	cleared                     // of a parcel: its last delivery in memory is over
)

type verdictKind uint8

type verdict struct {
	kind    verdictKind
	at      time.Time // later
	counted bool      // later: by the target's word, not by infrastructure's trouble
	outcome Outcome
	limit   string // dead: the limit that was met, in EventBridge's words; "" for a permanent failure
}

// attempt hands a delivery to its target once.
func (b *Dispatcher) attempt(e *entry) verdict {
	if e.gone.Load() || e.over {
		return verdict{kind: finished}
	}
	start := b.o.Clock.Now()
	if !start.Before(e.Expires) {
		o := Outcome{Kind: Permanent, Reason: e.Reason, Code: e.Code}
		if o.Reason == "" {
			o.Reason, o.Code = "The delivery expired before it was handed over.", "Expired"
		}
		return verdict{kind: dead, outcome: o, limit: "MaximumEventAgeInSeconds"}
	}
	span := cloud.NewSpanID(b.o.IDs)
	o, err := b.hand(e, span)
	o.Code, o.Reason = brief(o.Code), brief(o.Reason)
	if err != nil && b.ctx.Err() != nil {
		return verdict{kind: leave}
	}
	b.record(e, span, start, o, err)
	if e.over {
		if err != nil {
			b.o.Log.Warn("a target failed after it had accepted a delivery", "target", e.Target.String(), "id", e.ID, "error", err)
		}
		return verdict{kind: finished, outcome: o}
	}
	return b.judge(e, o, err)
}

// hand authorises and delivers. The error is infrastructure's.
func (b *Dispatcher) hand(e *entry, span string) (o Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	var t Target
	if b.bind.Target != nil {
		t = b.bind.Target(e.Target.Service)
	}
	if t == nil {
		return refused(cloud.NotImplementedf("Deliveries to %s are not implemented on this platform.", e.Target)), nil
	}
	d := e.Delivery
	if !d.Trace.IsZero() && d.Source != d.Target { // what a room sends itself is no hop that anybody would look for
		d.Trace = d.Trace.Under(span)
	}
	ctx := cloud.WithCall(b.ctx, cloud.Call{Principal: d.As, Scope: d.Scope, RequestID: d.ID, Trace: d.Trace, Secure: true})
	if action := t.Action(d.Target); action != "" {
		if err := b.o.Authorise(ctx, d, action); err != nil {
			if permanent(err) {
				return refused(cloud.AsError(err)), nil
			}
			return Outcome{}, err
		}
	}
	d.accept = func(tx store.Tx) error {
		tx.AfterCommit(func(store.Stamp) { e.over = true })
		return e.end(tx)
	}
	return t.Deliver(ctx, d)
}

// permanent tells whether an error of authorisation stays: infrastructure's errors pass.
func permanent(err error) bool {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case cloud.Denied, cloud.NotFound, cloud.Invalid, cloud.NotImplemented:
		return true
	}
	return false
}

func refused(e *cloud.Error) Outcome {
	return Outcome{Kind: Permanent, Code: e.Code, Reason: e.Message}
}

// judge makes a verdict of an outcome.
func (b *Dispatcher) judge(e *entry, o Outcome, err error) verdict {
	now := b.o.Clock.Now()
	if err != nil {
		b.o.Log.Warn("a delivery met trouble and will be tried again", "target", e.Target.String(), "id", e.ID, "error", err)
		wait := backoff(time.Second, 20*time.Second, e.Troubles)
		return verdict{kind: later, at: sooner(now.Add(wait), e.Expires), outcome: Outcome{Kind: Again, Reason: "The target could not be reached.", Code: "ServiceUnavailable"}}
	}
	switch {
	case o.Kind == Done:
		return verdict{kind: finished, outcome: o}
	case o.Kind == Permanent:
		return verdict{kind: dead, outcome: o}
	case e.Retry.Max >= 0 && e.Attempt >= e.Retry.Max:
		return verdict{kind: dead, outcome: o, limit: "MaximumRetryAttempts"}
	}
	wait := o.After
	if wait <= 0 {
		wait = b.wait(e.Retry, e.Attempt)
	}
	return verdict{kind: later, at: sooner(now.Add(wait), e.Expires), counted: true, outcome: o}
}

// sooner lets an attempt that would come too late find out at the moment of expiry.
func sooner(at, expires time.Time) time.Time {
	if at.After(expires) {
		return expires
	}
	return at
}

// wait gives the delay after an attempt that failed.
func (b *Dispatcher) wait(r Retry, attempt int) time.Duration {
	base, limit := r.Base, r.Cap
	if base <= 0 {
		base = time.Second
	}
	if limit <= 0 {
		limit = 20 * time.Second
	}
	d := backoff(base, limit, attempt)
	if !r.Jitter {
		return d
	}
	var random [4]byte
	_, _ = hex.Decode(random[:], []byte(b.o.IDs.Hex(4)))
	part := float64(binary.BigEndian.Uint32(random[:])) / (1 << 32)
	return d/2 + time.Duration(part*float64(d/2))
}

// backoff doubles base n times, up to limit.
func backoff(base, limit time.Duration, n int) time.Duration {
	d := base
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// record writes the span of an attempt.
func (b *Dispatcher) record(e *entry, span string, start time.Time, o Outcome, err error) {
	if b.o.Telemetry == nil || !e.Trace.Sampled || e.Source == e.Target {
		return
	}
	_, id := e.Target.ResourceType()
	s := telemetry.Span{
		Trace: e.Trace.Root, ID: span, Parent: e.Trace.Parent, Scope: e.Scope, Name: "deliver " + e.Target.Service + " " + id[strings.LastIndexByte(id, '/')+1:],
		Kind: "delivery", Resource: e.Target.String(), Start: start, End: b.o.Clock.Now(),
		Fields: map[string]string{"delivery": e.ID, "source": e.Source.String()},
	}
	switch {
	case err != nil:
		s.Fault = err.Error()
	case o.Kind != Done:
		s.Fault = strings.TrimPrefix(o.Code+": "+o.Reason, ": ")
	}
	if e.Attempt+e.Troubles > 0 {
		s.Fields["attempt"] = fmt.Sprint(e.Attempt + e.Troubles + 1)
	}
	b.o.Telemetry.Span(s)
}
