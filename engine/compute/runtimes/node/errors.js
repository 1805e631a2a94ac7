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

function text(v) {
  return typeof v === 'string' ? v : String(v);
}

// response is what the caller gets of an error, or of anything else that was thrown.
function response(e) {
  if (e === null || e === undefined) {
    return { errorType: 'handled', errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack' };
  }
  if (!isError(e)) return { errorType: typeof e, errorMessage: text(e), trace: [] };
  return { errorType: text(e.name), errorMessage: text(e.message), trace: text(e.stack || '').split('\n') };
}

// shown is an error as the log shows it: its own members, such as a code, come with it.
function shown(e) {
  const r = Object.assign({ errorType: e.name, errorMessage: e.message, code: e.code }, e);
  if (typeof e.stack === 'string') r.stack = e.stack.split('\n');
  return r;
}

// forLog gives the JSON that follows "Invoke Error" in the log. What is no error becomes one.
function forLog(e) {
  const error = isError(e) ? e : new Error(e);
  try {
    return JSON.stringify(error, (k, v) => (isError(v) ? shown(v) : v));
  } catch {
    return stringify(response(error)); // it leads back to itself, or has a bigint
  }
}

function stringify(v) {
  try {
    return JSON.stringify(v);
  } catch (e) {
    return JSON.stringify({ errorType: 'Error', errorMessage: text(e.message), trace: [] });
  }
}

module.exports = { RuntimeError, isError, response, forLog, stringify };
