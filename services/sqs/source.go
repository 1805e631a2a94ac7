package sqs

import (
	"context"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// source is the queue side for pollers of the platform (event source mappings, pipes).
type source struct{ *sqsRoom }

// Receive gives up to max messages, waiting for the first; max may be over 10.
func (s source) Receive(ctx context.Context, q cloud.ARN, _ cloud.Principal, maximum int, wait time.Duration) ([]bus.Message, error) {
	msgs, err := s.receive(ctx, request{name: nameOf(q), max: maximum, visibility: -1, wait: max(wait, 0)})
	out := make([]bus.Message, 0, len(msgs))
	for _, m := range msgs {
		out = append(out, bus.Message{
			ID: m.ID, Receipt: m.handle, Body: m.Body, MD5: md5Text(m.Body), Attributes: m.system(), MessageAttributes: m.Attrs, AttributesMD5: md5Attributes(m.Attrs), GroupID: m.Group, Trace: m.cause(),
		})
	}
	return out, err
}

// Ack deletes messages.
func (s source) Ack(ctx context.Context, q cloud.ARN, receipts []string) []error {
	return s.each(ctx, q, receipts, func(tx store.Tx, mem *queue, receipt string) error { return s.settle(tx, mem, receipt) })
}

// Nack makes messages visible again after a time.
func (s source) Nack(ctx context.Context, q cloud.ARN, receipts []string, after time.Duration) []error {
	seconds := int32(after / time.Second)
	return s.each(ctx, q, receipts, func(tx store.Tx, mem *queue, receipt string) error { return s.extend(tx, mem, receipt, &seconds) })
}

// Extend prolongs the time for which a message is invisible.
func (s source) Extend(ctx context.Context, q cloud.ARN, receipt string, d time.Duration) error {
	return s.Nack(ctx, q, []string{receipt}, d)[0]
}

// each runs fn for every receipt in one lane function; nil errors where all went well.
func (s source) each(ctx context.Context, q cloud.ARN, receipts []string, fn func(store.Tx, *queue, string) error) []error {
	errs := make([]error, len(receipts))
	err := s.lane(ctx, nameOf(q), func(tx store.Tx, mem *queue) error {
		for i, receipt := range receipts {
			errs[i] = fn(tx, mem, receipt)
		}
		return nil
	})
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}
