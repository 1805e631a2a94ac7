package s3

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

// happenings are the events that happen on this platform.
var happenings = []string{
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
	"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
}

// others are S3's events that never happen on this platform.
var others = []string{
	"s3:ReducedRedundancyLostObject", "s3:ObjectRestore:*", "s3:ObjectRestore:Post", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete",
	"s3:Replication:*", "s3:Replication:OperationFailedReplication", "s3:Replication:OperationNotTracked", "s3:Replication:OperationMissedThreshold",
	"s3:Replication:OperationReplicatedAfterThreshold", "s3:LifecycleTransition", "s3:IntelligentTiering", "s3:ObjectAcl:Put", "s3:TestEvent",
}

// rule is one entry of a notification configuration.
type rule struct {
	id             string
	target         *string
	kind           string // "Queue", "Topic", "CloudFunction"
	service        string
	action         string
	events         []string
	filter         *api.NotificationConfigurationFilter
	prefix, suffix string
}

// rules gives the entries of a configuration in one form. It makes ids for those that have none.
func (r *s3Room) rules(c *api.NotificationConfiguration) []rule {
	var out []rule
	named := func(id **string) string {
		if text(*id) == "" {
			*id = new(r.d.IDs.UUID())
		}
		return **id
	}
	for i := range c.TopicConfigurations {
		t := &c.TopicConfigurations[i]
		out = append(out, rule{id: named(&t.Id), target: t.TopicArn, kind: "Topic", service: "sns", action: "sns:Publish", events: t.Events, filter: t.Filter})
	}
	for i := range c.QueueConfigurations {
		q := &c.QueueConfigurations[i]
		out = append(out, rule{id: named(&q.Id), target: q.QueueArn, kind: "Queue", service: "sqs", action: "sqs:SendMessage", events: q.Events, filter: q.Filter})
	}
	for i := range c.LambdaFunctionConfigurations {
		f := &c.LambdaFunctionConfigurations[i]
		out = append(out, rule{id: named(&f.Id), target: f.LambdaFunctionArn, kind: "CloudFunction", service: "lambda", action: "lambda:InvokeFunction", events: f.Events, filter: f.Filter})
	}
	for i := range out {
		out[i].prefix, out[i].suffix = filterOf(out[i].filter)
	}
	return out
}

// filterOf gives the prefix and suffix of a filter.
func filterOf(f *api.NotificationConfigurationFilter) (prefix, suffix string) {
	if f == nil || f.Key == nil {
		return "", ""
	}
	for _, r := range f.Key.FilterRules {
		if strings.EqualFold(text(r.Name), "prefix") {
			prefix = text(r.Value)
		} else {
			suffix = text(r.Value)
		}
	}
	return prefix, suffix
}

// wants tells whether an entry asks for an event of a key. event is like "ObjectCreated:Put".
func (c rule) wants(event, key string) bool {
	if !strings.HasPrefix(key, c.prefix) || !strings.HasSuffix(key, c.suffix) {
		return false
	}
	return slices.ContainsFunc(c.events, func(asked string) bool { return eventMatches(asked, "s3:"+event) })
}

func eventMatches(asked, event string) bool {
	head, all := strings.CutSuffix(asked, "*")
	return asked == event || all && strings.HasPrefix(event, head)
}

func (c rule) check() error {
	if len(c.events) == 0 || c.target == nil {
		return errXML()
	}
	a, err := cloud.ParseARN(*c.target)
	if err != nil || a.Service != c.service {
		return errArgument(c.kind, *c.target, "The ARN could not be parsed")
	}
	if c.service == "sqs" && strings.HasSuffix(a.Resource, ".fifo") {
		return errArgument(c.kind, *c.target, "FIFO SQS queues are not supported as notification destinations")
	}
	for _, e := range c.events {
		if slices.Contains(others, e) {
			return cloud.NotImplementedf("The event %s is not served by this platform.", e)
		}
		if !slices.Contains(happenings, e) {
			return errArgument("Event", e, "The event '%s' is not supported for notifications", e)
		}
	}
	return checkFilter(c.filter)
}

// checkFilter checks a filter, and writes its names as S3 gives them back.
func checkFilter(f *api.NotificationConfigurationFilter) error {
	if f == nil || f.Key == nil {
		return nil
	}
	seen := map[string]bool{}
	for i := range f.Key.FilterRules {
		r := &f.Key.FilterRules[i]
		if r.Name == nil || r.Value == nil {
			return errXML()
		}
		name := strings.ToLower(*r.Name)
		if name != "prefix" && name != "suffix" {
			return errArgument("FilterRule.Name", *r.Name, "filter rule name must be either prefix or suffix")
		}
		if seen[name] {
			return errArgument("FilterRule.Name", *r.Name, "Cannot specify more than one %s rule in a filter.", name)
		}
		seen[name] = true
		r.Name = new(strings.ToUpper(name[:1]) + name[1:])
	}
	return nil
}

// overlap tells whether one object's event could go to two entries, which S3 does not allow.
func overlap(a, b rule) bool {
	events := slices.ContainsFunc(a.events, func(x string) bool {
		return slices.ContainsFunc(b.events, func(y string) bool { return eventMatches(x, y) || eventMatches(y, x) })
	})
	return events && (strings.HasPrefix(a.prefix, b.prefix) || strings.HasPrefix(b.prefix, a.prefix)) &&
		(strings.HasSuffix(a.suffix, b.suffix) || strings.HasSuffix(b.suffix, a.suffix))
}

