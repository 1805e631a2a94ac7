package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
	"sundog/lang/policydoc"
)

// record is a topic's row.
type record struct {
	Attributes map[string]string `json:"attributes"`
	Tags       map[string]string `json:"tags,omitempty"`
	// ArchivedSince is since when messages are kept, unix ms; 0: they are not.
	ArchivedSince int64 `json:"archivedSince,omitempty"`
}

func (r *record) fifo() bool { return r.Attributes["FifoTopic"] == "true" }

var topicName = pattern.New(`^[A-Za-z0-9_-]{1,256}$`)

// topicAttributes are the attributes that can be set, with the values that they take; nil: checked apart, or any.
var topicAttributes = map[string][]string{
	"Policy": nil, "DisplayName": nil, "KmsMasterKeyId": nil, "DeliveryPolicy": nil, "ArchivePolicy": nil,
	"ContentBasedDeduplication": {"true", "false"}, "SignatureVersion": {"1", "2"}, "TracingConfig": {"PassThrough", "Active"},
	"FifoThroughputScope": {"Topic", "MessageGroup"},
}

// refusedAttributes are AWS's that this platform does not apply: those of endpoints that no topic of its has.
var refusedAttributes = []string{
	"DataProtectionPolicy", "FirehoseSuccessFeedbackRoleArn", "FirehoseSuccessFeedbackSampleRate", "FirehoseFailureFeedbackRoleArn",
	"ApplicationSuccessFeedbackRoleArn", "ApplicationSuccessFeedbackSampleRate", "ApplicationFailureFeedbackRoleArn",
}

func checkTopicAttribute(n, v string, fifo, creating bool) error {
	for _, refused := range refusedAttributes {
		if n == refused {
			return cloud.NotImplementedf("The topic attribute %s is not served by this platform.", n)
		}
	}
	if kind := feedbackAttribute(n); kind != "" {
		return checkFeedback(n, kind, v)
	}
	if n == "FifoTopic" && creating && (v == "true" || v == "false") {
		return nil
	}
	values, ok := topicAttributes[n]
	if !ok && creating {
		return errInvalid("Unknown attribute %s", n)
	}
	if !ok || !fifo && (n == "ContentBasedDeduplication" || n == "FifoThroughputScope" || n == "ArchivePolicy") {
		return errInvalid("AttributeName")
	}
	if n == "Policy" && v != "" {
		if _, err := policydoc.Parse(v, policydoc.Resource); err != nil {
			return errInvalid("Policy Error: null")
		}
	}
	if n == "ArchivePolicy" {
		_, err := retention(v)
		return err
	}
	if n == "DeliveryPolicy" {
		_, err := parseTopicPolicy(v)
		return err
	}
	if n == "DisplayName" && len(v) > 100 {
		return errInvalid("DisplayName")
	}
	if values != nil && !strings.Contains(","+strings.Join(values, ",")+",", ","+v+",") {
		return errInvalid("%s", n)
	}
	return nil
}

func (r *snsRoom) createTopic(ctx context.Context, in *api.CreateTopicInput) (*api.CreateTopicOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.Name)}
	base, suffix := strings.CutSuffix(n.Topic, ".fifo")
	fifo := in.Attributes["FifoTopic"] == "true"
	if !topicName.MatchString(base) || len(n.Topic) > 256 || suffix != fifo {
		return nil, errInvalid("Topic Name")
	}
	if in.DataProtectionPolicy != nil {
		return nil, cloud.NotImplementedf("Data protection policies are not served by this platform.")
	}
	rec := record{Attributes: map[string]string{}, Tags: map[string]string{}}
	for a, v := range in.Attributes {
		if err := checkTopicAttribute(a, v, fifo, true); err != nil {
			return nil, prefixed(inAttributes, err)
		}
		rec.Attributes[a] = v
	}
	if !fifo {
		delete(rec.Attributes, "FifoTopic")
	}
	if err := rec.tag(in.Tags); err != nil {
		return nil, err
	}
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		old, err := readRecord(tx, n)
		if err != nil {
			return err
		}
		if old != nil {
			return sameTopic(old, rec)
		}
		if err := tx.Put(listKey(n.Scope, "list").Str(n.Topic), nil); err != nil {
			return err
		}
		return r.writeRecord(tx, n, rec)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateTopicOutput{TopicArn: new(n.arn().String())}, nil
}

func sameTopic(old *record, rec record) error {
	for a, v := range rec.Attributes {
		if old.Attributes[a] != v {
			return errInvalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	for k, v := range rec.Tags {
		if have, ok := old.Tags[k]; !ok || have != v {
			return errInvalid("Tags Reason: Topic already exists with different tags")
		}
	}
	return nil
}

func readRecord(rd store.Reader, n name) (*record, error) {
	b, err := rd.Get(n.key("topic"))
	if err != nil || b == nil {
		return nil, err
	}
	rec := &record{}
	return rec, json.Unmarshal(b, rec)
}

func (r *snsRoom) writeRecord(tx store.Tx, n name, rec record) error {
	if err := r.settleArchive(tx, n, &rec); err != nil {
		return err
	}
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { r.forget(n) })
	return tx.Put(n.key("topic"), b)
}

func (r *snsRoom) forget(n name) {
	r.topics.forget(n)
	r.policies.Forget(n.arn())
}

// record reads a topic's row; errNoTopic when there is none.
func (r *snsRoom) record(ctx context.Context, n name) (rec *record, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		rec, err = readRecord(rd, n)
		return err
	})
	if err == nil && rec == nil {
		err = errNoTopic()
	}
	return rec, err
}

