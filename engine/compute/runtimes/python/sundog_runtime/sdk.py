"""boto3, which Lambda's managed runtimes bring along: from the platform's cache when the function's own packages have none."""
import importlib.machinery
import json
import os
import sys
import time

from . import wire

NAMES = frozenset(["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"])


class Finder(object):
    """The last finder: asked only for what nothing else has. The platform installs the SDK while we wait."""

    def __init__(self, directory, kind):
        self._root = os.path.join(directory, kind)
        self._failed = os.path.join(directory, kind + ".error.%d" % os.getpid())
        self._kind = kind

    def find_spec(self, name, path=None, target=None):
        if name not in NAMES or not self._want(name):
            return None
        if self._root not in sys.path:
            sys.path.append(self._root)
        return importlib.machinery.PathFinder.find_spec(name, [self._root], target)

    def _want(self, name):
        done = os.path.join(self._root, ".complete")
        if os.path.exists(done):
            return True
        if name not in ("boto3", "botocore"):
            return False  # the companions alone are no reason to install anything
        failed = "%s.%d" % (self._failed, time.time_ns())
        wire.send("N", json.dumps({"kind": self._kind, "failed": failed}).encode())
        while True:
            if os.path.exists(done):
                return True
            if os.path.exists(failed):
                with open(failed) as f:
                    why = f.read()
                raise ModuleNotFoundError("No module named '%s'\n%s" % (name, why), name=name)
            time.sleep(0.02)


def install(directory, kind):
    if directory and kind:
        sys.meta_path.append(Finder(directory, kind))
