'use strict';
// The framed protocol with the platform over the inherited socket: a frame is a big-endian uint32 length of the body, one byte of kind, and
// the body. Writes are synchronous, so that what a handler logged has left before its answer, and before a process.exit().
const fs = require('fs');
const net = require('net');

const FD = 3;
const HEADER = 5;
const SMALL = 64 * 1024;
const out = Buffer.allocUnsafeSlow(SMALL);
const nap = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms) {
  Atomics.wait(nap, 0, 0, ms);
}

function writeAll(buf, end) {
  let at = 0;
  while (at < end) {
    try {
      at += fs.writeSync(FD, buf, at, end - at);
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e;
      sleep(1); // the platform reads on; there is nothing else to do until it has
    }
  }
}

// send writes one frame. body is a string or a Buffer; mark, if given, is a first byte of the body.
function send(kind, body, mark) {
  const extra = mark === undefined ? 0 : 1;
  const size = (typeof body === 'string' ? Buffer.byteLength(body) : body.length) + extra;
  const buf = size + HEADER <= SMALL ? out : Buffer.allocUnsafe(size + HEADER);
  buf.writeUInt32BE(size, 0);
  buf[4] = kind.charCodeAt(0);
  if (extra) buf[HEADER] = mark;
  if (typeof body === 'string') buf.write(body, HEADER + extra, 'utf8');
  else body.copy(buf, HEADER + extra);
  writeAll(buf, size + HEADER);
}

// receive calls onFrame(kind, buffer, start, end) for every frame that comes; the buffer is only valid during the call. It returns the socket.
function receive(onFrame, onEnd) {
  const chunk = Buffer.allocUnsafeSlow(SMALL);
  let pending = null; // a frame that did not come whole
  let filled = 0;

  function consume(buf, end) {
    let at = 0;
    while (end - at >= HEADER) {
      const total = HEADER + buf.readUInt32BE(at);
      if (end - at < total) return keep(buf, at, end, total);
      onFrame(buf[at + 4], buf, at + HEADER, at + total);
      at += total;
    }
    if (at < end) keep(buf, at, end, SMALL);
    return undefined;
  }

  function keep(buf, at, end, total) {
    pending = Buffer.allocUnsafeSlow(Math.max(total, SMALL));
    filled = buf.copy(pending, 0, at, end);
  }

  function grow(need) {
    if (pending.length >= need) return;
    const bigger = Buffer.allocUnsafeSlow(Math.max(need, pending.length * 2));
    pending.copy(bigger, 0, 0, filled);
    pending = bigger;
  }

  function onData(n, buf) {
    if (pending === null) {
      consume(buf, n);
      return true;
    }
    grow(filled + n);
    filled += buf.copy(pending, filled, 0, n);
    if (filled >= HEADER && filled >= HEADER + pending.readUInt32BE(0)) {
      const whole = pending;
      pending = null;
      consume(whole, filled);
    }
    return true;
  }

  const socket = new net.Socket({
    fd: FD, readable: true, writable: true, onread: { buffer: chunk, callback: onData },
  });
  socket.on('error', onEnd);
  socket.on('end', onEnd);
  socket.resume();
  return socket;
}

module.exports = { send, receive, sleep };
