import json
import logging
import os
import subprocess
import sys
import time

count = 0


def _count(e, c):
    global count
    count += 1
    return count


def _log(e, c):
    logging.getLogger().error("first\nsecond")
    print("raw one")
    sys.stdout.write("raw ")
    print("two")
    return "logged"


def _memory(e, c):
    kept = []
    while True:
        kept.append(b"x" * (8 << 20))


def _child(e, c):
    subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return os.environ["MARK"]


def _fail(e, c):
    raise TypeError("intended")


def _sleep(e, c):
    time.sleep(e["ms"] / 1000)
    return "slept"


OPS = {
    "echo": lambda e, c: e["value"],
    "count": _count,
    "fail": _fail,
    "exit": lambda e, c: sys.exit(3),
    "sleep": _sleep,
    "memory": _memory,
    "env": lambda e, c: {n: os.environ.get(n) for n in e["names"]},
    "log": _log,
    "context": lambda e, c: {"id": c.aws_request_id, "arn": c.invoked_function_arn, "name": c.function_name, "memory": c.memory_limit_in_mb, "left": c.get_remaining_time_in_millis() > 0},
    "child": _child,
    "native": lambda e, c: subprocess.run(["echo", "from a child"]) and "done",
    "cwd": lambda e, c: os.getcwd(),
    "set": lambda e, c: {1, 2},
}


def handler(event, context):
    return OPS[event["op"]](event, context)
