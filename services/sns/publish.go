package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

const (
	maxMessage    = 256 << 10
	dedupInterval = 5 * 60 * 1000 // ms
)

// message is one published message.
type message struct {
	batchID      string
	id           string
	body         string
	byProtocol   map[string]string // MessageStructure json
	subject      *string
	attrs        map[string]bus.Attribute
	group, dedup string
	sequence     string
	time         int64      // unix ms, on the platform's clock
	signatures   signatures // of one transaction's notifications
}

func (r *snsRoom) publish(ctx context.Context, in *api.PublishInput) (*api.PublishOutput, error) {
	if in.PhoneNumber != nil {
		return r.publishText(ctx, in)
	}
	n, err := publishTo(ctx, in)
	if err != nil {
		return nil, err
	}
	m, err := r.read(in.Message, in.Subject, in.MessageStructure, in.MessageAttributes)
	if err != nil {
		return nil, err
	}
	t, err := r.compile(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := t.order(m, in.MessageGroupId, in.MessageDeduplicationId); err != nil {
		return nil, err
	}
	if err := r.send(ctx, t, []*message{m}); err != nil {
		return nil, err
	}
	out := &api.PublishOutput{MessageId: &m.id}
	if m.sequence != "" {
		out.SequenceNumber = &m.sequence
	}
	return out, nil
}

// publishTo gives the topic that a message is for.
func publishTo(ctx context.Context, in *api.PublishInput) (name, error) {
	arn := in.TopicArn
	switch {
	case in.TopicArn != nil && in.TargetArn != nil:
		return name{}, errInvalid("TopicArn or TargetArn Reason: Both TopicArn and TargetArn were specified, but only one is allowed")
	case arn == nil:
		if arn = in.TargetArn; arn == nil {
			return name{}, errInvalid("TopicArn or TargetArn Reason: no value for required parameter")
		}
	}
	n, err := topicOf(ctx, arn)
	if err == nil && strings.HasPrefix(n.Topic, "endpoint/") {
		err = errInvalid("TargetArn Reason: No endpoint found for the target arn specified")
	}
	return n, err
}

var batchID = pattern.New(`^[A-Za-z0-9_-]*$`)

func (r *snsRoom) publishBatch(ctx context.Context, in *api.PublishBatchInput) (*api.PublishBatchOutput, error) {
	n, err := topicOf(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.PublishBatchRequestEntries); err != nil {
		return nil, err
	}
	t, err := r.compile(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &api.PublishBatchOutput{Successful: []api.PublishBatchResultEntry{}, Failed: []api.BatchResultErrorEntry{}}
	var messages []*message
	total := 0
	for i := range in.PublishBatchRequestEntries {
		e := &in.PublishBatchRequestEntries[i]
		m, err := r.read(e.Message, e.Subject, e.MessageStructure, e.MessageAttributes)
		if err != nil {
			return nil, err
		}
		if err := t.order(m, e.MessageGroupId, e.MessageDeduplicationId); err != nil {
			return nil, err
		}
		m.batchID = *e.Id
		total += m.size()
		messages = append(messages, m)
	}
	if total > maxMessage {
		return nil, cloud.Errorf(cloud.TooLarge, "BatchRequestTooLong", "The length of all the messages put together is more than the limit.").WithStatus(400)
	}
	if err := r.send(ctx, t, messages); err != nil {
		return nil, err
	}
	for _, m := range messages {
		e := api.PublishBatchResultEntry{Id: &m.batchID, MessageId: &m.id}
		if m.sequence != "" {
			e.SequenceNumber = &m.sequence
		}
		out.Successful = append(out.Successful, e)
	}
	return out, nil
}

func checkBatch(entries []api.PublishBatchRequestEntry) error {
	if len(entries) == 0 {
		return cloud.Errorf(cloud.Invalid, "EmptyBatchRequest", "The batch request doesn't contain any entries.").WithStatus(400)
	}
	if len(entries) > 10 {
		return cloud.Errorf(cloud.Invalid, "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.").WithStatus(400)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		id := text(e.Id)
		switch {
		case len(id) > 80:
			return errBatchID("The Id of a batch entry in the batch request is too long: %s", id)
		case id == "" || !batchID.MatchString(id):
			return errBatchID("The Id of a batch entry in the batch request contains an impermissible character: %s", id)
		case seen[id]:
			return cloud.Errorf(cloud.Invalid, "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.").WithStatus(400)
		}
		seen[id] = true
	}
	return nil
}

// read checks what does not depend on the topic.
func (r *snsRoom) read(body, subject, structure *string, attrs map[string]api.MessageAttributeValue) (*message, error) {
	m := &message{id: r.d.IDs.UUID(), body: text(body), subject: subject, time: r.d.Clock.Now().UnixMilli()}
	if m.body == "" {
		return nil, errInvalid("Empty message")
	}
	if !utf8.ValidString(m.body) {
		return nil, errInvalid("Message")
	}
	if subject != nil && (*subject == "" || utf8.RuneCountInString(*subject) > 100 || strings.ContainsAny(*subject, "\n\r")) {
		return nil, errInvalid("Subject")
	}
	switch text(structure) {
	case "":
	case "json":
		if err := m.split(); err != nil {
			return nil, err
		}
	default:
		return nil, errInvalid("MessageStructure")
	}
	var err error
	if m.attrs, err = attributesOf(attrs); err != nil {
		return nil, err
	}
	if m.size() > maxMessage {
		return nil, errInvalid("Message too long")
	}
	return m, nil
}

// split takes the messages by protocol out of a JSON body.
func (m *message) split() error {
	var doc map[string]any
	if err := json.Unmarshal([]byte(m.body), &doc); err != nil {
		return errInvalid("Message Structure - JSON message body failed to parse")
	}
	m.byProtocol = map[string]string{}
	for k, v := range doc {
		if s, ok := v.(string); ok {
			m.byProtocol[k] = s
		}
	}
	if _, ok := m.byProtocol["default"]; !ok {
		return errInvalid("Message Structure - No default entry in JSON message body")
	}
	return nil
}

// bodyFor gives the text for a protocol.
func (m *message) bodyFor(protocol string) string {
	if m.byProtocol == nil {
		return m.body
	}
	if s, ok := m.byProtocol[protocol]; ok {
		return s
	}
	return m.byProtocol["default"]
}

func (m *message) size() int {
	n := len(m.body)
	for name, a := range m.attrs {
		n += len(name) + len(a.Type) + len(a.Value) + len(a.Binary)
	}
	return n
}

func attributesOf(in map[string]api.MessageAttributeValue) (map[string]bus.Attribute, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[string]bus.Attribute, len(in))
	for n, v := range in {
		if err := checkAttributeName(n); err != nil {
			return nil, err
		}
		a := bus.Attribute{Type: text(v.DataType), Value: text(v.StringValue), Binary: v.BinaryValue}
		kind, _, _ := strings.Cut(a.Type, ".")
		field := "String"
		if kind == "Binary" {
			field = "Binary"
		}
		switch {
		case kind != "String" && kind != "Number" && kind != "Binary":
			return nil, errValue("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", n)
		case kind == "Binary" && v.StringValue != nil, kind != "Binary" && v.BinaryValue != nil:
			return nil, errValue("The message attribute '%s' with type '%s' must use field '%s'.", n, a.Type, field)
		case kind == "Binary" && len(a.Binary) == 0, kind != "Binary" && a.Value == "":
			return nil, errValue("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", n, a.Type)
		}
		out[n] = a
	}
	return out, nil
}

func checkAttributeName(n string) error {
	for _, c := range n {
		if c > 127 || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", c) {
			return errValue("Invalid non-alphanumeric character '#x%X' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.", c)
		}
	}
	switch {
	case n == "" || len(n) > 256:
		return errValue("Length of message attribute name must be less than 256 bytes.")
	case strings.HasPrefix(n, "."):
		return errValue("Invalid message attribute name starting with character '.' was found.")
	case strings.HasSuffix(n, "."):
		return errValue("Invalid message attribute name ending with character '.' was found.")
	case strings.Contains(n, ".."):
		return errValue("Message attribute name can not have successive '.' character.")
	}
	return nil
}

