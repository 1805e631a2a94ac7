package sns

import (
	"context"
	"slices"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/services/room"
)

const service = "sns"

// permission begins the actions, in the case in which the service writes them.
const permission = "SNS:"

// snsRoom is the room.
type snsRoom struct {
	d        room.Deps
	policies room.Policies
	topics   topics
	signer   signer
	pace     pacer
}

// New makes the room.
func New(d room.Deps) room.Room {
	r := &snsRoom{d: d}
	r.signer.d = d
	d.Timers.Handle(pendingKind, r.expireToken)
	d.Timers.Handle(archiveKind, r.sweepArchive)
	d.Timers.Handle(replayKind, r.runReplay)
	operations := slices.Concat(r.operations(), r.mobileOperations(), r.smsOperations())
	for i := range operations {
		operations[i].Denied = "AuthorizationError"
	}
	return room.Room{
		Service:        service,
		Operations:     operations,
		Refused:        refused,
		Resources:      r.resources(),
		Front:          front{&r.signer},
		Target:         target{r},
		Report:         r.report,
		Describe:       r.describe,
		ResourcePolicy: r.policies.Lookup(r.readPolicy),
	}
}

// refused are the operations that are not served, with the reason. CreatePlatformApplication judges its input first.
var refused = map[string]string{
	"CreatePlatformApplication":   "mobile push needs the vendors' services; as no application can be made, the other operations on them find none",
	"CreateSMSSandboxPhoneNumber": sandbox, "DeleteSMSSandboxPhoneNumber": sandbox, "VerifySMSSandboxPhoneNumber": sandbox,
	"PutDataProtectionPolicy": "data protection policies need AWS's managed data identifiers",
}

const sandbox = "there is no SMS sandbox: every number is accepted, and what is sent to it is kept"

func (r *snsRoom) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.AddPermissionOp, r.addPermission, onTopic("AddPermission", func(in *api.AddPermissionInput) *string { return in.TopicArn })),
		cloud.Op(service, api.ConfirmSubscriptionOp, r.confirmSubscription, r.accessConfirm),
		cloud.Op(service, api.CreateTopicOp, r.createTopic, accessCreate),
		cloud.Op(service, api.DeleteTopicOp, r.deleteTopic, onTopic("DeleteTopic", func(in *api.DeleteTopicInput) *string { return in.TopicArn })),
		cloud.Op(service, api.GetDataProtectionPolicyOp, r.getDataProtectionPolicy, onTopic("GetDataProtectionPolicy", func(in *api.GetDataProtectionPolicyInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.GetSubscriptionAttributesOp, r.getSubscriptionAttributes, onSubscription("GetSubscriptionAttributes", func(in *api.GetSubscriptionAttributesInput) *string { return in.SubscriptionArn })),
		cloud.Op(service, api.GetTopicAttributesOp, r.getTopicAttributes, onTopic("GetTopicAttributes", func(in *api.GetTopicAttributesInput) *string { return in.TopicArn })),
		cloud.Op(service, api.ListSubscriptionsOp, r.listSubscriptions, onAll[api.ListSubscriptionsInput]("ListSubscriptions")),
		cloud.Op(service, api.ListSubscriptionsByTopicOp, r.listSubscriptionsByTopic, onTopic("ListSubscriptionsByTopic", func(in *api.ListSubscriptionsByTopicInput) *string { return in.TopicArn })),
		cloud.Op(service, api.ListTagsForResourceOp, r.listTags, onTopic("ListTagsForResource", func(in *api.ListTagsForResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.ListTopicsOp, r.listTopics, onAll[api.ListTopicsInput]("ListTopics")),
		cloud.Op(service, api.PublishOp, r.publish, accessPublish),
		cloud.Op(service, api.PublishBatchOp, r.publishBatch, onTopic("Publish", func(in *api.PublishBatchInput) *string { return in.TopicArn })),
		cloud.Op(service, api.RemovePermissionOp, r.removePermission, onTopic("RemovePermission", func(in *api.RemovePermissionInput) *string { return in.TopicArn })),
		cloud.Op(service, api.SetSubscriptionAttributesOp, r.setSubscriptionAttributes, onSubscription("SetSubscriptionAttributes", func(in *api.SetSubscriptionAttributesInput) *string { return in.SubscriptionArn })),
		cloud.Op(service, api.SetTopicAttributesOp, r.setTopicAttributes, onTopic("SetTopicAttributes", func(in *api.SetTopicAttributesInput) *string { return in.TopicArn })),
		cloud.Op(service, api.SubscribeOp, r.subscribe, onTopic("Subscribe", func(in *api.SubscribeInput) *string { return in.TopicArn })),
		cloud.Op(service, api.TagResourceOp, r.tagResource, onTopic("TagResource", func(in *api.TagResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.UnsubscribeOp, r.unsubscribe, r.accessUnsubscribe).Checking(),
		cloud.Op(service, api.UntagResourceOp, r.untagResource, onTopic("UntagResource", func(in *api.UntagResourceInput) *string { return in.ResourceArn })),
	}
}

func onTopic[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n, err := topicOf(ctx, arn(in))
		return []cloud.Access{{Action: permission + action, Resource: n.arn()}}, err
	}
}

func onSubscription[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n, _, err := subscriptionOf(ctx, arn(in))
		return []cloud.Access{{Action: permission + action, Resource: n.arn()}}, err
	}
}

func onAll[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: permission + action}}, nil
	}
}

func accessCreate(ctx context.Context, in *api.CreateTopicInput) ([]cloud.Access, error) {
	return []cloud.Access{{Action: permission + "CreateTopic", Resource: name{cloud.CallFrom(ctx).Scope, text(in.Name)}.arn()}}, nil
}

func accessPublish(ctx context.Context, in *api.PublishInput) ([]cloud.Access, error) {
	if in.PhoneNumber != nil {
		return []cloud.Access{{Action: permission + "Publish"}}, nil
	}
	n, err := publishTo(ctx, in)
	return []cloud.Access{{Action: permission + "Publish", Resource: n.arn()}}, err
}

// accessUnsubscribe lets anybody who has the link unsubscribe, unless the subscription asks for a signature (API reference, Unsubscribe).
func (r *snsRoom) accessUnsubscribe(ctx context.Context, in *api.UnsubscribeInput) ([]cloud.Access, error) {
	n, id, err := subscriptionOf(ctx, in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	if cloud.CallFrom(ctx).Principal.Kind == cloud.Anonymous {
		s, err := r.subscription(ctx, n, id)
		if err != nil || s != nil && !s.Locked {
			return nil, err
		}
	}
	return []cloud.Access{{Action: permission + "Unsubscribe", Resource: n.arn()}}, nil
}

// Interface guards.
var _ bus.Target = target{}
