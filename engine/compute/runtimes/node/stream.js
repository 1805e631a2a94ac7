'use strict';
// awslambda.streamifyResponse: the handler writes its answer piece by piece.
const { Writable } = require('stream');
const { send } = require('./wire');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HTTP_TYPE = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = Buffer.alloc(8);

class ResponseStream extends Writable {
  constructor() {
    super({ highWaterMark: 64 * 1024 });
    this.contentType = 'application/octet-stream';
    this.begun = false;
  }

  setContentType(type) {
    this.contentType = type;
  }

  _onBeforeFirstWrite(write) {
    this.before = write;
  }

  begin() {
    if (this.begun) return;
    this.begun = true;
    send('B', this.contentType);
    if (this.before) this.before((chunk) => send('C', Buffer.from(chunk)));
  }

  _write(chunk, encoding, callback) {
    this.begin();
    if (chunk.length > 0) send('C', Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding));
    callback();
  }

  _final(callback) {
    this.begin();
    callback();
  }
}

// withPrelude makes the first bytes of a response its status, headers and cookies, as function URLs and HTTP fronts expect them.
function withPrelude(stream, prelude) {
  stream.setContentType(HTTP_TYPE);
  stream._onBeforeFirstWrite((write) => {
    write(JSON.stringify(prelude));
    write(PRELUDE_END);
  });
  return stream;
}

function install() {
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = (options && options.highWaterMark) || true;
      return handler;
    },
    HttpResponseStream: { from: withPrelude },
  };
}

module.exports = { install, ResponseStream, STREAMING };
