//go:build suites

package api

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sundog/app"
)

var rewrite = flag.Bool("rewrite", false, "write the lists anew: reasons that stand there stay, new ones are what differs")

var only = flag.String("case", "", "replay only the cases whose id has this text, and show what differs")

var suites = filepath.Join("..", "..", "..", "shared", "suites", "api")

func TestSQS(t *testing.T)    { replay(t, "sqs") }
func TestSNS(t *testing.T)    { replay(t, "sns") }
func TestEvents(t *testing.T) { replay(t, "events") }
func TestS3(t *testing.T)     { replay(t, "s3") }
func TestLambda(t *testing.T) { replay(t, "lambda") }

// TestMain ends as the init of an execution environment when it was started as one.
func TestMain(m *testing.M) {
	app.MaybeInit()
	os.Exit(m.Run())
}

// rows reads a list of testdata: the fields of each line, which two spaces or a tab divide.
func rows(t *testing.T, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for l := range strings.Lines(string(b)) {
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			out = append(out, strings.Split(strings.ReplaceAll(l, "\t", "  "), "  "))
		}
	}
	return out
}

func replay(t *testing.T, service string) {
	manifest, err := ReadManifest(suites)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := ReadCases(suites, service)
	if err != nil {
		t.Fatal(err)
	}
	listed, reasons := map[string]bool{}, map[string]string{}
	for _, f := range rows(t, service+".expected-fail.txt") {
		listed[f[0]], reasons[f[0]] = true, strings.Join(f[1:], "  ")
	}
	var list strings.Builder
	list.WriteString(listHead)
	hints, err := ParseHints(rows(t, "hints.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var passed, seen, pairs int
	for i := range cases {
		c := &cases[i]
		if !strings.Contains(c.ID, *only) {
			continue
		}
		seen++
		diff := play(t, c, manifest, hints[c.ID])
		if diff == "" {
			passed++
			pairs += len(c.Pairs)
		}
		if diff != "" {
			fmt.Fprintf(&list, "%s  %s\n", c.ID, cmp.Or(reasons[c.ID], short(diff)))
		}
		switch {
		case *rewrite:
		case diff == "" && listed[c.ID]:
			t.Errorf("%s passes but is listed", c.ID)
		case diff != "" && (!listed[c.ID] || *only != ""):
			t.Errorf("%s: %s", c.ID, diff)
		}
		delete(listed, c.ID)
	}
	for id := range listed {
		if *only == "" && !*rewrite {
			t.Errorf("%s is listed but no case", id)
		}
	}
	if *rewrite {
		if err := os.WriteFile(filepath.Join("testdata", service+".expected-fail.txt"), []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s: %d of %d cases pass, with %d compared answers", service, passed, seen, pairs)
}

// caseTime bounds one case.
const caseTime = 20 * time.Second

const listHead = "# Cases that the platform does not meet, with the reason. The test fails when an unlisted case fails, and when a listed one passes.\n"

// short makes a reason of what differs.
func short(diff string) string {
	diff = strings.Join(strings.Fields(diff), " ")
	for _, hole := range []*regexp.Regexp{uuid, regexp.MustCompile(`-[0-9a-f]{8}\b`)} {
		diff = hole.ReplaceAllString(diff, "")
	}
	if r := []rune(diff); len(r) > 160 {
		return string(r[:160]) + "..."
	}
	return diff
}

func play(t *testing.T, c *Case, m Manifest, hints map[int]*Hint) string {
	ctx, cancel := context.WithTimeout(t.Context(), caseTime)
	defer cancel()
	start := time.Now()
	defer func() {
		if d := time.Since(start); d > 2*time.Second {
			t.Logf("%s took %v", c.ID, d.Round(time.Millisecond))
		}
	}()
	p, err := Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}()
	player, err := NewPlayer(c, m, p.Client, p, hints)
	if err != nil {
		t.Fatal(err)
	}
	diff, err := player.Play(ctx)
	if err != nil {
		return strings.TrimSpace(diff + err.Error())
	}
	return diff
}
