package sqs

import (
	"container/heap"
	"context"

	api "sundog/api/sqs"
	"sundog/engine/store"
)

func (r *sqsRoom) deleteMessage(ctx context.Context, in *api.DeleteMessageInput) (*api.DeleteMessageOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if in.ReceiptHandle == nil {
		return nil, errMissing("ReceiptHandle")
	}
	return &api.DeleteMessageOutput{}, r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		return r.settle(tx, q, *in.ReceiptHandle)
	})
}

func (r *sqsRoom) deleteMessageBatch(ctx context.Context, in *api.DeleteMessageBatchInput) (*api.DeleteMessageBatchOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries, "DeleteMessageBatchRequestEntry", func(e *api.DeleteMessageBatchRequestEntry) *string { return e.Id }); err != nil {
		return nil, err
	}
	out := &api.DeleteMessageBatchOutput{}
	err = r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		out.Successful, out.Failed = nil, nil
		for _, e := range in.Entries {
			if err := r.settle(tx, q, text(e.ReceiptHandle)); err != nil {
				out.Failed = append(out.Failed, failure(*e.Id, err))
			} else {
				out.Successful = append(out.Successful, api.DeleteMessageBatchResultEntry{Id: e.Id})
			}
		}
		return nil
	})
	return out, err
}

// settle deletes the message of a receipt handle. One that is gone is no error. A FIFO queue takes only the newest handle, and only while the
// message is in flight, for it may have been given to another since.
func (r *sqsRoom) settle(tx store.Tx, q *queue, handle string) error {
	seq, nonce, ok := q.openHandle(handle)
	if !ok {
		return errReceipt(handle)
	}
	now := r.now()
	q.mature(now)
	b, err := tx.Get(q.msgKey(seq))
	if err != nil || b == nil {
		return err
	}
	if f, flies := q.flying[seq]; q.fifo() && (!flies || f.Nonce != nonce) {
		return errReceiptExpired(handle)
	}
	if err := q.remove(tx, seq, now); err != nil {
		return err
	}
	if q.fifo() || len(q.flying) == maxFlying-1 { // something may have waited for this one
		n := q.name
		tx.AfterCommit(func(store.Stamp) { r.polls.wake(n, 1) })
	}
	return nil
}

func (r *sqsRoom) changeVisibility(ctx context.Context, in *api.ChangeMessageVisibilityInput) (*api.ChangeMessageVisibilityOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if in.ReceiptHandle == nil {
		return nil, errMissing("ReceiptHandle")
	}
	return &api.ChangeMessageVisibilityOutput{}, r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		return r.extend(tx, q, *in.ReceiptHandle, in.VisibilityTimeout)
	})
}

func (r *sqsRoom) changeVisibilityBatch(ctx context.Context, in *api.ChangeMessageVisibilityBatchInput) (*api.ChangeMessageVisibilityBatchOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries, "ChangeMessageVisibilityBatchRequestEntry", func(e *api.ChangeMessageVisibilityBatchRequestEntry) *string { return e.Id }); err != nil {
		return nil, err
	}
	out := &api.ChangeMessageVisibilityBatchOutput{}
	err = r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		out.Successful, out.Failed = nil, nil
		for _, e := range in.Entries {
			if err := r.extend(tx, q, text(e.ReceiptHandle), e.VisibilityTimeout); err != nil {
				out.Failed = append(out.Failed, failure(*e.Id, err))
			} else {
				out.Successful = append(out.Successful, api.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
			}
		}
		return nil
	})
	return out, err
}

const maxVisibility = 43_200 // seconds, in all (SQS Developer Guide, "Visibility timeout")

// extend sets when a message in flight becomes visible again.
func (r *sqsRoom) extend(tx store.Tx, q *queue, handle string, timeout *int32) error {
	if timeout == nil {
		return errMissing("VisibilityTimeout")
	}
	if *timeout < 0 || *timeout > maxVisibility {
		return errValue(*timeout, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
	}
	seq, nonce, ok := q.openHandle(handle)
	if !ok {
		return errReceipt(handle)
	}
	now := r.now()
	q.mature(now)
	f, ok, err := readFlight(tx, q.flightKey(seq))
	if err != nil {
		return err
	}
	known, flies := q.flying[seq]
	switch {
	case !ok, q.fifo() && !flies:
		return errValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
	case f.Nonce != nonce:
		return errNotInflight()
	case !flies: // visible again: a standard queue accepts the call, and leaves the message where it is
		return nil
	}
	before := f.Due
	f.Due = now + int64(*timeout)*1000
	if f.Due-f.Taken > maxVisibility*1000 && *timeout > 0 {
		return errValue(*timeout, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")
	}
	if err := q.writeFlight(tx, seq, f, before); err != nil {
		return err
	}
	q.flying[seq] = flying{flight: f, group: known.group, changed: true}
	heap.Push(&q.due, dueItem{f.Due, seq})
	n := q.name
	tx.AfterCommit(func(store.Stamp) { r.polls.wake(n, 1) })
	return nil
}
