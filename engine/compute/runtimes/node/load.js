'use strict';
// Finding the handler: "dir/file.export.nested" below the code folder, as CommonJS or as an ES module.
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const { RuntimeError } = require('./errors');

// A dynamic import that survives in a CommonJS file on every version of Node.
const dynamicImport = (url) => import(url);

function split(handler) {
  if (handler.includes('..')) {
    throw new RuntimeError('MalformedHandlerName', `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(handler);
  const m = /^([^.]*)\.(.*)$/.exec(base);
  if (!m) throw new RuntimeError('MalformedHandlerName', 'Bad handler');
  return { file: path.join(handler.slice(0, handler.length - base.length), m[1]), name: m[2] };
}

function exists(file) {
  try {
    return fs.statSync(file).isFile();
  } catch (e) {
    return false;
  }
}

// moduleType looks for the nearest package.json upwards, as Node does.
function moduleType(dir) {
  for (let at = dir; ; at = path.dirname(at)) {
    const file = path.join(at, 'package.json');
    if (exists(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module' ? 'module' : 'commonjs';
      } catch (e) {
        return 'commonjs';
      }
    }
    if (at === path.dirname(at) || path.basename(at) === 'node_modules') return 'commonjs';
  }
}

// locate gives the file and how to load it.
function locate(root, file) {
  const base = path.resolve(root, file);
  if (exists(base)) return { path: base, esm: false };
  if (exists(`${base}.js`)) return { path: `${base}.js`, esm: moduleType(path.dirname(base)) === 'module' };
  if (exists(`${base}.mjs`)) return { path: `${base}.mjs`, esm: true };
  if (exists(`${base}.cjs`)) return { path: `${base}.cjs`, esm: false };
  return { path: require.resolve(file, { paths: [root, path.dirname(base)] }), esm: false };
}

async function loadModule(root, file) {
  try {
    const found = locate(root, file);
    if (found.esm) {
      require('./esm').install();
      return await dynamicImport(pathToFileURL(found.path).href);
    }
    // eslint-disable-next-line global-require
    return require(found.path);
  } catch (e) {
    if (e instanceof SyntaxError) throw Object.assign(new RuntimeError('UserCodeSyntaxError', String(e)), { stack: e.stack });
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) {
      throw Object.assign(new RuntimeError('ImportModuleError', String(e)), { stack: e.stack });
    }
    throw e;
  }
}

// pick follows a nested export; a default export of an ES module that wraps CommonJS counts too.
function pick(mod, name) {
  const walk = (from) => name.split('.').reduce((o, k) => (o === undefined || o === null ? undefined : o[k]), from);
  const found = walk(mod);
  return found === undefined && mod && mod.default ? walk(mod.default) : found;
}

// load gives the handler function, or rejects with the error that Lambda would report.
async function load(root, handler, runtime) {
  const { file, name } = split(handler);
  const mod = await loadModule(root, file);
  const fn = pick(mod, name);
  if (fn === undefined || fn === null) throw new RuntimeError('HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof fn !== 'function') throw new RuntimeError('HandlerNotFound', `${handler} is not a function`);
  const version = parseInt((/^nodejs(\d+)/.exec(runtime) || [0, '0'])[1], 10);
  if (version >= 24 && fn.length >= 3 && !fn[Symbol.for('aws.lambda.runtime.handler.streaming')]) {
    throw new RuntimeError('CallbackHandlerDeprecated', 'AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. '
      + 'You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.');
  }
  return fn;
}

module.exports = { load, split };
