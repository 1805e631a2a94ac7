'use strict';
// console as on Lambda: "time TAB request id TAB level TAB message", one framed write for each call; or JSON lines when AWS_LAMBDA_LOG_FORMAT
// is JSON, filtered by AWS_LAMBDA_LOG_LEVEL. process.stdout and process.stderr keep their text as it is (the embedded metric format).
const util = require('util');
const { isError, forLog } = require('./errors');

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const state = { requestId: undefined, tenantId: undefined };

function asText(level, args) {
  return `${new Date().toISOString()}\t${state.requestId}\t${level}\t${util.format(...args)}`;
}

function errorMember(e) {
  return {
    errorType: (e.constructor && e.constructor.name) || 'UnknownError', errorMessage: e.message, stackTrace: typeof e.stack === 'string' ? e.stack.split('\n') : e.stack,
  };
}

// asJSON: one value is the message as it is, several are formatted, and the first error among them is shown beside.
function asJSON(level, args) {
  const line = { timestamp: new Date().toISOString(), level };
  if (state.requestId !== undefined) line.requestId = state.requestId;
  if (state.tenantId) line.tenantId = state.tenantId;
  if (args.length === 1) {
    [line.message] = args;
    try {
      return JSON.stringify(line, (k, v) => (isError(v) ? Object.assign(errorMember(v), v) : v));
    } catch {
      line.message = util.format(args[0]);
      return JSON.stringify(line);
    }
  }
  line.message = util.format(...args);
  const e = args.find(isError);
  if (e) Object.assign(line, errorMember(e));
  return JSON.stringify(line);
}

// streams gives the standard streams, which are made when they are first asked for.
function streams() {
  return [process.stdout, process.stderr];
}

// install patches console and the standard streams. env is the function's environment.
function install(env, send) {
  const json = (env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const least = json ? LEVELS[(env.AWS_LAMBDA_LOG_LEVEL || 'INFO').toUpperCase()] || 3 : 0;
  const line = json ? asJSON : asText;
  const at = (level) => (message, ...more) => { // without a message it is undefined, as there
    if (LEVELS[level] >= least) send('L', line(level, [message, ...more]) + (json ? '' : '\n'), LEVELS[level]);
  };
  console.log = at('INFO');
  console.info = console.log;
  console.debug = at('DEBUG');
  console.warn = at('WARN');
  console.error = at('ERROR');
  console.fatal = at('FATAL');
  console.trace = at('TRACE');
  for (const stream of streams()) {
    stream.write = (chunk, encoding, callback) => {
      const done = typeof encoding === 'function' ? encoding : callback;
      send('O', typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : Buffer.from(chunk));
      if (typeof done === 'function') process.nextTick(done);
      return true;
    };
  }
}

// failure logs what ended an invocation, as the runtime itself does: console.error("Invoke Error", error).
function failure(title, e) {
  const json = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  if (json) {
    console.error(isError(e) ? e : new Error(e));
    return;
  }
  console.error(title, `\t${forLog(e)}`);
}

module.exports = { install, failure, state, streams };
