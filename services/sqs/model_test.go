package sqs

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "sundog/api/sqs"
	"sundog/cloud"
)

// item is a message as the model knows it.
type item struct {
	id, body, group string
	sent            int64
	due             int64 // unix ms when it is visible
	count           int
	handle          string // the newest; "" before the first receive
	gone            bool   // deleted or purged
}

// model is what a queue should do, said as simply as it can be.
type model struct {
	b          *bench
	url, grave *string
	name       name
	fifo       bool
	groupScope bool
	byContent  bool  // deduplicate by the body where no id is given
	retention  int64 // seconds; 0: long
	delay      int64 // seconds, of the queue
	visibility int64 // seconds, of the queue
	max        int   // maxReceiveCount; 0: no dead letter queue
	items      []*item
	handles    map[string]*item
	dedup      map[string]repeat
	purged     int64
	sent       int
}

type repeat struct {
	id    string
	until int64
}

func (m *model) now() int64 { return m.b.r.now() }

// hidden tells whether a message is delayed or in flight.
func (m *model) hidden(i *item) bool { return i.due > m.now() }

// over tells whether the next receive would move a message to the dead letter queue.
func (m *model) over(i *item) bool { return m.max > 0 && i.count >= m.max }

func newModel(b *bench, rt *rapid.T, n int) *model {
	m := &model{
		b: b, fifo: rapid.Bool().Draw(rt, "fifo"), groupScope: rapid.Bool().Draw(rt, "groupScope"), delay: rapid.Int64Range(0, 2).Draw(rt, "delay"),
		visibility: rapid.Int64Range(0, 3).Draw(rt, "visibility"), handles: map[string]*item{}, dedup: map[string]repeat{},
	}
	if rapid.IntRange(0, 3).Draw(rt, "short retention") == 0 {
		m.retention = 60
	}
	if rapid.Bool().Draw(rt, "deadLetters") {
		m.max = rapid.IntRange(1, 3).Draw(rt, "maxReceiveCount")
	}
	suffix, attrs := "", map[string]string{"DelaySeconds": strconv.FormatInt(m.delay, 10), "VisibilityTimeout": strconv.FormatInt(m.visibility, 10)}
	dead := map[string]string{}
	if m.fifo {
		suffix, attrs["FifoQueue"], dead["FifoQueue"] = ".fifo", "true", "true"
		if m.groupScope {
			attrs["DeduplicationScope"], attrs["FifoThroughputLimit"] = "messageGroup", "perMessageGroupId"
		}
		if m.byContent = rapid.Bool().Draw(rt, "by content"); m.byContent {
			attrs["ContentBasedDeduplication"] = "true"
		}
	}
	if m.retention > 0 {
		attrs["MessageRetentionPeriod"] = strconv.FormatInt(m.retention, 10)
	}
	queue := fmt.Sprintf("q%d%s", n, suffix)
	if m.max > 0 {
		grave := fmt.Sprintf("dead%d%s", n, suffix)
		m.grave = b.create(grave, dead)
		attrs["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, name{cloud.CallFrom(b.ctx).Scope, grave}.arn(), m.max)
	}
	m.url, m.name = b.create(queue, attrs), name{cloud.CallFrom(b.ctx).Scope, queue}
	return m
}

// TestModel compares queues with the model under random operations and moves of the clock.
func TestModel(t *testing.T) {
	b, n := open(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		m := newModel(b, rt, n)
		rt.Repeat(map[string]func(*rapid.T){
			"send": m.send, "sendBatch": m.sendBatch, "receive": m.receive, "delete": m.delete, "deleteBatch": m.deleteBatch,
			"changeVisibility": m.change, "advance": m.advance, "purge": m.purge, "forget": m.forget, "": m.check,
		})
		m.drain(rt)
	})
}

// expect gives the message that a send should give: a new one, or that which it repeats.
func (m *model) expect(body, group, dedup, id string, delay int64) string {
	if m.fifo {
		if dedup == "" {
			dedup = "content " + body
		}
		scope := dedup
		if m.groupScope {
			scope = group + " " + dedup
		}
		if r, ok := m.dedup[scope]; ok && r.until > m.now() {
			return r.id
		}
		m.dedup[scope] = repeat{id, m.now() + dedupInterval}
	}
	m.items = append(m.items, &item{id: id, body: body, group: group, sent: m.now(), due: m.now() + delay*1000})
	return id
}

