package lint

import (
	"go/ast"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found below %s", len(all), root)
	}
	return all
}

func TestImportTable(t *testing.T) {
	for _, s := range sources(t) {
		for _, line := range judge(s) {
			t.Error(line)
		}
	}
}

// The rules themselves are tried on files that break them.
func TestJudge(t *testing.T) {
	cases := []struct {
		dir, imp string
		ok       bool
	}{
		{"services/sqs", "services/sns", false},
		{"services/sqs", "engine/store", true},
		{"services/sqs", "engine/store/pebble", false},
		{"services/sqs", "edge/wire", false},
		{"edge/gateway", "engine/store", false},
		{"edge/gateway", "services/sqs", false},
		{"project/deploy", "engine/bus", false},
		{"engine/store/mem", "engine/store/pebble", false},
		{"engine/store/mem", "engine/store", true},
		{"lang/asl", "engine/store", false},
		{"app", "services/all", true},
		{"cmd/sundog", "services/sqs", false},
	}
	for _, c := range cases {
		row := table[rowOf(c.dir)]
		if got := allowed(row, c.dir, c.imp); got != c.ok {
			t.Errorf("%s importing %s: allowed %v, want %v", c.dir, c.imp, got, c.ok)
		}
	}
}

func rowOf(dir string) int {
	for i, r := range table {
		if under(dir, r.folders...) {
			return i
		}
	}
	return -1
}

// Time comes from the injected clock, so that tests and `sundog clock` can move it.
func TestBannedCalls(t *testing.T) {
	banned := map[string]bool{"Now": true, "Sleep": true, "After": true, "Since": true, "Until": true, "Tick": true, "NewTicker": true}
	for _, s := range sources(t) {
		if under(s.dir, "app", "cmd", "test", "tools", "examples") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !banned[sel.Sel.Name] {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
				t.Errorf("%s: time.%s is banned outside app: use the injected clock", s.fset.Position(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && !s.generated {
				t.Errorf("%s: no init(): registration is an explicit list", s.path)
			}
		}
	}
}

func TestBudgets(t *testing.T) {
	var files []int
	var functions []int
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		if s.lines > 800 {
			t.Errorf("%s has %d lines; none may have over 800", s.path, s.lines)
		}
		files = append(files, s.lines)
		for name, n := range s.functionLengths() {
			if n > 100 {
				t.Errorf("%s has %d lines; none may have over 100", name, n)
			}
			functions = append(functions, n)
		}
	}
	if n := p90(files); n > 400 {
		t.Errorf("the 90th percentile of file lengths is %d; the budget is 400", n)
	}
	if n := p90(functions); n > 45 {
		t.Errorf("the 90th percentile of function lengths is %d; the budget is 45", n)
	}
}

func p90(n []int) int {
	sort.Ints(n)
	return n[len(n)*9/10]
}

// Every package says what it is.
func TestPackageComments(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		said[s.dir] = said[s.dir] || s.test || s.file.Doc != nil && strings.HasPrefix(s.file.Doc.Text(), "Package ") || s.file.Name.Name == "main" && s.file.Doc != nil
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}
