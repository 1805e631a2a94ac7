'use strict';
const { spawn } = require('child_process');

let count = 0;
const ops = {
  echo: async (e) => e.value,
  count: async () => { count += 1; return count; },
  fail: async () => { throw new TypeError('intended'); },
  exit: async () => process.exit(3),
  sleep: (e) => new Promise((r) => setTimeout(() => r('slept'), e.ms)),
  memory: async () => { const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1)); },
  env: async (e) => Object.fromEntries(e.names.map((n) => [n, process.env[n] === undefined ? null : process.env[n]])),
  log: async () => { console.log('first\nsecond'); console.error('third'); process.stdout.write('raw one\nraw '); process.stdout.write('two\n'); return 'logged'; },
  context: async (e, c) => ({ id: c.awsRequestId, arn: c.invokedFunctionArn, name: c.functionName, memory: c.memoryLimitInMB, left: c.getRemainingTimeInMillis() > 0 }),
  child: async () => { spawn('sleep', ['300'], { detached: true, stdio: 'ignore' }).unref(); return process.env.MARK; },
  native: async () => { require('child_process').execSync('echo from a child', { stdio: 'inherit' }); return 'done'; },
  cwd: async () => process.cwd(),
};

exports.handler = (event, context) => ops[event.op](event, context);
exports.nested = { callback: (event, context, callback) => { setTimeout(() => callback(null, 'called back'), 5); } };
exports.early = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); callback(null, 'early'); };
exports.never = () => {};
exports.rejects = async () => { Promise.reject(new Error('nobody catches')); await new Promise((r) => setTimeout(r, 1000)); };
exports.throws = () => { setTimeout(() => { throw new Error('thrown late'); }, 1); return new Promise(() => {}); };
exports.stream = awslambda.streamifyResponse(async (event, out) => {
  const s = awslambda.HttpResponseStream.from(out, { statusCode: 201 });
  s.write('one ');
  await new Promise((r) => setTimeout(r, 5));
  s.write('two');
  s.end();
});
exports.breaks = awslambda.streamifyResponse(async (event, out) => { out.write('part'); throw new Error('midway'); });
exports.wrapped = async () => process.env.ORIGINAL;
