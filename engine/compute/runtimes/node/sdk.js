'use strict';
// What Lambda's managed runtimes bring along: the AWS SDK for JavaScript, v2 up to nodejs16.x, v3 since nodejs18.x. It is taken from the platform's
// cache when the function's own packages have none. SDK v2 knows no AWS_ENDPOINT_URL: its defaults are set when it is first loaded.
const fs = require('fs');
const Module = require('module');
const path = require('path');
const { send, sleep } = require('./wire');

const state = { dir: '', kind: '' };
const patched = new WeakSet();

const NAMES = { 'node-v2': /^aws-sdk(\/|$)/, 'node-v3': /^@(aws-sdk|smithy|aws-crypto)\// };

function isSDK(request) {
  return state.kind in NAMES && NAMES[state.kind].test(request);
}

// settings tells a loader in another thread what want needs to know.
function settings() {
  return { dir: state.dir, kind: state.kind, sdk: state.kind in NAMES ? NAMES[state.kind].source : '^$' };
}

function modules() {
  return path.join(state.dir, state.kind, 'node_modules');
}

function folders() {
  return state.kind && state.dir ? [modules()] : [];
}

const exists = (f) => fs.existsSync(f);

// want makes sure that the SDK is in the cache if request is of it: the platform installs it while we wait. Throws with the reason when it cannot.
function want(request) {
  if (!state.dir || !isSDK(request)) return false;
  const done = path.join(state.dir, state.kind, '.complete');
  if (exists(done)) return true;
  const failed = path.join(state.dir, `${state.kind}.error.${process.pid}.${Date.now()}`);
  send('N', JSON.stringify({ kind: state.kind, failed }));
  for (;;) {
    if (exists(done)) return true;
    if (exists(failed)) {
      const why = fs.readFileSync(failed, 'utf8');
      const e = new Error(`Cannot find module '${request}'\n${why}`);
      e.code = 'MODULE_NOT_FOUND';
      throw e;
    }
    sleep(20);
  }
}

function patchResolve() {
  const original = Module._resolveFilename;
  Module._resolveFilename = function resolve(request, parent, isMain, options) {
    try {
      return original.call(this, request, parent, isMain, options);
    } catch (e) {
      if (e.code !== 'MODULE_NOT_FOUND' || !want(request)) throw e;
      return original.call(this, request, parent, isMain, { paths: [path.dirname(modules())] });
    }
  };
}

// configureV2 points SDK v2 at the platform; what the function sets itself still wins.
function configureV2(AWS) {
  if (!AWS || !AWS.config || typeof AWS.config.update !== 'function' || patched.has(AWS.config)) return;
  patched.add(AWS.config);
  const endpoint = process.env.AWS_ENDPOINT_URL;
  if (endpoint) AWS.config.update({ endpoint, s3ForcePathStyle: true, hostPrefixEnabled: false });
}

// withPathStyle gives a client class of SDK v3 whose buckets are addressed by path unless the function says otherwise.
function withPathStyle(exported) {
  const { S3Client, S3 } = exported;
  const wrap = (C) => (C ? new Proxy(C, {
    construct(target, args, newTarget) {
      const config = args[0] || {};
      return Reflect.construct(target, [{ forcePathStyle: true, ...config }, ...args.slice(1)], newTarget);
    },
  }) : C);
  const wrapped = { S3Client: wrap(S3Client), S3: wrap(S3) };
  return new Proxy({}, {
    get: (t, k) => (k in wrapped ? wrapped[k] : exported[k]),
    has: (t, k) => k in exported,
    ownKeys: () => Reflect.ownKeys(exported),
    getOwnPropertyDescriptor: (t, k) => (k in exported
      ? { value: k in wrapped ? wrapped[k] : exported[k], enumerable: true, configurable: true, writable: false } : undefined),
  });
}

function patchLoad() {
  const original = Module._load;
  const s3 = new WeakMap();
  Module._load = function load(request, parent, isMain) {
    const exported = original.call(this, request, parent, isMain);
    if (/^aws-sdk(\/|$)/.test(request)) {
      const core = request === 'aws-sdk' ? exported : original.call(this, 'aws-sdk/lib/core', parent, false);
      configureV2(core);
      return exported;
    }
    if (request === '@aws-sdk/client-s3' && process.env.AWS_ENDPOINT_URL && exported && exported.S3Client) {
      if (!s3.has(exported)) s3.set(exported, withPathStyle(exported));
      return s3.get(exported);
    }
    return exported;
  };
}

// use says which SDK the runtime brings along (kind), and where the cache is ("" for none).
function use(dir, kind) {
  state.dir = dir || '';
  state.kind = kind || '';
}

// install hooks the module loader.
function install() {
  patchResolve();
  patchLoad();
}

module.exports = { install, use, want, folders, settings };
