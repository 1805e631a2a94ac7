'use strict';
// Errors as Lambda's Node runtime shows them: to the caller as {errorType, errorMessage, trace}, in the log with a `stack`.

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = `Runtime.${name}`;
  }
}

function isError(e) {
  return e !== null && typeof e === 'object' && (e instanceof Error || (typeof e.stack === 'string' && 'message' in e));
}

// printable replaces DEL and controls that JSON texts must not carry into headers; messages may be of any type.
function text(v) {
  return typeof v === 'string' ? v : String(v);
}

function response(e) {
  if (!isError(e)) {
    return { errorType: typeof e, errorMessage: e === undefined ? 'undefined' : text(e), trace: [] };
  }
  return {
    errorType: text(e.name), errorMessage: text(e.message), trace: text(e.stack || '').split('\n'),
  };
}

// forLog gives the JSON that follows "Invoke Error" in the log: own enumerable members, such as a code, come with it.
function forLog(e) {
  if (!isError(e)) return { errorType: typeof e, errorMessage: text(e), stack: [] };
  const r = response(e);
  const shown = { errorType: r.errorType, errorMessage: r.errorMessage };
  if (e.code) shown.code = e.code;
  for (const k of Object.keys(e)) {
    if (k !== 'stack' && k !== 'name' && k !== 'message') shown[k] = isError(e[k]) ? forLog(e[k]) : e[k];
  }
  shown.stack = r.trace;
  return shown;
}

function stringify(v) {
  const seen = new WeakSet();
  try {
    return JSON.stringify(v, (k, x) => {
      if (typeof x === 'bigint') return `${x}n`;
      if (x !== null && typeof x === 'object') {
        if (seen.has(x)) return '[Circular]';
        seen.add(x);
      }
      return x;
    });
  } catch (e) {
    return JSON.stringify({ errorType: 'Error', errorMessage: text(v && v.message) });
  }
}

module.exports = { RuntimeError, isError, response, forLog, stringify };
