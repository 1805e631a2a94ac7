package runtimes

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// asking imports the interpreter's own packages by way of the runtime: what a .pth file leads to is there, but the file has not run before it is needed.
const asking = `
import os, sys
sys.path.insert(0, sys.argv[1])
from sundog_runtime import packages
del sys.path[0]
packages.install()
assert sys.prefix == sys.argv[2], sys.prefix
exit  # what site defines
import plain
assert not os.path.exists(sys.argv[3]), "a .pth file ran at the start"
import hooked  # by a finder that a .pth file brings
try:
    import nowhere
    raise AssertionError("found nowhere")
except ModuleNotFoundError:
    pass
assert os.path.exists(sys.argv[3]), "no .pth file ran"
import led
print(plain.WORD, led.WORD, hooked.WORD)
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

func TestPackagesWaitForAnImport(t *testing.T) {
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
		filepath.Join(found[0], "plain.py"):  "WORD = 'plain'",
		filepath.Join(found[0], "own.pth"):   dir + "\nimport os; open(r'" + ran + "', 'w').close()\nimport hook\n",
		filepath.Join(dir, "hook.py"):        hook,
		filepath.Join(dir, "led.py"):         "WORD = 'led'",
		filepath.Join(dir, "script", "a.py"): asking,
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
	out, err := exec.Command(python, "-sS", filepath.Join(dir, "script", "a.py"), own, venv, ran).CombinedOutput()
	if err != nil || string(out) != "plain led led\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}
