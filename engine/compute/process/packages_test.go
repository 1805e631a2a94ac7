package process

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sundog/engine/compute"
	"sundog/engine/compute/runtimes"
)

// reporting is a function that tells of modules and distributions where they come from, "" for what is not there.
const reporting = `
import importlib, importlib.metadata as metadata, os, subprocess, sys
def handler(event, context):
    found = {}
    for name in event["modules"]:
        try:
            found[name] = importlib.import_module(name).WHERE
        except ModuleNotFoundError:
            found[name] = ""
    for name in event["distributions"]:
        try:
            found["=" + name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found["=" + name] = ""
    found["child"] = subprocess.run([sys.executable, "-Sc", "import boto3; print(boto3.WHERE)"], capture_output=True, text=True).stdout.strip()
    found["all"] = " ".join(sorted({d.metadata["Name"] for d in metadata.distributions() if d.metadata["Version"] in ("1.1", "1.2", "1.3")}))
    return found
`

// fill writes packages into a folder, of the names and with the version of the place.
func fill(t *testing.T, dir, where, version string, names ...string) {
	t.Helper()
	for _, n := range names {
		put(t, filepath.Join(dir, strings.ReplaceAll(n, "-", "_"), "__init__.py"), "WHERE = '"+where+"'\n")
		put(t, filepath.Join(dir, n+"-"+version+".dist-info", "METADATA"), "Metadata-Version: 2.1\nName: "+n+"\nVersion: "+version+"\n")
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ownPython makes an interpreter with an empty folder of packages.
func ownPython(t *testing.T) (it *interpreter, packages string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("python3", "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	in := &interpreters{asked: map[string]*interpreter{}}
	if it = in.ask(runtimes.Python, filepath.Join(dir, "bin", "python")); it == nil {
		t.Fatal("the interpreter does not answer")
	}
	return it, found[0]
}

// Of the machine's Python packages a function sees the SDK, as a whole or not at all, and what else it has it brings itself.
func TestPythonPackages(t *testing.T) {
	const question = `{"modules": ["requests", "led", "boto3", "botocore", "urllib3", "six", "own", "deep", "shared"], "distributions": ["requests", "boto3", "own"]}`
	host := map[string]any{"requests": "", "led": "", "boto3": "machine", "botocore": "machine", "urllib3": "function", "six": "machine", "own": "function", "deep": "pth", "shared": "layer", "child": "cache",
		"=requests": "", "=boto3": "1.1", "=own": "1.3", "all": "boto3 botocore own shared six urllib3"}
	cache := map[string]any{"requests": "", "led": "", "boto3": "cache", "botocore": "cache", "urllib3": "function", "six": "cache", "own": "function", "deep": "pth", "shared": "layer", "child": "cache",
		"=requests": "", "=boto3": "1.2", "=own": "1.3", "all": "boto3 botocore own shared six urllib3"}
	for _, c := range []struct {
		name        string
		unsandboxed bool
		env         map[string]string
		machine     []string
		want        map[string]any
	}{
		{"pre-started", false, nil, []string{"requests", "boto3", "botocore", "urllib3", "six"}, host},
		{"own start", false, map[string]string{"PYTHONHASHSEED": "1"}, []string{"requests", "boto3", "botocore", "urllib3", "six"}, host},
		{"no folder of the script", false, map[string]string{"PYTHONSAFEPATH": "1"}, []string{"requests", "boto3", "botocore", "urllib3", "six"}, host},
		{"no sandbox", true, nil, []string{"requests", "boto3", "botocore", "urllib3", "six"}, host},
		{"half an SDK", false, nil, []string{"requests", "botocore", "urllib3", "six"}, cache},
		{"none", false, nil, nil, cache},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			it, packages := ownPython(t)
			fill(t, packages, "machine", "1.1", c.machine...)
			put(t, filepath.Join(packages, "aside", "led.py"), "WHERE = 'machine'\n")
			put(t, filepath.Join(packages, "led.pth"), "aside\n")
			sdk := t.TempDir()
			fill(t, filepath.Join(sdk, "python"), "cache", "1.2", "boto3", "botocore", "urllib3", "six")
			put(t, filepath.Join(sdk, "python", ".complete"), "")
			task := code(t, "main.py", reporting)
			fill(t, task, "function", "1.3", "own", "urllib3")
			put(t, filepath.Join(task, "own.pth"), "below\n")
			put(t, filepath.Join(task, "below", "deep.py"), "WHERE = 'pth'\n")
			layer := t.TempDir()
			fill(t, filepath.Join(layer, "python"), "layer", "1.3", "shared")

			d := open(t, Options{Reexec: true, SDKDir: sdk, Unsandboxed: c.unsandboxed})
			t.Cleanup(func() { shut(t, d) })
			d.interpreters.found, d.interpreters.asked = map[string]*interpreter{"python3.11": it}, map[string]*interpreter{}
			v := function("python3.11", "main.handler", task)
			v.Layers, v.Env = []string{layer}, c.env
			r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(question)})
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(r.Payload, &got); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Fatalf("%v\ngot  %s\nwant %v", err, r.Payload, c.want)
			}
		})
	}
}

