'use strict';
// ES modules know no NODE_PATH; on Lambda they find what it names all the same. Bare names that are found nowhere else are looked for there.
const Module = require('module');
const path = require('path');
const { pathToFileURL } = require('url');

function folders() {
  return (process.env.NODE_PATH || '').split(path.delimiter).filter(Boolean);
}

const bare = (s) => !/^([./]|[a-z]+:)/i.test(s);

// The loader thread of Node 20 and 18 runs this text; it has no access to the main thread's hooks.
const LOADER = `
import fs from 'node:fs';
import path from 'node:path';
const bare = (s) => !/^([./]|[a-z]+:)/i.test(s);
let config = { parents: [] };
export async function initialize(data) { config = data; }
async function want(specifier) {
  if (!config.dir || !new RegExp(config.sdk).test(specifier)) return;
  const done = path.join(config.dir, config.kind, '.complete');
  if (fs.existsSync(done)) return;
  const failed = path.join(config.dir, config.kind + '.error.' + process.pid + '.' + Date.now());
  const body = Buffer.from(JSON.stringify({ kind: config.kind, failed }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 0);
  head[4] = 0x4e; // N
  fs.writeSync(3, Buffer.concat([head, body]));
  while (!fs.existsSync(done)) {
    if (fs.existsSync(failed)) {
      const why = fs.readFileSync(failed, 'utf8');
      fs.unlinkSync(failed);
      throw Object.assign(new Error("Cannot find package '" + specifier + "'\\n" + why), { code: 'ERR_MODULE_NOT_FOUND' });
    }
    await new Promise((r) => setTimeout(r, 20));
  }
}
export async function resolve(specifier, context, next) {
  try { return await next(specifier, context); } catch (e) {
    if (!e || e.code !== 'ERR_MODULE_NOT_FOUND' || !bare(specifier)) throw e;
    await want(specifier);
    for (const parentURL of config.parents) {
      try { return await next(specifier, { ...context, parentURL }); } catch (e2) { /* the first error is the one to show */ }
    }
    throw e;
  }
}`;

let installed = false;

// install makes imports fall back to NODE_PATH. On a Node without module.register it does nothing.
function install() {
  if (installed) return;
  installed = true;
  const sdk = require('./sdk');
  const dirs = folders().concat(sdk.folders());
  // A package P in <dir>/P is found from a parent in <dir>/..; node_modules folders only.
  const parents = dirs.filter((d) => path.basename(d) === 'node_modules').map((d) => pathToFileURL(path.join(path.dirname(d), 'x.js')).href);
  if (typeof Module.registerHooks === 'function') {
    Module.registerHooks({ resolve: (specifier, context, next) => fallback(specifier, context, next, parents, sdk) });
  } else if (typeof Module.register === 'function') {
    Module.register(`data:text/javascript,${encodeURIComponent(LOADER)}`, { data: { parents, ...sdk.settings() } });
  }
}

function fallback(specifier, context, next, parents, sdk) {
  try {
    return next(specifier, context);
  } catch (e) {
    if (!e || !/MODULE_NOT_FOUND/.test(e.code || '') || !bare(specifier)) throw e;
    sdk.want(specifier);
    for (const parentURL of parents) {
      try {
        return next(specifier, { ...context, parentURL });
      } catch (e2) {
        // The first error is the one to show.
      }
    }
    throw e;
  }
}

module.exports = { install };