// draft draws what a message needs.
func (m *model) draft(rt *rapid.T) (body string, group, dedup *string, delay *int32, effective int64) {
	m.sent++
	body, effective = fmt.Sprintf("body %d", m.sent), m.delay
	if m.fifo {
		group, dedup = new(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "group")), new(strconv.Itoa(rapid.IntRange(0, 30).Draw(rt, "dedup")))
		if m.byContent && rapid.Bool().Draw(rt, "no id") {
			return "body " + *dedup, group, nil, nil, effective
		}
		return body, group, dedup, nil, effective
	}
	if rapid.Bool().Draw(rt, "tenant") {
		group = new(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "group"))
	}
	if rapid.Bool().Draw(rt, "own delay") {
		delay = new(int32(rapid.IntRange(0, 3).Draw(rt, "delay")))
		effective = int64(*delay)
	}
	return body, group, nil, delay, effective
}

func (m *model) send(rt *rapid.T) {
	body, group, dedup, delay, effective := m.draft(rt)
	out, err := m.b.r.sendMessage(m.b.ctx, &api.SendMessageInput{QueueUrl: m.url, MessageBody: &body, MessageGroupId: group, MessageDeduplicationId: dedup, DelaySeconds: delay})
	if err != nil {
		rt.Fatal(err)
	}
	if want := m.expect(body, text(group), text(dedup), *out.MessageId, effective); want != *out.MessageId {
		rt.Fatalf("sent %s as %s, which repeats %s", body, *out.MessageId, want)
	}
}

func (m *model) sendBatch(rt *rapid.T) {
	in := &api.SendMessageBatchInput{QueueUrl: m.url}
	var delays []int64
	for i := range rapid.IntRange(1, 5).Draw(rt, "entries") {
		body, group, dedup, delay, effective := m.draft(rt)
		in.Entries = append(in.Entries, api.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), MessageBody: &body, MessageGroupId: group, MessageDeduplicationId: dedup, DelaySeconds: delay})
		delays = append(delays, effective)
	}
	out, err := m.b.r.sendMessageBatch(m.b.ctx, in)
	if err != nil || len(out.Failed) > 0 {
		rt.Fatal(err, out)
	}
	for i, s := range out.Successful {
		e := in.Entries[i]
		if want := m.expect(*e.MessageBody, text(e.MessageGroupId), text(e.MessageDeduplicationId), *s.MessageId, delays[i]); want != *s.MessageId {
			rt.Fatalf("sent %s as %s, which repeats %s", *e.MessageBody, *s.MessageId, want)
		}
	}
}

// ready gives what a receive may give, in order, and drops what it moves away. A FIFO queue's answer is certain.
func (m *model) ready(n int) []*item {
	var out []*item
	if !m.fifo {
		for _, i := range m.items {
			if !i.gone && !m.hidden(i) && !m.over(i) {
				out = append(out, i)
			}
		}
		return out
	}
	closed := map[string]bool{}
	for {
		var group string
		for _, i := range m.items { // the open group with the oldest message
			if !i.gone && !m.moved(i) && !closed[i.group] {
				group = i.group
				break
			}
		}
		if group == "" || len(out) == n {
			return out
		}
		closed[group] = true
		for _, i := range m.items {
			if i.group != group || i.gone || m.moved(i) {
				continue
			}
			if m.hidden(i) || len(out) == n {
				break
			}
			if m.over(i) {
				i.gone = true
				if len(out) == 0 || out[len(out)-1].group != group {
					delete(closed, group) // it gives nothing yet: another group may be older now
					break
				}
				continue
			}
			out = append(out, i)
		}
	}
}

