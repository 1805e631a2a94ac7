"""The platform's Python runtime: started without a function, it takes one, loads its handler, and answers invocations."""
import sys

from sundog_runtime import packages

# The script's own folder is no part of the function's world.
del sys.path[0]
packages.install()

from sundog_runtime import loop  # noqa: E402 (what a sitecustomize does comes first, as in any Python)

loop.main()
