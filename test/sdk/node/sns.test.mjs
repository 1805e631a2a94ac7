// Topics over HTTP: confirmation, messages that AWS's own validator accepts, and links that work.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { test } from 'node:test';
import * as SNS from '@aws-sdk/client-sns';
import * as SQS from '@aws-sdk/client-sqs';
import Validator from 'sns-validator';
import { allow, name, refused, settings, until } from './common.mjs';

const sns = new SNS.SNS(settings);
const sqs = new SQS.SQS(settings);

// The validator fetches certificates over https only, and the platform under test has no TLS: the same URL is fetched over http.
https.get = (url, done) => http.get(url.replace(/^https:/, 'http:'), done);
const validator = new Validator(/^(127\.0\.0\.1|localhost)(:\d+)?$/);

const validate = (message) => new Promise((done, fail) => {
  const secure = { ...message, SigningCertURL: message.SigningCertURL.replace(/^http:/, 'https:') };
  validator.validate(secure, (error, m) => (error ? fail(error) : done(m)));
});

// A server that notes what it gets and answers with a status.
async function listen(t, status = () => 200) {
  const got = [];
  const server = http.createServer((req, res) => {
    let body = '';
    req.on('data', (b) => { body += b; });
    req.on('end', async () => {
      got.push({ headers: req.headers, url: req.url, body });
      res.writeHead(await status(req)).end();
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { got, url: `http://127.0.0.1:${server.address().port}/hook` };
}

async function topic(t, Attributes) {
  const suffix = Attributes?.FifoTopic ? '.fifo' : '';
  const { TopicArn } = await sns.createTopic({ Name: name() + suffix, Attributes });
  t.after(() => sns.deleteTopic({ TopicArn }));
  return TopicArn;
}

// Subscribes an endpoint and visits the SubscribeURL that it gets.
async function confirmed(TopicArn, endpoint, Attributes) {
  const { SubscriptionArn } = await sns.subscribe({ TopicArn, Protocol: 'http', Endpoint: endpoint.url, Attributes, ReturnSubscriptionArn: true });
  const asked = await until(() => endpoint.got.find((r) => r.headers['x-amz-sns-message-type'] === 'SubscriptionConfirmation'));
  const question = await validate(JSON.parse(asked.body));
  assert.equal((await fetch(question.SubscribeURL)).status, 200);
  const { Attributes: a } = await sns.getSubscriptionAttributes({ SubscriptionArn });
  assert.deepEqual([a.PendingConfirmation, a.ConfirmationWasAuthenticated], ['false', 'false']);
  return SubscriptionArn;
}

const notifications = (endpoint) => endpoint.got.filter((r) => r.headers['x-amz-sns-message-type'] === 'Notification');

for (const SignatureVersion of ['1', '2']) {
  test(`sns: signatures of version ${SignatureVersion} verify`, async (t) => {
    const TopicArn = await topic(t, { SignatureVersion });
    const endpoint = await listen(t);
    const SubscriptionArn = await confirmed(TopicArn, endpoint);
    await sns.publish({ TopicArn, Subject: 'grüße', Message: 'one\ntwo ✓', MessageAttributes: { k: { DataType: 'String', StringValue: 'v' } } });
    const [r] = await until(() => notifications(endpoint).length === 1 && notifications(endpoint));
    const m = await validate(JSON.parse(r.body));
    assert.deepEqual([m.Subject, m.Message, m.SignatureVersion, m.MessageAttributes.k.Value], ['grüße', 'one\ntwo ✓', SignatureVersion, 'v']);
    assert.deepEqual([r.headers['x-amz-sns-topic-arn'], r.headers['x-amz-sns-subscription-arn']], [TopicArn, SubscriptionArn]);
    await assert.rejects(validate({ ...m, Message: 'another' }), /signature is invalid/);
    assert.equal((await fetch(m.UnsubscribeURL)).status, 200);
    await refused(sns.getSubscriptionAttributes({ SubscriptionArn }), 'NotFoundException', 404);
    const back = await until(() => endpoint.got.find((q) => q.headers['x-amz-sns-message-type'] === 'UnsubscribeConfirmation'));
    assert.equal((await fetch(JSON.parse(back.body).SubscribeURL)).status, 200);
    await sns.getSubscriptionAttributes({ SubscriptionArn });
  });
}

test('sns: raw delivery, content type and retries over http', async (t) => {
  const TopicArn = await topic(t);
  let failures = 2;
  const endpoint = await listen(t, (req) => (req.headers['x-amz-sns-message-type'] === 'Notification' && failures-- > 0 ? 503 : 200));
  const DeliveryPolicy = JSON.stringify({
    healthyRetryPolicy: { numRetries: 3, numNoDelayRetries: 3, minDelayTarget: 1, maxDelayTarget: 1 }, requestPolicy: { headerContentType: 'application/json' },
  });
  await confirmed(TopicArn, endpoint, { RawMessageDelivery: 'true', DeliveryPolicy });
  await sns.publish({ TopicArn, Message: '{"n":1}' });
  const all = await until(() => notifications(endpoint).length === 3 && notifications(endpoint));
  for (const r of all) {
    assert.deepEqual([r.body, r.headers['content-type'], r.headers['x-amz-sns-rawdelivered']], ['{"n":1}', 'application/json', 'true']);
  }
});

test('sns: an endpoint that stands still holds up nobody', async (t) => {
  const TopicArn = await topic(t);
  let release;
  const held = new Promise((done) => { release = done; });
  t.after(() => release());
  const slow = await listen(t, async (req) => {
    if (req.headers['x-amz-sns-message-type'] === 'Notification') {
      await held;
    }
    return 200;
  });
  const fast = await listen(t);
  await confirmed(TopicArn, slow);
  await confirmed(TopicArn, fast);
  await Promise.all(Array.from({ length: 100 }, (_, i) => sns.publish({ TopicArn, Message: `${i}` })));
  await until(() => notifications(fast).length === 100);
  release();
  await until(() => notifications(slow).length === 100);
});

test('sns: what an endpoint refuses goes to the dead letter queue', async (t) => {
  const TopicArn = await topic(t);
  const { QueueUrl } = await sqs.createQueue({ QueueName: name() });
  t.after(() => sqs.deleteQueue({ QueueUrl }));
  const { Attributes: { QueueArn } } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['QueueArn'] });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy: allow('sns.amazonaws.com', 'sqs:SendMessage', QueueArn) } });
  const endpoint = await listen(t, (req) => (req.headers['x-amz-sns-message-type'] === 'Notification' ? 403 : 200));
  await confirmed(TopicArn, endpoint, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn }) });
  const { MessageId } = await sns.publish({ TopicArn, Message: 'lost' });
  const { Messages: [m] } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 10 });
  const letter = await validate(JSON.parse(m.Body));
  assert.deepEqual([letter.Message, letter.MessageId], ['lost', MessageId]);
});

