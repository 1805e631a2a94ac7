package kinesis

import (
	"cmp"
	"context"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/services/room"
)

// target takes deliveries in: what rules send to streams.
type target struct{ *service }

// Action is the permission that a delivery needs.
func (target) Action(cloud.ARN) string { return "kinesis:PutRecord" }

func given(sc cloud.Scope) room.Once {
	return room.Once{Rows: controlKey(sc, "given"), Due: controlKey(sc, "givendue")}
}

// Deliver puts the payload into a stream, once by the delivery's id. Its partition key is the parameter PartitionKey, else the id.
func (t target) Deliver(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	at, consumer, ok := refOfARN(d.Target)
	if !ok || consumer != "" {
		return bus.Rejected(errNoStream(at)), nil
	}
	key := cmp.Or(d.Parameters["PartitionKey"], d.ID)
	e, err := entryOf(&key, nil, d.Payload, "")
	if err != nil {
		return bus.Rejected(err), nil
	}
	since, now, again := t.d.Clock.Wall(), t.d.Clock.Now(), false
	all, out := []entry{e}, make([]placed, 1)
	var st *stream
	err = t.update(ctx, func(tx store.Tx) (err error) {
		if again, err = given(at.Scope).Accept(tx, d, now.UnixMilli()); err != nil || again {
			return err
		}
		st, err = t.append(tx, at, all, out)
		return err
	})
	if !again {
		t.measurePut(at, all, false, since, err)
	}
	if !again && err == nil {
		t.measureShards(st, all, out, now)
	}
	return bus.Verdict(err)
}
