package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"sundog/project/serverless"
)

// quiet is how long the watcher waits after the last change of a burst, so that a save of several files is one reload.
const quiet = 40 * time.Millisecond

// watch reloads on save until it is interrupted.
func (l *live) watch(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := addFolders(w, l.dir); err != nil {
		return err
	}
	changed := map[string]bool{}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.Errors:
			l.out.line("%s", l.out.paint(red, "watching: "+err.Error()))
		case e := <-w.Events:
			if ignored(e.Name) || e.Op == fsnotify.Chmod {
				continue
			}
			if info, err := os.Stat(e.Name); err == nil && info.IsDir() && e.Op.Has(fsnotify.Create) {
				if err := addFolders(w, e.Name); err != nil {
					l.out.line("%s", l.out.paint(red, "watching: "+err.Error()))
				}
			}
			changed[e.Name] = true
			timer.Reset(quiet)
		case <-timer.C:
			if len(changed) > 0 {
				l.reload(ctx, changed)
				changed = map[string]bool{}
			}
		}
	}
}

// ignored are the folders that no function's code comes from.
func ignored(path string) bool {
	for part := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		switch part {
		case ".sundog", "node_modules", ".git", ".serverless", "__pycache__":
			return true
		}
	}
	return strings.HasSuffix(path, "~") || strings.HasSuffix(path, ".swp")
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

// reload brings what was saved into use: code by a new generation, the file itself by an update of the stack. What fails is shown, and what ran
// goes on running.
func (l *live) reload(ctx context.Context, changed map[string]bool) {
	start := time.Now()
	what := "code"
	for path := range changed {
		switch name := filepath.Base(path); {
		case filepath.Dir(path) == l.dir && (name == l.app.File || strings.HasPrefix(name, "serverless.") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".asl.json")):
			what = "application"
		case what == "code" && (name == "package.json" || name == "package-lock.json" || name == "requirements.txt" || strings.HasSuffix(name, ".go") || name == "go.mod"):
			what = "dependencies"
		}
	}
	err := l.apply(ctx, what)
	if err != nil {
		var wrong *serverless.Error
		if !errors.As(err, &wrong) {
			l.out.line("%s", l.out.paint(red, "reload: "+explain(err)))
		}
		return
	}
	l.out.line("%s", l.out.paint(dim, what+" reloaded in "+round(time.Since(start)).String()))
}

func (l *live) apply(ctx context.Context, what string) error {
	if what == "code" {
		return l.mount(ctx)
	}
	if what == "dependencies" {
		if err := l.builder.Prepare(ctx, l.app.Functions, func(s string) { l.out.line("%s", l.out.paint(dim, s)) }); err != nil {
			return err
		}
		return l.mount(ctx)
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
