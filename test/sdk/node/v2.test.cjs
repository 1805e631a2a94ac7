// Version 2 of the SDK: what older functions bring along.
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { test } = require('node:test');
const AWS = require('aws-sdk');

AWS.config.update({ endpoint: process.env.SUNDOG_ENDPOINT, region: process.env.AWS_REGION || 'us-east-1', maxRetries: 0 });
const name = () => `v2-${randomUUID().slice(0, 12)}`;

async function refused(request, code, status) {
  await assert.rejects(request.promise(), (e) => {
    assert.equal(e.code, code, e.message);
    if (status) {
      assert.equal(e.statusCode, status);
    }
    return true;
  });
}

test('sqs and sns', async () => {
  const [sqs, sns] = [new AWS.SQS(), new AWS.SNS()];
  const { QueueUrl } = await sqs.createQueue({ QueueName: name() }).promise();
  const { Attributes: { QueueArn } } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['QueueArn'] }).promise();
  const Policy = JSON.stringify({
    Statement: [{ Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: 'sqs:SendMessage', Resource: QueueArn }],
  });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } }).promise();
  const { TopicArn } = await sns.createTopic({ Name: name() }).promise();
  await sns.subscribe({ TopicArn, Protocol: 'sqs', Endpoint: QueueArn }).promise();
  await sns.publish({ TopicArn, Message: 'hello', Subject: 's', MessageAttributes: { n: { DataType: 'Number', StringValue: '7' } } }).promise();
  const { Messages: [m] } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 10 }).promise();
  const body = JSON.parse(m.Body);
  assert.deepEqual([body.Message, body.Subject, body.MessageAttributes], ['hello', 's', { n: { Type: 'Number', Value: '7' } }]);
  const { Subscriptions: [{ SubscriptionArn }] } = await sns.listSubscriptionsByTopic({ TopicArn }).promise();
  const filter = (AttributeValue) => sns.setSubscriptionAttributes({ SubscriptionArn, AttributeName: 'FilterPolicy', AttributeValue });
  await filter('{"n":[{"numeric":["=",7]}]}').promise();
  await refused(filter('{"n":[{"numeric":["="]}]}'), 'InvalidParameter', 400);
  const { Attributes } = await sns.getSubscriptionAttributes({ SubscriptionArn }).promise();
  assert.deepEqual([Attributes.FilterPolicyScope, Attributes.Protocol], ['MessageAttributes', 'sqs']);
  await sns.tagResource({ ResourceArn: TopicArn, Tags: [{ Key: 'k', Value: 'v' }] }).promise();
  assert.deepEqual((await sns.listTagsForResource({ ResourceArn: TopicArn }).promise()).Tags, [{ Key: 'k', Value: 'v' }]);
  await sqs.deleteMessage({ QueueUrl, ReceiptHandle: m.ReceiptHandle }).promise();
  await sns.deleteTopic({ TopicArn }).promise();
  await sqs.deleteQueue({ QueueUrl }).promise();
  await refused(sqs.getQueueUrl({ QueueName: name() }), 'AWS.SimpleQueueService.NonExistentQueue', 400);
  await refused(sns.publish({ TopicArn, Message: 'x' }), 'NotFound', 404);
});

test('sqs, with attributes, batches and a message group', async () => {
  const sqs = new AWS.SQS();
  const { QueueUrl } = await sqs.createQueue({ QueueName: `${name()}.fifo`, Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' } }).promise();
  const Entries = ['a', 'b', 'a'].map((MessageBody, i) => ({
    Id: `${i}`, MessageBody, MessageGroupId: 'g', MessageAttributes: { n: { DataType: 'Number', StringValue: `${i}` }, b: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) } },
  }));
  const { Successful } = await sqs.sendMessageBatch({ QueueUrl, Entries }).promise();
  assert.deepEqual([Successful.length, Successful[2].MessageId], [3, Successful[0].MessageId]);
  const { Messages } = await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['All'], MessageAttributeNames: ['All'] }).promise();
  assert.deepEqual(Messages.map((m) => [m.Body, m.Attributes.MessageGroupId, m.MessageAttributes.n.StringValue]), [['a', 'g', '0'], ['b', 'g', '1']]);
  assert.deepEqual([...Messages[0].MessageAttributes.b.BinaryValue], [0, 255]);
  const gone = await sqs.deleteMessageBatch({ QueueUrl, Entries: Messages.map((m, i) => ({ Id: `${i}`, ReceiptHandle: m.ReceiptHandle })) }).promise();
  assert.deepEqual(gone.Successful.map((e) => e.Id), ['0', '1']);
  await sqs.tagQueue({ QueueUrl, Tags: { k: 'v' } }).promise();
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl }).promise()).Tags, { k: 'v' });
  await refused(sqs.sendMessage({ QueueUrl, MessageBody: 'x' }), 'MissingParameter', 400);
  await refused(sqs.sendMessageBatch({ QueueUrl, Entries: [] }), 'AWS.SimpleQueueService.EmptyBatchRequest', 400);
  await sqs.deleteQueue({ QueueUrl }).promise();
});

