// What the suites share. SUNDOG_ENDPOINT and the usual AWS_* variables say where the platform is and who we are.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const endpoint = process.env.SUNDOG_ENDPOINT;
export const region = process.env.AWS_REGION || 'us-east-1';
export const settings = { endpoint, region, maxAttempts: 1 };
export const name = () => `n-${randomUUID().slice(0, 12)}`;

// The promise must be rejected with this error name, and with this status when one is given.
export async function refused(promise, error, status) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.name, error, `${e.name}: ${e.message}`);
    if (status) {
      assert.equal(e.$metadata.httpStatusCode, status);
    }
    return true;
  });
}

// Asks until the answer is true; gives that answer.
export async function until(ask, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    assert.ok(Date.now() < end, 'it did not come to be in time');
    await new Promise((done) => { setTimeout(done, 50); });
  }
}

export const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: ['lambda.amazonaws.com', 'states.amazonaws.com'] }, Action: 'sts:AssumeRole' }],
});

export const everything = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] });

export const allow = (service, action, resource) => JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: action, Resource: resource }],
});
