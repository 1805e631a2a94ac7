//go:build suites

package serverless

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// suiteDir is the suite's folder beside the repository.
func suiteDir(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "suites", "serverless-framework")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func expectedFailures(t *testing.T) map[string]bool {
	data, err := os.ReadFile("testdata/expected-fail.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(line, "#") {
			out[f[0]] = true
		}
	}
	return out
}

func TestGoldenPairs(t *testing.T) {
	root := suiteDir(t)
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "serverless.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s (%v)", root, err)
	}
	allowed := expectedFailures(t)
	equal, total, whole := 0, 0, 0
	for _, file := range files {
		dir := filepath.Dir(file)
		id := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		if _, err := os.Stat(filepath.Join(dir, "expected.json")); err != nil {
			continue
		}
		t.Run(id, func(t *testing.T) {
			diffs, n, bad := compareCase(t, dir)
			total, equal = total+n, equal+n-bad
			switch {
			case len(diffs) == 0 && allowed[id]:
				t.Errorf("%s passes, but is listed in expected-fail.txt", id)
			case len(diffs) > 0 && !allowed[id]:
				t.Errorf("%s differs:\n%s", id, strings.Join(diffs, "\n"))
			}
			if len(diffs) == 0 {
				whole++
			}
		})
	}
	t.Logf("resources equal %d of %d, cases wholly equal %d of %d", equal, total, whole, len(files))
}

// compareCase compiles one case in a copy with empty handlers and gives the differences.
func compareCase(t *testing.T, dir string) (diffs []string, resources, bad int) {
	want := readJSON(t, filepath.Join(dir, "expected.json"))
	app, _, err := Load(context.Background(), withHandlers(t, dir), Options{Env: func(string) (string, bool) { return "", false }})
	wantRes, _ := want["Resources"].(map[string]any)
	if err != nil {
		return []string{err.Error()}, len(wantRes), len(wantRes)
	}
	data, err := app.Template(nil)
	if err != nil {
		return []string{err.Error()}, len(wantRes), len(wantRes)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	g, w := normal(got, "").(map[string]any), normal(want, "").(map[string]any)
	for _, section := range union(sortedKeys(w), sortedKeys(g)) {
		gs, gok := g[section].(map[string]any)
		ws, wok := w[section].(map[string]any)
		if !gok || !wok {
			if !reflect.DeepEqual(g[section], w[section]) {
				diffs = append(diffs, fmt.Sprintf("%s: got %v, want %v", section, g[section], w[section]))
			}
			continue
		}
		for _, k := range union(sortedKeys(ws), sortedKeys(gs)) {
			if section == "Resources" && ws[k] != nil {
				resources++
			}
			if !reflect.DeepEqual(gs[k], ws[k]) {
				if section == "Resources" && ws[k] != nil {
					bad++
				}
				a, _ := json.Marshal(gs[k])
				b, _ := json.Marshal(ws[k])
				diffs = append(diffs, fmt.Sprintf("%s.%s:\n   got  %s\n   want %s", section, k, a, b))
			}
		}
	}
	return diffs, resources, bad
}

func readJSON(t *testing.T, file string) map[string]any {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

var handlerLine = regexp.MustCompile(`handler: *([^\s,}]+)`)

// withHandlers copies the configuration beside an empty file for each handler.
func withHandlers(t *testing.T, dir string) string {
	to := t.TempDir()
	data, err := os.ReadFile(filepath.Join(dir, "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "serverless.yml"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range handlerLine.FindAllStringSubmatch(string(data), -1) {
		for _, runtime := range []string{"nodejs", "python"} {
			module, ok := handlerModule(m[1], runtime)
			if !ok {
				continue
			}
			file := filepath.Join(to, filepath.FromSlash(module)+handlerEndings(runtime)[0])
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}

var masks = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`(LambdaVersion)[0-9A-Za-z]{30,45}`), "${1}HASH"},
	{regexp.MustCompile(`ApiGatewayDeployment\d{13}`), "ApiGatewayDeploymentTIMESTAMP"},
	{regexp.MustCompile(`(WebsocketsDeployment)[0-9A-Za-z]{30,45}`), "${1}HASH"},
	{regexp.MustCompile(`(/[a-zA-Z0-9-]+/[a-zA-Z0-9-]+/)([0-9]{13}-[^/]*)/([^/]+)$`), "${1}TIMESTAMP/${3}"},
}

func masked(s string) string {
	for _, m := range masks {
		s = m.find.ReplaceAllString(s, m.put)
	}
	return s
}

// normal applies the masks, puts the variables of definitions in their places, and orders what has no order.
func normal(v any, key string) any {
	switch v := v.(type) {
	case string:
		if key == "CodeSha256" {
			return "CODESHA256"
		}
		if key == "DefinitionString" {
			return definition(v, nil)
		}
		return masked(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normal(v[i], "")
		}
		if key == "Statement" || key == "DependsOn" {
			sort.Slice(out, func(i, j int) bool { return text(out[i]) < text(out[j]) })
		}
		return out
	case map[string]any:
		if key == "DefinitionString" {
			if s, ok := v["Fn::Sub"].([]any); ok && len(s) == 2 {
				return definition(s[0].(string), s[1].(map[string]any))
			}
		}
		out := map[string]any{}
		for k, x := range v {
			out[masked(k)] = normal(x, k)
		}
		return out
	}
	return v
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func definition(s string, vars map[string]any) any {
	for k, x := range vars {
		s = strings.ReplaceAll(s, "${"+k+"}", "@@"+strings.ReplaceAll(masked(text(x)), `"`, "'"))
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return s
	}
	return v
}
