package dynamodb

import (
	"context"

	api "sundog/api/dynamodb"
	streams "sundog/api/dynamodbstreams"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/upkeep"
	"sundog/services/room"
)

const streamsName = "dynamodbstreams"

// service is the room.
type service struct {
	deps     room.Deps
	tables   tables
	policies room.Policies
	sweeps   *upkeep.Sweeps[sweep]
	jobs     *jobs
	work     *upkeep.Work
}

// New makes the room.
func New(d room.Deps) room.Room {
	s := newService(d)
	return room.Room{
		Service: roomName, Operations: append(s.operations(), s.streamOperations()...), Refused: refused, Resources: s.resources(),
		Stream: changes{s}, Describe: s.describe,
		ResourcePolicy: func(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
			return s.policies.Lookup(s.resourcePolicy)(ctx, policyKey(a))
		},
		Start: s.start,
		Close: func() error {
			s.sweeps.Disarm()
			s.work.Close()
			return nil
		},
	}
}

func newService(d room.Deps) *service {
	s := &service{deps: d, work: upkeep.NewWork(d.Clock)}
	s.sweeps = upkeep.NewSweeps(upkeep.Options[sweep]{Name: roomName, Clock: d.Clock, Log: d.Log, Work: s.work, Run: s.sweep})
	s.jobs = &jobs{s: s, log: d.Log, work: s.work, filling: map[ref]bool{}}
	return s
}

// refused are the operations of the API that the room does not serve, for the coverage page.
var refused = map[string]string{
	"ExecuteStatement": "PartiQL is not served", "BatchExecuteStatement": "PartiQL is not served", "ExecuteTransaction": "PartiQL is not served",
}

// maxBatchBody is the most that a BatchWriteItem may send.
const maxBatchBody = 16 << 20

func limited(op cloud.Operation, body int64) cloud.Operation {
	op.BodyLimit = body
	return op
}

