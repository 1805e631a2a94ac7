import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudFormation, waitUntilStackCreateComplete, waitUntilStackDeleteComplete } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { EventBridge } from '@aws-sdk/client-eventbridge';
import { IAM } from '@aws-sdk/client-iam';
import { Rekognition } from '@aws-sdk/client-rekognition';
import { S3 } from '@aws-sdk/client-s3';
import { SFN } from '@aws-sdk/client-sfn';
import { SQS } from '@aws-sdk/client-sqs';
import { STS } from '@aws-sdk/client-sts';
import { allow, everything, name, refused, settings, trust, until } from './common.mjs';

const sqs = new SQS(settings);
const iam = new IAM(settings);

test('step functions: a workflow runs', async (t) => {
  const sfn = new SFN(settings);
  const id = name();
  const { Role } = await iam.createRole({ RoleName: id, AssumeRolePolicyDocument: trust });
  await iam.putRolePolicy({ RoleName: id, PolicyName: 'p', PolicyDocument: everything });
  t.after(async () => {
    await iam.deleteRolePolicy({ RoleName: id, PolicyName: 'p' });
    await iam.deleteRole({ RoleName: id });
  });
  const definition = JSON.stringify({
    StartAt: 'Both',
    States: {
      Both: {
        Type: 'Parallel',
        Branches: [
          { StartAt: 'A', States: { A: { Type: 'Pass', Result: 1, End: true } } },
          { StartAt: 'B', States: { B: { Type: 'Pass', Parameters: { 'x.$': "States.Format('{}!', $.word)" }, End: true } } },
        ],
        End: true,
      },
    },
  });
  const { stateMachineArn } = await sfn.createStateMachine({ name: id, definition, roleArn: Role.Arn });
  t.after(() => sfn.deleteStateMachine({ stateMachineArn }));
  const { executionArn } = await sfn.startExecution({ stateMachineArn, input: '{"word":"hello"}' });
  const done = await until(async () => {
    const e = await sfn.describeExecution({ executionArn });
    return e.status !== 'RUNNING' && e;
  });
  assert.deepEqual(JSON.parse(done.output), [1, { x: 'hello!' }]);
  await refused(sfn.startExecution({ stateMachineArn: `${stateMachineArn}-none` }), 'StateMachineDoesNotExist', 400);
});

test('cloudformation: a stack comes and goes', async () => {
  const cfn = new CloudFormation(settings);
  const StackName = name();
  const TemplateBody = JSON.stringify({
    Resources: { Q: { Type: 'AWS::SQS::Queue' } }, Outputs: { Arn: { Value: { 'Fn::GetAtt': ['Q', 'Arn'] } } },
  });
  const { StackId } = await cfn.createStack({ StackName, TemplateBody });
  await waitUntilStackCreateComplete({ client: cfn, maxWaitTime: 30, minDelay: 1 }, { StackName });
  const { Stacks: [{ Outputs }] } = await cfn.describeStacks({ StackName });
  assert.match(Outputs[0].OutputValue, /^arn:aws:sqs:/);
  await refused(cfn.createStack({ StackName, TemplateBody }), 'AlreadyExistsException', 400);
  await cfn.deleteStack({ StackName });
  await waitUntilStackDeleteComplete({ client: cfn, maxWaitTime: 30, minDelay: 1 }, { StackName: StackId });
});

test('eventbridge: a rule leads to a queue', async (t) => {
  const events = new EventBridge(settings);
  const Name = name();
  const { QueueUrl } = await sqs.createQueue({ QueueName: Name });
  t.after(() => sqs.deleteQueue({ QueueUrl }));
  const { Attributes: { QueueArn } } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['QueueArn'] });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy: allow('events.amazonaws.com', 'sqs:SendMessage', QueueArn) } });
  await events.putRule({ Name, EventPattern: JSON.stringify({ source: [Name] }) });
  await events.putTargets({ Rule: Name, Targets: [{ Id: 'q', Arn: QueueArn, InputPath: '$.detail' }] });
  const out = await events.putEvents({ Entries: [{ Source: Name, DetailType: 't', Detail: '{"n":1}' }] });
  assert.equal(out.FailedEntryCount, 0);
  const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 10 });
  assert.deepEqual(JSON.parse(Messages[0].Body), { n: 1 });
  await events.removeTargets({ Rule: Name, Ids: ['q'] });
  await events.deleteRule({ Name });
});

test('logs: write, read, filter', async () => {
  const logs = new CloudWatchLogs(settings);
  const logGroupName = `/n/${name()}`;
  await logs.createLogGroup({ logGroupName });
  await logs.createLogStream({ logGroupName, logStreamName: 's' });
  const now = Date.now();
  await logs.putLogEvents({
    logGroupName, logStreamName: 's', logEvents: ['one', '{"level":"warn","n":2}', 'three'].map((message, i) => ({ timestamp: now + i, message })),
  });
  const all = await logs.getLogEvents({ logGroupName, logStreamName: 's', startFromHead: true });
  assert.deepEqual(all.events.map((e) => e.timestamp), [now, now + 1, now + 2]);
  const some = await logs.filterLogEvents({ logGroupName, filterPattern: '{ $.level = "warn" }' });
  assert.deepEqual(some.events.map((e) => JSON.parse(e.message).n), [2]);
  await logs.deleteLogGroup({ logGroupName });
});

test('sts: who am I', async () => {
  assert.match((await new STS(settings).getCallerIdentity({})).Arn, /^arn:aws:iam::\d{12}:root$/);
});

test('iam: errors by name', async () => {
  await refused(iam.getRole({ RoleName: name() }), 'NoSuchEntityException', 404);
  await refused(iam.createRole({ RoleName: name(), AssumeRolePolicyDocument: '{' }), 'MalformedPolicyDocumentException', 400);
});

test('a wrong secret', async () => {
  const wrong = { ...settings, credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: 'wrong' } };
  await refused(new SQS(wrong).listQueues({}), 'InvalidSignatureException', 403);
  await refused(new S3({ ...wrong, forcePathStyle: true }).listBuckets({}), 'SignatureDoesNotMatch', 403);
  await refused(new DynamoDB(wrong).listTables({}), 'InvalidSignatureException');
  await refused(new STS(wrong).getCallerIdentity({}), 'SignatureDoesNotMatch', 403);
});

test('what is not served is refused by name', async () => {
  const image = { Image: { S3Object: { Bucket: 'bbb', Name: 'n' } } };
  await assert.rejects(new Rekognition(settings).detectLabels(image), (e) => {
    assert.deepEqual([e.name, e.$metadata.httpStatusCode], ['NotImplemented', 501]);
    assert.match(e.message, /DetectLabels/);
    return true;
  });
});
