// Package lint holds the tests that keep ARCHITECTURE.md true: the import table, the banned calls and the size budgets.
package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const module = "sundog"

// source is one parsed Go file.
type source struct {
	path      string // from the root, with slashes
	dir       string
	test      bool
	generated bool
	lines     int
	fset      *token.FileSet
	file      *ast.File
}

// load parses every Go file below root but those of testdata, node_modules and folders that begin with a dot.
func load(root string) ([]source, error) {
	var out []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		s, err := parse(root, path)
		out = append(out, s)
		return err
	})
	return out, err
}

func parse(root, path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{
		path: rel, dir: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go"),
		generated: ast.IsGenerated(f), lines: strings.Count(string(text), "\n"), fset: fset, file: f,
	}, nil
}

// imports gives the import paths of a file; those of this module without its name, the third-party ones whole; the standard library's are
// left out, but for net/http.
func (s source) imports() (own, foreign []string) {
	for _, i := range s.file.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		switch {
		case strings.HasPrefix(p, module+"/"):
			own = append(own, strings.TrimPrefix(p, module+"/"))
		case strings.Contains(strings.SplitN(p, "/", 2)[0], "."), p == "net/http":
			foreign = append(foreign, p)
		}
	}
	return own, foreign
}

// under tells whether dir is one of the folders or below one.
func under(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") })
}

// longFunctions gives the functions of a file whose bodies have over limit lines.
func (s source) functionLengths() map[string]int {
	out := map[string]int{}
	for _, d := range s.file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		from, to := s.fset.Position(fn.Pos()), s.fset.Position(fn.End())
		out[fmt.Sprintf("%s:%d %s", s.path, from.Line, fn.Name.Name)] = to.Line - from.Line + 1
	}
	return out
}
