package runtimes

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asking does what the runtime does at a start, with site and without: the interpreter's own packages are noted, and neither they nor what their .pth
// files would add are there; a function's own .pth files run.
const asking = `
import os, sys
sys.path.insert(0, sys.argv[1])
from sundog_runtime import packages
del sys.path[0]
packages.install()
assert sys.prefix == sys.argv[2], sys.prefix
exit  # what site defines
assert [p for p in packages.folders if p.startswith(sys.prefix)] and not [p for p in packages.folders if p in sys.path], (packages.folders, sys.path)
for name in "plain", "hooked":
    try:
        __import__(name)
        raise AssertionError("found " + name)
    except ModuleNotFoundError as e:
        print(packages.lacking(e.name))
sys.path.insert(0, sys.argv[3])
packages.bring([sys.argv[3], "/nowhere"])
import hooked  # by a finder that a .pth file brings
import led
print(led.WORD, hooked.WORD)
`

// hook is what a .pth file imports to have one more module found.
const hook = `
import importlib.util, os, sys

class Finder(object):
    @staticmethod
    def find_spec(name, path=None, target=None):
        file = os.path.join(os.path.dirname(__file__), "led.py")
        return importlib.util.spec_from_file_location(name, file) if name == "hooked" else None

sys.meta_path.insert(0, Finder)
`

func TestOnlyTheFunctionsPackages(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	venv := filepath.Join(dir, "venv")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	python = filepath.Join(venv, "bin", "python")
	found, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	ran := filepath.Join(dir, "ran")
	for path, text := range map[string]string{
		filepath.Join(found[0], "plain.py"):    "WORD = 'plain'",
		filepath.Join(found[0], "own.pth"):     "import os; open(r'" + ran + "', 'w').close()\n",
		filepath.Join(dir, "task", "own.pth"):  "lib\nimport hook\n",
		filepath.Join(dir, "task/lib/hook.py"): hook,
		filepath.Join(dir, "task/lib/led.py"):  "WORD = 'led'",
		filepath.Join(dir, "script", "a.py"):   asking,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	own, err := filepath.Abs("python")
	if err != nil {
		t.Fatal(err)
	}
	const want = "sundog: 'plain' is installed on this machine (" // and then where
	for _, flags := range []string{"-sS", "-s"} {
		out, err := exec.Command(python, flags, filepath.Join(dir, "script", "a.py"), own, venv, filepath.Join(dir, "task")).CombinedOutput()
		if text := string(out); err != nil || !strings.HasPrefix(text, want) || !strings.HasSuffix(text, "\n\nled led\n") {
			t.Fatalf("%s: %v\n%s", flags, err, out)
		}
		if _, err := os.Stat(ran); (err == nil) != (flags == "-s") {
			t.Fatalf("%s: the machine's .pth file: %v", flags, err)
		}
	}
}
