import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as SQS from '@aws-sdk/client-sqs';
import { name, refused, settings, until } from './common.mjs';

const sqs = new SQS.SQS(settings);

async function queue(t, QueueName, Attributes) {
  const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes });
  t.after(() => sqs.deleteQueue({ QueueUrl }));
  return QueueUrl;
}

const arn = async (QueueUrl) => (await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['QueueArn'] })).Attributes.QueueArn;

const bodies = async (QueueUrl, more) => ((await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? []).map((m) => m.Body);

test('sqs: attributes, timers and digests', async (t) => {
  const QueueUrl = await queue(t, name(), { MessageRetentionPeriod: '600', VisibilityTimeout: '1' });
  const sent = await sqs.sendMessage({
    QueueUrl, MessageBody: 'late', DelaySeconds: 1,
    MessageAttributes: { Title: { DataType: 'String', StringValue: 'The Whistler' }, WeeksOn: { DataType: 'Number.int', StringValue: '6' } },
    MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793' } },
  });
  assert.match(sent.MD5OfMessageSystemAttributes, /^[0-9a-f]{32}$/);
  const counts = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessagesDelayed', 'MessageRetentionPeriod'] });
  assert.deepEqual(counts.Attributes, { ApproximateNumberOfMessagesDelayed: '1', MessageRetentionPeriod: '600' });
  const { Messages: [m] } = await sqs.receiveMessage({
    QueueUrl, WaitTimeSeconds: 10, MessageAttributeNames: ['Week.*'], MessageSystemAttributeNames: ['All'],
  });
  assert.deepEqual(Object.keys(m.MessageAttributes), ['WeeksOn']);
  assert.equal(m.Attributes.AWSTraceHeader, 'Root=1-5759e988-bd862e3fe1be46a994272793');
  assert.deepEqual(await bodies(QueueUrl, { WaitTimeSeconds: 10 }), ['late'], 'it is back after its visibility timeout');
  await refused(sqs.setQueueAttributes({ QueueUrl, Attributes: { VisibilityTimeout: '43201' } }), 'InvalidAttributeValue', 400);
  await refused(sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['Colour'] }), 'InvalidAttributeName', 400);
});

test('sqs: batches of each kind fail by entry', async (t) => {
  const QueueUrl = await queue(t, name());
  const sent = await sqs.sendMessageBatch({ QueueUrl, Entries: [
    { Id: 'good', MessageBody: 'x' }, { Id: 'late', MessageBody: 'x', DelaySeconds: 901 }, { Id: 'typed', MessageBody: 'x', MessageAttributes: { a: { DataType: 'text', StringValue: 'x' } } },
  ] });
  assert.deepEqual(sent.Successful.map((e) => e.Id), ['good']);
  assert.deepEqual(sent.Failed.map((e) => [e.Id, e.Code, e.SenderFault]).sort(), [['late', 'InvalidParameterValue', true], ['typed', 'InvalidParameterValue', true]]);
  const { Messages: [m] } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 5 });
  const changed = await sqs.changeMessageVisibilityBatch({ QueueUrl, Entries: [
    { Id: 'good', ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0 }, { Id: 'bad', ReceiptHandle: 'nonsense', VisibilityTimeout: 0 },
  ] });
  assert.deepEqual([changed.Successful[0].Id, changed.Failed[0].Id, changed.Failed[0].Code], ['good', 'bad', 'ReceiptHandleIsInvalid']);
  assert.deepEqual(await bodies(QueueUrl), ['x']);
  await refused(sqs.sendMessageBatch({ QueueUrl, Entries: [{ Id: 'a b', MessageBody: 'x' }] }), 'InvalidBatchEntryId', 400);
  await refused(sqs.sendMessageBatch({ QueueUrl, Entries: [1, 2].map((i) => ({ Id: `${i}`, MessageBody: 'x'.repeat(1 << 20) })) }), 'BatchRequestTooLong', 400);
});

