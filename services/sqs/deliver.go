package sqs

import (
	"context"
	"strconv"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// target takes deliveries in: what topics, rules and dead letters send to queues.
type target struct{ *sqsRoom }

// Action is the permission that a delivery to a queue needs.
func (target) Action(cloud.ARN) string { return "sqs:SendMessage" }

// Deliver puts a delivery into its queue, once by its id. Parameters: MessageGroupId, MessageDeduplicationId, MessageId, SentTimestamp... of the
// API's names; "transfer" says that the payload is a whole message of this room.
func (t target) Deliver(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	n := nameOf(d.Target)
	dr, err := t.delivered(d)
	if err != nil {
		return bus.Rejected(err), nil
	}
	err = t.lane(ctx, n, func(tx store.Tx, q *queue) error {
		now := t.now()
		if seen, err := q.once("given").Accept(tx, d, now); err != nil || seen {
			return err
		}
		if d.Parameters["transfer"] != "" {
			m := dr.message
			if err := q.age(tx, &m, q.next, now); err != nil {
				return err
			}
			return t.insert(tx, q, &m, 0)
		}
		if err := q.check(&dr); err != nil {
			return err
		}
		_, err := t.enqueue(tx, q, dr)
		return err
	})
	return bus.Verdict(err)
}

// delivered makes a draft of a delivery.
func (t target) delivered(d bus.Delivery) (draft, error) {
	if d.Parameters["transfer"] != "" {
		m, err := decodeMessage(d.Payload)
		if err != nil {
			return draft{}, err
		}
		return draft{message: *m}, nil
	}
	dr := draft{message: message{
		ID: t.d.IDs.UUID(), Body: string(d.Payload), Sender: d.As.ID, Attrs: d.Attributes, Trace: d.Parameters["AWSTraceHeader"],
	}}
	if dr.message.Sender == "" {
		dr.message.Sender = d.As.Service
	}
	if d.Trace.Sampled {
		dr.message.Cause = d.Trace.String()
	}
	if dr.message.Body == "" {
		return dr, errMissing("MessageBody")
	}
	if len(d.Attributes) > maxAttributes { // a topic's messages may have more, which raw delivery does not carry
		return dr, errAttributes(len(d.Attributes))
	}
	dr.group, dr.dedup = optional(d.Parameters["MessageGroupId"]), optional(d.Parameters["MessageDeduplicationId"])
	if v := d.Parameters["DelaySeconds"]; v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return dr, errValue(v, "DelaySeconds", "Must be a number.")
		}
		dr.delay = new(int32(n))
	}
	return dr, nil
}
