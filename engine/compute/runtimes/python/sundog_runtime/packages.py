"""The interpreter's own packages, which are no part of a function's world: Lambda's runtimes bring along the SDK (sdk.py) and nothing else. Python is
started without `site` (-S), which is made up for here but for the packages: their folders are only noted, and their .pth files do not run."""
import os
import sys

folders = []  # where the machine keeps the interpreter's packages


def install():
    """Do what else `site` does at a start."""
    import site

    if not sys.flags.no_site:  # a wrapper script has started Python its own way: what it did is undone
        found = list(site.getsitepackages())
        if site.ENABLE_USER_SITE:
            found.append(site.getusersitepackages())
        _note(found)
        sys.path[:] = [p for p in sys.path if p not in folders]
        return
    add, found = site.addsitedir, []

    def note(folder, known_paths=None):
        found.append(folder)
        return known_paths

    site.addsitedir = note
    try:
        site.main()
    finally:
        site.addsitedir = add
    _note(found)


def _note(found):
    folders.extend(p for p in dict.fromkeys(found) if os.path.isdir(p))


def bring(paths):
    """Run the .pth files that a function brings in its own folders, which are in sys.path already."""
    for folder in paths:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        if any(name.endswith(".pth") for name in names):
            import site

            site.addsitedir(folder)


def lacking(name):
    """Say of a module that is missing where this machine would have it; "" when it has not."""
    import importlib.machinery

    top = (name or "").partition(".")[0]
    if not top or not folders or top in sys.modules:
        return ""
    spec = importlib.machinery.PathFinder.find_spec(top, folders)
    if spec is None:
        return ""
    at = spec.origin or ", ".join(spec.submodule_search_locations or ())
    return "sundog: '%s' is installed on this machine (%s), but is none of the function's packages: add it to requirements.txt, or to a layer" % (top, at)
