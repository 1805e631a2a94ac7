package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

// draft is a message to be sent, from whichever operation.
type draft struct {
	id           string // of the batch entry
	message      message
	delay        *int32
	dedup, group *string
	// The digests that the answer has, made before the lane is entered.
	bodyMD5, attrMD5, systemMD5 string
}

// sent is what a send answers.
type sent struct {
	id, messageID, sequence   string
	bodyMD5, attrMD5, sysAttr string
}

const dedupInterval = 5 * 60 * 1000 // ms (SQS Developer Guide, "Exactly-once processing")

var (
	dedupID       = pattern.New(`^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` + "`" + `{|}~]{1,128}$`)
	attributeName = pattern.New(`^[\p{L}\p{N}_.-]+$`) // the service takes letters of all scripts; a count here would make a program of megabytes
)

func (r *sqsRoom) sendMessage(ctx context.Context, in *api.SendMessageInput) (*api.SendMessageOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	d := draft{delay: in.DelaySeconds, dedup: in.MessageDeduplicationId, group: in.MessageGroupId}
	if err := d.fill(ctx, in.MessageBody, in.MessageAttributes, in.MessageSystemAttributes); err != nil {
		return nil, err
	}
	d.message.ID = r.d.IDs.UUID()
	var s sent
	err = r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		if err := q.check(&d); err != nil {
			return err
		}
		s, err = r.enqueue(tx, q, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.SendMessageOutput{
		MessageId: new(s.messageID), MD5OfMessageBody: new(s.bodyMD5), SequenceNumber: optional(s.sequence),
		MD5OfMessageAttributes: optional(s.attrMD5), MD5OfMessageSystemAttributes: optional(s.sysAttr),
	}, nil
}

func (r *sqsRoom) sendMessageBatch(ctx context.Context, in *api.SendMessageBatchInput) (*api.SendMessageBatchOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries, "SendMessageBatchRequestEntry", func(e *api.SendMessageBatchRequestEntry) *string { return e.Id }); err != nil {
		return nil, err
	}
	drafts, failed, err := r.drafts(ctx, in.Entries)
	if err != nil {
		return nil, err
	}
	out := &api.SendMessageBatchOutput{}
	err = r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		out.Successful, out.Failed = nil, slices.Clone(failed)
		for i := range drafts {
			if q.fifo() && drafts[i].group == nil {
				return errParameter("The request must contain the parameter MessageGroupId.")
			}
			if err := q.checkFIFO(&drafts[i]); err != nil {
				return err
			}
		}
		for i := range drafts {
			if err := q.checkEntry(&drafts[i]); err != nil {
				out.Failed = append(out.Failed, failure(drafts[i].id, err))
				continue
			}
			s, err := r.enqueue(tx, q, drafts[i])
			if err != nil {
				return err
			}
			out.Successful = append(out.Successful, api.SendMessageBatchResultEntry{
				Id: new(s.id), MessageId: new(s.messageID), MD5OfMessageBody: new(s.bodyMD5), SequenceNumber: optional(s.sequence),
				MD5OfMessageAttributes: optional(s.attrMD5), MD5OfMessageSystemAttributes: optional(s.sysAttr),
			})
		}
		return nil
	})
	return out, err
}