test('s3', async () => {
  const s3 = new AWS.S3({ s3ForcePathStyle: true, signatureVersion: 'v4' });
  const Bucket = name();
  await s3.createBucket({ Bucket }).promise();
  await s3.putObject({ Bucket, Key: 'a b', Body: 'hello', Metadata: { who: 'me' } }).promise();
  const got = await s3.getObject({ Bucket, Key: 'a b' }).promise();
  assert.deepEqual([got.Body.toString(), got.Metadata.who], ['hello', 'me']);
  await s3.upload({ Bucket, Key: 'big', Body: Buffer.alloc(11 << 20, 7) }, { partSize: 5 << 20 }).promise();
  assert.equal((await s3.headObject({ Bucket, Key: 'big' }).promise()).ContentLength, 11 << 20);
  const url = await s3.getSignedUrlPromise('getObject', { Bucket, Key: 'a b', Expires: 60 });
  assert.equal(await (await fetch(url)).text(), 'hello');
  const { Contents } = await s3.listObjectsV2({ Bucket }).promise();
  assert.deepEqual(Contents.map((o) => o.Key), ['a b', 'big']);
  await refused(s3.getObject({ Bucket, Key: 'none' }), 'NoSuchKey', 404);
  await refused(s3.deleteBucket({ Bucket }), 'BucketNotEmpty', 409);
  await s3.deleteObjects({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } }).promise();
  await s3.deleteBucket({ Bucket }).promise();
});

test('dynamodb', async () => {
  const db = new AWS.DynamoDB();
  const doc = new AWS.DynamoDB.DocumentClient();
  const TableName = name();
  await db.createTable({
    TableName, BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }], KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  }).promise();
  await db.waitFor('tableExists', { TableName, $waiter: { delay: 1 } }).promise();
  await doc.put({ TableName, Item: { id: 'a', n: 1.25, list: [true, null], set: doc.createSet(['x']) } }).promise();
  const { Item } = await doc.get({ TableName, Key: { id: 'a' } }).promise();
  assert.deepEqual([Item.n, Item.list, Item.set.values], [1.25, [true, null], ['x']]);
  await refused(doc.put({ TableName, Item: { id: 'a' }, ConditionExpression: 'attribute_not_exists(id)' }), 'ConditionalCheckFailedException', 400);
  const out = await doc.update({
    TableName, Key: { id: 'a' }, UpdateExpression: 'ADD n :x', ExpressionAttributeValues: { ':x': 1 }, ReturnValues: 'UPDATED_NEW',
  }).promise();
  assert.equal(out.Attributes.n, 2.25);
  assert.equal((await doc.scan({ TableName }).promise()).Count, 1);
  await db.deleteTable({ TableName }).promise();
  await refused(doc.get({ TableName, Key: { id: 'a' } }), 'ResourceNotFoundException', 400);
});

test('sts, and what is not served', async () => {
  assert.match((await new AWS.STS().getCallerIdentity().promise()).Arn, /:root$/);
  await refused(new AWS.Rekognition().detectLabels({ Image: { S3Object: { Bucket: 'bbb', Name: 'n' } } }), 'NotImplemented', 501);
  await refused(new AWS.SQS({ secretAccessKey: 'wrong', accessKeyId: process.env.AWS_ACCESS_KEY_ID }).listQueues(), 'InvalidSignatureException', 403);
});
