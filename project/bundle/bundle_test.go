package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sundog/project/serverless"
)

// tree writes files, by path, into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, dir, name, text)
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func zipNames(t *testing.T, b *Builder, u Unit) (names []string, data []byte, a Archive) {
	t.Helper()
	var buf bytes.Buffer
	a, err := b.Zip(context.Background(), &buf, u)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	return names, buf.Bytes(), a
}

func TestZipFollowsPatterns(t *testing.T) {
	files := map[string]string{"a.js": "1", "src/b.js": "2", "src/deep/c.js": "3", "docs/x.md": "4", "serverless.yml": "s", ".env": "KEY=1", ".git/HEAD": "x",
		".sundog/data": "x", "test/t.js": "5", "node_modules/m/index.js": "6"}
	cases := []struct {
		name string
		u    Unit
		want string
	}{
		{"all", Unit{Name: "x"}, "a.js docs/x.md node_modules/m/index.js src/b.js src/deep/c.js test/t.js"},
		{"patterns", Unit{Package: serverless.Package{Patterns: []string{"!**", "src/**", "!src/deep/*"}}}, "src/b.js"},
		{"later wins", Unit{Package: serverless.Package{Patterns: []string{"!docs/**", "docs/x.md", "!{test,node_modules}/**"}}}, "a.js docs/x.md src/b.js src/deep/c.js"},
		{"service first", Unit{Service: serverless.Package{Patterns: []string{"!src/**"}}, Package: serverless.Package{Patterns: []string{"src/b.js"}}},
			"a.js docs/x.md node_modules/m/index.js src/b.js test/t.js"},
		{"older way", Unit{Package: serverless.Package{Exclude: []string{"**/*.js"}, Include: []string{"a.js"}}}, "a.js docs/x.md"},
		{"never the platform's data", Unit{Package: serverless.Package{Patterns: []string{"**", "!**/*.js", ".sundog/**", "!.env"}}}, "docs/x.md serverless.yml"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			names, _, _ := zipNames(t, &Builder{Dir: tree(t, files)}, c.u)
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestZipDependsOnContentOnly(t *testing.T) {
	files := map[string]string{"a.js": "1", "b/c.js": "2"}
	_, one, first := zipNames(t, &Builder{Dir: tree(t, files)}, Unit{})
	_, two, second := zipNames(t, &Builder{Dir: tree(t, files)}, Unit{})
	if !bytes.Equal(one, two) || first != second || first.Size != int64(len(one)) {
		t.Errorf("equal folders give different archives: %+v, %+v", first, second)
	}
	files["a.js"] = "3"
	if _, _, third := zipNames(t, &Builder{Dir: tree(t, files)}, Unit{}); third.SHA256 == first.SHA256 {
		t.Error("a changed file does not change the hash")
	}
	if _, err := (&Builder{Dir: t.TempDir()}).Zip(context.Background(), &bytes.Buffer{}, Unit{Name: "x"}); err == nil {
		t.Error("an empty package must be an error")
	}
}

func TestGenerationsKeepWhatTheyWere(t *testing.T) {
	dir := tree(t, map[string]string{"a.js": "one", "lib/b.js": "same"})
	b := &Builder{Dir: dir}
	ctx := context.Background()
	first, err := b.Generation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "a.js", "second")
	put(t, dir, "new.js", "n")
	second, err := b.Generation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{first + "/a.js": "one", second + "/a.js": "second", second + "/lib/b.js": "same", second + "/new.js": "n"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s: got %q (%v), want %q", file, got, err, want)
		}
	}
	if err := b.Drop(second); err == nil {
		t.Error("the latest generation must not be dropped")
	}
	if err := b.Drop(dir); err == nil {
		t.Error("a folder that is no generation must not be dropped")
	}
	if err := b.Drop(first); err != nil {
		t.Error(err)
	}
	if err := b.Clean(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(second); !os.IsNotExist(err) {
		t.Errorf("Clean leaves %s (%v)", second, err)
	}
}

func TestUnits(t *testing.T) {
	app := &serverless.App{Package: serverless.Package{Patterns: []string{"!x"}},
		Functions: []serverless.Function{{Key: "a", Artifact: "app"}, {Key: "b", Artifact: "app"}, {Key: "c", Artifact: "c", Package: serverless.Package{Artifact: "c.zip"}}, {Key: "img"}},
		Layers:    []serverless.Layer{{Key: "l", Artifact: "layer/l", Path: "lib"}}}
	units := Units(app)
	if len(units) != 3 || len(units[0].Functions) != 2 || units[1].Ready != "c.zip" || units[2].Root != "lib" {
		t.Fatalf("%+v", units)
	}
	b := &Builder{Dir: tree(t, map[string]string{"c.zip": "as it is", "lib/f.txt": "1"})}
	var buf bytes.Buffer
	if a, err := b.Zip(context.Background(), &buf, units[1]); err != nil || buf.String() != "as it is" || a.Size != 8 {
		t.Errorf("%q %+v %v", buf.String(), a, err)
	}
	if names, _, _ := zipNames(t, b, units[2]); len(names) != 1 || names[0] != "f.txt" {
		t.Errorf("layer: %v", names)
	}
}

func nodeFunction() []serverless.Function {
	return []serverless.Function{{Key: "f", Runtime: "nodejs18.x", Handler: "a.handler", Artifact: "app"}}
}

func TestNPMInstallsIntoTheBuildFolderOnce(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("the test needs npm")
	}
	dir := tree(t, map[string]string{"app/package.json": `{"name": "app", "dependencies": {"dep": "file:../dep"}, "devDependencies": {"missing": "file:../nowhere"}}`,
		"app/a.js": "exports.handler = () => require('dep')", "dep/package.json": `{"name": "dep", "version": "1.0.0"}`, "dep/index.js": "module.exports = 42"})
	b := &Builder{Dir: filepath.Join(dir, "app")}
	ctx := context.Background()
	var said []string
	progress := func(s string) { said = append(said, s) }
	for range 2 {
		if err := b.Prepare(ctx, nodeFunction(), progress); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) != 1 {
		t.Errorf("the second Prepare must have nothing to do: %q", said)
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "node_modules")); !os.IsNotExist(err) {
		t.Error("node_modules was made in the application's folder")
	}
	names, _, _ := zipNames(t, b, Unit{Name: "app", Functions: nodeFunction()})
	if got := strings.Join(names, " "); !strings.Contains(got, "node_modules/dep/index.js") || strings.Contains(got, "missing") {
		t.Errorf("archive: %s", got)
	}
	gen, err := b.Generation(ctx)
	if err != nil {
		t.Fatal(err)
	}
	node, err := b.Interpreter(ctx, "nodejs18.x")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "-p", "require('./a.js').handler()")
	cmd.Dir = gen
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "42" {
		t.Errorf("a generation does not find its packages: %s (%v)", out, err)
	}
	put(t, dir, "app/package.json", `{"name": "app"}`)
	if err := b.Prepare(ctx, nodeFunction(), progress); err != nil || b.NodeModules() != "" {
		t.Errorf("packages that nothing asks for stay: %q (%v)", b.NodeModules(), err)
	}
}

