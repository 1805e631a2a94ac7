package sns

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// ordered publishes to a FIFO topic.
func (b *bench) ordered(topic *string, body string) {
	b.t.Helper()
	in := &api.PublishInput{TopicArn: topic, Message: &body, MessageGroupId: new("g"), MessageDeduplicationId: new(body + b.IDs.Hex(4))}
	if _, err := b.r.publish(b.ctx, in); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) set(subscription, attribute, value string) error {
	_, err := b.r.setSubscriptionAttributes(b.ctx, &api.SetSubscriptionAttributesInput{SubscriptionArn: &subscription, AttributeName: &attribute, AttributeValue: &value})
	return err
}

func (b *bench) setTopic(topic *string, attribute, value string) error {
	_, err := b.r.setTopicAttributes(b.ctx, &api.SetTopicAttributesInput{TopicArn: topic, AttributeName: &attribute, AttributeValue: &value})
	return err
}

// taken gives the texts that came since the last time; replayed ones with a star.
func (b *bench) taken() (out []string) {
	b.t.Helper()
	b.Settle()
	for {
		select {
		case d := <-b.sink.got:
			out = append(out, shortly(b, d))
		default:
			return out
		}
	}
}

func shortly(b *bench, d bus.Delivery) string {
	var n notification
	if err := json.Unmarshal(d.Payload, &n); err != nil {
		b.t.Fatal(err)
	}
	if n.Attributes["Replayed"].Value == "true" {
		return n.Message + "*"
	}
	return n.Message
}

func replayFrom(from time.Time, to ...time.Time) string {
	p := map[string]string{"PointType": "Timestamp", "StartingPoint": from.Format(time.RFC3339Nano)}
	for _, t := range to {
		p["EndingPoint"] = t.Format(time.RFC3339Nano)
	}
	b, _ := json.Marshal(p)
	return string(b)
}

