package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"sundog/project/serverless"
)

// watcher begins to watch the application's folder, but for --no-watch. The caller closes it.
func (l *live) watcher() (*fsnotify.Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil || l.cmd.NoWatch {
		return w, err
	}
	if err := addFolders(w, l.dir); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// watch reloads on save until it is interrupted.
func (l *live) watch(ctx context.Context, w *fsnotify.Watcher) error {
	changed := newChanges()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.Errors:
			l.out.line("%s", l.out.paint(red, "watching: "+err.Error()))
			continue
		case e := <-w.Events:
			if ignored(e.Name) || e.Op == fsnotify.Chmod {
				continue
			}
			if info, err := os.Stat(e.Name); err == nil && info.IsDir() && e.Op.Has(fsnotify.Create) {
				if err := addFolders(w, e.Name); err != nil {
					l.out.line("%s", l.out.paint(red, "watching: "+err.Error()))
				}
			}
			if l.concerns(e.Name) {
				changed.saw(e.Name, time.Now())
			}
		case <-timer.C:
			l.reload(ctx, changed)
		}
		if at, ok := changed.due(); ok {
			timer.Reset(time.Until(at))
		}
	}
}

// ignored are the folders that no function's code comes from, what editors put beside a file, logs, and what databases keep beside theirs.
func ignored(path string) bool {
	for part := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		switch part {
		case ".sundog", "node_modules", ".git", ".serverless", "__pycache__":
			return true
		}
	}
	return slices.ContainsFunc([]string{"~", ".swp", ".log", ".pid", "-journal", "-wal", "-shm"}, func(end string) bool { return strings.HasSuffix(path, end) })
}

// concerns tells whether a change of a file may change what runs: it is in a package, or says how packages are made; and this process does not write it
// itself.
func (l *live) concerns(path string) bool {
	if ignored(path) || path == l.cmd.ReadyFile || path == l.cmd.ReadyFile+".new" || ownOutput(path) {
		return false
	}
	if l.kind(path) != codeChange {
		return true
	}
	rel, err := filepath.Rel(l.dir, path)
	return err != nil || l.packaged(filepath.ToSlash(rel))
}

// ownOutput tells whether this process's output goes to a file: what is shown there would be a change.
func ownOutput(path string) bool {
	info, err := os.Stat(path)
	return err == nil && slices.ContainsFunc([]*os.File{os.Stdout, os.Stderr}, func(f *os.File) bool {
		own, err := f.Stat()
		return err == nil && os.SameFile(own, info)
	})
}

func addFolders(w *fsnotify.Watcher, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if path != root && ignored(filepath.Base(path)) {
			return filepath.SkipDir
		}
		return w.Add(path)
	})
}

// change is what a changed file makes necessary; later ones include earlier ones.
type change int

const (
	codeChange change = iota
	dependencyChange
	applicationChange
)

func (c change) String() string { return [...]string{"code", "dependencies", "application"}[c] }

func (l *live) kind(path string) change {
	name := filepath.Base(path)
	switch {
	case filepath.Dir(path) == l.dir && (name == l.app.File || strings.HasPrefix(name, "serverless.") || name == ".env" || strings.HasPrefix(name, ".env.") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".asl.json")):
		return applicationChange
	case slices.Contains(l.app.Refers, path):
		return applicationChange
	case name == "package.json" || name == "package-lock.json" || name == "requirements.txt" || strings.HasSuffix(name, ".go") || name == "go.mod":
		return dependencyChange
	}
	return codeChange
}

// reload brings what was saved into use: code by a new generation, the file itself by an update of the stack. What fails is shown, and what ran
// goes on running. Code that is the same as before is not reloaded.
func (l *live) reload(ctx context.Context, changed *changes) {
	start := time.Now()
	paths := changed.take(start)
	if len(paths) == 0 {
		return
	}
	what, gen := codeChange, l.gen
	for _, p := range paths {
		what = max(what, l.kind(p))
	}
	if err := l.apply(ctx, what, changed); err != nil {
		var wrong *serverless.Error
		if !errors.As(err, &wrong) {
			l.out.line("%s", l.out.paint(red, "reload: "+explain(err)))
		}
	} else if what == codeChange && gen == l.gen {
		return
	} else {
		l.out.line("%s", l.out.paint(dim, what.String()+" reloaded in "+round(time.Since(start)).String()))
	}
	for _, p := range changed.reloaded(paths, time.Now()) {
		rel, err := filepath.Rel(l.dir, p)
		if err != nil {
			rel = p
		}
		l.out.line("%s", l.out.paint(yellow, fmt.Sprintf("%s changes again and again: it is reloaded when it has been left alone for %v. If no function needs it, exclude it: package.patterns: ['!%s']", rel, calm, filepath.ToSlash(rel))))
	}
}

func (l *live) apply(ctx context.Context, what change, changed *changes) error {
	if what == codeChange {
		return l.mount(ctx, func(ctx context.Context) (string, error) {
			return l.builder.Renew(ctx, func(rel string) bool {
				path := filepath.Join(l.dir, filepath.FromSlash(rel))
				return !changed.isRestless(path) && l.concerns(path)
			})
		})
	}
	if what == dependencyChange {
		if err := l.builder.Prepare(ctx, l.app.Functions, func(s string) { l.out.line("%s", l.out.paint(dim, s)) }); err != nil {
			return err
		}
		return l.mount(ctx, l.builder.Generation)
	}
	old := l.app
	a, err := l.load(ctx)
	if err != nil {
		return err
	}
	l.app = a
	if err := l.bring(ctx); err != nil {
		l.app = old
		return err
	}
	return l.writeReady()
}