// What is missing in the function's packages and there on the machine is named in its log, for it is found everywhere but in functions.
func TestPythonPackageOfTheMachine(t *testing.T) {
	it, packages := ownPython(t)
	fill(t, packages, "machine", "1.1", "requests")
	d := open(t, Options{Reexec: true})
	t.Cleanup(func() { shut(t, d) })
	d.interpreters.found, d.interpreters.asked = map[string]*interpreter{"python3.11": it}, map[string]*interpreter{}
	hint := "sundog: 'requests' is installed on this machine (" + filepath.Join(packages, "requests", "__init__.py") + "), but is none of the function's packages: add it to requirements.txt, or to a layer"
	for name, c := range map[string]struct{ text, want string }{
		"at the start": {"import requests\ndef handler(event, context):\n    pass\n", `"errorMessage": "Unable to import module 'main': No module named 'requests'", "errorType": "Runtime.ImportModuleError"`},
		"later":        {"def handler(event, context):\n    import requests\n", `"errorMessage": "No module named 'requests'", "errorType": "ModuleNotFoundError"`},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			r, err := d.Invoke(t.Context(), function("python3.11", "main.handler", code(t, "main.py", c.text)), compute.Invocation{RequestID: "r", Payload: []byte("{}"), Log: func(l compute.LogLine) { said = append(said, l.Text) }})
			if err != nil || !strings.Contains(string(r.Payload), c.want) {
				t.Fatalf("%v %s", err, r.Payload)
			}
			if !slices.Contains(said, hint) {
				t.Fatalf("the log: %q", said)
			}
		})
	}
}

// Node has folders of its own where modules for all programs of the machine are: functions do not find them.
func TestNodeModulesOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	in := &interpreters{asked: map[string]*interpreter{}}
	n, _ := runtimes.Lookup("nodejs20.x")
	node := in.resolve(n)
	if node == nil {
		t.Fatal("there is no Node")
	}
	data, err := os.ReadFile(node.path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "lib", "node", "everywhere.js"), "module.exports = 'machine';\n")
	put(t, filepath.Join(dir, "bin", "node"), string(data))
	if err := os.Chmod(filepath.Join(dir, "bin", "node"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(dir, "bin", "node"), "-p", "require('everywhere')").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "machine" {
		t.Fatalf("%s %v", out, err)
	}
	task := code(t, "index.js", `exports.handler = async () => ['everywhere', 'own', 'shared'].map((m) => { try { return require(m); } catch (e) { return e.code; } });`)
	put(t, filepath.Join(task, "node_modules", "own", "index.js"), "module.exports = 'function';\n")
	layer := t.TempDir()
	put(t, filepath.Join(layer, "nodejs", "node_modules", "shared", "index.js"), "module.exports = 'layer';\n")
	d := open(t, Options{Reexec: true, Unsandboxed: true})
	t.Cleanup(func() { shut(t, d) })
	d.interpreters.found, d.interpreters.asked = map[string]*interpreter{"nodejs20.x": in.ask(runtimes.Node, filepath.Join(dir, "bin", "node"))}, map[string]*interpreter{}
	v := function("nodejs20.x", "index.handler", task)
	v.Layers = []string{layer}
	r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte("{}")})
	if err != nil || string(r.Payload) != `["MODULE_NOT_FOUND","function","layer"]` {
		t.Fatalf("%v %s", err, r.Payload)
	}
}
