"""Taking a function, then its invocations, from the platform."""
import json
import os
import struct
import sys
import time

from . import context, handler, log, packages, sdk, wire

_TEXTS = ("requestId", "arn", "trace", "clientContext", "identity", "tenantId")


_ascii = False  # runtimes before 3.12 escape what is not ASCII


def _number(value):
    decimal = sys.modules.get("decimal")  # nobody has a Decimal otherwise
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def _encode(value):
    return json.dumps(value, ensure_ascii=_ascii, default=_number).encode("utf-8")


def _meta(body):
    """Take an invocation apart: deadline in ms (uint64), texts with their lengths, and the payload."""
    meta = {"deadline": struct.unpack_from(">Q", body)[0]}
    at = 8
    for name in _TEXTS:
        (size,) = struct.unpack_from(">I", body, at)
        meta[name] = body[at + 4 : at + 4 + size].decode("utf-8")
        at += 4 + size
    return meta, body[at:]


def _init(config):
    global _ascii
    _ascii = tuple(int(n) for n in config["runtime"][len("python") :].split(".")) < (3, 12)
    if "env" in config:
        os.environ.clear()
        os.environ.update(config["env"])
    for name in config.get("hide") or []:
        os.environ.pop(name, None)
    time.tzset()
    os.chdir(config["cwd"])
    paths = config.get("paths") or []
    sys.path[0:0] = paths
    sys.argv = [""]
    log.install()
    sdk.install(config.get("sdkDir"), config.get("sdkKind"))
    try:
        function = handler.load(config["root"], paths, os.environ["_HANDLER"])  # a wrapper script may have set another
    except handler.LoadError as e:
        _hint(e.__cause__)
        log.failure(e.error)
        wire.send("X", _encode(e.error))
        sys.exit(1)
    finally:
        log.flush()
    wire.send("R")
    return function


def _fail(error):
    log.failure(error)
    wire.send("E", _encode(error))


def _hint(error):
    """Tell in the log when what is missing is on this machine: it works everywhere else here."""
    text = packages.lacking(error.name) if isinstance(error, ModuleNotFoundError) else ""
    if text:
        print(text, file=sys.stderr)


def _invoke(function, body):
    meta, payload = _meta(body)
    log.request_id = meta["requestId"]
    log.tenant_id = meta["tenantId"] or None
    if meta["trace"]:
        os.environ["_X_AMZN_TRACE_ID"] = meta["trace"]
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        event = json.loads(payload)
    except ValueError as e:
        _fail(log.describe("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e, []))
        return
    try:
        result = function(event, context.LambdaContext(meta))
    except Exception as e:
        _hint(e)
        _fail(log.from_exception(e, 1))
        return
    try:
        data = _encode(result)
    except Exception as e:
        _fail(log.describe("Runtime.MarshalError", "Unable to marshal response: %s" % e, []))
        return
    log.flush()
    wire.send("S", data)


_OWN = bytes(8 + 4 * len(_TEXTS)) + b'{"key": [1, 2.5, true]}'


def _practise():
    """Go through what a function and its first invocation need, so that a machine which has taken idle memory away brings it back before somebody waits."""
    names = {}
    exec(compile("def handler(event, context):\n    return event\n", "own", "exec"), names)
    meta, payload = _meta(_OWN)
    _encode(names["handler"](json.loads(payload), context.LambdaContext(meta)))


def main():
    wire.send("H")
    function = None
    while True:
        kind, body = wire.receive()
        if kind == "V":
            _invoke(function, body)
        elif kind == "I":
            function = _init(json.loads(body))
        elif kind == "P":
            _practise()
            wire.send("Q")
        else:
            log.flush()
            os._exit(0 if kind is None else 70)
