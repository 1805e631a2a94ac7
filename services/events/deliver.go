package events

import (
	"context"
	"encoding/json"
	"strings"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// maxHops bounds how often an event goes from bus to bus, so that rules that point at each other end.
const maxHops = 8

// target takes events from other buses, and from services of the platform.
type target struct{ *service }

// Action is the permission that a delivery to a bus needs.
func (target) Action(cloud.ARN) string { return "events:PutEvents" }

// Deliver puts an event, in EventBridge's own form, on a bus, once by the delivery's id.
func (t target) Deliver(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	b, ok := strings.CutPrefix(d.Target.Resource, "event-bus/")
	if !ok {
		return permanent("ResourceNotFoundException", "not an event bus: "+d.Target.String()), nil
	}
	if len(d.Parameters["hops"]) > maxHops {
		return permanent("TooManyHops", "the event went over too many buses"), nil
	}
	var e envelope
	if err := json.Unmarshal(d.Payload, &e); err != nil || e.Source == "" || e.DetailType == "" {
		return permanent("MalformedDetail", "the payload is no event"), nil
	}
	sc := d.Target.Scope()
	err := t.d.Store.View(ctx, func(r store.Reader) error {
		_, err := loadBus(r, sc, b)
		return err
	})
	var ds []bus.Delivery
	if err == nil {
		ds, err = t.match(ctx, sc, b, d.Payload, d.Trace, d.Parameters["hops"])
	}
	if err == nil {
		now := t.d.Clock.Now().UnixMilli()
		err = t.d.Store.Update(ctx, func(tx store.Tx) error {
			if seen, err := given(sc).Accept(tx, d, now); err != nil || seen {
				return err
			}
			return t.d.Bus.Emit(tx, shardOf(sc), ds...)
		})
	}
	return bus.Verdict(err)
}

func permanent(code, reason string) bus.Outcome {
	return bus.Outcome{Kind: bus.Permanent, Code: code, Reason: reason}
}
