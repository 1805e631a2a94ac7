package serverless

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// handlerEndings are the files that a handler's module may be, by runtime.
func handlerEndings(runtime string) []string {
	switch {
	case strings.HasPrefix(runtime, "nodejs"):
		return []string{".js", ".mjs", ".cjs", "/index.js", "/index.mjs", ".ts", ".mts", ".cts"}
	case strings.HasPrefix(runtime, "python"):
		return []string{".py", "/__init__.py"}
	case strings.HasPrefix(runtime, "ruby"):
		return []string{".rb"}
	}
	return nil
}

// checkHandlers looks for the file of every handler, so that a wrong name is told before anything is deployed.
func (a *App) checkHandlers(c *compiler) []Diagnostic {
	var out []Diagnostic
	for _, fn := range c.functions {
		if fn.image != "" || fn.cfg.Get("package", "artifact").Truthy() || c.cfg.Get("package", "artifact").Truthy() {
			continue
		}
		handler := fn.cfg.Get("handler")
		endings := handlerEndings(c.runtime(fn))
		if endings == nil {
			continue
		}
		module, ok := handlerModule(handler.Text, c.runtime(fn))
		if !ok {
			out = append(out, Diagnostic{Pos: handler.Pos, Severity: Failure, Message: "the handler " + quote(handler.Text) + " must be file.function"})
			continue
		}
		if found := a.handlerFile(module, endings); found != "" {
			if strings.HasSuffix(found, "ts") {
				out = append(out, Diagnostic{Pos: handler.Pos, Severity: Warning, Message: "handler file " + found + " is TypeScript, and nothing compiles it here", Hint: "build it to JavaScript first"})
			}
			continue
		}
		if builtLater(c, module) {
			continue
		}
		out = append(out, a.missingHandler(handler, module, endings))
	}
	return out
}

// handlerModule gives the path of a handler without its function; Python writes folders with dots, too.
func handlerModule(handler, runtime string) (string, bool) {
	dir, base := path.Split(handler)
	i := strings.IndexByte(base, '.')
	if strings.HasPrefix(runtime, "python") {
		i = strings.LastIndexByte(base, '.')
	}
	if i <= 0 {
		return "", false
	}
	name := base[:i]
	if strings.HasPrefix(runtime, "python") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	return path.Clean(dir + name), true
}

// handlerFile gives the first file that a handler's module is, or "".
func (a *App) handlerFile(module string, endings []string) string {
	for _, e := range endings {
		if info, err := os.Stat(filepath.Join(a.Dir, filepath.FromSlash(module+e))); err == nil && !info.IsDir() {
			return module + e
		}
	}
	return ""
}

// builtLater tells whether the file lies in a folder that a build makes, so that its absence says nothing yet.
func builtLater(c *compiler, module string) bool {
	first, _, nested := strings.Cut(module, "/")
	return nested && contains([]string{"build", "dist", "out", ".build", "lib", "target", ".webpack", ".esbuild"}, first)
}

func (a *App) missingHandler(handler *Value, module string, endings []string) Diagnostic {
	d := Diagnostic{Pos: handler.Pos, Severity: Failure, Message: "handler file " + module + endings[0] + " not found"}
	var files []string
	err := filepath.WalkDir(a.Dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || len(files) > 5000 {
			return filepath.SkipDir
		}
		if e.IsDir() {
			if n := e.Name(); p != a.Dir && (n == "node_modules" || strings.HasPrefix(n, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if rel, err := filepath.Rel(a.Dir, p); err == nil && contains(endings, filepath.Ext(p)) {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return d
	}
	if n := nearest(module+endings[0], files); n != "" {
		d.Hint = "did you mean " + n + "?"
	}
	return d
}
