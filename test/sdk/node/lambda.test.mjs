import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Lambda, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { IAM } from '@aws-sdk/client-iam';
import { everything, name, refused, settings, trust } from './common.mjs';
import { zip } from './zip.mjs';

const lambda = new Lambda(settings);
const iam = new IAM(settings);
const FunctionName = name();

const code = `
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError(event.fail);
  if (event.who) return (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn;
  return { event, arn: context.invokedFunctionArn };
};`;

before(async () => {
  const { Role } = await iam.createRole({ RoleName: FunctionName, AssumeRolePolicyDocument: trust });
  await iam.putRolePolicy({ RoleName: FunctionName, PolicyName: 'p', PolicyDocument: everything });
  await lambda.createFunction({
    FunctionName, Role: Role.Arn, Runtime: 'nodejs20.x', Handler: 'index.handler', Timeout: 20, Code: { ZipFile: zip({ 'index.js': code }) },
  });
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30, minDelay: 1 }, { FunctionName });
});
after(async () => {
  await lambda.deleteFunction({ FunctionName });
  await iam.deleteRolePolicy({ RoleName: FunctionName, PolicyName: 'p' });
  await iam.deleteRole({ RoleName: FunctionName });
});

const invoke = async (event) => {
  const out = await lambda.invoke({ FunctionName, Payload: JSON.stringify(event), LogType: 'Tail' });
  return { ...out, value: JSON.parse(out.Payload.transformToString()) };
};

test('invoke', async () => {
  const { value, StatusCode, LogResult, $metadata } = await invoke({ a: 'ü' });
  assert.equal(StatusCode, 200);
  assert.deepEqual(value.event, { a: 'ü' });
  assert.match(value.arn, new RegExp(`function:${FunctionName}$`));
  assert.match(Buffer.from(LogResult, 'base64').toString(), new RegExp(`REPORT RequestId: ${$metadata.requestId}`));
});

test('an error of the handler', async () => {
  const { value, FunctionError } = await invoke({ fail: 'on purpose' });
  assert.equal(FunctionError, 'Unhandled');
  assert.deepEqual([value.errorType, value.errorMessage], ['TypeError', 'on purpose']);
});

test('the SDK of the runtime, with the credentials of the role', async () => {
  const { value } = await invoke({ who: true });
  assert.match(value, new RegExp(`:assumed-role/${FunctionName}/${FunctionName}$`));
});

test('errors by name', async () => {
  await refused(lambda.getFunction({ FunctionName: name() }), 'ResourceNotFoundException', 404);
  await refused(lambda.invoke({ FunctionName, Payload: '{' }), 'InvalidRequestContentException', 400);
  await refused(lambda.listCapacityProviders({}), 'NotImplemented', 501);
});
