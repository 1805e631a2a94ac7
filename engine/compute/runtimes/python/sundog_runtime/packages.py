"""The interpreter's own packages. Python is started without `site` (-S), which is made up for here but for one thing: the .pth files beside the
packages, of which some import a great deal at every start, wait until an import finds nothing."""
import sys


class Finder(object):
    """Runs the .pth files when nothing else has a module, then looks again."""

    def __init__(self, run, files):
        self._run = run
        self._files = files

    def find_spec(self, name, path=None, target=None):
        if path is not None or not self._files:
            return None
        files, self._files = self._files, []  # they import, too
        for folder, file in files:
            self._run(folder, file, None)
        for finder in sys.meta_path:  # they may have added some, too
            spec = None if finder is self else finder.find_spec(name, None, target)
            if spec is not None:
                return spec
        return None


def install():
    """Do what `site` does at a start. Does nothing where it has been done."""
    if not sys.flags.no_site:
        return
    import site

    files = []
    run = site.addpackage

    def note(folder, file, known):
        files.append((folder, file))
        return known

    site.addpackage = note
    try:
        site.main()
    finally:
        site.addpackage = run
    if files:
        sys.meta_path.append(Finder(run, files))
