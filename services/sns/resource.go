package sns

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

func (r *snsRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type:       "AWS::SNS::Topic",
			Properties: []string{"TopicName", "DisplayName", "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope", "SignatureVersion", "Subscription", "Tags", "TracingConfig", "ArchivePolicy", "DeliveryStatusLogging"},
			NoEffect:   map[string]string{"KmsMasterKeyId": "data at rest is protected by the owner's disks"},
			Attributes: []string{"TopicArn", "TopicName"},
			Create:     r.createTopicResource, Update: r.updateTopicResource, Delete: r.deleteTopicResource,
		},
		{
			Type:       "AWS::SNS::Subscription",
			Properties: []string{"TopicArn", "Protocol", "Endpoint", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy"},
			NoEffect:   map[string]string{"Region": "a platform has one"},
			Attributes: []string{"Arn"},
			Create:     r.createSubscription, Update: r.updateSubscription, Delete: r.deleteSubscription,
		},
		{
			Type: "AWS::SNS::TopicPolicy", Properties: []string{"PolicyDocument", "Topics"}, Attributes: []string{"Id"},
			Create: r.putPolicy, Update: r.putPolicy, Delete: r.deletePolicy,
		},
		{
			Type: "AWS::SNS::TopicInlinePolicy", Properties: []string{"PolicyDocument", "TopicArn"},
			Create: r.putInlinePolicy, Update: r.putInlinePolicy, Delete: r.deletePolicy,
		},
	}
}

var topicProperties = []string{"DisplayName", "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope", "SignatureVersion", "TracingConfig", "ArchivePolicy"}

func (r *snsRoom) createTopicResource(ctx context.Context, req room.Request) (room.Result, error) {
	topic := req.New.Text("TopicName")
	if topic == "" {
		if topic = req.Name(250); req.New.Text("FifoTopic") == "true" {
			topic += ".fifo"
		}
	}
	attrs, err := statusLogging(req.New)
	if err != nil {
		return room.Result{}, err
	}
	for _, p := range topicProperties {
		if v := req.New.Text(p); v != "" {
			attrs[p] = v
		}
	}
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	var out struct{ TopicArn string }
	if err := r.d.Do(ctx, service, "CreateTopic", map[string]any{"Name": topic, "Attributes": attrs, "Tags": tagList(tags)}, &out); err != nil {
		return room.Result{}, err
	}
	req.Old = nil // also when it replaces another
	return topicResult(out.TopicArn, topic), r.inline(ctx, out.TopicArn, req)
}

func tagList(tags map[string]string) []map[string]string {
	list := []map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, map[string]string{"Key": k, "Value": tags[k]})
	}
	return list
}

func topicResult(arn, topic string) room.Result {
	return room.Result{Physical: arn, Attributes: map[string]any{"TopicArn": arn, "TopicName": topic}}
}

// listed is a subscription that a topic lists itself.
type listed struct{ Endpoint, Protocol string }

// inline makes the subscriptions that a topic lists itself, and ends those that it lists no more.
func (r *snsRoom) inline(ctx context.Context, arn string, req room.Request) error {
	var now, before []listed
	if _, err := req.New.Get("Subscription", &now); err != nil {
		return err
	}
	if _, err := req.Old.Get("Subscription", &before); err != nil {
		return err
	}
	for _, s := range now {
		if err := r.d.Do(ctx, service, "Subscribe", map[string]any{"TopicArn": arn, "Protocol": s.Protocol, "Endpoint": s.Endpoint}, nil); err != nil {
			return err
		}
	}
	before = slices.DeleteFunc(before, func(s listed) bool { return slices.Contains(now, s) })
	if len(before) == 0 {
		return nil
	}
	return r.unlist(ctx, arn, before)
}

