"""Finding the handler: "pkg/mod.function" below the code folder."""
import importlib
import sys
import traceback

from . import log


class LoadError(Exception):
    """Why a handler could not be loaded; carries the error as the caller sees it."""

    def __init__(self, error):
        super().__init__(error["errorMessage"])
        self.error = error


def _fail(kind, message, stack=None):
    raise LoadError(log.describe("Runtime." + kind, message, stack or []))


def load(root, name):
    """Give the handler function of "module.function"; LoadError with Lambda's error otherwise."""
    sys.path.insert(0, root)
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as e:
        _fail("MalformedHandlerName", "Bad handler '%s': %s" % (name, e))
    module_name = module_name.replace("/", ".")
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            _fail("ImportModuleError", "Cannot use built-in module %s as a handler module" % module_name)
        module = importlib.import_module(module_name)
    except ImportError as e:
        _fail("ImportModuleError", "Unable to import module '%s': %s" % (module_name, e))
    except SyntaxError as e:
        where = ['  File "%s" Line %s\n    %s\n' % (e.filename, e.lineno, (e.text or "").rstrip("\n"))]
        _fail("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e), where)
    except LoadError:
        raise
    except Exception as e:
        frames = [f for f in traceback.extract_tb(e.__traceback__)[1:] if "importlib" not in f.filename]
        raise LoadError(log.describe(type(e).__name__, str(e), traceback.format_list(frames)))
    try:
        return getattr(module, function_name)
    except AttributeError:
        _fail("HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))
