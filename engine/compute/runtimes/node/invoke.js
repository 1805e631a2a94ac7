'use strict';
// One invocation: the context object, the three ways in which a handler can answer (promise, callback, stream), and its end.
const errors = require('./errors');
const log = require('./console');
const { ResponseStream } = require('./stream');

function parsed(text) {
  return text ? JSON.parse(text) : undefined;
}

// context gives what the handler gets as its second argument.
function context(inv, meta) {
  const env = process.env;
  const c = {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(meta.clientContext),
    identity: parsed(meta.identity),
    invokedFunctionArn: meta.arn,
    awsRequestId: meta.requestId,
    getRemainingTimeInMillis: () => Math.max(meta.deadline - Date.now(), 0),
  };
  if (meta.tenantId) c.tenantId = meta.tenantId;
  if (!inv.S.awaitsValues) {
    c.succeed = (result) => inv.callback(null, result, true);
    c.fail = (e) => inv.callback(e === undefined || e === null ? 'handled' : e, undefined, true);
    c.done = (e, result) => inv.callback(e, result, true);
  }
  return c;
}

class Invocation {
  constructor(S, meta, finished) {
    this.S = S;
    this.meta = meta;
    this.finished = finished;
    this.ended = false;
    this.waiting = null; // what to do once the event loop is empty
    this.context = null;
    this.promised = false;
  }

  run(payload) {
    let event;
    try {
      event = JSON.parse(payload);
      this.context = context(this, this.meta);
    } catch (e) {
      this.fail(e);
      return;
    }
    try {
      if (this.S.streams) this.stream(event);
      else this.plain(event);
    } catch (e) {
      this.fail(e);
    }
  }

  plain(event) {
    const r = this.S.handler(event, this.context, (e, result) => this.callback(e, result, false));
    if (r !== null && r !== undefined && typeof r.then === 'function') {
      this.promised = true;
      r.then((v) => this.succeed(v), (e) => this.fail(e));
    } else if (this.S.awaitsValues) {
      this.succeed(r);
    }
  }

  stream(event) {
    const out = new ResponseStream();
    const r = this.S.handler(event, out, this.context);
    if (r === null || r === undefined || typeof r.then !== 'function') throw new errors.RuntimeError('StreamingHandlerNotAsync', 'Streaming does not support non-async handlers.');
    const ended = new Promise((resolve, reject) => {
      out.on('finish', resolve);
      out.on('error', reject);
    });
    r.then(() => ended).then(() => this.end('D', ''), (e) => (out.begun ? this.break(e) : this.fail(e)));
  }

  // break ends a stream that has begun: its error follows what was sent.
  break(e) {
    if (this.ended) return;
    log.failure('Invoke Error', e);
    this.end('D', errors.stringify(errors.response(e)));
  }

  // callback is Node's (error, result); now skips the wait for the event loop, as context.done and friends do.
  callback(e, result, now) {
    if (this.ended || this.promised) return;
    if (e !== null && e !== undefined) {
      this.fail(e);
      return;
    }
    if (now || !this.context.callbackWaitsForEmptyEventLoop) {
      setImmediate(() => this.succeed(result));
      return;
    }
    if (this.waiting === null) this.waiting = () => this.succeed(result);
  }

  // loopEmpty is called when nothing is left to run: a callback's result goes out now; a handler that never answered answers null.
  loopEmpty() {
    if (this.ended) return;
    if (this.waiting !== null) this.waiting();
    else this.succeed(null);
  }

  succeed(value) {
    if (this.ended) return;
    let body;
    try {
      body = JSON.stringify(value === undefined ? null : value);
      if (body === undefined) body = 'null';
    } catch (e) {
      this.fail(new Error('Unable to stringify response body'));
      return;
    }
    this.end('S', body);
  }

  fail(e) {
    if (this.ended) return;
    log.failure('Invoke Error', e);
    this.end('E', errors.stringify(errors.response(e)));
  }

  end(kind, body) {
    if (this.ended) return;
    this.ended = true;
    this.finished(kind, body);
  }
}

module.exports = { Invocation };
