import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as SQS from '@aws-sdk/client-sqs';
import * as SNS from '@aws-sdk/client-sns';
import { allow, name, refused, settings } from './common.mjs';

const sqs = new SQS.SQS(settings);
const sns = new SNS.SNS(settings);

async function queue(t, QueueName, Attributes) {
  const { QueueUrl } = await sqs.createQueue({ QueueName, Attributes });
  t.after(() => sqs.deleteQueue({ QueueUrl }));
  return QueueUrl;
}

const arn = async (QueueUrl) => (await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['QueueArn'] })).Attributes.QueueArn;

test('sqs: the life of a message', async (t) => {
  const QueueUrl = await queue(t, name());
  const { MessageId } = await sqs.sendMessage({
    QueueUrl, MessageBody: 'grüße', MessageAttributes: { b: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) } },
  });
  const { Messages: [m] } = await sqs.receiveMessage({ QueueUrl, MessageAttributeNames: ['All'], WaitTimeSeconds: 5 });
  assert.equal(m.MessageId, MessageId);
  assert.equal(m.Body, 'grüße');
  assert.deepEqual([...m.MessageAttributes.b.BinaryValue], [0, 255]);
  await sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0 });
  const { Messages: [again] } = await sqs.receiveMessage({ QueueUrl, MessageSystemAttributeNames: ['ApproximateReceiveCount'], WaitTimeSeconds: 5 });
  assert.equal(again.Attributes.ApproximateReceiveCount, '2');
  await sqs.deleteMessage({ QueueUrl, ReceiptHandle: again.ReceiptHandle });
});

test('sqs: a long poll is woken by a message', async (t) => {
  const QueueUrl = await queue(t, name());
  const polled = sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 20 });
  await sqs.sendMessage({ QueueUrl, MessageBody: 'wake' });
  assert.equal((await polled).Messages[0].Body, 'wake');
});

test('sqs: fifo and batches', async (t) => {
  const QueueUrl = await queue(t, `${name()}.fifo`, { FifoQueue: 'true', ContentBasedDeduplication: 'true' });
  const Entries = ['a', 'b', 'a', 'c'].map((MessageBody, i) => ({ Id: `${i}`, MessageBody, MessageGroupId: 'g' }));
  assert.equal((await sqs.sendMessageBatch({ QueueUrl, Entries })).Successful.length, 4);
  const { Messages } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 });
  assert.deepEqual(Messages.map((m) => m.Body), ['a', 'b', 'c']);
  const { Successful, Failed } = await sqs.deleteMessageBatch({
    QueueUrl, Entries: [{ Id: 'x', ReceiptHandle: Messages[0].ReceiptHandle }, { Id: 'y', ReceiptHandle: 'nonsense' }],
  });
  assert.deepEqual([Successful[0].Id, Failed[0].Id, Failed[0].Code], ['x', 'y', 'ReceiptHandleIsInvalid']);
});

test('sqs: errors by name', async (t) => {
  await refused(sqs.getQueueUrl({ QueueName: name() }), 'QueueDoesNotExist', 400);
  const QueueName = name();
  const QueueUrl = await queue(t, QueueName);
  await refused(sqs.createQueue({ QueueName, Attributes: { DelaySeconds: '3' } }), 'QueueNameExists', 400);
  await refused(sqs.sendMessageBatch({ QueueUrl, Entries: [] }), 'EmptyBatchRequest', 400);
  await refused(sqs.deleteMessage({ QueueUrl, ReceiptHandle: 'nonsense' }), 'ReceiptHandleIsInvalid');
});

test('sqs: pages', async (t) => {
  const prefix = name();
  await Promise.all([1, 2, 3].map((i) => queue(t, `${prefix}-${i}`)));
  const pages = [];
  for await (const page of SQS.paginateListQueues({ client: sqs, pageSize: 2 }, { QueueNamePrefix: prefix })) {
    pages.push(page.QueueUrls.length);
  }
  assert.deepEqual(pages, [2, 1]);
});

test('sns: fan-out with a filter, batches, errors', async (t) => {
  const { TopicArn } = await sns.createTopic({ Name: name() });
  t.after(() => sns.deleteTopic({ TopicArn }));
  const QueueUrl = await queue(t, name());
  const Endpoint = await arn(QueueUrl);
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy: allow('sns.amazonaws.com', 'sqs:SendMessage', Endpoint) } });
  await sns.subscribe({
    TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery: 'true', FilterPolicy: '{"kind":["wanted"]}' },
  });
  const entry = (Id, kind) => ({ Id, Message: Id, MessageAttributes: { kind: { DataType: 'String', StringValue: kind } } });
  const out = await sns.publishBatch({ TopicArn, PublishBatchRequestEntries: [entry('no', 'other'), entry('yes', 'wanted')] });
  assert.equal(out.Successful.length, 2);
  const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 10 });
  assert.deepEqual(Messages.map((m) => m.Body), ['yes']);
  await refused(sns.publish({ TopicArn: `${TopicArn}-none`, Message: 'x' }), 'NotFoundException', 404);
  await refused(sns.publish({ TopicArn, Message: '' }), 'InvalidParameterException', 400);
});
