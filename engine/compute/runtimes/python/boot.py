"""The platform's Python runtime: started without a function, it takes one, loads its handler, and answers invocations."""
import sys

from sundog_runtime import loop

# The script's own folder is no part of the function's world.
del sys.path[0]
loop.main()
