package sns

import (
	"context"
	"strings"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// target takes deliveries in: what buckets, rules and alarms publish to topics.
type target struct{ *snsRoom }

// Action is the permission that a delivery to a topic needs. A subscription takes only its own topic's.
func (target) Action(a cloud.ARN) string {
	if strings.Contains(a.Resource, ":") {
		return ""
	}
	return "sns:Publish"
}

// Deliver publishes the payload, once by the delivery's id. Parameters: Subject, MessageGroupId, MessageDeduplicationId.
func (t target) Deliver(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	if strings.Contains(d.Target.Resource, ":") {
		return t.deliverOutside(ctx, d)
	}
	n := name{d.Target.Scope(), d.Target.Resource}
	top, err := t.compile(ctx, n)
	if err != nil {
		return bus.Verdict(err)
	}
	m := &message{id: t.d.IDs.UUID(), body: string(d.Payload), attrs: d.Attributes, time: t.d.Clock.Now().UnixMilli()}
	if s := d.Parameters["Subject"]; s != "" {
		m.subject = &s
	}
	if err := top.order(m, optional(d.Parameters["MessageGroupId"]), optional(d.Parameters["MessageDeduplicationId"])); err != nil {
		return bus.Verdict(err)
	}
	return bus.Outcome{}, t.d.Lanes.Do(ctx, n.shard(), func(tx store.Tx) error {
		if seen, err := n.once("given").Accept(tx, d, m.time); err != nil || seen {
			return err
		}
		top, err := top.inLane(tx)
		if err != nil {
			return err
		}
		if top.record.fifo() {
			if fresh, err := t.sequence(tx, top, m); err != nil || !fresh {
				return err
			}
		}
		out, err := t.deliveries(ctx, cloud.CallFrom(ctx), top, m)
		if err != nil {
			return err
		}
		return t.d.Bus.Emit(tx, n.shard(), out...)
	})
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
