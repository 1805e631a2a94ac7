package process

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/process/sandbox"
)

// ask invokes a function and gives its answer as text.
func ask(t *testing.T, d *Driver, v compute.Version, payload string) string {
	t.Helper()
	r, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	var text string
	if json.Unmarshal(r.Payload, &text) != nil {
		return string(r.Payload)
	}
	return text
}

func files(t *testing.T, list map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range list {
		f := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func boxed(t *testing.T, o Options) *Driver {
	t.Helper()
	o.Reexec = true
	d := open(t, o)
	t.Cleanup(func() { shut(t, d) })
	if ok, lack := d.Sandboxed(); !ok {
		t.Fatalf("this machine has no sandbox: %v", lack)
	}
	return d
}

// A script for sh may be one for bash, as on Lambda.
func TestShellInASandbox(t *testing.T) {
	d := boxed(t, Options{})
	v := function("provided.al2023", "x", files(t, map[string]string{"bootstrap": "#!/bin/sh\nset -euo pipefail\nsource ./more.sh\n", "more.sh": "[[ a == a ]] && exit 44"}))
	if got := ask(t, d, v, `{}`); !strings.Contains(got, "Runtime exited with error: exit status 44") {
		t.Fatal(got)
	}
}

// Layers are one folder, later ones on top; what they bring is found where Lambda has it.
func TestLayersInASandbox(t *testing.T) {
	d := boxed(t, Options{})
	v := function("nodejs20.x", "index.handler", code(t, "index.js",
		`exports.handler = async () => [require('one'), require('two'), require('both'), require('fs').readdirSync('/opt').join(), require('child_process').execSync('tool', { encoding: 'utf8' }).trim()].join(' ')`))
	v.Layers = []string{
		files(t, map[string]string{"nodejs/node_modules/one/index.js": "module.exports = 'one'", "nodejs/node_modules/both/index.js": "module.exports = 'lower'", "bin/tool": "#!/bin/sh\necho tool"}),
		files(t, map[string]string{"nodejs/node_modules/two/index.js": "module.exports = 'two'", "nodejs/node_modules/both/index.js": "module.exports = 'upper'", "a,b:c": "awkward"}),
	}
	for _, runs := range []string{"started for it", "started beforehand"} {
		if got := ask(t, d, v, `{}`); got != "one two upper a,b:c,bin,nodejs tool" {
			t.Errorf("%s: %s", runs, got)
		}
		d.Drop(v.ID)
		settle()
	}
}

// Packages that dev installs beside the generations are found, and so are those that they link to elsewhere.
func TestPackagesBesideTheCode(t *testing.T) {
	d := boxed(t, Options{})
	top := files(t, map[string]string{
		"app/build/1/index.js":                     `exports.handler = async () => require('dep') + ' ' + require('@scope/linked') + ' ' + require('plain')`,
		"app/build/node_modules/plain/index.js":    "module.exports = 'plain'",
		"packages/dep/index.js":                    "module.exports = 'dep with ' + require('plain')",
		"packages/dep/node_modules/plain/index.js": "module.exports = 'its own'",
		"packages/linked/index.js":                 "module.exports = 'linked'",
	})
	modules := filepath.Join(top, "app/build/node_modules")
	if err := os.MkdirAll(filepath.Join(modules, "@scope"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, text := range map[string]string{"dep": "../../../packages/dep", "@scope/linked": filepath.Join(top, "packages/linked")} {
		if err := os.Symlink(text, filepath.Join(modules, link)); err != nil {
			t.Fatal(err)
		}
	}
	v := function("nodejs20.x", "index.handler", filepath.Join(top, "app/build/1"))
	if got := ask(t, d, v, `{}`); got != "dep with its own linked plain" {
		t.Error(got)
	}
}

// /tmp has the size that the function is to have, also when its process was started beforehand.
func TestTemporarySize(t *testing.T) {
	d := boxed(t, Options{})
	v := function("nodejs20.x", "index.handler", code(t, "index.js", `
const fs = require('fs');
exports.handler = async () => { const f = fs.openSync('/tmp/big', 'w'); let n = 0; try { for (;;) n += fs.writeSync(f, Buffer.alloc(1 << 20)); } catch (e) { return e.code + ' after ' + n / (1 << 20); } finally { fs.unlinkSync('/tmp/big'); } }`))
	v.MemoryMB = 128
	for _, mb := range []int{0, 600} {
		v.ID, v.EphemeralMB = v.ID+"x", mb
		want := map[int]string{0: "ENOSPC after 512", 600: "ENOSPC after 600"}[mb]
		if got := ask(t, d, v, `{}`); got != want {
			t.Errorf("%d MB: %s, want %s", mb, got, want)
		}
		settle()
	}
}

// A runtime that asks for an SDK is told why there is none, and nobody makes the platform write anywhere else.
func TestMissingSDKInASandbox(t *testing.T) {
	t.Setenv("PATH", "/nowhere:"+os.Getenv("PATH"))
	cache := t.TempDir()
	d := boxed(t, Options{SDKDir: cache})
	t.Setenv("npm_config_registry", "http://127.0.0.1:1/")
	t.Setenv("npm_config_fetch_retries", "0")
	v := function("nodejs20.x", "index.handler", code(t, "index.js", `exports.handler = async () => { try { return require('@aws-sdk/client-sqs') && 'there'; } catch (e) { return e.message.split('\n')[1].slice(0, 60); } }`))
	v.Timeout = 60e9
	if got := ask(t, d, v, `{}`); got != "the AWS SDK that Lambda provides is not among the function's" {
		t.Error(got)
	}
}

// A sandbox that cannot be built leaves nothing behind, and the error says why.
func TestSandboxThatCannotBeBuilt(t *testing.T) {
	d := boxed(t, Options{})
	v := function("nodejs20.x", "index.handler", filepath.Join(t.TempDir(), "absent"))
	v.ARN = cloud.MustARN("arn:aws:lambda:us-east-1:123456789012:function:fn")
	if _, err := d.Invoke(t.Context(), v, compute.Invocation{RequestID: "r", Payload: []byte(`{}`)}); err == nil {
		t.Fatal("a function without code ran")
	}
	h, err := d.makeHost() // not one whose init waits already: this is about one that is started
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.plan(h, sandbox.Program{Argv: []string{"/nowhere"}, Dir: "/"}, inside{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.spawner.run(modeSandbox, spec{number: h.number, plan: p}); err == nil || err.Error() != "fork/exec /nowhere: no such file or directory" {
		t.Errorf("a program that is not there: %v", err)
	}
	d.remove(h)
	if left, err := filepath.Glob(filepath.Join(d.o.Dir, "environments", "*")); err != nil || len(left) > 1 { // a spare may be there
		t.Errorf("left behind: %v %v", left, err)
	}
}

// A layer may not start more extensions than Lambda would: each costs the platform descriptors.
func TestTooManyExtensions(t *testing.T) {
	d := boxed(t, Options{})
	v := function("nodejs20.x", "index.handler", code(t, "index.js", `exports.handler = async () => 1`))
	programs := map[string]string{}
	for i := range 11 {
		programs["extensions/"+strconv.Itoa(i)] = "#!/bin/sh\nsleep 60\n"
	}
	v.Layers = []string{files(t, programs)}
	if got := ask(t, d, v, `{}`); !strings.Contains(got, "Extension limit (10) reached") {
		t.Fatal(got)
	}
}