// change rewrites a topic's row.
func (r *snsRoom) change(ctx context.Context, arn *string, fn func(name, *record) error) error {
	n, err := topicOf(ctx, arn)
	if err != nil {
		return err
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := readRecord(tx, n)
		if err != nil {
			return err
		}
		if rec == nil {
			return errNoTopic()
		}
		if err := fn(n, rec); err != nil {
			return err
		}
		return r.writeRecord(tx, n, *rec)
	})
}

func (r *snsRoom) deleteTopic(ctx context.Context, in *api.DeleteTopicInput) (*api.DeleteTopicOutput, error) {
	n, err := topicOf(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	return &api.DeleteTopicOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		if rec, err := readRecord(tx, n); err != nil {
			return err
		} else if rec != nil && rec.archives() {
			return errState("You cannot delete a topic with an ArchivePolicy. Remove the policy first.")
		}
		for _, k := range []store.Key{n.key("sub"), n.key("seq"), n.key("dedup"), n.key("dedupdue"), n.key("given"), n.key("givendue"), n.key("token"), listKey(n.Scope, "sublist").Str(n.Topic)} {
			if err := tx.DeleteRange(k, k.End()); err != nil {
				return err
			}
		}
		if err := tx.Delete(listKey(n.Scope, "list").Str(n.Topic)); err != nil {
			return err
		}
		tx.AfterCommit(func(store.Stamp) { r.forget(n) })
		return tx.Delete(n.key("topic"))
	})
}

func (r *snsRoom) setTopicAttributes(ctx context.Context, in *api.SetTopicAttributesInput) (*api.SetTopicAttributesOutput, error) {
	return &api.SetTopicAttributesOutput{}, r.change(ctx, in.TopicArn, func(_ name, rec *record) error {
		a, v := text(in.AttributeName), text(in.AttributeValue)
		if err := checkTopicAttribute(a, v, rec.fifo(), false); err != nil {
			return err
		}
		if v == "" {
			delete(rec.Attributes, a)
		} else {
			rec.Attributes[a] = v
		}
		return nil
	})
}

func (r *snsRoom) getTopicAttributes(ctx context.Context, in *api.GetTopicAttributesInput) (*api.GetTopicAttributesOutput, error) {
	n, err := topicOf(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	subs, err := r.subscriptions(ctx, n)
	if err != nil {
		return nil, err
	}
	out := maps.Clone(rec.Attributes)
	out["TopicArn"], out["Owner"] = n.arn().String(), n.Account
	if out["EffectiveDeliveryPolicy"], err = rec.effectivePolicy(); err != nil {
		return nil, err
	}
	if rec.archives() {
		out["BeginningArchiveTime"] = stamp(rec.archiveBegins(r.d.Clock.Now()))
	}
	pending := 0
	for _, s := range subs {
		if s.Pending {
			pending++
		}
	}
	out["SubscriptionsConfirmed"], out["SubscriptionsPending"], out["SubscriptionsDeleted"] = fmt.Sprint(len(subs)-pending), fmt.Sprint(pending), "0"
	if out["Policy"] == "" {
		out["Policy"] = defaultPolicy(n)
	}
	if _, ok := out["DisplayName"]; !ok {
		out["DisplayName"] = ""
	}
	if rec.fifo() && out["ContentBasedDeduplication"] == "" {
		out["ContentBasedDeduplication"] = "false"
	}
	return &api.GetTopicAttributesOutput{Attributes: out}, nil
}

// defaultPolicy is the policy of a topic that has none of its own: the owner's.
func defaultPolicy(n name) string {
	return fmt.Sprintf(`{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"%s","Condition":{"StringEquals":{"AWS:SourceOwner":"%s"}}}]}`, n.arn(), n.Account)
}

// readPolicy parses a topic's policy.
func (r *snsRoom) readPolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	topic, _, _ := strings.Cut(a.Resource, ":")
	n := name{a.Scope(), topic}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	doc := rec.Attributes["Policy"]
	if doc == "" {
		return nil, nil
	}
	return policydoc.Parse(doc, policydoc.Resource)
}

// describe answers other rooms.
func (r *snsRoom) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	rec, err := r.record(ctx, name{a.Scope(), a.Resource})
	if err != nil {
		return cloud.Description{}, err
	}
	return cloud.Description{Type: "AWS::SNS::Topic", Name: a.Resource, Attributes: rec.Attributes, Tags: rec.Tags}, nil
}
