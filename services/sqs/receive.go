package sqs

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// request is a receive, from whichever side.
type request struct {
	name       name
	max        int
	visibility int64         // ms; <0: the queue's
	wait       time.Duration // <0: the queue's
	attempt    string
}

// received is one message that was handed out.
type received struct {
	*message
	flight flight
	handle string
}

func (r *sqsRoom) receiveMessage(ctx context.Context, in *api.ReceiveMessageInput) (*api.ReceiveMessageOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	req := request{name: n, max: 1, visibility: -1, wait: -1, attempt: text(in.ReceiveRequestAttemptId)}
	if in.ReceiveRequestAttemptId != nil {
		switch {
		case !n.fifo():
			return nil, errQueueType(req.attempt, "ReceiveRequestAttemptId")
		case !dedupID.MatchString(req.attempt):
			return nil, errValue(req.attempt, "ReceiveRequestAttemptId", "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
		}
	}
	system := append(append([]string{}, in.AttributeNames...), in.MessageSystemAttributeNames...)
	for _, a := range system {
		if !knownSystem(a) {
			return nil, errAttributeName("Unknown Attribute %s.", a)
		}
	}
	if in.MaxNumberOfMessages != nil {
		if req.max = int(*in.MaxNumberOfMessages); req.max < 1 || req.max > 10 {
			return nil, errValue(req.max, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
		}
	}
	if v := in.VisibilityTimeout; v != nil {
		if *v < 0 || *v > 43_200 {
			return nil, errValue(*v, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
		}
		req.visibility = int64(*v) * 1000
	}
	if w := in.WaitTimeSeconds; w != nil {
		if *w < 0 || *w > 20 {
			return nil, errValue(*w, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
		}
		req.wait = time.Duration(*w) * time.Second
	}
	msgs, err := r.receive(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &api.ReceiveMessageOutput{}
	for _, m := range msgs {
		out.Messages = append(out.Messages, m.answer(system, in.MessageAttributeNames))
	}
	return out, nil
}

// receive hands out messages, waiting for the first if it must.
func (r *sqsRoom) receive(ctx context.Context, req request) ([]received, error) {
	var deadline time.Time
	for {
		ready, leave := r.polls.join(req.name)
		var msgs []received
		var due time.Time
		var cut bool
		err := r.lane(ctx, req.name, func(tx store.Tx, q *queue) error {
			if req.wait < 0 {
				req.wait = time.Duration(q.cfg.wait) * time.Second
			}
			var err error
			msgs, cut, err = r.take(tx, q, req)
			due = q.nextDue()
			return err
		})
		if cut && len(msgs) == 0 && err == nil {
			leave()
			continue
		}
		if deadline.IsZero() {
			deadline = r.d.Clock.Wall().Add(req.wait)
		}
		left := deadline.Sub(r.d.Clock.Wall())
		if err != nil || len(msgs) > 0 || left <= 0 {
			leave()
			return msgs, err
		}
		again := r.sleep(ctx, ready, due, left)
		leave()
		if !again {
			return nil, nil
		}
	}
}

// sleep waits until a message may be ready; false when the time is over.
func (r *sqsRoom) sleep(ctx context.Context, ready <-chan struct{}, due time.Time, left time.Duration) bool {
	matured := make(chan struct{})
	if !due.IsZero() {
		stop := r.d.Clock.AfterNow(due, func() { close(matured) })
		defer stop()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ready:
		return true
	case <-matured:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// maxMoved bounds what one lane function moves to another queue, in bytes of bodies: a transaction has a limit (store.MaxUpdate).
const maxMoved = 8 << 20

// take hands out what is ready, in the lane; cut says that it stopped early, as much was to be moved to the dead letter queue.
func (r *sqsRoom) take(tx store.Tx, q *queue, req request) (out []received, cut bool, err error) {
	now := r.now()
	q.mature(now)
	if req.visibility < 0 {
		req.visibility = q.cfg.visibility * 1000
	}
	if out, ok, err := q.repeat(tx, req, now); ok || err != nil {
		return out, false, err
	}
	if len(q.flying) >= maxFlying && !q.fifo() && req.wait <= 0 { // a FIFO queue and a long poll just give nothing
		return nil, false, errOverLimit("Too many messages in flight: the limit of this queue is %d.", maxFlying)
	}
	req.max = min(req.max, maxFlying-len(q.flying))
	for moved := 0; len(out) < req.max; {
		if moved >= maxMoved {
			return out, true, nil
		}
		seq, ok, err := q.pick(tx, out, now)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			break
		}
		m, size, err := r.hand(tx, q, seq, now, req.visibility)
		if err != nil {
			return nil, false, err
		}
		if moved += size; m != nil {
			out = append(out, *m)
		}
	}
	q.remember(req, out, now)
	return out, false, nil
}

// pick finds the next message of a receive: a FIFO queue goes on with the groups that this receive has begun before it opens another.
func (q *queue) pick(tx store.Tx, out []received, now int64) (uint64, bool, error) {
	if q.fifo() && len(out) > 0 {
		last := out[len(out)-1]
		if seq, ok := q.sameGroup(last.Group, last.Sequence, now); ok {
			return seq, true, nil
		}
	}
	return q.pop(tx, now)
}

// hand puts one ready message into flight; nil when it is gone, too old, or moves to the dead letter queue, with its size then.
func (r *sqsRoom) hand(tx store.Tx, q *queue, seq uint64, now, visibility int64) (out *received, moved int, err error) {
	m, err := q.message(tx, seq)
	if err != nil || m == nil {
		return nil, 0, err
	}
	f, _, err := readFlight(tx, q.flightKey(seq))
	if err != nil {
		return nil, 0, err
	}
	before := f.Due
	if now-m.Sent >= q.cfg.retention*1000 {
		return nil, 0, q.remove(tx, seq, now)
	}
	if q.cfg.redrive.max > 0 && f.Count >= q.cfg.redrive.max {
		buried, err := r.bury(tx, q, m, f)
		if err != nil || buried {
			return nil, m.size(), err
		}
	}
	f.Due, f.Count, f.Nonce, f.Taken = now+visibility, f.Count+1, f.Nonce+1, now
	if f.First == 0 {
		f.First = now
	}
	if err := q.writeFlight(tx, seq, f, before); err != nil {
		return nil, 0, err
	}
	q.fly(seq, f, m.Group, now)
	return &received{message: m, flight: f, handle: q.handle(seq, f.Nonce)}, 0, nil
}

// remove takes a message out of store and memory; what stands in windows and heaps is passed over later.
func (q *queue) remove(tx store.Tx, seq uint64, now int64) error {
	known, flies := q.flying[seq]
	f, had := known.flight, flies
	if !flies {
		var err error
		if f, had, err = readFlight(tx, q.flightKey(seq)); err != nil {
			return err
		}
	}
	if err := tx.Delete(q.msgKey(seq)); err != nil {
		return err
	}
	if had {
		if err := errors.Join(tx.Delete(q.flightKey(seq)), tx.Delete(q.dueKey(dueItem{f.Due, seq}))); err != nil {
			return err
		}
	}
	if err := tx.Add(q.countKey(), -1); err != nil {
		return err
	}
	switch {
	case flies:
		delete(q.flying, seq)
		q.unlock(known, seq, now)
	case had && f.Count == 0 && f.Due > now:
		q.delays.add(f.Due, -1)
	}
	q.fair.drop(seq)
	delete(q.delayed, seq)
	q.count--
	return nil
}

// handle makes a receipt handle: generation, sequence number and nonce.
func (q *queue) handle(seq uint64, nonce uint32) string {
	gen, _ := hex.DecodeString(q.rec.Gen) // made by IDs.Hex
	b := append(make([]byte, 0, 20), gen...)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = binary.BigEndian.AppendUint32(b, nonce)
	return "AQEB" + base64.StdEncoding.EncodeToString(b)
}

// open takes a receipt handle apart; false when it is none of this queue's.
func (q *queue) openHandle(h string) (seq uint64, nonce uint32, ok bool) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h, "AQEB"))
	if err != nil || len(b) != 20 || hex.EncodeToString(b[:8]) != q.rec.Gen {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint32(b[16:]), true
}

// system gives the system attributes that a message has.
func (m *received) system() map[string]string {
	out := map[string]string{
		"SenderId": m.Sender, "SentTimestamp": strconv.FormatInt(m.Sent, 10),
		"ApproximateReceiveCount":          strconv.FormatUint(uint64(m.Count+m.flight.Count), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.flight.First, 10),
	}
	if m.First > 0 {
		out["ApproximateFirstReceiveTimestamp"] = strconv.FormatInt(m.First, 10)
	}
	for n, v := range map[string]string{"MessageGroupId": m.Group, "AWSTraceHeader": m.Trace, "DeadLetterQueueSourceArn": m.Source} {
		if v != "" {
			out[n] = v
		}
	}
	if m.Dedup != "" {
		out["MessageDeduplicationId"], out["SequenceNumber"] = m.Dedup, sequenceNumber(m.Sequence)
	}
	return out
}

// answer gives the message with the attributes that were asked for.
func (m *received) answer(system, attributes []string) api.Message {
	out := api.Message{MessageId: new(m.ID), ReceiptHandle: new(m.handle), Body: new(m.Body), MD5OfBody: new(md5Text(m.Body))}
	if len(system) > 0 {
		for n, v := range m.system() {
			if wanted(system, n) {
				if out.Attributes == nil {
					out.Attributes = map[string]string{}
				}
				out.Attributes[n] = v
			}
		}
	}
	chosen := map[string]bus.Attribute{}
	for n, a := range m.Attrs {
		if wanted(attributes, n) {
			chosen[n] = a
		}
	}
	if len(chosen) == 0 {
		return out
	}
	out.MD5OfMessageAttributes = new(md5Attributes(chosen))
	out.MessageAttributes = map[string]api.MessageAttributeValue{}
	for n, a := range chosen {
		v := api.MessageAttributeValue{DataType: new(a.Type)}
		if strings.HasPrefix(a.Type, "Binary") {
			v.BinaryValue = a.Binary
		} else {
			v.StringValue = new(a.Value)
		}
		out.MessageAttributes[n] = v
	}
	return out
}

// wanted tells whether a list of names, "All", "*", ".*" or "prefix.*" asks for a name.
func wanted(names []string, n string) bool {
	for _, w := range names {
		prefix, star := strings.CutSuffix(w, ".*")
		if w == "All" || w == "*" || w == n || star && strings.HasPrefix(n, prefix) {
			return true
		}
	}
	return false
}

// bury moves a message that was received too often to the dead letter queue; false when that queue cannot take it.
func (r *sqsRoom) bury(tx store.Tx, q *queue, m *message, f flight) (bool, error) {
	dead := nameOf(q.cfg.redrive.target)
	rec, err := readRecord(tx, dead)
	if err != nil {
		return false, err
	}
	if rec == nil || !rec.permits(q.name.arn()) || (rec.Attributes["FifoQueue"] == "true") != q.fifo() {
		return false, nil
	}
	moved := *m
	moved.Source, moved.Count = q.name.arn().String(), m.Count+f.Count
	if q.fifo() { // its retention begins anew (SQS Developer Guide, "Understanding message retention periods for dead-letter queues")
		moved.Sent = r.now()
	}
	if m.First == 0 {
		moved.First = f.First
	}
	return true, r.transfer(tx, q, &moved, dead)
}

// transfer takes a message out of a queue and has the bus put it, as it is, into another, in one transaction.
func (r *sqsRoom) transfer(tx store.Tx, q *queue, m *message, to name) error {
	d := bus.Delivery{
		ID: "sqs/" + q.rec.Gen + "/" + strconv.FormatUint(m.Sequence, 10), Fresh: true, Scope: q.name.Scope, Source: q.name.arn(), Target: to.arn(),
		Payload: m.encode(), Parameters: map[string]string{"transfer": "1"}, OrderKey: m.Group,
		As: cloud.RootOf(q.name.Account), Retry: bus.Retry{Max: -1}, Expires: r.d.Clock.Now().Add(14 * 24 * time.Hour),
	}
	d.Trace = m.cause()
	if err := r.d.Bus.Emit(tx, q.shard, d); err != nil {
		return err
	}
	return q.remove(tx, m.Sequence, r.now())
}

// cause is the trace under which a consumer's work hangs: that of the call that sent the message, unless the message's own header names
// another tree.
func (m *message) cause() cloud.Trace {
	call, _ := cloud.ParseTrace(m.Cause)
	own, ok := cloud.ParseTrace(m.Trace)
	if ok && own.Root != call.Root {
		return own
	}
	return call
}