// unlist ends the subscriptions of a topic with these endpoints.
func (r *snsRoom) unlist(ctx context.Context, arn string, gone []listed) error {
	in := map[string]any{"TopicArn": arn}
	for more := true; more; {
		var page struct {
			Subscriptions []struct{ SubscriptionArn, Endpoint, Protocol string }
			NextToken     string
		}
		if err := r.d.Do(ctx, service, "ListSubscriptionsByTopic", in, &page); err != nil {
			return err
		}
		for _, s := range page.Subscriptions {
			if !slices.Contains(gone, listed{s.Endpoint, s.Protocol}) || !strings.HasPrefix(s.SubscriptionArn, "arn:") { // one that waits for its confirmation ends by itself
				continue
			}
			if err := r.d.Do(ctx, service, "Unsubscribe", map[string]any{"SubscriptionArn": s.SubscriptionArn}, nil); err != nil {
				return err
			}
		}
		in["NextToken"], more = page.NextToken, page.NextToken != ""
	}
	return nil
}

// defaults are what a property that is taken away goes back to.
var defaults = map[string]string{
	"ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic", "SignatureVersion": "1", "TracingConfig": "PassThrough", "ArchivePolicy": "{}",
	"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes",
}

func (r *snsRoom) updateTopicResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("TopicName", "FifoTopic") {
		return r.createTopicResource(ctx, req)
	}
	if err := r.setChanged(ctx, req, topicProperties, "SetTopicAttributes", "TopicArn"); err != nil {
		return room.Result{}, err
	}
	if err := r.setLogging(ctx, req); err != nil {
		return room.Result{}, err
	}
	if err := r.inline(ctx, req.Physical, req); err != nil {
		return room.Result{}, err
	}
	a, err := cloud.ParseARN(req.Physical)
	if err != nil {
		return room.Result{}, err
	}
	return topicResult(req.Physical, a.Resource), r.retag(ctx, req)
}

// setChanged sets the attributes whose properties differ, one by one.
func (r *snsRoom) setChanged(ctx context.Context, req room.Request, properties []string, operation, resource string) error {
	for _, p := range properties {
		if !req.Changed(p) {
			continue
		}
		in := map[string]any{resource: req.Physical, "AttributeName": p, "AttributeValue": cmp.Or(req.New.Text(p), defaults[p])}
		if err := r.d.Do(ctx, service, operation, in, nil); err != nil {
			return err
		}
	}
	return nil
}

// loggingNames begin the attributes, by the protocols of DeliveryStatusLogging.
var loggingNames = map[string]string{"http/s": "HTTP", "sqs": "SQS", "lambda": "Lambda", "firehose": "Firehose", "application": "Application"}

// statusLogging gives the attributes that DeliveryStatusLogging stands for.
func statusLogging(p room.Props) (map[string]string, error) {
	var list []map[string]any
	if _, err := p.Get("DeliveryStatusLogging", &list); err != nil {
		return nil, err
	}
	attrs := map[string]string{}
	for _, l := range list {
		name, ok := loggingNames[fmt.Sprint(l["Protocol"])]
		if !ok {
			return nil, errInvalid("DeliveryStatusLogging: unknown protocol %v", l["Protocol"])
		}
		delete(l, "Protocol")
		for n, v := range l {
			attrs[name+n] = fmt.Sprint(v)
		}
	}
	return attrs, nil
}