test('sns: settings of text messages, and what is refused by name', async (t) => {
  const TopicArn = await topic(t);
  await sns.setSMSAttributes({ attributes: { DefaultSMSType: 'Promotional' } });
  assert.equal((await sns.getSMSAttributes({ attributes: ['DefaultSMSType'] })).attributes.DefaultSMSType, 'Promotional');
  assert.equal((await sns.checkIfPhoneNumberIsOptedOut({ phoneNumber: '+15550100' })).isOptedOut, false);
  await sns.publish({ PhoneNumber: '+15550100', Message: 'kept' });
  await refused(sns.setSMSAttributes({ attributes: { DefaultSMSType: 'loud' } }), 'InvalidParameterException', 400);
  await refused(sns.createPlatformApplication({ Name: 'a', Platform: 'GCM', Attributes: { PlatformCredential: 'x' } }), 'NotImplemented', 501);
  await refused(sns.subscribe({ TopicArn, Protocol: 'firehose', Endpoint: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/x' }), 'NotImplemented', 501);
  await refused(sns.putDataProtectionPolicy({ ResourceArn: TopicArn, DataProtectionPolicy: '{}' }), 'NotImplemented', 501);
  await refused(sns.getEndpointAttributes({ EndpointArn: TopicArn.replace(/[^:]*$/, 'endpoint/ADM/a/b') }), 'NotFoundException', 404);
});