func (r *s3Room) putNotification(ctx context.Context, in *api.PutBucketNotificationConfigurationInput) (*api.PutBucketNotificationConfigurationOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	c := in.NotificationConfiguration
	if c == nil {
		return nil, errXML()
	}
	rules := r.rules(c)
	ids := map[string]bool{}
	for i, one := range rules {
		if err := one.check(); err != nil {
			return nil, err
		}
		if ids[one.id] {
			return nil, errArgument("Id", one.id, "Same ID used for multiple configurations. IDs must be unique")
		}
		ids[one.id] = true
		for _, other := range rules[:i] {
			if overlap(one, other) {
				return nil, errArgument("Configuration", one.id, "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.")
			}
		}
	}
	if !is(in.SkipDestinationValidation) {
		if err := r.checkTargets(ctx, b, rules); err != nil {
			return nil, err
		}
	}
	return &api.PutBucketNotificationConfigurationOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(tx store.Tx, b *bucket) error {
		b.Notification = c
		if is(in.SkipDestinationValidation) {
			return nil
		}
		return r.sendTests(ctx, tx, b, rules)
	})
}

// checkTargets asks for every target whether it is there, and lets this bucket in.
func (r *s3Room) checkTargets(ctx context.Context, b *bucket, rules []rule) error {
	e := errRequest("Unable to validate the following destination configurations")
	e.Code = "InvalidArgument"
	bad := 0
	for _, c := range rules {
		reason, err := r.checkTarget(ctx, b, c)
		if err != nil {
			return err
		}
		if reason != "" {
			bad++
			e = e.With(fmt.Sprintf("ArgumentName%d", bad), *c.target).With(fmt.Sprintf("ArgumentValue%d", bad), reason)
		}
	}
	if bad > 0 {
		return e
	}
	return nil
}

// checkTarget gives the reason why a target cannot be used; "" when it can.
func (r *s3Room) checkTarget(ctx context.Context, b *bucket, c rule) (string, error) {
	a, err := cloud.ParseARN(*c.target)
	if err != nil {
		return "", err
	}
	noun := map[string]string{"sqs": "queue", "sns": "topic", "lambda": "Lambda function"}[c.service]
	if _, err := r.d.Directory.Describe(ctx, a); err != nil {
		if cloud.AsError(err).Kind == cloud.NotFound {
			return "The destination " + noun + " does not exist", nil
		}
		return "", err
	}
	judge := bus.Policies{Directory: r.d.Directory, Clock: r.d.Clock, Evaluator: r.evaluator}
	err = judge.Authorise(ctx, bus.Delivery{Target: a, As: actor(b)}, c.action)
	if cloud.IsCode(err, "AccessDenied") {
		if c.service == "lambda" {
			return "Not authorized to invoke function [" + a.String() + "]", nil
		}
		return "Permissions on the destination " + noun + " do not allow S3 to publish notifications from this bucket", nil
	}
	return "", err
}

func (r *s3Room) getNotification(ctx context.Context, in *api.GetBucketNotificationConfigurationInput) (*api.GetBucketNotificationConfigurationOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil || b.Notification == nil {
		return &api.GetBucketNotificationConfigurationOutput{}, err
	}
	c := b.Notification
	return &api.GetBucketNotificationConfigurationOutput{
		TopicConfigurations: c.TopicConfigurations, QueueConfigurations: c.QueueConfigurations,
		LambdaFunctionConfigurations: c.LambdaFunctionConfigurations, EventBridgeConfiguration: c.EventBridgeConfiguration,
	}, nil
}

// actor is who delivers a bucket's notifications. A bucket's ARN has no account, so it is given apart.
func actor(b *bucket) cloud.Principal {
	p := cloud.ServicePrincipal("s3.amazonaws.com", bucketARN(b.Name))
	p.Account = b.Owner
	return p
}

// happening is what happened to an object.
type happening struct {
	event  string // "ObjectCreated:Put"
	object *object
}

// notify puts a delivery for every entry of the bucket's configuration that asks for what happened into the outbox.
func (r *s3Room) notify(ctx context.Context, tx store.Tx, b *bucket, h happening) error {
	c := b.Notification
	if c == nil {
		return nil
	}
	var out []bus.Delivery
	for _, one := range r.rules(c) {
		if !one.wants(h.event, h.object.Key) {
			continue
		}
		payload, err := r.records(ctx, b, h, one.id)
		if err != nil {
			return err
		}
		d, err := r.delivery(ctx, b, *one.target, payload)
		if err != nil {
			return err
		}
		out = append(out, d)
	}
	if c.EventBridgeConfiguration != nil {
		payload, err := r.bridged(ctx, b, h)
		if err != nil {
			return err
		}
		d, err := r.delivery(ctx, b, cloud.NewARN("events", b.scope(), "event-bus/default").String(), payload)
		if err != nil {
			return err
		}
		out = append(out, d)
	}
	return r.d.Bus.Emit(tx, shardOf(b.Name), out...)
}

func (r *s3Room) delivery(ctx context.Context, b *bucket, target string, payload []byte) (bus.Delivery, error) {
	a, err := cloud.ParseARN(target)
	d := bus.Delivery{
		ID: r.d.IDs.UUID(), Fresh: true, Scope: b.scope(), Source: bucketARN(b.Name), Target: a, Payload: payload, As: actor(b), Trace: cloud.CallFrom(ctx).Trace,
		Retry: bus.Retry{Max: -1, Jitter: true},
	}
	if a.Service == "sns" {
		d.Parameters = map[string]string{"Subject": "Amazon S3 Notification"}
	}
	return d, err
}
