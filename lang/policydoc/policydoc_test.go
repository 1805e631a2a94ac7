package policydoc

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sundog/cloud"
)

var kinds = map[string]Kind{"identity": Identity, "resource": Resource, "trust": Trust}

func documents(t testing.TB) [][]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/documents.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n") {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.Split(line, " | "))
		}
	}
	return out
}

func TestParseDocuments(t *testing.T) {
	for _, d := range documents(t) {
		p, err := Parse(d[1], kinds[d[0]])
		got := "ok"
		if err != nil {
			e := cloud.AsError(err)
			if got = e.Message; e.Code != "MalformedPolicyDocument" {
				t.Errorf("%s: code %s", d[1], e.Code)
			}
		} else if p == nil {
			t.Fatalf("%s: no policy", d[1])
		}
		if got != d[2] {
			t.Errorf("%s: %s\n got %s\nwant %s", d[0], d[1], got, d[2])
		}
	}
}

func TestParseNormalises(t *testing.T) {
	got := MustParse(`{"Version":"2012-10-17","Id":"i","Statement":{"Sid":"s", "Effect":"Deny","NotPrincipal":{"AWS":"111111111111","Service":["a.amazonaws.com"]},
		"Action":"s3:Get*","Resource":["arn:aws:s3:::b","*"],"Condition":{"Bool":{"a:b":true},"NumericEquals":{"a:c":[1,2.50]}}}}`, Resource)
	want := &cloud.Policy{Version: "2012-10-17", ID: "i", Statements: []cloud.Statement{{
		Sid: "s", Principals: []cloud.PolicyPrincipal{{Type: "AWS", Value: "111111111111"}, {Type: "Service", Value: "a.amazonaws.com"}}, NotPrincipal: true,
		Actions: []string{"s3:Get*"}, Resources: []string{"arn:aws:s3:::b", "*"},
		Conditions: []cloud.Condition{{Operator: "Bool", Key: "a:b", Values: []string{"true"}}, {Operator: "NumericEquals", Key: "a:c", Values: []string{"1", "2.50"}}},
		Source:     `{"Sid":"s","Effect":"Deny","NotPrincipal":{"AWS":"111111111111","Service":["a.amazonaws.com"]},"Action":"s3:Get*","Resource":["arn:aws:s3:::b","*"],"Condition":{"Bool":{"a:b":true},"NumericEquals":{"a:c":[1,2.50]}}}`,
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if _, err := Parse(`{"Statement":"`+strings.Repeat("x", MaxSize)+`"}`, Identity); err == nil {
		t.Error("too long")
	}
}

func TestGlob(t *testing.T) {
	keys := func(k string) ([]string, bool) {
		v, ok := map[string][]string{"aws:username": {"ann*"}, "a:two": {"x", "y"}}[k]
		return v, ok
	}
	for _, c := range []struct {
		glob, text string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "anything", true}, {"a*", "abc", true}, {"a*c", "abcc", true}, {"a*c", "abcd", false},
		{"a?c", "abc", true}, {"a?c", "aéc", true}, {"?", "", false}, {"**a", "bca", true}, {"*a*b*", "xaxbx", true}, {"*a*b*", "xbxax", false},
		{"h/${aws:username}", "h/ann*", true}, {"h/${aws:username}", "h/annx", false}, {"h/${AWS:UserName}/*", "h/ann*/f", true},
		{"${a:two}", "x", false}, {"${a:none}", "", false}, {"${a:none, 'd'}", "d", true}, {"${a:none,''}", "", true}, {"${$}${*}${?}", "$*?", true}, {"${}", "${}", true}, {"${a", "${a", true},
	} {
		g := Compile(c.glob, true)
		if got := g.Match(c.text, keys); got != c.want {
			t.Errorf("%q %q: %v", c.glob, c.text, got)
		}
	}
	old := Compile("${aws:username}", false)
	if !old.Match("${aws:username}", keys) || old.HasVariable() {
		t.Error("variables in version 2008-10-17")
	}
	text := Compile("a*?${aws:username}", true)
	if s, ok := text.Text(keys); !ok || s != "a*?ann*" {
		t.Errorf("%q %v", s, ok)
	}
	fold := CompileFold("S3:Get*")
	if !fold.Match("s3:getObject", nil) || fold.Match("s3:put", nil) {
		t.Error("fold")
	}
}

func TestARNGlob(t *testing.T) {
	for _, c := range []struct {
		glob, text string
		want       bool
	}{
		{"arn:aws:s3:::b*", "arn:aws:s3:::bucket/a:b", true}, {"arn:*:s3:::b", "arn:aws:s3:::b", true}, {"arn:aws:*:b", "arn:aws:s3:::b", false},
		{"arn:aws:sqs:*:1:*", "arn:aws:sqs:eu:1:q", true}, {"arn:aws:sqs:*:1:*", "arn:aws:sqs", false}, {"*", "arn:aws:sqs:eu:1:q", true}, {"*", "x", false},
		{"arn:aws:sns:${aws:region,'e:u'}:1:t", "arn:aws:sns:e:1:t", false},
	} {
		g := CompileARN(c.glob, true)
		if got := g.Match(c.text, nil); got != c.want {
			t.Errorf("%q %q: %v", c.glob, c.text, got)
		}
	}
}

func TestGlobAgreesWithRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?é")), 0, 8, -1).Draw(t, "glob")
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abé")), 0, 10, -1).Draw(t, "text")
		q := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(glob))
		want := regexp.MustCompile("^(?:" + q + ")$").MatchString(text)
		g := Compile(glob, true)
		if got := g.Match(text, nil); got != want {
			t.Fatalf("%v", got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, d := range documents(f) {
		f.Add(d[1], byte(kinds[d[0]]))
	}
	f.Fuzz(func(t *testing.T, text string, kind byte) {
		p, err := Parse(text, Kind(kind%3))
		if err == nil && (p == nil || p.Version == "") {
			t.Fatal("no policy")
		}
		if err != nil && cloud.AsError(err).Code != "MalformedPolicyDocument" {
			t.Fatal(err)
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("a*${b:c,'d'}?", "axyz")
	f.Fuzz(func(t *testing.T, glob, text string) {
		if len(glob) > 200 || len(text) > 200 {
			return
		}
		g, a := Compile(glob, true), CompileARN(glob, true)
		g.Match(text, nil)
		a.Match(text, nil)
	})
}
