package kinesis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/services/servicetest"
)

// What is wrong is refused in the service's words.
func TestWords(t *testing.T) {
	b := open(t)
	b.create("s", 2)
	b.split("s", first, "85070591730234615865843651857942052864")
	s, arn := new("s"), new(ref{servicetest.Scope, "s"}.arn().String())
	seq := b.put("s", "a", "x").SequenceNumber
	iterator := func(kind string, change func(*api.GetShardIteratorInput)) *api.GetShardIteratorInput {
		in := &api.GetShardIteratorInput{StreamName: s, ShardId: new(shardID(1)), ShardIteratorType: &kind}
		if change != nil {
			change(in)
		}
		return in
	}
	big := make([]byte, maxRecord)
	many := make([]api.PutRecordsRequestEntry, 11)
	for i := range many {
		many[i] = api.PutRecordsRequestEntry{PartitionKey: new("k"), Data: big[:1000000]}
	}
	for _, x := range []struct {
		op         string
		in         any
		code, says string
	}{
		{"CreateStream", &api.CreateStreamInput{StreamName: new("a b"), ShardCount: new(int32(1))}, "ValidationException", "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{"CreateStream", &api.CreateStreamInput{StreamName: new("n"), ShardCount: new(int32(0))}, "ValidationException", "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"CreateStream", &api.CreateStreamInput{StreamName: s, ShardCount: new(int32(1))}, "ResourceInUseException", "Stream s under account 000000000000 already exists."},
		{"CreateStream", &api.CreateStreamInput{StreamName: new("n")}, "ValidationException", "ShardCount"},
		{"CreateStream", &api.CreateStreamInput{StreamName: new("n"), ShardCount: new(int32(998))}, "LimitExceededException", "Current shard count for the account: 3. Limit: 1000."},
		{"CreateStream", &api.CreateStreamInput{StreamName: new("n"), ShardCount: new(int32(1)), MaxRecordSizeInKiB: new(int32(2048))}, "NotImplemented", "MaxRecordSizeInKiB"},
		{"DescribeStream", &api.DescribeStreamInput{StreamName: new("none")}, "ResourceNotFoundException", "Stream none under account 000000000000 not found."},
		{"DescribeStream", &api.DescribeStreamInput{}, "InvalidArgumentException", "StreamName or StreamARN"},
		{"DescribeStreamSummary", &api.DescribeStreamSummaryInput{StreamId: new("aaaaaaaaaaaaaaaaaaaa-bbb")}, "ResourceNotFoundException", "StreamId"},
		{"PutRecord", &api.PutRecordInput{StreamName: s, Data: []byte("x")}, "ValidationException", "Value null at 'partitionKey' failed to satisfy constraint: Member must not be null"},
		{"PutRecord", &api.PutRecordInput{StreamName: s, PartitionKey: new("k"), Data: big}, "ValidationException", "at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576"},
		{"PutRecord", &api.PutRecordInput{StreamName: s, PartitionKey: new("k"), Data: []byte("x"), ExplicitHashKey: new("340282366920938463463374607431768211456")}, "InvalidArgumentException",
			"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456"},
		{"PutRecord", &api.PutRecordInput{StreamName: s, PartitionKey: new("a"), Data: []byte("x"), SequenceNumberForOrdering: new(sequence(2, journal.Position{0: 0xff}))}, "InvalidArgumentException", "is invalid"},
		{"PutRecord", &api.PutRecordInput{StreamName: s, PartitionKey: new("a"), Data: []byte("x"), SequenceNumberForOrdering: new("5")}, "InvalidArgumentException", "ExclusiveMinimumSequenceNumber 5 used in PutRecord on stream s under account 000000000000 is invalid."},
		{"PutRecord", &api.PutRecordInput{StreamName: s, PartitionKey: new("a"), Data: []byte("x"), SequenceNumberForOrdering: seq}, "", ""},
		{"PutRecord", &api.PutRecordInput{StreamName: s, PartitionKey: new("k"), Data: []byte("x"), DryRun: new(true)}, "NotImplemented", "DryRun"},
		{"PutRecords", &api.PutRecordsInput{StreamName: s, Records: many}, "InvalidArgumentException", "Records size exceeds 10 MB limit"},
		{"GetShardIterator", iterator("LATEST", func(in *api.GetShardIteratorInput) { in.ShardId = new("shardId-000000000077") }), "ResourceNotFoundException", "Shard shardId-000000000077 in stream s under account 000000000000 does not exist"},
		{"GetShardIterator", iterator("SOON", nil), "ValidationException", "Value 'SOON' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: ["},
		{"GetShardIterator", iterator("AT_SEQUENCE_NUMBER", nil), "InvalidArgumentException", "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."},
		{"GetShardIterator", iterator("LATEST", func(in *api.GetShardIteratorInput) { in.StartingSequenceNumber = seq }), "InvalidArgumentException", "Request specified LATEST and also a StartingSequenceNumber."},
		{"GetShardIterator", iterator("AT_TIMESTAMP", nil), "InvalidArgumentException", "Must specify timestampInMillis parameter"},
		{"GetShardIterator", iterator("AT_TIMESTAMP", func(in *api.GetShardIteratorInput) { in.Timestamp = new(b.Clock.Now().Add(time.Hour)) }), "InvalidArgumentException", "cannot be greater than the currentTimestampInMillis"},
		{"GetShardIterator", iterator("AT_SEQUENCE_NUMBER", func(in *api.GetShardIteratorInput) { in.StartingSequenceNumber = seq }), "InvalidArgumentException",
			"Invalid StartingSequenceNumber. It encodes shardId-000000000002, while it was used in a call to a shard with shardId-000000000001"},
		{"GetShardIterator", iterator("AT_SEQUENCE_NUMBER", func(in *api.GetShardIteratorInput) { in.StartingSequenceNumber = new("12345") }), "InvalidArgumentException", "StartingSequenceNumber 12345 used in GetShardIterator on shard shardId-000000000001"},
		{"GetRecords", &api.GetRecordsInput{ShardIterator: new("nonsense")}, "InvalidArgumentException", "Invalid ShardIterator."},
		{"GetRecords", &api.GetRecordsInput{ShardIterator: new("x"), Limit: new(int32(10001))}, "ValidationException", "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000"},
		{"SplitShard", &api.SplitShardInput{StreamName: s, ShardToSplit: new(shardID(1)), NewStartingHashKey: new("5")}, "InvalidArgumentException", "NewStartingHashKey 5 used in SplitShard() on shard shardId-000000000001 in stream s under account 000000000000 is not both greater than"},
		{"SplitShard", &api.SplitShardInput{StreamName: s, ShardToSplit: new("shardId-000000000055"), NewStartingHashKey: new("5")}, "ResourceNotFoundException", "Could not find shard shardId-000000000055 in stream s under account 000000000000."},
		{"MergeShards", &api.MergeShardsInput{StreamName: s, ShardToMerge: new(shardID(1)), AdjacentShardToMerge: new(shardID(2))}, "InvalidArgumentException", "are not an adjacent pair of shards eligible for merging"},
		{"MergeShards", &api.MergeShardsInput{StreamName: s, ShardToMerge: new(shardID(0)), AdjacentShardToMerge: new(shardID(1))}, "InvalidArgumentException", "is closed"},
		{"IncreaseStreamRetentionPeriod", &api.IncreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: new(int32(9000))}, "InvalidArgumentException", "Maximum allowed retention period is 8760 hours. Requested retention period (9000 hours) is too long."},
		{"DecreaseStreamRetentionPeriod", &api.DecreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: new(int32(23))}, "InvalidArgumentException", "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."},
		{"DecreaseStreamRetentionPeriod", &api.DecreaseStreamRetentionPeriodInput{StreamName: s, RetentionPeriodHours: new(int32(48))}, "InvalidArgumentException", "can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API."},
		{"AddTagsToStream", &api.AddTagsToStreamInput{StreamName: s, Tags: map[string]string{"aws:x": "y"}}, "InvalidArgumentException", "reserved"},
		{"DescribeStreamConsumer", &api.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: new("c")}, "ResourceNotFoundException", "Consumer c, account 000000000000 not found."},
		{"ListShards", &api.ListShardsInput{NextToken: new("x"), StreamName: s}, "InvalidArgumentException", "NextToken and StreamName cannot be provided together."},
	} {
		err := b.try(x.op, x.in)
		switch {
		case x.code == "":
			if err != nil {
				t.Errorf("%s: %v", x.op, err)
			}
		case !cloud.IsCode(err, x.code) || !strings.Contains(cloud.AsError(err).Message, x.says):
			t.Errorf("%s: %v, want %s: %s", x.op, err, x.code, x.says)
		}
	}
}

