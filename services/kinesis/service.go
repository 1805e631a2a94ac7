package kinesis

import (
	"context"
	"strconv"
	"sync"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/upkeep"
	"sundog/services/room"
)

// service is the room.
type service struct {
	d        room.Deps
	streams  cache
	meters   sync.Map // ref -> *meters
	policies room.Policies
	work     *upkeep.Work
	sweeps   *upkeep.Sweeps[ref]
}

// New makes the room.
func New(d room.Deps) room.Room {
	s := newService(d)
	return room.Room{
		Service: roomName, Operations: s.operations(), Refused: refused, Resources: s.resources(), Stream: source{s}, Target: target{s}, Describe: s.describe,
		ResourcePolicy: s.policies.Lookup(s.readPolicy), Start: s.start,
		Close: func() error {
			s.sweeps.Disarm()
			s.work.Close()
			return nil
		},
	}
}

func newService(d room.Deps) *service {
	s := &service{d: d, work: upkeep.NewWork(d.Clock)}
	s.sweeps = upkeep.NewSweeps(upkeep.Options[ref]{Name: roomName, Clock: d.Clock, Log: d.Log, Work: s.work, Run: s.sweep})
	return s
}

// refused are the operations of the API that the room does not serve, for the coverage page.
var refused = map[string]string{
	"StartStreamEncryption": "there are no keys to encrypt with (KMS)", "StopStreamEncryption": "there are no keys to encrypt with (KMS)",
	"UpdateMaxRecordSize": "records over 1 MiB are not served", "UpdateStreamWarmThroughput": "nothing is throttled, so there is nothing to warm",
	"DescribeAccountSettings": "there are no commitments to pay for", "UpdateAccountSettings": "there are no commitments to pay for",
	"UpdateStreamRecordDistributionStrategy": "records go by their partition keys only",
	"CreateChannel":                          channels, "DeleteChannel": channels, "DescribeChannel": channels, "ListChannels": channels, "UpdateChannel": channels,
	"CreateQueue": queues, "DeleteQueue": queues, "DescribeQueue": queues, "ListQueues": queues, "UpdateQueue": queues, "AcknowledgeQueueRecords": queues,
	"AcknowledgeDeadLetterQueueRecords": queues, "ReceiveQueueRecords": queues, "ReceiveDeadLetterQueueRecords": queues, "RestoreDeadLetterQueueRecords": queues,
	"UpdateQueueRecordsVisibility": queues, "UpdateDeadLetterQueueRecordsVisibility": queues,
}

const (
	channels = "channels of streams are not served"
	queues   = "queues over streams are not served"
)

// maxBody is the most that PutRecords may send: 10 MiB of records, in base64, with their keys.
const maxBody = 16 << 20

func limited(op cloud.Operation, body int64) cloud.Operation {
	op.BodyLimit = body
	return op
}