func TestReplay(t *testing.T) {
	b := open(t)
	topic := b.topic("t.fifo", map[string]string{"FifoTopic": "true", "ArchivePolicy": `{"MessageRetentionPeriod":"30"}`})
	start := b.Clock.Now()
	if a := b.topicAttributes(topic); a["BeginningArchiveTime"] != stamp(start.UnixMilli()) || a["ArchivePolicy"] == "" {
		t.Errorf("%v", a)
	}
	sub := *b.subscribe(topic, "sqs", queue+".fifo", nil)
	for i := range 3 {
		b.ordered(topic, fmt.Sprint(i))
		b.Advance(time.Hour)
	}
	if got := b.taken(); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Fatalf("%v", got)
	}
	if err := b.set(sub, "ReplayPolicy", replayFrom(start.Add(30*time.Minute))); err != nil {
		t.Fatal(err)
	}
	if got := b.taken(); !slices.Equal(got, []string{"1*", "2*"}) {
		t.Errorf("%v", got)
	}
	if a := b.attributes(sub); a["ReplayStatus"] != replayCompleted || !strings.Contains(a["ReplayPolicy"], "Timestamp") {
		t.Errorf("%v", a)
	}
	b.ordered(topic, "3")
	if got := b.taken(); !slices.Equal(got, []string{"3"}) {
		t.Errorf("%v", got)
	}
	if err := b.set(sub, "ReplayPolicy", replayFrom(start, start.Add(30*time.Minute))); err != nil {
		t.Fatal(err)
	}
	if got := b.taken(); !slices.Equal(got, []string{"0*"}) {
		t.Errorf("%v", got)
	}
	if err := b.set(sub, "ReplayPolicy", "{}"); err != nil {
		t.Fatal(err)
	}
	if a := b.attributes(sub); a["ReplayStatus"] != "" || a["ReplayPolicy"] != "" {
		t.Errorf("%v", a)
	}
	// A new subscription may begin with the past, through its filter.
	b.subscribe(topic, "sqs", queue+"2.fifo", map[string]string{"ReplayPolicy": replayFrom(start), "FilterPolicyScope": "MessageBody", "FilterPolicy": `{"n":[1]}`})
	if got := b.taken(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// What is published while a replay runs comes after what is replayed, once.
func TestReplayAndPublish(t *testing.T) {
	b := open(t)
	topic := b.topic("t.fifo", map[string]string{"FifoTopic": "true", "ArchivePolicy": `{"MessageRetentionPeriod":"1"}`})
	start := b.Clock.Now()
	var want []string
	for i := range replayBatch + 20 {
		b.ordered(topic, fmt.Sprint(i))
		want = append(want, fmt.Sprint(i)+"*")
	}
	release := b.r.d.Clock.Busy("test")
	b.sink.got = make(chan bus.Delivery, 1000)
	b.Targets["sqs"] = b.sink
	b.subscribe(topic, "sqs", queue+".fifo", map[string]string{"ReplayPolicy": replayFrom(start)})
	for i := range 50 {
		b.ordered(topic, fmt.Sprint("new", i))
		want = append(want, fmt.Sprint("new", i))
	}
	release()
	if got := b.taken(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestArchiveExpires(t *testing.T) {
	b := open(t)
	topic := b.topic("t.fifo", map[string]string{"FifoTopic": "true", "ArchivePolicy": `{"MessageRetentionPeriod":"2"}`})
	sub := *b.subscribe(topic, "sqs", queue+".fifo", nil)
	b.ordered(topic, "old")
	b.Advance(47 * time.Hour)
	b.ordered(topic, "new")
	b.Advance(2 * time.Hour)
	b.taken()
	from := b.Clock.Now().AddDate(0, 0, -2)
	if at := b.topicAttributes(topic)["BeginningArchiveTime"]; at != stamp(from.UnixMilli()) {
		t.Errorf("begins at %s", at)
	}
	if err := b.set(sub, "ReplayPolicy", replayFrom(from.Add(-time.Second))); !cloud.IsCode(err, "InvalidParameter") {
		t.Errorf("%v", err)
	}
	if err := b.set(sub, "ReplayPolicy", replayFrom(from)); err != nil {
		t.Fatal(err)
	}
	if got := b.taken(); !slices.Equal(got, []string{"new*"}) {
		t.Errorf("%v", got)
	}
	b.Advance(72 * time.Hour)
	a, _ := cloud.ParseARN(*topic)
	n := name{a.Scope(), a.Resource}
	if rows := b.count(n.key("archive")); rows != 0 {
		t.Errorf("%d messages are left", rows)
	}
	if _, err := b.r.deleteTopic(b.ctx, &api.DeleteTopicInput{TopicArn: topic}); !cloud.IsCode(err, "InvalidState") {
		t.Errorf("%v", err)
	}
	b.ordered(topic, "last")
	if err := b.setTopic(topic, "ArchivePolicy", "{}"); err != nil {
		t.Fatal(err)
	}
	if a := b.topicAttributes(topic); b.count(n.key("archive")) != 0 || a["ArchivePolicy"] != "" || a["BeginningArchiveTime"] != "" {
		t.Errorf("%v", a)
	}
	if _, err := b.r.deleteTopic(b.ctx, &api.DeleteTopicInput{TopicArn: topic}); err != nil {
		t.Error(err)
	}
}

func (b *bench) count(prefix store.Key) (n int) {
	b.t.Helper()
	err := b.Store.View(b.ctx, func(rd store.Reader) error {
		it := rd.Scan(store.Prefix(prefix))
		defer func() { _ = it.Close() }()
		for n = 0; it.Next(); n++ {
		}
		return it.Err()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestArchiveErrors(t *testing.T) {
	b := open(t)
	standard, fifo := b.topic("t", nil), b.topic("t.fifo", map[string]string{"FifoTopic": "true"})
	sub := *b.subscribe(fifo, "sqs", queue+".fifo", nil)
	now := b.Clock.Now()
	for name, err := range map[string]error{
		"standard":     b.setTopic(standard, "ArchivePolicy", `{"MessageRetentionPeriod":"1"}`),
		"days":         b.setTopic(fifo, "ArchivePolicy", `{"MessageRetentionPeriod":"366"}`),
		"json":         b.setTopic(fifo, "ArchivePolicy", `{`),
		"no archive":   b.set(sub, "ReplayPolicy", replayFrom(now)),
		"point type":   b.set(sub, "ReplayPolicy", `{"PointType":"Sequence","StartingPoint":"2030-01-01T00:00:00Z"}`),
		"no start":     b.set(sub, "ReplayPolicy", `{"PointType":"Timestamp"}`),
		"end is first": b.set(sub, "ReplayPolicy", replayFrom(now, now.Add(-time.Hour))),
	} {
		if !cloud.IsCode(err, "InvalidParameter") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