// drafts reads a batch's entries; those that are wrong by themselves become failures.
func (r *sqsRoom) drafts(ctx context.Context, entries []api.SendMessageBatchRequestEntry) (out []draft, failed []api.BatchResultErrorEntry, err error) {
	total := 0
	for i := range entries {
		e := &entries[i]
		d := draft{id: *e.Id, delay: e.DelaySeconds, dedup: e.MessageDeduplicationId, group: e.MessageGroupId}
		total += sizeOf(text(e.MessageBody), e.MessageAttributes)
		if err := d.fill(ctx, e.MessageBody, e.MessageAttributes, e.MessageSystemAttributes); err != nil {
			failed = append(failed, failure(d.id, err))
			continue
		}
		d.message.ID = r.d.IDs.UUID()
		out = append(out, d)
	}
	if total > maxMessage {
		return nil, nil, cloud.Errorf(cloud.TooLarge, "BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, total).WithStatus(400)
	}
	return out, failed, nil
}

const maxMessage = 1 << 20

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// fill checks what does not depend on the queue.
func (d *draft) fill(ctx context.Context, body *string, attrs map[string]api.MessageAttributeValue, system map[string]api.MessageSystemAttributeValue) error {
	if text(body) == "" {
		return errMissing("MessageBody")
	}
	if bad, ok := badCharacter(*body); ok {
		return errContents(bad)
	}
	c := cloud.CallFrom(ctx)
	d.message.Body, d.message.Sender, d.message.Trace = *body, c.Principal.ID, c.TraceHeader
	var err error
	if d.message.Attrs, err = attributesOf(attrs); err != nil {
		return err
	}
	for n, v := range system {
		if n != "AWSTraceHeader" {
			return errParameter("Message system attribute name '%s' is invalid.", n)
		}
		a := bus.Attribute{Type: text(v.DataType), Value: text(v.StringValue)}
		if a.Type != "String" || a.Value == "" {
			return errParameter("The message system attribute 'AWSTraceHeader' must be a non-empty String.")
		}
		d.message.Trace, d.systemMD5 = a.Value, md5Attributes(map[string]bus.Attribute{n: a})
	}
	d.bodyMD5, d.attrMD5 = md5Text(d.message.Body), md5Attributes(d.message.Attrs)
	if c.Trace.Sampled {
		d.message.Cause = c.Trace.String()
	}
	return nil
}

const maxAttributes = 10 // of a message

// attributesOf checks and converts message attributes.
func attributesOf(in map[string]api.MessageAttributeValue) (map[string]bus.Attribute, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > maxAttributes {
		return nil, errAttributes(len(in))
	}
	out := make(map[string]bus.Attribute, len(in))
	for _, n := range slices.Sorted(maps.Keys(in)) {
		lower := strings.ToLower(n)
		switch {
		case len(n) > 256 || !attributeName.MatchString(n):
			return nil, errParameter("Message (user) attribute name '%s' is invalid. It can contain only letters, digits, hyphens, underscores and periods, and must have 1 to 256 of them.", n)
		case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return nil, errParameter("Message (user) attribute name '%s' is invalid. You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.", n)
		case strings.HasPrefix(n, "."), strings.HasSuffix(n, "."), strings.Contains(n, ".."):
			return nil, errParameter("Message (user) attribute name '%s' is invalid. It must not start or end with a period, or have periods in succession.", n)
		}
		a, err := attributeOf(n, in[n])
		if err != nil {
			return nil, err
		}
		out[n] = a
	}
	return out, nil
}

func attributeOf(n string, v api.MessageAttributeValue) (bus.Attribute, error) {
	a := bus.Attribute{Type: text(v.DataType), Value: text(v.StringValue), Binary: v.BinaryValue}
	kind, _, _ := strings.Cut(a.Type, ".")
	switch {
	case len(v.StringListValues)+len(v.BinaryListValues) > 0:
		return a, cloud.Errorf(cloud.Invalid, "UnsupportedOperation", "Message attribute list values in SendMessage operation are not supported.")
	case a.Type == "":
		return a, errParameter("The message attribute '%s' must contain non-empty message attribute type.", n)
	case kind != "String" && kind != "Number" && kind != "Binary":
		return a, errParameter("The type of message (user) attribute '%s' is invalid. You must use only the following supported type prefixes: Binary, Number, String.", n)
	case len(a.Type) > 256:
		return a, errParameter("The type of message (user) attribute '%s' is invalid. It must be shorter than 256 bytes.", n)
	case kind == "Binary" && len(a.Binary) == 0, kind != "Binary" && a.Value == "":
		return a, errParameter("Message (user) attribute '%s' must contain a non-empty value of type '%s'.", n, kind)
	case kind == "Number" && !isNumber(a.Value):
		return a, errParameter("Could not cast message (user) attribute '%s' value to number.", n)
	}
	if bad, ok := badCharacter(a.Value); ok && kind != "Binary" {
		return a, errAttributeContents(n, bad)
	}
	return a, nil
}

var numberText = pattern.New(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$`)

func isNumber(s string) bool { return numberText.MatchString(s) }

// badCharacter finds a character that XML 1.0 does not allow.
func badCharacter(s string) (rune, bool) {
	for i, c := range s {
		switch {
		case c == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return rune(s[i]), true
			}
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r', c == 0xFFFE, c == 0xFFFF:
			return c, true
		}
	}
	return 0, false
}

// size is what counts against the size limits: the body, and names, types and values of attributes.
func (m *message) size() int {
	n := len(m.Body)
	for name, a := range m.Attrs {
		n += len(name) + len(a.Type) + len(a.Value) + len(a.Binary)
	}
	return n
}

// sizeOf is the same of what a request has.
func sizeOf(body string, attrs map[string]api.MessageAttributeValue) int {
	n := len(body)
	for name, a := range attrs {
		n += len(name) + len(text(a.DataType)) + len(text(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// check checks what depends on the queue, and fills in group and deduplication id.
func (q *queue) check(d *draft) error {
	if n := d.message.size(); n > q.cfg.maxSize {
		return errParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.cfg.maxSize)
	}
	if d.delay != nil && (*d.delay < 0 || *d.delay > 900) {
		return errValue(*d.delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
	}
	if d.group != nil && !dedupID.MatchString(*d.group) {
		return errValue(*d.group, "MessageGroupId", "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	if d.dedup != nil && !dedupID.MatchString(*d.dedup) {
		return errValue(*d.dedup, "MessageDeduplicationId", "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	d.message.Group, d.message.Dedup = text(d.group), text(d.dedup)
	if !q.fifo() {
		if d.dedup != nil {
			return errQueueType(*d.dedup, "MessageDeduplicationId")
		}
		return nil
	}
	if d.delay != nil && *d.delay != 0 {
		return errQueueType(*d.delay, "DelaySeconds")
	}
	if d.dedup == nil {
		sum := sha256.Sum256([]byte(d.message.Body))
		d.message.Dedup = hex.EncodeToString(sum[:])
	}
	return q.checkFIFO(d)
}

// checkEntry is check for an entry of a batch, where a message over the limit is worded otherwise.
func (q *queue) checkEntry(d *draft) error {
	if d.message.size() > q.cfg.maxSize {
		return errParameter("One or more parameters cannot be validated. Reason: Message must be shorter than %d bytes.", q.cfg.maxSize)
	}
	return q.check(d)
}

// checkFIFO checks what a FIFO queue needs of every message; in a batch one lacking fails the whole request.
func (q *queue) checkFIFO(d *draft) error {
	switch {
	case !q.fifo():
	case d.group == nil:
		return errMissing("MessageGroupId")
	case d.dedup == nil && !q.cfg.contentDedup:
		return errParameter("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	return nil
}

// enqueue puts a checked draft into the queue, unless it repeats one inside the deduplication interval.
func (r *sqsRoom) enqueue(tx store.Tx, q *queue, d draft) (sent, error) {
	now := r.now()
	m := d.message
	s := sent{id: d.id, messageID: m.ID, bodyMD5: d.bodyMD5, attrMD5: d.attrMD5, sysAttr: d.systemMD5}
	seq := q.next
	if q.fifo() {
		scope := m.Dedup
		if q.cfg.groupScope {
			scope = m.Group + "\x00" + m.Dedup
		}
		earlier, err := q.once("dedup").Remember(tx, scope, fmt.Appendf(nil, "%d %s", seq, m.ID), now, dedupInterval)
		if err != nil {
			return s, err
		}
		if earlier != nil {
			if _, err := fmt.Sscanf(string(earlier), "%d %s", &seq, &s.messageID); err != nil {
				return s, err
			}
			s.sequence = sequenceNumber(seq)
			return s, nil
		}
		s.sequence = sequenceNumber(seq)
	}
	m.Sent = now
	delay := q.cfg.delay
	if d.delay != nil && !q.fifo() { // whose messages have the queue's delay only
		delay = int64(*d.delay)
	}
	return s, r.insert(tx, q, &m, delay*1000)
}

func sequenceNumber(seq uint64) string { return fmt.Sprintf("%020d", 18_000_000_000_000_000_000+seq) }

// insert writes a message at the end of the queue and into memory, and wakes who waits for it.
func (r *sqsRoom) insert(tx store.Tx, q *queue, m *message, delay int64) error {
	seq, high := q.next, q.high
	if seq > high {
		high = seq + seqBlock
		if err := tx.Put(q.highKey(), binary.BigEndian.AppendUint64(nil, high)); err != nil {
			return err
		}
	}
	if err := tx.Put(q.msgKey(seq), m.encode()); err != nil {
		return err
	}
	if err := tx.Add(q.countKey(), 1); err != nil {
		return err
	}
	now := r.now()
	if m.Group != "" && !q.fifo() {
		if err := r.becomeFair(tx, q); err != nil {
			return err
		}
		q.fair.tenant(m.Group, now).sent = now
	}
	due := int64(0)
	if delay > 0 {
		due = now + delay
		if err := q.writeFlight(tx, seq, flight{Due: due}, 0); err != nil {
			return err
		}
		q.delays.add(due, 1)
	}
	q.high, q.next, q.count = high, seq+1, q.count+1
	q.append(seq, m.Group, due)
	n := q.name
	tx.AfterCommit(func(store.Stamp) { r.polls.wake(n, 1) })
	r.sweeper.arm()
	return nil
}

// append shows the newest message to the window, if the window reaches to the end of the queue; due is when a delayed message is visible, else 0.
func (q *queue) append(seq uint64, group string, due int64) {
	if due > 0 && !q.fifo() {
		q.add(dueItem{due, seq}, group)
	}
	room := len(q.window) < windowSize
	if q.fifo() {
		room = q.waiting < fifoWindow
	}
	if !q.whole || !room {
		q.whole = false
		return
	}
	q.cursor = seq
	switch {
	case q.fifo():
		if due > 0 {
			q.hold(seq, due)
		}
		q.line(group, seq)
	case due == 0:
		q.window = append(q.window, seq)
		q.fair.note(seq, group)
	}
}
