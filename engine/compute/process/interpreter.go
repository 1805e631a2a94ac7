package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/runtimes"
)

// interpreter is a program that runs a family of runtimes.
type interpreter struct {
	family  runtimes.Family
	path    string   // the real binary, not a version manager's shim
	version string   // "v20.20.2", "3.11.7"
	needs   []string // files and folders that it needs beside the system's: itself, its libraries
}

// interpreters finds programs once: asking one for its version starts it.
type interpreters struct {
	mu    sync.Mutex
	asked map[string]*interpreter // by the path that was tried; nil: it does not run
	found map[string]*interpreter // by runtime
}

// resolve finds the interpreter of a runtime: the version asked for, else the newest that is there. nil: there is none.
func (in *interpreters) resolve(n runtimes.Name) *interpreter {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.found == nil {
		in.found, in.asked = map[string]*interpreter{}, map[string]*interpreter{}
	}
	if got, ok := in.found[n.ID]; ok {
		return got
	}
	var fallback *interpreter
	for _, path := range candidates(n) {
		it := in.ask(n.Family, path)
		if it == nil {
			continue
		}
		if matches(it.version, n.Version) {
			in.found[n.ID] = it
			return it
		}
		if fallback == nil {
			fallback = it
		}
	}
	in.found[n.ID] = fallback
	return fallback
}

// must gives the interpreter of a runtime, or the refusal to run it.
func (in *interpreters) must(n runtimes.Name) (*interpreter, error) {
	it := in.resolve(n)
	if it == nil {
		return nil, cloud.NotImplementedf("This machine cannot run the runtime %s: %s", n.ID, in.describe(n).Missing)
	}
	return it, nil
}

func matches(version, want string) bool {
	v := strings.TrimPrefix(version, "v")
	return v == want || strings.HasPrefix(v, want+".")
}

// candidates lists where an interpreter may be, the version asked for first.
func candidates(n runtimes.Name) []string {
	home, _ := os.UserHomeDir()
	var globs, names []string
	switch n.Family {
	case runtimes.Node:
		names = []string{"node" + n.Version, "node", "nodejs"}
		globs = []string{
			filepath.Join(home, ".nvm/versions/node/v"+n.Version+".*/bin/node"), filepath.Join(home, ".volta/tools/image/node/"+n.Version+".*/bin/node"),
			filepath.Join(home, ".fnm/node-versions/v"+n.Version+".*/installation/bin/node"), "/opt/homebrew/opt/node@" + n.Version + "/bin/node",
		}
	case runtimes.Python:
		names = []string{"python" + n.Version, "python3", "python"}
		globs = []string{
			filepath.Join(home, ".pyenv/versions/"+n.Version+".*/bin/python"+n.Version), filepath.Join(home, ".local/share/uv/python/cpython-"+n.Version+".*/bin/python"+n.Version),
			"/usr/bin/python" + n.Version, "/usr/local/bin/python" + n.Version,
		}
	case runtimes.Java:
		names = []string{"java"}
		globs = []string{
			"/usr/lib/jvm/java-" + n.Version + "-*/bin/java", "/usr/lib/jvm/*-" + n.Version + "/bin/java", "/usr/lib/jvm/*-" + n.Version + ".*/bin/java",
			filepath.Join(home, ".sdkman/candidates/java/"+n.Version+".*/bin/java"), "/opt/homebrew/opt/openjdk@" + n.Version + "/bin/java",
			filepath.Join(os.Getenv("JAVA_HOME"), "bin/java"),
		}
	}
	var all []string
	for _, g := range globs {
		if hits, err := filepath.Glob(g); err == nil {
			all = append(all, hits...)
		}
	}
	for _, name := range names {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			if f := filepath.Join(dir, name); executable(f) {
				all = append(all, f)
			}
		}
	}
	return all
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// What an interpreter is asked: its real path and version, then the folders and files of its own, and the libraries that it has loaded.
const (
	askNode = `[process.execPath, process.version].concat(process.platform === 'linux' ? require('fs').readFileSync('/proc/self/maps', 'utf8').split('\n')
.map((l) => l.split(/ +/)[5]).filter((f) => f && f[0] === '/' && f !== process.execPath) : []).join('\n')`
	askPython = `import sys, platform, sysconfig
print(sys.executable)
print(platform.python_version())
for k in ("stdlib", "platstdlib", "purelib", "platlib"):
    print(sysconfig.get_path(k))
print(sys.prefix + "/pyvenv.cfg")
try:
    for line in open("/proc/self/maps"):
        f = line.split(None, 5)
        if len(f) == 6 and f[5].startswith("/"):
            print(f[5].strip())
except OSError:
    pass`
)

// needs gives what of the answers lies outside of the system's folders and is there, without what lies within another.
func needs(path string, said []string) []string {
	var all []string
	for _, p := range append([]string{path}, said...) {
		if inSystem(p) || !fileExists(p) {
			continue
		}
		within := func(q string) bool { return p == q || strings.HasPrefix(p, q+"/") }
		if !slices.ContainsFunc(all, within) {
			all = append(all, p)
		}
	}
	return all
}

// ask runs a program to learn its real path and version; nil when it does not run (a shim without its version).
func (in *interpreters) ask(f runtimes.Family, path string) *interpreter {
	if it, ok := in.asked[path]; ok {
		return it
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	args := []string{"-p", askNode}
	switch f {
	case runtimes.Python:
		args = []string{"-E", "-s", "-c", askPython}
	case runtimes.Java:
		args = []string{"-XshowSettings:properties", "-version"}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "/"
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if f == runtimes.Java {
		lines = javaSays(errs.String())
	}
	if err != nil || len(lines) < 2 || !executable(lines[0]) {
		in.asked[path] = nil
		return nil
	}
	it := &interpreter{family: f, path: lines[0], version: lines[1], needs: needs(lines[0], lines[2:])}
	if f == runtimes.Python && strings.HasPrefix(it.version, "2.") {
		it = nil
	}
	in.asked[path] = it
	return it
}

// javaSays gives, of the properties that a Java prints, the path of its program, its version and its home folder; nothing when they are not there.
func javaSays(properties string) []string {
	home, version := "", ""
	for line := range strings.Lines(properties) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch key {
		case "java.home":
			home = value
		case "java.version":
			version = strings.TrimPrefix(value, "1.") // Java 8 calls itself 1.8
		}
	}
	if home == "" || version == "" {
		return nil
	}
	return []string{filepath.Join(home, "bin", "java"), version, home}
}

// describe tells of a runtime what Compute.Runtimes shows.
func (in *interpreters) describe(n runtimes.Name) compute.Runtime {
	r := compute.Runtime{Name: n.ID}
	if n.Family == runtimes.Custom {
		return r
	}
	it := in.resolve(n)
	if it == nil {
		r.Missing = fmt.Sprintf("no %s was found in PATH or the usual version managers", n.Family)
		return r
	}
	r.Interpreter, r.Version = it.path, it.version
	if !matches(it.version, n.Version) {
		r.Note = fmt.Sprintf("runs on %s %s", title(n.Family), it.version)
	}
	return r
}

func title(f runtimes.Family) string {
	switch f {
	case runtimes.Node:
		return "Node"
	case runtimes.Java:
		return "Java"
	}
	return "Python"
}
