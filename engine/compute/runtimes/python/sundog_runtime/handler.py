"""Finding the handler: "pkg/mod.function" below the code folder."""
import importlib
import sys

from . import log, packages


class LoadError(Exception):
    """Why a handler could not be loaded; carries the error as the caller sees it."""

    def __init__(self, error):
        super().__init__(error["errorMessage"])
        self.error = error


def _fail(kind, message, stack=None, cause=None):
    raise LoadError(log.describe("Runtime." + kind, message, stack or [])) from cause


def load(root, paths, name):
    """Give the handler function of "module.function"; LoadError with Lambda's error otherwise."""
    sys.path.insert(0, root)
    packages.bring([root] + paths)
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as e:
        _fail("MalformedHandlerName", "Bad handler '%s': %s" % (name, e))
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            _fail("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as e:
        _fail("ImportModuleError", "Unable to import module '%s': %s" % (module_name, e), cause=e)
    except SyntaxError as e:
        where = ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, e.text)]
        _fail("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e), where)
    except LoadError:
        raise
    except Exception as e:
        raise LoadError(log.from_exception(e, 1))
    try:
        return getattr(module, function_name)
    except AttributeError:
        _fail("HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))