func (m *model) receive(rt *rapid.T) {
	n := rapid.IntRange(1, 10).Draw(rt, "max")
	visibility := m.visibility
	in := &api.ReceiveMessageInput{QueueUrl: m.url, MaxNumberOfMessages: new(int32(n)), AttributeNames: []string{"All"}}
	if rapid.Bool().Draw(rt, "own visibility") {
		visibility = rapid.Int64Range(0, 4).Draw(rt, "visibility")
		in.VisibilityTimeout = new(int32(visibility))
	}
	before := m.dead()
	want := m.ready(n)
	m.bury(before)
	out, err := m.b.r.receiveMessage(m.b.ctx, in)
	if err != nil {
		rt.Fatal(err)
	}
	if len(out.Messages) != min(n, len(want)) {
		rt.Fatalf("received %d of %d messages", len(out.Messages), min(n, len(want)))
	}
	for k, got := range out.Messages {
		at := slices.IndexFunc(want, func(i *item) bool { return i.id == *got.MessageId })
		if at < 0 || m.fifo && at != k {
			rt.Fatalf("received %s as number %d, which should be at %d", *got.Body, k, at)
		}
		i := want[at]
		i.count++
		i.due, i.handle = m.now()+visibility*1000, *got.ReceiptHandle
		m.handles[i.handle] = i
		if *got.Body != i.body || got.Attributes["ApproximateReceiveCount"] != strconv.Itoa(i.count) {
			rt.Fatalf("received %v, want %+v", got, i)
		}
	}
}

// dead gives the messages that are over the receive count and not gone.
func (m *model) dead() []*item {
	var out []*item
	for _, i := range m.items {
		if !i.gone && m.over(i) {
			out = append(out, i)
		}
	}
	return out
}

// bury notes which messages a receive of a FIFO queue has moved.
func (m *model) bury(before []*item) {
	for _, i := range before {
		if i.gone {
			i.gone = false
			i.due = 1 << 62 // no receive meets it again; drain looks for it in the dead letter queue
		}
	}
}

func (m *model) moved(i *item) bool { return i.due == 1<<62 }

// pick draws a handle that was given out.
func (m *model) pick(rt *rapid.T) (string, *item) {
	if len(m.handles) == 0 {
		rt.Skip("nothing received yet")
	}
	all := make([]string, 0, len(m.handles))
	for h := range m.handles {
		all = append(all, h)
	}
	slices.Sort(all)
	h := rapid.SampledFrom(all).Draw(rt, "handle")
	return h, m.handles[h]
}

// drop is a delete; the code that it should fail with, or "".
func (m *model) drop(h string, i *item) string {
	switch {
	case i.gone || m.moved(i):
		return ""
	case m.fifo && (h != i.handle || !m.hidden(i)):
		return "InvalidParameterValueException"
	}
	if !m.fifo && m.over(i) && !m.hidden(i) {
		return "" // it may have been moved already, or is deleted now: drain accepts both
	}
	i.gone = true
	return ""
}

func (m *model) delete(rt *rapid.T) {
	h, i := m.pick(rt)
	if !m.fifo && m.over(i) && !m.hidden(i) {
		rt.Skip("it may have moved")
	}
	_, err := m.b.r.deleteMessage(m.b.ctx, &api.DeleteMessageInput{QueueUrl: m.url, ReceiptHandle: &h})
	m.code(rt, err, m.drop(h, i))
}

func (m *model) deleteBatch(rt *rapid.T) {
	in, want := &api.DeleteMessageBatchInput{QueueUrl: m.url}, 0
	for k := range rapid.IntRange(1, 4).Draw(rt, "entries") {
		h, i := m.pick(rt)
		if !m.fifo && m.over(i) && !m.hidden(i) {
			continue
		}
		in.Entries = append(in.Entries, api.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(k)), ReceiptHandle: &h})
		if m.drop(h, i) != "" {
			want++
		}
	}
	if len(in.Entries) == 0 {
		rt.Skip("nothing to delete")
	}
	out, err := m.b.r.deleteMessageBatch(m.b.ctx, in)
	if err != nil || len(out.Failed) != want {
		rt.Fatalf("%v %v, want %d failures", err, out, want)
	}
}

func (m *model) code(rt *rapid.T, err error, want string) {
	if want == "" && err != nil || want != "" && !cloud.IsCode(err, want) {
		rt.Fatalf("error %v, want %q", err, want)
	}
}

func (m *model) change(rt *rapid.T) {
	h, i := m.pick(rt)
	timeout := int32(rapid.IntRange(0, 4).Draw(rt, "timeout"))
	want := ""
	switch flies := m.hidden(i); {
	case i.gone || m.moved(i), m.fifo && !flies:
		want = "InvalidParameterValueException"
	case h != i.handle:
		want = "MessageNotInflight"
	case !flies && m.over(i):
		rt.Skip("it may have moved")
	case flies:
		i.due = m.now() + int64(timeout)*1000
	}
	if !m.fifo && m.over(i) && !m.hidden(i) && want == "MessageNotInflight" {
		rt.Skip("it may have moved")
	}
	_, err := m.b.r.changeVisibility(m.b.ctx, &api.ChangeMessageVisibilityInput{QueueUrl: m.url, ReceiptHandle: &h, VisibilityTimeout: &timeout})
	m.code(rt, err, want)
}

