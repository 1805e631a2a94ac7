package jsonpath

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPaths(t *testing.T) {
	f, err := os.Open("testdata/paths.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		col := strings.Split(lines.Text(), "\t")
		got, err := evaluate(col[0], col[1])
		if part, bad := strings.CutPrefix(col[2], "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s in %s: got %v, %v; want an error with %q", col[0], col[1], got, err, part)
			}
			continue
		}
		if err != nil || got != col[2] {
			t.Errorf("%s in %s: got %s, %v; want %s", col[0], col[1], got, err, col[2])
		}
	}
}

func evaluate(path, doc string) (string, error) {
	p, err := Compile(path)
	if err != nil {
		return "", err
	}
	root, err := Parse(doc)
	if err != nil {
		return "", err
	}
	v, err := p.Get(root)
	return Text(v), err
}

func TestReferences(t *testing.T) {
	for _, c := range []struct{ path, doc, value, want string }{
		{"$", `{"a":1}`, `2`, `2`},
		{"$.b", `{"a":1}`, `2`, `{"a":1,"b":2}`},
		{"$.b.c", `{"a":1}`, `2`, `{"a":1,"b":{"c":2}}`},
		{"$.a", `{"a":1,"b":2}`, `{"x":0}`, `{"a":{"x":0},"b":2}`},
		{"$.a[0].b", `{"a":[{}]}`, `2`, `{"a":[{"b":2}]}`},
		{"$.a[1]", `{"a":[1]}`, `2`, `{"a":[1,2]}`},
		{"$['x y']", `{}`, `null`, `{"x y":null}`},
	} {
		r, err := CompileReference(c.path)
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := Parse(c.doc)
		v, _ := Parse(c.value)
		got, err := r.Set(doc, v)
		if err != nil || Text(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.path, Text(got), err, c.want)
		}
		if Text(doc) != c.doc {
			t.Errorf("%s: the document was changed: %s", c.path, Text(doc))
		}
	}
	for _, bad := range []string{"$.a[*]", "$..a", "$.a[0:2]", "$.a.length()", "$['a','b']", "$.a[-1]", "a"} {
		if _, err := CompileReference(bad); err == nil {
			t.Errorf("%s was taken for a reference path", bad)
		}
	}
	doc, _ := Parse(`{"a":"text"}`)
	r, _ := CompileReference("$.a.b")
	if _, err := r.Set(doc, nil); err == nil {
		t.Error("a member of a string was written")
	}
}

func TestNotFoundIsTyped(t *testing.T) {
	p, _ := Compile("$.a")
	if _, err := p.Get(NewObject(0)); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestJSONKeepsTexts(t *testing.T) {
	for _, s := range []string{`{"b":1.0,"a":[1e5,-0,12345678901234567890],"c":"é\n\"\\"}`, `"\u0001"`, `[]`, `{}`, `null`} {
		v, err := Parse(s)
		if err != nil || Text(v) != s {
			t.Errorf("%s: got %s, %v", s, Text(v), err)
		}
	}
	for _, bad := range []string{"", "{", `{"a"}`, "01", "1.", "[1,]", `"a`, "tru", "1 2", `{"a":1,}`, "\"\x01\"", strings.Repeat("[", 300)} {
		if _, err := Parse(bad); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.20q: got %v", bad, err)
		}
	}
	v, err := Parse(`"\ud83d\ude00\ud83d"`)
	if err != nil || v != "😀\uFFFD" {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestWorkIsBounded(t *testing.T) {
	doc := "1"
	for range 60 {
		doc = "[" + doc + "," + doc[:1] + "]"
		if len(doc) > 1000 {
			break
		}
	}
	root, _ := Parse("[" + strings.Repeat("[[[1,2],[3,4]],[[1,2],[3,4]]],", 300) + "1]")
	p, err := Compile("$..*..*..*..*..*..*..*..*..*[?(@..*)]")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.Get(root); err == nil && len(Text(v)) > 100<<20 {
		t.Error("unbounded result")
	}
}

func TestCompareNumbers(t *testing.T) {
	for _, c := range []struct {
		a, b Number
		want int
	}{{"1", "1.0", 0}, {"1e2", "100", 0}, {"9007199254740993", "9007199254740992", 1}, {"-1", "1", -1}, {"0.1", "0.10", 0}, {"1e400", "1", 1}} {
		if got := CompareNumbers(c.a, c.b); got != c.want {
			t.Errorf("%s ? %s: %d", c.a, c.b, got)
		}
	}
}

// A value written at a reference path is read back from it, and nothing else changes.
func TestSetThenGet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-c]`), 1, 4).Draw(t, "names")
		r, err := CompileReference("$." + strings.Join(names, "."))
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := Parse(`{"a":{"b":{"c":{}}},"keep":[1]}`)
		after, err := r.Set(doc, Number("7"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Get(after); err != nil || got != Number("7") {
			t.Fatalf("got %v, %v", got, err)
		}
		if kept, _ := after.(*Object).Get("keep"); !Equal(kept, []any{Number("1")}) {
			t.Fatal("another member changed")
		}
	})
}

func FuzzPath(f *testing.F) {
	data, err := os.ReadFile("testdata/paths.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if col := strings.Split(line, "\t"); len(col) == 3 {
			f.Add(col[0], col[1])
		}
	}
	f.Fuzz(func(t *testing.T, path, doc string) {
		p, err := Compile(path)
		if err != nil {
			return
		}
		root, err := Parse(doc)
		if err != nil {
			return
		}
		v, err := p.Get(root)
		if err == nil && p.fn == nil && !p.definite {
			if _, ok := v.([]any); !ok {
				t.Fatalf("%s is indefinite but gave %T", path, v)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`{"a":[1,2.5e3,"x\u00e9"],"b":null}`)
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			return
		}
		if n := len(Text(v)); !Fits(v, n) || Fits(v, n-1) {
			t.Fatalf("%q: Fits is wrong about %d bytes", s, n)
		}
		w, err := Parse(Text(v))
		if err != nil || Text(w) != Text(v) {
			t.Fatalf("%q does not survive: %v", s, err)
		}
	})
}