// order checks and fills in the message group and deduplication ids.
func (t *topic) order(m *message, group, dedup *string) error {
	m.group, m.dedup = text(group), text(dedup)
	if !t.record.fifo() {
		if dedup != nil {
			return errInvalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return nil
	}
	if m.group == "" {
		return errInvalid("The MessageGroupId parameter is required for FIFO topics")
	}
	if m.dedup != "" {
		return nil
	}
	if t.record.Attributes["ContentBasedDeduplication"] != "true" {
		return errInvalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}
	sum := sha256.Sum256([]byte(m.body))
	m.dedup = hex.EncodeToString(sum[:])
	return nil
}

// send puts the deliveries of messages into the outbox, in one transaction. A FIFO topic's go through its lane, so that their order is that of
// their sequence numbers.
func (r *snsRoom) send(ctx context.Context, t *topic, messages []*message) error {
	c := cloud.CallFrom(ctx)
	if !t.record.fifo() {
		var out []bus.Delivery
		for _, m := range messages {
			d, err := r.deliveries(ctx, c, t, m)
			if err != nil {
				return err
			}
			out = append(out, d...)
		}
		if len(out) == 0 {
			return nil
		}
		return r.d.Store.Update(ctx, func(tx store.Tx) error { return r.d.Bus.Emit(tx, t.name.shard(), out...) })
	}
	return r.d.Lanes.Do(ctx, t.name.shard(), func(tx store.Tx) error {
		t, err := t.inLane(tx)
		if err != nil {
			return err
		}
		for _, m := range messages {
			fresh, err := r.sequence(tx, t, m)
			if err != nil {
				return err
			}
			if !fresh {
				continue
			}
			d, err := r.deliveries(ctx, c, t, m)
			if err != nil {
				return err
			}
			if err := r.d.Bus.Emit(tx, t.name.shard(), d...); err != nil {
				return err
			}
		}
		return nil
	})
}

// sequence numbers a message of a FIFO topic; false when it repeats one of the last 5 minutes, whose id and number it then gets.
func (r *snsRoom) sequence(tx store.Tx, t *topic, m *message) (fresh bool, err error) {
	scope := m.dedup
	if t.record.Attributes["FifoThroughputScope"] == "MessageGroup" {
		scope = m.group + "\x00" + m.dedup
	}
	seq, err := readSequence(tx, t.name)
	if err != nil {
		return false, err
	}
	number := sequenceText(seq + 1)
	earlier, err := t.name.once("dedup").Remember(tx, scope, []byte(number+" "+m.id), m.time, dedupInterval)
	if err != nil {
		return false, err
	}
	if earlier != nil {
		m.sequence, m.id, _ = strings.Cut(string(earlier), " ")
		return false, nil
	}
	m.sequence = number
	if err := tx.Put(t.name.key("seq"), fmt.Append(nil, seq+1)); err != nil || !t.record.archives() {
		return true, err
	}
	return true, r.archive(tx, t, m)
}

// readSequence gives how many messages a FIFO topic has had.
func readSequence(rd store.Reader, n name) (seq uint64, err error) {
	b, err := rd.Get(n.key("seq"))
	if err != nil || b == nil {
		return 0, err
	}
	_, err = fmt.Sscan(string(b), &seq)
	return seq, err
}

func sequenceText(seq uint64) string { return fmt.Sprintf("1%019d", seq*256) }

// lastSequence gives the sequence number of the newest message.
func lastSequence(rd store.Reader, n name) (string, error) {
	seq, err := readSequence(rd, n)
	return sequenceText(seq), err
}