func (r *snsRoom) setLogging(ctx context.Context, req room.Request) error {
	now, err := statusLogging(req.New)
	if err != nil {
		return err
	}
	before, err := statusLogging(req.Old)
	if err != nil {
		return err
	}
	for n := range before {
		if _, ok := now[n]; !ok {
			now[n] = ""
		}
	}
	for _, n := range slices.Sorted(maps.Keys(now)) {
		if now[n] == before[n] {
			continue
		}
		in := map[string]any{"TopicArn": req.Physical, "AttributeName": n, "AttributeValue": now[n]}
		if err := r.d.Do(ctx, service, "SetTopicAttributes", in, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *snsRoom) retag(ctx context.Context, req room.Request) error {
	tags, gone, err := req.TagChanges()
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		if err := r.d.Do(ctx, service, "UntagResource", map[string]any{"ResourceArn": req.Physical, "TagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return r.d.Do(ctx, service, "TagResource", map[string]any{"ResourceArn": req.Physical, "Tags": tagList(tags)}, nil)
}

func (r *snsRoom) deleteTopicResource(ctx context.Context, req room.Request) error {
	if req.Old.Text("ArchivePolicy") != "" { // with which no topic can be deleted
		in := map[string]any{"TopicArn": req.Physical, "AttributeName": "ArchivePolicy", "AttributeValue": "{}"}
		if err := ignoreAbsent(r.d.Do(ctx, service, "SetTopicAttributes", in, nil)); err != nil {
			return err
		}
	}
	return ignoreAbsent(r.d.Do(ctx, service, "DeleteTopic", map[string]any{"TopicArn": req.Physical}, nil))
}

func ignoreAbsent(err error) error {
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return nil
	}
	return err
}

var subscriptionProperties = []string{"FilterPolicyScope", "FilterPolicy", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy"}

func (r *snsRoom) createSubscription(ctx context.Context, req room.Request) (room.Result, error) {
	attrs := map[string]string{}
	for _, p := range subscriptionProperties {
		if v := req.New.Text(p); v != "" {
			attrs[p] = v
		}
	}
	var out struct{ SubscriptionArn string }
	in := map[string]any{
		"TopicArn": req.New.Text("TopicArn"), "Protocol": req.New.Text("Protocol"), "Endpoint": req.New.Text("Endpoint"),
		"Attributes": attrs, "ReturnSubscriptionArn": true,
	}
	err := r.d.Do(ctx, service, "Subscribe", in, &out)
	return room.Result{Physical: out.SubscriptionArn, Attributes: map[string]any{"Arn": out.SubscriptionArn}}, err
}

func (r *snsRoom) updateSubscription(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("TopicArn", "Protocol", "Endpoint") {
		return r.createSubscription(ctx, req)
	}
	properties := subscriptionProperties
	if req.New.Text("FilterPolicyScope") != "MessageBody" { // the policy of old may suit the body only
		properties = slices.Concat([]string{"FilterPolicy"}, properties)
	}
	if err := r.setChanged(ctx, req, properties, "SetSubscriptionAttributes", "SubscriptionArn"); err != nil {
		return room.Result{}, err
	}
	return room.Result{Physical: req.Physical, Attributes: map[string]any{"Arn": req.Physical}}, nil
}

func (r *snsRoom) deleteSubscription(ctx context.Context, req room.Request) error {
	return ignoreAbsent(r.d.Do(ctx, service, "Unsubscribe", map[string]any{"SubscriptionArn": req.Physical}, nil))
}

func (r *snsRoom) putPolicy(ctx context.Context, req room.Request) (room.Result, error) {
	if err := r.setPolicies(ctx, req); err != nil {
		return room.Result{}, err
	}
	id := cmp.Or(req.Physical, req.Name(128))
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, nil
}

func (r *snsRoom) putInlinePolicy(ctx context.Context, req room.Request) (room.Result, error) {
	topic := req.New.Text("TopicArn")
	return room.Result{Physical: topic}, r.setPolicy(ctx, topic, string(req.New["PolicyDocument"]))
}

func (r *snsRoom) deletePolicy(ctx context.Context, req room.Request) error {
	if topic := req.Old.Text("TopicArn"); topic != "" {
		return ignoreAbsent(r.setPolicy(ctx, topic, ""))
	}
	return r.setPolicies(ctx, room.Request{Old: req.Old})
}

// setPolicies gives the topics of New its policy, and takes that of topics which only Old has.
func (r *snsRoom) setPolicies(ctx context.Context, req room.Request) error {
	now, gone, err := req.ListChanges("Topics")
	if err != nil {
		return err
	}
	for _, t := range now {
		if err := r.setPolicy(ctx, t, string(req.New["PolicyDocument"])); err != nil {
			return err
		}
	}
	for _, t := range gone {
		if err := ignoreAbsent(r.setPolicy(ctx, t, "")); err != nil {
			return err
		}
	}
	return nil
}

func (r *snsRoom) setPolicy(ctx context.Context, topic, policy string) error {
	return r.d.Do(ctx, service, "SetTopicAttributes", map[string]any{"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}, nil)
}