test('sqs: a message group is exclusive and keeps its order', async (t) => {
  const QueueUrl = await queue(t, `${name()}.fifo`, { FifoQueue: 'true', VisibilityTimeout: '30' });
  let last = '';
  for (const i of [0, 1, 2, 3]) {
    const { SequenceNumber } = await sqs.sendMessage({ QueueUrl, MessageBody: `${i}`, MessageGroupId: 'g', MessageDeduplicationId: `${i}` });
    assert.ok(SequenceNumber.length === 20 && SequenceNumber > last);
    last = SequenceNumber;
  }
  const { Messages } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 2, ReceiveRequestAttemptId: 'a', MessageSystemAttributeNames: ['All'] });
  assert.deepEqual(Messages.map((m) => [m.Body, m.Attributes.MessageGroupId, m.Attributes.MessageDeduplicationId]), [['0', 'g', '0'], ['1', 'g', '1']]);
  assert.deepEqual(await bodies(QueueUrl), [], 'the group has messages in flight');
  assert.deepEqual(await bodies(QueueUrl, { MaxNumberOfMessages: 2, ReceiveRequestAttemptId: 'a' }), ['0', '1'], 'the same receive again');
  await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: Messages[0].ReceiptHandle, VisibilityTimeout: 0 });
  assert.deepEqual(await bodies(QueueUrl), ['0'], 'what stands behind 1 waits for it');
  await refused(sqs.sendMessage({ QueueUrl, MessageBody: 'x', MessageGroupId: 'g' }), 'InvalidParameterValue', 400);
});

test('sqs: dead letters, allowed by their queue, and back by a task', async (t) => {
  const [dead, QueueUrl] = [await queue(t, name()), await queue(t, name(), { VisibilityTimeout: '0' })];
  const [DeadArn, SourceArn] = [await arn(dead), await arn(QueueUrl)];
  const RedriveAllowPolicy = JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [SourceArn] });
  await sqs.setQueueAttributes({ QueueUrl: dead, Attributes: { RedriveAllowPolicy } });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: DeadArn, maxReceiveCount: 1 }) } });
  assert.deepEqual((await sqs.listDeadLetterSourceQueues({ QueueUrl: dead })).queueUrls, [QueueUrl]);
  await sqs.sendMessage({ QueueUrl, MessageBody: 'poison' });
  assert.deepEqual(await bodies(QueueUrl), ['poison']);
  assert.deepEqual(await bodies(QueueUrl), []);
  const { Messages: [m] } = await sqs.receiveMessage({ QueueUrl: dead, WaitTimeSeconds: 10, VisibilityTimeout: 0, MessageSystemAttributeNames: ['All'] });
  assert.equal(m.Attributes.DeadLetterQueueSourceArn, SourceArn);
  const { TaskHandle } = await sqs.startMessageMoveTask({ SourceArn: DeadArn });
  assert.ok(TaskHandle);
  const task = async () => (await sqs.listMessageMoveTasks({ SourceArn: DeadArn })).Results[0];
  await until(async () => (await task()).Status === 'COMPLETED');
  assert.equal((await task()).ApproximateNumberOfMessagesMoved, 1);
  assert.deepEqual(await bodies(QueueUrl, { WaitTimeSeconds: 10 }), ['poison']);
  await refused(sqs.cancelMessageMoveTask({ TaskHandle }), 'ResourceNotFoundException', 404);
});

test('sqs: tags, permissions, purges', async (t) => {
  const QueueUrl = await queue(t, name());
  await sqs.tagQueue({ QueueUrl, Tags: { a: '1', b: '' } });
  await sqs.untagQueue({ QueueUrl, TagKeys: ['a', 'none'] });
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl })).Tags, { b: '' });
  await refused(sqs.tagQueue({ QueueUrl, Tags: { 'aws:x': '1' } }), 'InvalidParameterValue', 400);
  await sqs.addPermission({ QueueUrl, Label: 'l', AWSAccountIds: ['111111111111'], Actions: ['SendMessage'] });
  const { Attributes: { Policy } } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['Policy'] });
  assert.equal(JSON.parse(Policy).Statement[0].Sid, 'l');
  await sqs.removePermission({ QueueUrl, Label: 'l' });
  await sqs.sendMessage({ QueueUrl, MessageBody: 'x', DelaySeconds: 1 });
  await sqs.purgeQueue({ QueueUrl });
  assert.deepEqual(await bodies(QueueUrl, { WaitTimeSeconds: 2 }), []);
  await refused(sqs.purgeQueue({ QueueUrl }), 'PurgeQueueInProgress', 403);
});