func (m *model) advance(rt *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms")) * time.Millisecond
	if rapid.IntRange(0, 9).Draw(rt, "long") == 0 {
		d = 100 * time.Second
	}
	m.b.Advance(d)
}

func (m *model) purge(rt *rapid.T) {
	want := ""
	if m.purged > 0 && m.now()-m.purged < purgeInterval {
		want = "PurgeQueueInProgress"
	}
	_, err := m.b.r.purgeQueue(m.b.ctx, &api.PurgeQueueInput{QueueUrl: m.url})
	m.code(rt, err, want)
	if want == "" {
		m.purged = m.now()
		clear(m.dedup)
		for _, i := range m.items {
			if m.max > 0 && !m.fifo && m.over(i) && !m.hidden(i) {
				continue // moved already, or purged now: drain accepts both
			}
			i.gone = i.gone || !m.moved(i)
		}
	}
}

// forget drops the queue's memory, as after a restart.
func (m *model) forget(*rapid.T) {
	m.b.forget(m.url)
}

// expire drops messages over the retention period.
func (m *model) expire() {
	for _, i := range m.items {
		if m.retention > 0 && m.now()-i.sent >= m.retention*1000 && !m.moved(i) {
			i.gone = true
		}
	}
}

// check compares the counts.
func (m *model) check(rt *rapid.T) {
	m.expire()
	out, err := m.b.r.getQueueAttributes(m.b.ctx, &api.GetQueueAttributesInput{QueueUrl: m.url, AttributeNames: []string{"All"}})
	if err != nil {
		rt.Fatal(err)
	}
	var visible, unsure, flying, delayed int
	for _, i := range m.items {
		switch {
		case i.gone || m.moved(i):
		case !m.hidden(i) && !m.fifo && m.over(i):
			unsure++
		case !m.hidden(i):
			visible++
		case i.count > 0:
			flying++
		default:
			delayed++
		}
	}
	got := func(n string) int {
		v, _ := strconv.Atoi(out.Attributes[n])
		return v
	}
	v := got("ApproximateNumberOfMessages")
	if v < visible || v > visible+unsure || got("ApproximateNumberOfMessagesNotVisible") != flying || got("ApproximateNumberOfMessagesDelayed") != delayed {
		rt.Fatalf("%v, want visible %d to %d, in flight %d, delayed %d", out.Attributes, visible, visible+unsure, flying, delayed)
	}
}

// drain empties the queue at the end: what it still gives, and what lies in the dead letter queue, are all the messages that are left.
func (m *model) drain(rt *rapid.T) {
	m.b.Advance(time.Hour)
	m.expire()
	got := map[string]int{}
	for _, url := range []*string{m.url, m.grave} {
		for url != nil {
			out, err := m.b.r.receiveMessage(m.b.ctx, &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: new(int32(10)), VisibilityTimeout: new(int32(43_200))})
			if err != nil {
				rt.Fatal(err)
			}
			if len(out.Messages) == 0 {
				break
			}
			var entries []api.DeleteMessageBatchRequestEntry
			for k, r := range out.Messages {
				got[*r.MessageId]++
				entries = append(entries, api.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(k)), ReceiptHandle: r.ReceiptHandle})
			}
			if d, err := m.b.r.deleteMessageBatch(m.b.ctx, &api.DeleteMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil || len(d.Failed) > 0 {
				rt.Fatal(err, d)
			}
		}
		m.b.Advance(0) // what moved arrives
	}
	for _, i := range m.items {
		want, unsure := 1, (m.purged > 0 || m.retention > 0) && m.max > 0 && !m.fifo && m.over(i)
		if i.gone {
			want = 0
		}
		if n := got[i.id]; n != want && !(unsure && n < 2) {
			rt.Fatalf("%s is there %d times, want %d (%+v)", i.body, n, want, i)
		}
		delete(got, i.id)
	}
	if len(got) > 0 {
		rt.Fatalf("unknown messages: %v", got)
	}
}
