package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sundog/project/serverless"
)

// Builder packages one application. Prepare must have run before Generation and Zip see dependencies. Its methods may run at
// once; Prepare and Generation each wait for one another.
type Builder struct {
	Dir string // the application's folder
	Out string // the build folder; "" is Dir/.sundog/build

	mu           sync.Mutex
	last         string            // the latest generation
	state        map[string]source // what the latest generation holds
	interpreters sync.Map          // command -> real path
}

// Unit is what becomes one archive.
type Unit struct {
	Name      string // the artifact's key
	Package   serverless.Package
	Service   serverless.Package // the service's settings, which come before the unit's own
	Functions []serverless.Function
	Root      string // the folder of its files relative to Builder.Dir; "" is all of it. Set for layers
	Ready     string // an archive that the application brings; "" when Zip makes one
}

// Units gives the archives that the application needs: one for the service, or one for each function that has its own, and
// one for each layer. Container images need none.
func Units(app *serverless.App) []Unit {
	var out []Unit
	at := map[string]int{}
	for _, fn := range app.Functions {
		if fn.Artifact == "" {
			continue
		}
		i, ok := at[fn.Artifact]
		if !ok {
			i = len(out)
			at[fn.Artifact] = i
			u := Unit{Name: fn.Artifact, Service: app.Package, Ready: app.Package.Artifact}
			if fn.Artifact == fn.Key {
				u.Package = fn.Package
				u.Ready = cmp.Or(fn.Package.Artifact, app.Package.Artifact)
			}
			out = append(out, u)
		}
		out[i].Functions = append(out[i].Functions, fn)
	}
	for _, l := range app.Layers {
		out = append(out, Unit{Name: l.Artifact, Package: l.Package, Root: l.Path, Ready: l.Package.Artifact})
	}
	return out
}

// Packaged gives the test whether a file, by its path below Dir with slashes, goes into an archive of the application: a change of another one changes
// nothing that is deployed.
func (b *Builder) Packaged(app *serverless.App) (func(rel string) bool, error) {
	type part struct {
		root   string
		filter *filter
	}
	var parts []part
	for _, u := range Units(app) {
		f, err := newFilter(u.Service, u.Package, b.NodeModules() != "")
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{path.Clean(filepath.ToSlash(u.Root)), f})
	}
	return func(rel string) bool {
		return slices.ContainsFunc(parts, func(p part) bool {
			inner, below := rel, true
			if p.root != "." {
				inner, below = strings.CutPrefix(rel, p.root+"/")
			}
			return below && p.filter.takes(inner)
		})
	}, nil
}

func (b *Builder) out() string {
	if b.Out != "" {
		return b.Out
	}
	return filepath.Join(b.Dir, ".sundog", "build")
}

// Prepare installs and builds what the functions need, and tells of it by progress (which may be nil). What has not changed
// since the last time is not done again. Errors say which tool is missing, or that there is no connection.
func (b *Builder) Prepare(ctx context.Context, functions []serverless.Function, progress func(string)) error {
	if progress == nil {
		progress = func(string) {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.MkdirAll(b.out(), 0o700); err != nil {
		return err
	}
	var node, python bool
	pythonRuntime := ""
	for _, fn := range functions {
		node = node || strings.HasPrefix(fn.Runtime, "nodejs")
		if strings.HasPrefix(fn.Runtime, "python") {
			python, pythonRuntime = true, fn.Runtime
		}
	}
	if node {
		if err := b.installNode(ctx, progress); err != nil {
			return err
		}
	}
	if python {
		if err := b.installPython(ctx, pythonRuntime, progress); err != nil {
			return err
		}
	}
	for _, fn := range functions {
		if isGo(fn.Runtime) {
			if err := b.buildGo(ctx, fn, progress); err != nil {
				return err
			}
		}
	}
	return nil
}

// NodeModules gives the folder of the installed packages, or "" when there are none.
func (b *Builder) NodeModules() string { return b.folder("node_modules") }

// PythonPath gives the folder of the installed requirements, or "" when there are none.
func (b *Builder) PythonPath() string { return b.folder("python") }

func (b *Builder) folder(name string) string {
	p := filepath.Join(b.out(), name)
	if info, err := os.Stat(p); err != nil || !info.IsDir() {
		return ""
	}
	return p
}

// upToDate tells whether folder name was installed from what key hashes.
func (b *Builder) upToDate(name, key string) bool {
	have, err := os.ReadFile(filepath.Join(b.out(), name+".key"))
	if err != nil || string(have) != key {
		return false
	}
	return b.folder(name) != ""
}

// publish puts a freshly installed folder in the place of the old one, and then writes its key.
func (b *Builder) publish(name, from, key string) error {
	to, keyFile := filepath.Join(b.out(), name), filepath.Join(b.out(), name+".key")
	if err := os.Remove(keyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	old := to + ".old"
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(to, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("cannot put %s in its place: %w", name, err)
	}
	if err := os.WriteFile(keyFile, []byte(key), 0o600); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// retract removes an installed folder that nothing asks for any more.
func (b *Builder) retract(name string) error {
	return errors.Join(os.RemoveAll(filepath.Join(b.out(), name)), os.RemoveAll(filepath.Join(b.out(), name+".key")))
}
