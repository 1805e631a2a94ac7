"""Output as on Lambda: what is printed goes out as it is, what is logged is one framed write in Lambda's format."""
import io
import json
import logging
import os
import sys
import time
import traceback

from . import wire

LEVELS = {"NOTSET": 0, "TRACE": 1, "DEBUG": 2, "INFO": 3, "WARN": 4, "WARNING": 4, "ERROR": 5, "CRITICAL": 6, "FATAL": 6}
_PYTHON = {"TRACE": logging.DEBUG, "DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR, "FATAL": logging.CRITICAL}
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"aws_request_id", "tenant_id", "message", "asctime", "taskName", "exc_text"}

request_id = None
tenant_id = None


class _Raw(io.RawIOBase):
    """The standard streams: every write goes to the platform, which cuts it into lines."""

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        wire.send("O", data)
        return len(data)

    def fileno(self):
        return 1

    def isatty(self):
        return False


def _stream():
    return io.TextIOWrapper(_Raw(), encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=False)


class _Filter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = request_id or ""
        record.tenant_id = tenant_id
        return True


class _Formatter(logging.Formatter):
    converter = time.gmtime


class _JSONFormatter(logging.Formatter):
    """One JSON object for each record, with the members that Lambda writes."""

    def format(self, record):
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        failed = record.exc_info if record.exc_info and record.exc_info[0] else None
        if failed:
            line["stackTrace"] = traceback.format_tb(failed[2])
            line["errorType"] = failed[0].__name__
            line["errorMessage"] = str(failed[1])
        line["requestId"] = record.aws_request_id
        if failed:
            line["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
        if record.tenant_id:
            line["tenantId"] = record.tenant_id
        for key, value in vars(record).items():
            if key not in _STANDARD and key not in line and value is not None:
                line[key] = value
        return json.dumps(line, default=str, ensure_ascii=False) + "\n"


class _Handler(logging.Handler):
    """The handler of the root logger: one frame for each record."""

    def emit(self, record):
        try:
            text = self.format(record)
            level = LEVELS.get(record.levelname, 0)
            wire.send("L", bytes((level,)) + text.encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)


def as_json():
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def install():
    """Take over the standard streams and the root logger. The function's environment must be in place."""
    sys.stdout = _stream()
    sys.stderr = _stream()
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    handler = _Handler()
    if as_json():
        handler.setFormatter(_JSONFormatter())
        level = _PYTHON.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper())
        if level is not None:
            logging.getLogger().setLevel(level)
    else:
        handler.setFormatter(_Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(_Filter())
    logging.getLogger().addHandler(handler)


def flush():
    """Send what the standard streams still hold."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (ValueError, AttributeError, OSError):
            pass  # the function closed or replaced the stream


def _lines(error):
    head = "[ERROR] %s" % error["errorType"]
    if error["errorMessage"]:
        head += ": %s" % error["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for frame in error["stackTrace"]:
        for line in frame.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)  # log viewers keep these spaces
    return lines


def failure(error):
    """Log what ended an invocation, as Lambda's runtime does."""
    flush()
    if as_json():
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "level": "ERROR",
            "errorMessage": error["errorMessage"],
            "errorType": error["errorType"],
            "requestId": request_id or "",
            "stackTrace": error["stackTrace"],
        }
        text = json.dumps(line, ensure_ascii=False)
    else:
        text = "\n".join(_lines(error))
    wire.send("L", bytes((5,)) + text.encode("utf-8", "backslashreplace"))


def describe(error_type, message, stack):
    """The error as the caller sees it."""
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id or "", "stackTrace": stack}


def from_exception(exc, skip):
    """Describe an exception; the first skip frames are the runtime's own."""
    frames = traceback.extract_tb(exc.__traceback__)[skip:]
    return describe(type(exc).__name__, str(exc), traceback.format_list(frames))