// operations are the operations, one a line.
func (s *service) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(roomName, api.AddTagsToStreamOp, s.addTagsToStream, onStream(s, "AddTagsToStream", func(in *api.AddTagsToStreamInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.CreateStreamOp, s.createStream, onStream(s, "CreateStream", func(in *api.CreateStreamInput) names { return names{name: in.StreamName} })),
		cloud.Op(roomName, api.DecreaseStreamRetentionPeriodOp, s.decreaseRetention, onStream(s, "DecreaseStreamRetentionPeriod", func(in *api.DecreaseStreamRetentionPeriodInput) names {
			return names{in.StreamName, in.StreamARN, in.StreamId}
		})),
		cloud.Op(roomName, api.DeleteResourcePolicyOp, s.deleteResourcePolicy, onARN("DeleteResourcePolicy", func(in *api.DeleteResourcePolicyInput) *string { return in.ResourceARN })),
		cloud.Op(roomName, api.DeleteStreamOp, s.deleteStream, onStream(s, "DeleteStream", func(in *api.DeleteStreamInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.DeregisterStreamConsumerOp, s.deregisterStreamConsumer, onConsumer(s, "DeregisterStreamConsumer", func(in *api.DeregisterStreamConsumerInput) (a, b, c *string) {
			return in.StreamARN, in.ConsumerName, in.ConsumerARN
		})),
		cloud.Op(roomName, api.DescribeLimitsOp, s.describeLimits, onAny[api.DescribeLimitsInput]("DescribeLimits")),
		cloud.Op(roomName, api.DescribeStreamOp, s.describeStream, onStream(s, "DescribeStream", func(in *api.DescribeStreamInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.DescribeStreamConsumerOp, s.describeStreamConsumer, onConsumer(s, "DescribeStreamConsumer", func(in *api.DescribeStreamConsumerInput) (a, b, c *string) {
			return in.StreamARN, in.ConsumerName, in.ConsumerARN
		})),
		cloud.Op(roomName, api.DescribeStreamSummaryOp, s.describeStreamSummary, onStream(s, "DescribeStreamSummary", func(in *api.DescribeStreamSummaryInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.DisableEnhancedMonitoringOp, s.disableMonitoring, onStream(s, "DisableEnhancedMonitoring", func(in *api.DisableEnhancedMonitoringInput) names {
			return names{in.StreamName, in.StreamARN, in.StreamId}
		})),
		cloud.Op(roomName, api.EnableEnhancedMonitoringOp, s.enableMonitoring, onStream(s, "EnableEnhancedMonitoring", func(in *api.EnableEnhancedMonitoringInput) names {
			return names{in.StreamName, in.StreamARN, in.StreamId}
		})),
		cloud.Op(roomName, api.GetRecordsOp, s.getRecords, accessGetRecords),
		cloud.Op(roomName, api.GetResourcePolicyOp, s.getResourcePolicy, onARN("GetResourcePolicy", func(in *api.GetResourcePolicyInput) *string { return in.ResourceARN })),
		cloud.Op(roomName, api.GetShardIteratorOp, s.getShardIterator, onStream(s, "GetShardIterator", func(in *api.GetShardIteratorInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.IncreaseStreamRetentionPeriodOp, s.increaseRetention, onStream(s, "IncreaseStreamRetentionPeriod", func(in *api.IncreaseStreamRetentionPeriodInput) names {
			return names{in.StreamName, in.StreamARN, in.StreamId}
		})),
		cloud.Op(roomName, api.ListShardsOp, s.listShards, s.accessListShards),
		cloud.Op(roomName, api.ListStreamConsumersOp, s.listStreamConsumers, onStream(s, "ListStreamConsumers", func(in *api.ListStreamConsumersInput) names { return names{arn: in.StreamARN} })),
		cloud.Op(roomName, api.ListStreamsOp, s.listStreams, onAny[api.ListStreamsInput]("ListStreams")),
		cloud.Op(roomName, api.ListTagsForResourceOp, s.listTagsForResource, onARN("ListTagsForResource", func(in *api.ListTagsForResourceInput) *string { return in.ResourceARN })),
		cloud.Op(roomName, api.ListTagsForStreamOp, s.listTagsForStream, onStream(s, "ListTagsForStream", func(in *api.ListTagsForStreamInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.MergeShardsOp, s.mergeShards, onStream(s, "MergeShards", func(in *api.MergeShardsInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.PutRecordOp, s.putRecord, onStream(s, "PutRecord", func(in *api.PutRecordInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		limited(cloud.Op(roomName, api.PutRecordsOp, s.putRecords, onStream(s, "PutRecords", func(in *api.PutRecordsInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })), maxBody),
		cloud.Op(roomName, api.PutResourcePolicyOp, s.putResourcePolicy, onARN("PutResourcePolicy", func(in *api.PutResourcePolicyInput) *string { return in.ResourceARN })),
		cloud.Op(roomName, api.RegisterStreamConsumerOp, s.registerStreamConsumer, onStream(s, "RegisterStreamConsumer", func(in *api.RegisterStreamConsumerInput) names { return names{arn: in.StreamARN} })),
		cloud.Op(roomName, api.RemoveTagsFromStreamOp, s.removeTagsFromStream, onStream(s, "RemoveTagsFromStream", func(in *api.RemoveTagsFromStreamInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.SplitShardOp, s.splitShard, onStream(s, "SplitShard", func(in *api.SplitShardInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.SubscribeToShardOp, s.subscribeToShard, onARN("SubscribeToShard", func(in *api.SubscribeToShardInput) *string { return in.ConsumerARN })),
		cloud.Op(roomName, api.TagResourceOp, s.tagResource, onARN("TagResource", func(in *api.TagResourceInput) *string { return in.ResourceARN })),
		cloud.Op(roomName, api.UntagResourceOp, s.untagResource, onARN("UntagResource", func(in *api.UntagResourceInput) *string { return in.ResourceARN })),
		cloud.Op(roomName, api.UpdateShardCountOp, s.updateShardCount, onStream(s, "UpdateShardCount", func(in *api.UpdateShardCountInput) names { return names{in.StreamName, in.StreamARN, in.StreamId} })),
		cloud.Op(roomName, api.UpdateStreamModeOp, s.updateStreamMode, onStream(s, "UpdateStreamMode", func(in *api.UpdateStreamModeInput) names { return names{arn: in.StreamARN} })),
	}
}

// describe tells other rooms of a stream or consumer.
func (s *service) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	at, consumerName, ok := refOfARN(a)
	if !ok {
		return cloud.Description{}, errNoStream(at)
	}
	d := cloud.Description{Type: "AWS::Kinesis::Stream", Name: at.Name}
	err := s.view(ctx, func(r store.Reader) error {
		if consumerName != "" {
			return s.onConsumer(r, a, func(st *stream, c *consumer) error {
				d.Type, d.Name, d.Tags = "AWS::Kinesis::StreamConsumer", c.Name, c.Tags
				d.Attributes = map[string]string{"StreamARN": at.arn().String(), "RetentionPeriodHours": strconv.Itoa(st.Hours)}
				return nil
			})
		}
		st, err := s.find(r, at)
		if err == nil {
			d.Tags, d.Attributes = st.Tags, map[string]string{"Arn": at.arn().String(), "StreamId": st.ID, "StreamStatus": "ACTIVE", "RetentionPeriodHours": strconv.Itoa(st.Hours)}
		}
		return err
	})
	return d, err
}