// A stream is found by name, ARN and StreamId; lists go page by page.
func TestNamesAndLists(t *testing.T) {
	b := open(t)
	for i := range 5 {
		b.create(fmt.Sprint("s", i), 1)
	}
	sum := must[api.DescribeStreamSummaryOutput](b, "DescribeStreamSummary", &api.DescribeStreamSummaryInput{StreamName: new("s3")}).StreamDescriptionSummary
	for _, in := range []*api.DescribeStreamSummaryInput{{StreamARN: sum.StreamARN}, {StreamId: sum.StreamId}, {StreamARN: sum.StreamARN, StreamName: new("s3")}} {
		if got := must[api.DescribeStreamSummaryOutput](b, "DescribeStreamSummary", in).StreamDescriptionSummary; *got.StreamName != "s3" {
			t.Fatal(*got.StreamName)
		}
	}
	page := must[api.ListStreamsOutput](b, "ListStreams", &api.ListStreamsInput{Limit: new(int32(2))})
	rest := must[api.ListStreamsOutput](b, "ListStreams", &api.ListStreamsInput{NextToken: page.NextToken})
	if fmt.Sprint(page.StreamNames, *page.HasMoreStreams, rest.StreamNames, *rest.HasMoreStreams) != "[s0 s1] true [s2 s3 s4] false" || len(rest.StreamSummaries) != 3 {
		t.Fatal(page.StreamNames, rest.StreamNames)
	}
	for i := range 3 {
		must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: sum.StreamARN, ConsumerName: new(fmt.Sprint("c", i)), Tags: map[string]string{"k": "v"}})
	}
	if err := b.try("RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: sum.StreamARN, ConsumerName: new("c0")}); !cloud.IsCode(err, "ResourceInUseException") {
		t.Fatal(err)
	}
	cs := must[api.ListStreamConsumersOutput](b, "ListStreamConsumers", &api.ListStreamConsumersInput{StreamARN: sum.StreamARN, MaxResults: new(int32(2))})
	more := must[api.ListStreamConsumersOutput](b, "ListStreamConsumers", &api.ListStreamConsumersInput{StreamARN: sum.StreamARN, NextToken: cs.NextToken})
	if len(cs.Consumers) != 2 || len(more.Consumers) != 1 || *more.Consumers[0].ConsumerStatus != "ACTIVE" {
		t.Fatal(len(cs.Consumers), len(more.Consumers))
	}
	must[api.DeregisterStreamConsumerOutput](b, "DeregisterStreamConsumer", &api.DeregisterStreamConsumerInput{StreamARN: sum.StreamARN, ConsumerName: new("c0")})
	if err := b.try("DescribeStreamConsumer", &api.DescribeStreamConsumerInput{ConsumerARN: cs.Consumers[0].ConsumerARN}); !cloud.IsCode(err, "ResourceNotFoundException") {
		t.Fatal(err)
	}
	limits := must[api.DescribeLimitsOutput](b, "DescribeLimits", &api.DescribeLimitsInput{})
	if *limits.OpenShardCount != 5 || *limits.OnDemandStreamCount != 0 {
		t.Fatalf("%+v", limits)
	}
}

