import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Kinesis from '@aws-sdk/client-kinesis';
import { name, refused, settings } from './common.mjs';

// This client speaks HTTP/2.
const kinesis = new Kinesis.Kinesis(settings);
test.after(() => kinesis.destroy());

async function stream(t, ShardCount) {
  const StreamName = name();
  await kinesis.createStream({ StreamName, ShardCount });
  t.after(() => kinesis.deleteStream({ StreamName, EnforceConsumerDeletion: true }));
  await Kinesis.waitUntilStreamExists({ client: kinesis, maxWaitTime: 30 }, { StreamName });
  return StreamName;
}

const text = (records) => records.map((r) => Buffer.from(r.Data).toString()).join(' ');

const put = (StreamName, PartitionKey, data) => kinesis.putRecord({ StreamName, PartitionKey, Data: Buffer.from(data) });

test('kinesis: records, iterators, and what is refused', async (t) => {
  const StreamName = await stream(t, 1);
  const { SequenceNumber, ShardId } = await put(StreamName, 'a', 'one');
  const many = await kinesis.putRecords({ StreamName, Records: ['two', 'three'].map((d) => ({ PartitionKey: 'a', Data: Buffer.from(d) })) });
  assert.equal(many.FailedRecordCount, 0);
  assert.ok(SequenceNumber.length === 56 && SequenceNumber < many.Records[0].SequenceNumber && many.Records[0].SequenceNumber < many.Records[1].SequenceNumber);
  const { ShardIterator } = await kinesis.getShardIterator({ StreamName, ShardId, ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber });
  const got = await kinesis.getRecords({ ShardIterator });
  assert.equal(text(got.Records), 'two three');
  assert.equal(got.MillisBehindLatest, 0);
  assert.ok(Math.abs(Date.now() - got.Records[0].ApproximateArrivalTimestamp) < 60000);
  await refused(kinesis.describeStream({ StreamName: 'none' }), 'ResourceNotFoundException', 400);
  await refused(kinesis.getRecords({ ShardIterator: 'nonsense' }), 'InvalidArgumentException', 400);
  await refused(kinesis.startStreamEncryption({ StreamName, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' }), 'NotImplemented', 501);
});

test('kinesis: a subscription gives records as they come, and the children of its shard at its end', async (t) => {
  const StreamName = await stream(t, 1);
  const { StreamDescriptionSummary: { StreamARN } } = await kinesis.describeStreamSummary({ StreamName });
  const { Consumer: { ConsumerARN } } = await kinesis.registerStreamConsumer({ StreamARN, ConsumerName: 'reader' });
  await put(StreamName, 'a', 'before');
  const { EventStream } = await kinesis.subscribeToShard({ ConsumerARN, ShardId: 'shardId-000000000000', StartingPosition: { Type: 'TRIM_HORIZON' } });
  const seen = [];
  let children;
  for await (const { SubscribeToShardEvent: e } of EventStream) {
    seen.push(...e.Records.map((r) => Buffer.from(r.Data).toString()));
    children = e.ChildShards;
    if (seen.length === 1) {
      await put(StreamName, 'a', 'after');
    } else if (seen.length === 2 && !children) {
      await kinesis.updateShardCount({ StreamName, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
    }
  }
  assert.deepEqual(seen, ['before', 'after']);
  assert.deepEqual(children.map((c) => c.ShardId), ['shardId-000000000001', 'shardId-000000000002']);
});
