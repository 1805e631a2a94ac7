package logs

import (
	"context"

	api "sundog/api/logs"
	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/services/room"
)

const service = "logs"

// logsRoom is the room.
type logsRoom struct {
	d    room.Deps
	feed feed
}

// New makes the room.
func New(d room.Deps) room.Room { return build(d).room() }

func build(d room.Deps) *logsRoom {
	r := &logsRoom{d: d}
	r.feed.r, r.feed.filters = r, map[telemetry.LogGroup][]*filter{}
	d.Timers.Handle(sweepTimer, r.sweep)
	return r
}

func (r *logsRoom) room() room.Room {
	return room.Room{
		Service:    service,
		Operations: r.operations(),
		Refused:    refused,
		Resources:  r.resources(),
		Describe:   r.describe,
		Start:      r.feed.start,
		Close:      r.feed.close,
	}
}

const (
	insights      = "Logs Insights queries are not served; FilterLogEvents is"
	destinations  = "cross-account destinations are not served"
	metricFilters = "metric filters are not served; metrics in the embedded metric format are"
	policies      = "resource policies of CloudWatch Logs only let AWS's services write, which need none here"
)

// refused are the operations that are not served, with the reason.
var refused = map[string]string{
	"StartQuery": insights, "StopQuery": insights, "GetQueryResults": insights, "DescribeQueries": insights, "PutQueryDefinition": insights,
	"DeleteQueryDefinition": insights, "DescribeQueryDefinitions": insights, "GetLogGroupFields": insights, "GetLogRecord": insights,
	"PutDestination": destinations, "DeleteDestination": destinations, "DescribeDestinations": destinations, "PutDestinationPolicy": destinations,
	"PutMetricFilter": metricFilters, "DeleteMetricFilter": metricFilters, "DescribeMetricFilters": metricFilters, "TestMetricFilter": metricFilters,
	"PutResourcePolicy": policies, "DeleteResourcePolicy": policies, "DescribeResourcePolicies": policies,
	"StartLiveTail": "live tail is not served; FilterLogEvents is",
}

func (r *logsRoom) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateLogGroupOp, r.createGroup, onGroup("CreateLogGroup", func(in *api.CreateLogGroupInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.CreateLogStreamOp, r.createStream, onGroup("CreateLogStream", func(in *api.CreateLogStreamInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.DeleteLogGroupOp, r.deleteGroup, onGroup("DeleteLogGroup", func(in *api.DeleteLogGroupInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.DeleteLogStreamOp, r.deleteStream, accessDeleteStream),
		cloud.Op(service, api.DeleteRetentionPolicyOp, r.deleteRetention, onGroup("DeleteRetentionPolicy", func(in *api.DeleteRetentionPolicyInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.DeleteSubscriptionFilterOp, r.deleteFilter, onGroup("DeleteSubscriptionFilter", func(in *api.DeleteSubscriptionFilterInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.DescribeSubscriptionFiltersOp, r.describeFilters, onGroup("DescribeSubscriptionFilters", func(in *api.DescribeSubscriptionFiltersInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.PutSubscriptionFilterOp, r.putFilter, accessPutFilter),
		cloud.Op(service, api.DescribeLogGroupsOp, r.describeGroups, onAll[api.DescribeLogGroupsInput]("DescribeLogGroups")),
		cloud.Op(service, api.DescribeLogStreamsOp, r.describeStreams, accessDescribeStreams),
		cloud.Op(service, api.FilterLogEventsOp, r.filterEvents, accessFilter),
		cloud.Op(service, api.GetLogEventsOp, r.getEvents, accessGet),
		cloud.Op(service, api.ListLogGroupsOp, r.listGroups, onAll[api.ListLogGroupsInput]("ListLogGroups")),
		cloud.Op(service, api.ListTagsForResourceOp, r.listTags, onTagged("ListTagsForResource", func(in *api.ListTagsForResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.ListTagsLogGroupOp, r.listTagsGroup, onGroup("ListTagsLogGroup", func(in *api.ListTagsLogGroupInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.PutLogEventsOp, r.putEvents, accessPut),
		cloud.Op(service, api.PutRetentionPolicyOp, r.putRetention, onGroup("PutRetentionPolicy", func(in *api.PutRetentionPolicyInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.TagLogGroupOp, r.tagGroup, onGroup("TagLogGroup", func(in *api.TagLogGroupInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.TagResourceOp, r.tagResource, onTagged("TagResource", func(in *api.TagResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.UntagLogGroupOp, r.untagGroup, onGroup("UntagLogGroup", func(in *api.UntagLogGroupInput) *string { return in.LogGroupName })),
		cloud.Op(service, api.UntagResourceOp, r.untagResource, onTagged("UntagResource", func(in *api.UntagResourceInput) *string { return in.ResourceArn })),
	}
}

// onGroup is the access of operations on a group: its ARN ends in ":log-stream:", so that policies on "log-group:NAME:*" match.
func onGroup[I any](action string, group func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n := name{cloud.CallFrom(ctx).Scope, text(group(in))}
		return access(action, n.stream("")), nil
	}
}

// accessPutFilter needs that the caller may pass the role on, too, if there is one.
func accessPutFilter(ctx context.Context, in *api.PutSubscriptionFilterInput) ([]cloud.Access, error) {
	all := access("PutSubscriptionFilter", name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}.stream(""))
	if role, err := cloud.ParseARN(text(in.RoleArn)); err == nil {
		all = append(all, cloud.Access{Action: "iam:PassRole", Resource: role, Keys: map[string][]string{"iam:passedtoservice": {"logs.amazonaws.com"}}})
	}
	return all, nil
}

func onAll[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, _ *I) ([]cloud.Access, error) {
		return access(action, name{cloud.CallFrom(ctx).Scope, ""}.stream("")), nil
	}
}

func onTagged[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n, err := byARN(ctx, text(arn(in)))
		return access(action, n.arn()), err
	}
}

func access(action string, a cloud.ARN) []cloud.Access {
	return []cloud.Access{{Action: "logs:" + action, Resource: a}}
}

func accessDeleteStream(ctx context.Context, in *api.DeleteLogStreamInput) ([]cloud.Access, error) {
	return access("DeleteLogStream", name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}.stream(text(in.LogStreamName))), nil
}

func accessPut(ctx context.Context, in *api.PutLogEventsInput) ([]cloud.Access, error) {
	return access("PutLogEvents", name{cloud.CallFrom(ctx).Scope, text(in.LogGroupName)}.stream(text(in.LogStreamName))), nil
}

func accessGet(ctx context.Context, in *api.GetLogEventsInput) ([]cloud.Access, error) {
	n, err := groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier)
	return access("GetLogEvents", n.stream(text(in.LogStreamName))), err
}

func accessFilter(ctx context.Context, in *api.FilterLogEventsInput) ([]cloud.Access, error) {
	n, err := groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier)
	return access("FilterLogEvents", n.stream("")), err
}

func accessDescribeStreams(ctx context.Context, in *api.DescribeLogStreamsInput) ([]cloud.Access, error) {
	n, err := groupOf(ctx, in.LogGroupName, in.LogGroupIdentifier)
	return access("DescribeLogStreams", n.stream("")), err
}
