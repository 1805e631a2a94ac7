package sns

import (
	"context"
	"encoding/json"

	"sundog/cloud"
	"sundog/services/room"
)

func (r *snsRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type:       "AWS::SNS::Topic",
			Properties: []string{"TopicName", "DisplayName", "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope", "SignatureVersion", "Subscription", "Tags", "TracingConfig", "ArchivePolicy"},
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
	attrs := map[string]string{}
	for _, p := range topicProperties {
		if v := req.New.Text(p); v != "" {
			attrs[p] = v
		}
	}
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	list := []map[string]string{}
	for k, v := range tags {
		list = append(list, map[string]string{"Key": k, "Value": v})
	}
	var out struct{ TopicArn string }
	if err := r.d.Do(ctx, service, "CreateTopic", map[string]any{"Name": topic, "Attributes": attrs, "Tags": list}, &out); err != nil {
		return room.Result{}, err
	}
	if err := r.inline(ctx, out.TopicArn, req.New); err != nil {
		return room.Result{}, err
	}
	return topicResult(out.TopicArn, topic), nil
}

func topicResult(arn, topic string) room.Result {
	return room.Result{Physical: arn, Attributes: map[string]any{"TopicArn": arn, "TopicName": topic}}
}

// inline makes the subscriptions that a topic lists itself.
func (r *snsRoom) inline(ctx context.Context, arn string, p room.Props) error {
	var subs []struct{ Endpoint, Protocol string }
	if _, err := p.Get("Subscription", &subs); err != nil {
		return err
	}
	for _, s := range subs {
		if err := r.d.Do(ctx, service, "Subscribe", map[string]any{"TopicArn": arn, "Protocol": s.Protocol, "Endpoint": s.Endpoint}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *snsRoom) updateTopicResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("TopicName", "FifoTopic") {
		return r.createTopicResource(ctx, req)
	}
	for _, p := range topicProperties {
		if !req.Changed(p) {
			continue
		}
		in := map[string]any{"TopicArn": req.Physical, "AttributeName": p, "AttributeValue": req.New.Text(p)}
		if err := r.d.Do(ctx, service, "SetTopicAttributes", in, nil); err != nil {
			return room.Result{}, err
		}
	}
	if req.Changed("Subscription") {
		if err := r.inline(ctx, req.Physical, req.New); err != nil {
			return room.Result{}, err
		}
	}
	a, err := cloud.ParseARN(req.Physical)
	return topicResult(req.Physical, a.Resource), err
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
	for _, p := range subscriptionProperties {
		if !req.Changed(p) {
			continue
		}
		v := req.New.Text(p)
		if p == "RawMessageDelivery" && v == "" {
			v = "false"
		}
		if p == "FilterPolicyScope" && v == "" {
			v = "MessageAttributes"
		}
		in := map[string]any{"SubscriptionArn": req.Physical, "AttributeName": p, "AttributeValue": v}
		if err := r.d.Do(ctx, service, "SetSubscriptionAttributes", in, nil); err != nil {
			return room.Result{}, err
		}
	}
	return room.Result{Physical: req.Physical, Attributes: map[string]any{"Arn": req.Physical}}, nil
}

func (r *snsRoom) deleteSubscription(ctx context.Context, req room.Request) error {
	return ignoreAbsent(r.d.Do(ctx, service, "Unsubscribe", map[string]any{"SubscriptionArn": req.Physical}, nil))
}

func (r *snsRoom) putPolicy(ctx context.Context, req room.Request) (room.Result, error) {
	if err := r.eachTopic(ctx, req.New, string(req.New["PolicyDocument"])); err != nil {
		return room.Result{}, err
	}
	id := req.Physical
	if id == "" {
		id = req.Name(128)
	}
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, nil
}

func (r *snsRoom) deletePolicy(ctx context.Context, req room.Request) error {
	return r.eachTopic(ctx, req.Old, "")
}

func (r *snsRoom) eachTopic(ctx context.Context, p room.Props, policy string) error {
	var arns []string
	if raw, ok := p["Topics"]; ok {
		if err := json.Unmarshal(raw, &arns); err != nil {
			return err
		}
	}
	for _, a := range arns {
		in := map[string]any{"TopicArn": a, "AttributeName": "Policy", "AttributeValue": policy}
		if err := r.d.Do(ctx, service, "SetTopicAttributes", in, nil); err != nil && (policy != "" || ignoreAbsent(err) != nil) {
			return err
		}
	}
	return nil
}
