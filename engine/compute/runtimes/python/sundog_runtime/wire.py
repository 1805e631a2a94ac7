"""The framed protocol over the inherited socket: a big-endian uint32 length of the body, one byte of kind, and the body."""
import os
import struct
import threading

_HEAD = struct.Struct(">IB")
_lock = threading.Lock()
_socket = 3  # not wrapped: package socket takes longer to import than all else here
os.set_blocking(_socket, True)
os.set_inheritable(_socket, False)
_buffer = bytearray(64 * 1024)
_view = memoryview(_buffer)
_start = 0
_end = 0


def send(kind, body=b""):
    """Write one frame. kind is one letter, body bytes. Any thread may call it."""
    data = _HEAD.pack(len(body), ord(kind)) + body
    with _lock:
        sent = os.write(_socket, data)
        while sent < len(data):
            data = memoryview(data)[sent:]
            sent = os.write(_socket, data)


def _fill(need):
    """Have need bytes at _start of the buffer; False at the end of the stream."""
    global _start, _end, _buffer, _view
    if len(_buffer) - _start < need:
        rest = bytes(_view[_start:_end])
        if len(_buffer) < need:
            _view.release()
            _buffer = bytearray(need)
            _view = memoryview(_buffer)
        _buffer[: len(rest)] = rest
        _start, _end = 0, len(rest)
    while _end - _start < need:
        n = os.readv(_socket, [_view[_end:]])
        if n == 0:
            return False
        _end += n
    return True


def receive():
    """Wait for a frame; (kind, body), or (None, b"") when the platform is gone."""
    global _start, _end
    if _start == _end:
        _start = _end = 0
    if not _fill(5):
        return None, b""
    size, kind = _HEAD.unpack_from(_buffer, _start)
    if not _fill(5 + size):
        return None, b""
    body = bytes(_view[_start + 5 : _start + 5 + size])
    _start += 5 + size
    return chr(kind), body