func TestTags(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	arn := new(ref{servicetest.Scope, "s"}.arn().String())
	c := must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: new("c")}).Consumer
	must[api.AddTagsToStreamOutput](b, "AddTagsToStream", &api.AddTagsToStreamInput{StreamName: new("s"), Tags: map[string]string{"a": "1", "b": "2", "c": "3"}})
	must[api.RemoveTagsFromStreamOutput](b, "RemoveTagsFromStream", &api.RemoveTagsFromStreamInput{StreamName: new("s"), TagKeys: []string{"b"}})
	for _, at := range []*string{arn, c.ConsumerARN} {
		must[api.TagResourceOutput](b, "TagResource", &api.TagResourceInput{ResourceARN: at, Tags: map[string]string{"d": "4"}})
	}
	must[api.UntagResourceOutput](b, "UntagResource", &api.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"a"}})
	show := func(tags []api.Tag) (s string) {
		for _, x := range tags {
			s += *x.Key + *x.Value
		}
		return s
	}
	if got := show(must[api.ListTagsForResourceOutput](b, "ListTagsForResource", &api.ListTagsForResourceInput{ResourceARN: arn}).Tags); got != "c3d4" {
		t.Fatal(got)
	}
	if got := show(must[api.ListTagsForResourceOutput](b, "ListTagsForResource", &api.ListTagsForResourceInput{ResourceARN: c.ConsumerARN}).Tags); got != "d4" {
		t.Fatal(got)
	}
	out := must[api.ListTagsForStreamOutput](b, "ListTagsForStream", &api.ListTagsForStreamInput{StreamName: new("s"), Limit: new(int32(1))})
	if show(out.Tags) != "c3" || !*out.HasMoreTags {
		t.Fatal(show(out.Tags))
	}
	d, err := b.s.describe(b.ctx, cloud.MustARN(*arn))
	if err != nil || d.Tags["c"] != "3" {
		t.Fatal(d, err)
	}
}