// wheel writes a Python package that pip installs without network or build.
func wheel(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "dep-1.0-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, e := range [][2]string{{"dep.py", "value = 42\n"}, {"dep-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: dep\nVersion: 1.0\n"},
		{"dep-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{"dep-1.0.dist-info/RECORD", "dep.py,,\ndep-1.0.dist-info/METADATA,,\ndep-1.0.dist-info/WHEEL,,\ndep-1.0.dist-info/RECORD,,\n"}} {
		w, err := z.Create(e[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPipInstallsIntoTheBuildFolderOnce(t *testing.T) {
	fns := []serverless.Function{{Key: "f", Runtime: "python3.11", Handler: "a.handler", Artifact: "app"}}
	dir := tree(t, map[string]string{"requirements.txt": "# ours\n./dep-1.0-py3-none-any.whl\n", "a.py": "import dep"})
	wheel(t, dir)
	b := &Builder{Dir: dir}
	if _, err := b.Interpreter(context.Background(), "python3.11"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for range 2 {
		if err := b.Prepare(context.Background(), fns, func(string) { n++ }); err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("installed %d times", n)
	}
	names, _, _ := zipNames(t, b, Unit{Name: "app", Functions: fns, Package: serverless.Package{Patterns: []string{"!*.whl"}}})
	if got := strings.Join(names, " "); !strings.Contains(got, "a.py") || !strings.Contains(got, " dep.py") {
		t.Errorf("archive: %s", got)
	}
}

func TestGoFunctionsAreBuilt(t *testing.T) {
	dir := tree(t, map[string]string{"go.mod": "module x\n\ngo 1.21\n", "cmd/hello/main.go": "package main\n\nfunc main() {}\n", "cmd/other/main.go": "package main\n\nfunc main() {}\n"})
	b := &Builder{Dir: dir}
	fns := []serverless.Function{{Key: "hello", Runtime: "provided.al2", Handler: "cmd/hello", Artifact: "hello"}}
	if err := b.Prepare(context.Background(), fns, nil); err != nil {
		t.Fatal(err)
	}
	names, _, _ := zipNames(t, b, Unit{Name: "hello", Functions: fns})
	if names[0] != "bootstrap" {
		t.Errorf("archive: %v", names)
	}
	gen, err := b.Generation(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(b.CodeDir(gen, "hello"), "bootstrap")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("no executable bootstrap: %v", err)
	}
	missing := []serverless.Function{{Key: "m", Runtime: "provided.al2", Handler: "bin/m"}}
	if err := (&Builder{Dir: t.TempDir()}).Prepare(context.Background(), missing, nil); err == nil || !strings.Contains(err.Error(), "neither a bootstrap nor a Go package") {
		t.Errorf("got %v", err)
	}
}

func TestMissingToolsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := tree(t, map[string]string{"package.json": `{"dependencies": {"x": "1"}}`, "requirements.txt": "x", "main.go": "package main"})
	for rt, want := range map[string]string{"nodejs18.x": "npm is not on the PATH", "python3.11": "no interpreter for python3.11", "provided.al2": "go is not on the PATH"} {
		err := (&Builder{Dir: dir}).Prepare(context.Background(), []serverless.Function{{Key: "f", Runtime: rt, Handler: "main.go"}}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", rt, err, want)
		}
	}
	put(t, dir, "package.json", "{")
	if err := (&Builder{Dir: dir}).Prepare(context.Background(), nodeFunction(), nil); err == nil || !strings.Contains(err.Error(), "no valid JSON") {
		t.Errorf("got %v", err)
	}
}

func TestOfflineIsSaid(t *testing.T) {
	dir := tree(t, map[string]string{"fake": "#!/bin/sh\necho 'npm ERR! code ENOTFOUND'\nexit 1\n"})
	if err := os.Chmod(filepath.Join(dir, "fake"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := run(context.Background(), dir, "installing", nil, filepath.Join(dir, "fake"))
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkGeneration(b *testing.B) {
	dir := b.TempDir()
	for i := range 50 {
		if err := os.WriteFile(filepath.Join(dir, strings.Repeat("x", i+1)+".js"), make([]byte, 4000), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	builder := &Builder{Dir: dir}
	for b.Loop() {
		path, err := builder.Generation(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		_ = path
	}
}

func TestRenewGivesTheSameGenerationForTheSameContent(t *testing.T) {
	dir := tree(t, map[string]string{"a.js": "one", "lib/b.js": "same"})
	b := &Builder{Dir: dir}
	renew := func() string {
		t.Helper()
		gen, err := b.Renew(t.Context(), func(rel string) bool { return rel != "out.log" })
		if err != nil {
			t.Fatal(err)
		}
		return gen
	}
	first := renew()
	later := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "a.js"), later, later); err != nil {
		t.Fatal(err)
	}
	if got := renew(); got != first {
		t.Errorf("a file that was touched makes %s after %s", got, first)
	}
	put(t, dir, "out.log", "a line")
	if got := renew(); got != first {
		t.Errorf("a file that does not count makes %s after %s", got, first)
	}
	last := first
	for what, change := range map[string]func() error{
		"other content of the same size": func() error { return os.WriteFile(filepath.Join(dir, "a.js"), []byte("two"), 0o600) },
		"a new file":                     func() error { return os.WriteFile(filepath.Join(dir, "c.js"), nil, 0o600) },
		"a file that has gone":           func() error { return os.Remove(filepath.Join(dir, "lib/b.js")) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		gen := renew()
		if gen == last {
			t.Errorf("%s makes no generation", what)
		}
		last = gen
	}
	if got, err := os.ReadFile(filepath.Join(last, "a.js")); err != nil || string(got) != "two" {
		t.Errorf("a.js: %q %v", got, err)
	}
}

func TestPackaged(t *testing.T) {
	app := &serverless.App{
		Package:   serverless.Package{Patterns: []string{"!logs/**", "!*.db"}},
		Functions: []serverless.Function{{Key: "a", Artifact: "service"}, {Key: "b", Artifact: "b", Package: serverless.Package{Individually: true, Patterns: []string{"data/b.db", "kept.db"}}}},
		Layers:    []serverless.Layer{{Key: "l", Artifact: "l", Path: "layer", Package: serverless.Package{Patterns: []string{"!doc/**"}}}},
	}
	packaged, err := (&Builder{Dir: t.TempDir()}).Packaged(app)
	if err != nil {
		t.Fatal(err)
	}
	for rel, want := range map[string]bool{
		"main.js": true, "logs/today": false, "local.db": false, "kept.db": true, "data/b.db": true, "serverless.yml": false, "node_modules/x.js": true,
		"layer/x": true, "lib/__pycache__/x.pyc": false,
	} {
		if got := packaged(rel); got != want {
			t.Errorf("%s: %v", rel, got)
		}
	}
	only, err := (&Builder{Dir: t.TempDir()}).Packaged(&serverless.App{Layers: app.Layers})
	if err != nil {
		t.Fatal(err)
	}
	for rel, want := range map[string]bool{"layer/x": true, "layer/doc/x": false, "x": false} {
		if got := only(rel); got != want {
			t.Errorf("%s of a layer: %v", rel, got)
		}
	}
}

// A file that is moved into the place of another is another one, although both were written at once and are of one size.
func TestRenewSeesWhatWasMoved(t *testing.T) {
	dir := tree(t, map[string]string{"a.py": "one", "b.py": "two"})
	for _, f := range []string{"a.py", "b.py"} {
		if err := os.Chtimes(filepath.Join(dir, f), time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	b := &Builder{Dir: dir}
	all := func(string) bool { return true }
	before, err := b.Renew(t.Context(), func(rel string) bool { return rel == "a.py" })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "b.py"), filepath.Join(dir, "a.py")); err != nil {
		t.Fatal(err)
	}
	after, err := b.Renew(t.Context(), func(rel string) bool { return rel == "a.py" })
	if err != nil || after == before {
		t.Fatal(before, after, err)
	}
	if text, err := os.ReadFile(filepath.Join(after, "a.py")); err != nil || string(text) != "two" {
		t.Errorf("%q %v", text, err)
	}
	if again, err := b.Renew(t.Context(), all); err != nil || again != after {
		t.Error(again, err)
	}
}

// Python packages that are listed for another tool only are pointed out; where there is a requirements.txt, that counts.
func TestLockFilesArePointedOut(t *testing.T) {
	fns := []serverless.Function{{Key: "f", Runtime: "python3.11", Handler: "a.handler"}}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"poetry":           {map[string]string{"a.py": "", "poetry.lock": "", "Pipfile": ""}, "poetry.lock is not read, and there is no requirements.txt: functions get no packages; run: poetry export -o requirements.txt"},
		"pipenv":           {map[string]string{"a.py": "", "Pipfile": ""}, "Pipfile is not read, and there is no requirements.txt: functions get no packages; run: pipenv requirements > requirements.txt"},
		"an empty list":    {map[string]string{"a.py": "", "uv.lock": "", "requirements.txt": "# none\n"}, ""},
		"nothing to bring": {map[string]string{"a.py": ""}, ""},
	} {
		said := ""
		if err := (&Builder{Dir: tree(t, c.files)}).Prepare(context.Background(), fns, func(s string) { said += s }); err != nil || said != c.want {
			t.Errorf("%s: %q %v, want %q", name, said, err, c.want)
		}
	}
}
