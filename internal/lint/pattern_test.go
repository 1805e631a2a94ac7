package lint

import (
	"go/ast"
	"regexp"
	"strconv"
	"testing"
)

// TestPatterns keeps regular expressions out of the start of the program, where a package-level one would be compiled by every process that runs it, and
// compiles the texts of those that wait for their first use.
func TestPatterns(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && !s.test && !under(s.dir, "test", "tools", "examples") {
				eachCall(g, func(pkg, name string, c *ast.CallExpr) {
					if pkg == "regexp" || pkg == "regexp2" {
						t.Errorf("%s: %s.%s at package level runs at every start of the program: use pattern.New", s.fset.Position(c.Pos()), pkg, name)
					}
				})
			}
		}
		eachCall(s.file, func(pkg, name string, c *ast.CallExpr) {
			if pkg != "pattern" || name != "New" {
				return
			}
			text, ok := constant(c.Args[0])
			if !ok {
				t.Errorf("%s: pattern.New of a text that is not written there", s.fset.Position(c.Pos()))
			} else if _, err := regexp.Compile(text); err != nil {
				t.Errorf("%s: %v", s.fset.Position(c.Pos()), err)
			}
		})
	}
}

// eachCall calls fn for each call of a package's function below n; in declarations, for those that run when the program starts.
func eachCall(n ast.Node, fn func(pkg, name string, c *ast.CallExpr)) {
	_, whole := n.(*ast.File)
	ast.Inspect(n, func(n ast.Node) bool {
		if _, later := n.(*ast.FuncLit); later && !whole {
			return false
		}
		if c, ok := n.(*ast.CallExpr); ok {
			if sel, ok := c.Fun.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok {
					fn(x.Name, sel.Sel.Name, c)
				}
			}
		}
		return true
	})
}

// constant gives the text of literals that are put together.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, okX := constant(e.X)
		y, okY := constant(e.Y)
		return x + y, okX && okY
	}
	return "", false
}
