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
const bare = (s) => !/^([./]|[a-z]+:)/i.test(s);
let parents = [];
export async function initialize(data) { parents = data.parents; }
export async function resolve(specifier, context, next) {
  try { return await next(specifier, context); } catch (e) {
    if (!e || e.code !== 'ERR_MODULE_NOT_FOUND' || !bare(specifier)) throw e;
    for (const parentURL of parents) {
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
    Module.register(`data:text/javascript,${encodeURIComponent(LOADER)}`, { data: { parents } });
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