// operations are the operations of DynamoDB, one a line.
func (s *service) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(roomName, api.BatchGetItemOp, s.batchGetItem, s.accessBatchGet),
		limited(cloud.Op(roomName, api.BatchWriteItemOp, s.batchWriteItem, s.accessBatchWrite), maxBatchBody),
		cloud.Op(roomName, api.CreateTableOp, s.createTable, onTable("CreateTable", func(in *api.CreateTableInput) *string { return in.TableName })),
		cloud.Op(roomName, api.DeleteItemOp, s.deleteItem, s.accessDelete),
		cloud.Op(roomName, api.DeleteResourcePolicyOp, s.deleteResourcePolicy, onResource("DeleteResourcePolicy", func(in *api.DeleteResourcePolicyInput) *string { return in.ResourceArn })),
		cloud.Op(roomName, api.DeleteTableOp, s.deleteTable, onTable("DeleteTable", func(in *api.DeleteTableInput) *string { return in.TableName })),
		cloud.Op(roomName, api.DescribeContinuousBackupsOp, s.describeContinuousBackups, onTable("DescribeContinuousBackups", func(in *api.DescribeContinuousBackupsInput) *string { return in.TableName })),
		cloud.Op(roomName, api.DescribeEndpointsOp, s.describeEndpoints, onAny[api.DescribeEndpointsInput]("DescribeEndpoints")),
		cloud.Op(roomName, api.DescribeLimitsOp, s.describeLimits, onAny[api.DescribeLimitsInput]("DescribeLimits")),
		cloud.Op(roomName, api.DescribeTableOp, s.describeTable, onTable("DescribeTable", func(in *api.DescribeTableInput) *string { return in.TableName })),
		cloud.Op(roomName, api.DescribeTimeToLiveOp, s.describeTimeToLive, onTable("DescribeTimeToLive", func(in *api.DescribeTimeToLiveInput) *string { return in.TableName })),
		cloud.Op(roomName, api.GetItemOp, s.getItem, s.accessGet),
		cloud.Op(roomName, api.GetResourcePolicyOp, s.getResourcePolicy, onResource("GetResourcePolicy", func(in *api.GetResourcePolicyInput) *string { return in.ResourceArn })),
		cloud.Op(roomName, api.ListTablesOp, s.listTables, onAny[api.ListTablesInput]("ListTables")),
		cloud.Op(roomName, api.ListTagsOfResourceOp, s.listTagsOfResource, onResource("ListTagsOfResource", func(in *api.ListTagsOfResourceInput) *string { return in.ResourceArn })),
		cloud.Op(roomName, api.PutItemOp, s.putItem, s.accessPut),
		cloud.Op(roomName, api.PutResourcePolicyOp, s.putResourcePolicy, onResource("PutResourcePolicy", func(in *api.PutResourcePolicyInput) *string { return in.ResourceArn })),
		cloud.Op(roomName, api.QueryOp, s.query, s.accessQuery),
		cloud.Op(roomName, api.ScanOp, s.scan, s.accessScan),
		cloud.Op(roomName, api.TagResourceOp, s.tagResource, onResource("TagResource", func(in *api.TagResourceInput) *string { return in.ResourceArn })),
		cloud.Op(roomName, api.TransactGetItemsOp, s.transactGetItems, s.accessTransactGet),
		cloud.Op(roomName, api.TransactWriteItemsOp, s.transactWriteItems, s.accessTransactWrite),
		cloud.Op(roomName, api.UntagResourceOp, s.untagResource, onResource("UntagResource", func(in *api.UntagResourceInput) *string { return in.ResourceArn })),
		cloud.Op(roomName, api.UpdateContinuousBackupsOp, s.updateContinuousBackups, onTable("UpdateContinuousBackups", func(in *api.UpdateContinuousBackupsInput) *string { return in.TableName })),
		cloud.Op(roomName, api.UpdateItemOp, s.updateItem, s.accessUpdate),
		cloud.Op(roomName, api.UpdateTableOp, s.updateTable, onTable("UpdateTable", func(in *api.UpdateTableInput) *string { return in.TableName })),
		cloud.Op(roomName, api.UpdateTimeToLiveOp, s.updateTimeToLive, onTable("UpdateTimeToLive", func(in *api.UpdateTimeToLiveInput) *string { return in.TableName })),
	}
}

// streamOperations are the operations of DynamoDB Streams, one a line.
func (s *service) streamOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(streamsName, streams.DescribeStreamOp, s.describeStream, onStream("DescribeStream", func(in *streams.DescribeStreamInput) *string { return in.StreamArn })),
		cloud.Op(streamsName, streams.GetRecordsOp, s.getRecords, accessGetRecords),
		cloud.Op(streamsName, streams.GetShardIteratorOp, s.getShardIterator, onStream("GetShardIterator", func(in *streams.GetShardIteratorInput) *string { return in.StreamArn })),
		cloud.Op(streamsName, streams.ListStreamsOp, s.listStreams, onAny[streams.ListStreamsInput]("ListStreams")),
	}
}

// describe tells other rooms of a table, index or stream.
func (s *service) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	at, err := refOfARN(a.String())
	if err != nil {
		return cloud.Description{}, errNoResource(a.String())
	}
	d := cloud.Description{Type: "AWS::DynamoDB::Table"}
	err = s.view(ctx, func(r store.Reader) error {
		if _, _, ok := cutStream(a); ok {
			st, err := s.streamOf(r, a)
			if err == nil {
				d.Name, d.Attributes = st.Table, map[string]string{"StreamArn": a.String(), "StreamStatus": st.status(), "StreamViewType": st.View}
			}
			return err
		}
		t, err := s.find(r, at)
		if err != nil {
			return err
		}
		d.Name, d.Tags = t.Name, t.Tags
		d.Attributes = map[string]string{"Arn": t.arn().String(), "TableId": t.ID, "TableStatus": "ACTIVE"}
		if t.Stream != nil {
			d.Attributes["StreamArn"] = t.arn().String() + "/stream/" + t.Stream.Label
		}
		return nil
	})
	return d, err
}
