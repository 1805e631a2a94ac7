"""The platform's Python runtime: started without a function, it takes one, loads its handler, and answers invocations."""
import sys

if getattr(sys.flags, "safe_path", False):  # PYTHONSAFEPATH: it is not there by itself
    sys.path.insert(0, __file__.rpartition("/")[0])
from sundog_runtime import packages  # noqa: E402

# The script's own folder is no part of the function's world.
del sys.path[0]
packages.install()

from sundog_runtime import loop  # noqa: E402 (what a sitecustomize does comes first, as in any Python)

loop.main()
