//go:build suites

package cfn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The templates that the serverless and SAM suites expect must parse, bind, order and evaluate: they are what real tools emit.
func TestExpectedTemplates(t *testing.T) {
	shared := filepath.Join("..", "..", "..", "shared", "suites")
	var files []string
	for _, p := range []string{"serverless-framework/seed/*/expected.json", "sam/success/*.expected.json"} {
		found, err := filepath.Glob(filepath.Join(shared, p))
		if err != nil || len(found) == 0 {
			t.Fatal(p, err)
		}
		files = append(files, found...)
	}
	passed, expected := 0, expectedToFail(t)
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		err = run(body)
		if (err != nil) != expected[name] {
			t.Errorf("%s: %v; listed in expected-fail.txt: %v", name, err, expected[name])
		}
		if err == nil {
			passed++
		}
	}
	t.Logf("%d of %d", passed, len(files))
}

func expectedToFail(t *testing.T) map[string]bool {
	b, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for l := range strings.Lines(string(b)) {
		if id, _, ok := strings.Cut(l, "  "); ok && l[0] != '#' {
			out[id] = true
		}
	}
	return out
}

func run(body []byte) error {
	tmpl, err := Parse(body)
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, p := range tmpl.Parameters {
		if p.Default == nil {
			given[p.Name] = "value"
		}
	}
	b, err := tmpl.Bind(given, env)
	if err != nil {
		return err
	}
	if _, err := b.Graph(); err != nil {
		return err
	}
	for _, r := range b.ActiveResources() {
		if _, err := b.Properties(r, made{}); err != nil {
			return err
		}
	}
	_, err = b.OutputValues(made{})
	return err
}
