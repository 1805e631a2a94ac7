"""boto3, which Lambda's managed runtimes bring along: from the interpreter's own packages, or from the platform's cache, when the function's own
packages have none."""
import importlib.machinery
import json
import os
import sys
import time

from . import packages, wire

NAMES = frozenset(["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"])
DISTRIBUTIONS = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six")


class Finder(object):
    """The last finder: asked only for what nothing else has. All of the SDK comes from one place. The platform installs it while we wait."""

    def __init__(self, directory, kind, folders):
        self._root = os.path.join(directory, kind) if directory and kind else ""
        self._failed = os.path.join(directory, kind + ".error.%d" % os.getpid()) if self._root else ""
        self._kind = kind
        self._folders = folders
        self._own = None

    def find_spec(self, name, path=None, target=None):
        if name not in NAMES:
            return None
        where = self._where() or (self._want(name) and [self._root])
        if where == [self._root] and self._root not in sys.path:
            sys.path.append(self._root)  # nothing else is in it; Python processes that the function starts by multiprocessing get the list
        return importlib.machinery.PathFinder.find_spec(name, where, target) if where else None

    def find_distributions(self, context=None):
        """What importlib.metadata asks for."""
        from importlib import metadata

        where = self._where()
        if not where or self._root in sys.path or "path" in vars(context or object):
            return
        name = getattr(context, "name", None)
        for own in DISTRIBUTIONS:
            if name is None or name.lower().replace("_", "-").replace(".", "-") == own:
                asked = metadata.DistributionFinder.Context(name=own, path=where)
                yield from metadata.MetadataPathFinder.find_distributions(asked)

    def _where(self):
        """The folders of the SDK: the interpreter's if they have all of it, else the cache if it is there."""
        if self._own is None:
            self._own = self._folders if self._has("boto3") and self._has("botocore") else []
        return self._own or ([self._root] if self._complete() else [])

    def _has(self, name):
        return any(os.path.isfile(os.path.join(folder, name, "__init__.py")) for folder in self._folders)

    def _complete(self):
        return self._root != "" and os.path.exists(os.path.join(self._root, ".complete"))

    def _want(self, name):
        if self._root == "" or name not in ("boto3", "botocore"):
            return False  # the companions alone are no reason to install anything
        failed = "%s.%d" % (self._failed, time.time_ns())
        wire.send("N", json.dumps({"kind": self._kind, "failed": failed}).encode())
        while True:
            if self._complete():
                return True
            if os.path.exists(failed):
                with open(failed) as f:
                    why = f.read()
                raise ModuleNotFoundError("No module named '%s'\n%s" % (name, why), name=name)
            time.sleep(0.02)


def install(directory, kind):
    if directory and kind:
        os.environ.setdefault("PYTHONPATH", os.path.join(directory, kind))  # for Pythons that the function starts: they find the SDK, as on Lambda
    sys.meta_path.append(Finder(directory, kind, packages.folders))
