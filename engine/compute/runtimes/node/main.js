'use strict';
// The platform's Node runtime: started without a function, it takes one (frame I), loads its handler, and answers invocations (frame V).
const Module = require('module');
const { send, receive } = require('./wire');
const errors = require('./errors');
const log = require('./console');
const sdk = require('./sdk');
const stream = require('./stream');
const { load } = require('./load');
const { Invocation } = require('./invoke');

const S = { handler: null, config: null, socket: null, current: null, nextVersion: 0 };

function die(code) {
  process.exit(code);
}

// crashed reports what no handler caught; the environment ends with it.
function crashed(title, e, code) {
  log.failure(title, e);
  send(S.handler ? 'F' : 'X', errors.stringify(errors.response(e)));
  die(code);
}

function catchAll() {
  process.on('uncaughtException', (e) => crashed('Uncaught Exception', e, 129));
  process.on('unhandledRejection', (reason, promise) => {
    const e = new errors.RuntimeError('UnhandledPromiseRejection', String(reason));
    e.reason = reason;
    e.promise = promise;
    if (errors.isError(reason)) e.stack = `${e.name}: ${e.message}\n${String(reason.stack).split('\n').slice(1).join('\n')}`;
    crashed('Unhandled Promise Rejection', e, 128);
  });
  process.on('beforeExit', () => {
    if (S.current) S.current.loopEmpty();
  });
}

// hideMachine keeps modules that were installed beside the interpreter, for all programs of the machine, from being found: /usr/lib/node and the like.
function hideMachine() {
  const own = new Set((process.env.NODE_PATH || '').split(':').concat(`${process.env.HOME}/.node_modules`, `${process.env.HOME}/.node_libraries`));
  const foreign = new Set(Module.globalPaths.filter((p) => !own.has(p)));
  const lookup = Module._resolveLookupPaths;
  Module._resolveLookupPaths = function paths(request, parent) {
    const all = lookup.call(this, request, parent);
    return all && all.some((p) => foreign.has(p)) ? all.filter((p) => !foreign.has(p)) : all;
  };
}

async function init(config) {
  S.config = config;
  for (const k of config.env ? Object.keys(process.env) : config.hide || []) delete process.env[k];
  Object.assign(process.env, config.env, config.late);
  process.chdir(config.cwd);
  process.title = 'node';
  Module._initPaths(); // NODE_PATH has changed
  hideMachine();
  log.install(process.env, send);
  sdk.use(config.sdkDir, config.sdkKind);
  catchAll();
  const m = /^nodejs(\d+)/.exec(config.runtime);
  S.awaitsValues = Boolean(m) && Number(m[1]) >= 24;
  try {
    S.handler = await load(config.root, process.env._HANDLER, config.runtime); // a wrapper script may have set another
  } catch (e) {
    log.failure('Uncaught Exception', e);
    send('X', errors.stringify(errors.response(e)));
    die(1);
  }
  S.streams = Boolean(S.handler[stream.STREAMING]);
  send('R', '');
}

function readText(buf, r) {
  const n = buf.readUInt32BE(r.at);
  const s = n === 0 ? '' : buf.toString('utf8', r.at + 4, r.at + 4 + n);
  r.at += 4 + n;
  return s;
}

// invocation takes a V frame apart: deadline in ms (uint64), then texts, each with its length, then the payload.
function invocation(buf, start, end) {
  const r = { at: start + 8 };
  const meta = { deadline: buf.readUInt32BE(start) * 4294967296 + buf.readUInt32BE(start + 4) };
  for (const k of ['requestId', 'arn', 'trace', 'clientContext', 'identity', 'tenantId']) meta[k] = readText(buf, r);
  return { meta, payload: buf.toString('utf8', r.at, end) };
}

function finished(kind, body) {
  S.current = null;
  S.socket.ref();
  send(kind, body);
}

function invoke(buf, start, end) {
  const { meta, payload } = invocation(buf, start, end);
  log.state.requestId = meta.requestId;
  log.state.tenantId = meta.tenantId;
  if (meta.trace) process.env._X_AMZN_TRACE_ID = meta.trace;
  else delete process.env._X_AMZN_TRACE_ID;
  S.current = new Invocation(S, meta, finished);
  S.socket.unref(); // so that an empty event loop can be seen
  S.current.run(payload);
}

let practised = Promise.resolve();

function onFrame(kind, buf, start, end) {
  switch (kind) {
    case 0x56: // V
      invoke(buf, start, end);
      break;
    case 0x49: { // I
      const config = JSON.parse(buf.toString('utf8', start, end));
      practised.then(() => init(config));
      break;
    }
    case 0x50: // P
      practised = practise().then(() => send('Q', ''));
      break;
    default:
      die(70);
  }
}

// practise runs the platform's own function through all that another's first invocation needs: what is compiled then, and what memory the machine has then
// brought back, need not be when somebody waits.
async function practise() {
  const handler = await load(__dirname, 'own.handler', '');
  delete require.cache[require.resolve('./own')];
  const buf = Buffer.alloc(8 + 6 * 4 + 2);
  buf.write('{}', buf.length - 2);
  const { meta, payload } = invocation(buf, 0, buf.length);
  await new Promise((done) => { new Invocation({ handler }, meta, done).run(payload); });
}

process.execArgv = process.execArgv.filter((a) => a !== '--use-openssl-ca'); // the platform's, not for what the function starts
stream.install();
sdk.install();
log.streams();
practise().then(() => {
  S.socket = receive(onFrame, () => die(0));
  send('H', '');
});
