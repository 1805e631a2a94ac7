package serverless

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the compiler gives into testdata/compile")

// TestCompile compares each file of testdata/compile: a serverless.yml, a line of dashes, the diagnostics (as comments) and the template.
func TestCompile(t *testing.T) {
	files, err := filepath.Glob("testdata/compile/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases (%v)", err)
	}
	const line = "----------\n"
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(data), line)
			if !ok {
				t.Fatal("no line of dashes")
			}
			got := compiled(t, input)
			if *rewrite {
				if err := os.WriteFile(file, []byte(input+line+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("the template differs (see it with -rewrite and a diff):\n%s", firstDifference(got, want))
			}
		})
	}
}

// compiled gives diagnostics and template; every resource is one line, so that a difference is one, too.
func compiled(t *testing.T, input string) string {
	dir := folder(t, map[string]string{"serverless.yml": input, "h.js": "", "lay/x.txt": "x"})
	app, ds, err := Load(context.Background(), dir, Options{Env: noEnv})
	var b strings.Builder
	for _, l := range strings.Split(strings.TrimSuffix(said(ds), "\n"), "\n") {
		b.WriteString("# " + l + "\n")
	}
	if err != nil {
		return b.String()
	}
	for _, section := range app.Compiled().Fields {
		if section.Value.Kind != Map {
			b.WriteString(section.Key + ": " + section.Value.JSON() + "\n")
			continue
		}
		b.WriteString(section.Key + ":\n")
		for _, f := range section.Value.Fields {
			b.WriteString("  " + f.Key + ": " + f.Value.JSON() + "\n")
		}
	}
	return b.String()
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + strings.Join(w[min(i, len(w)):min(i+1, len(w))], "")
		}
	}
	return "the end is missing"
}
