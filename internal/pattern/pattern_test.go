package pattern

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestPattern compares each method with that of the regular expression, from goroutines that all are the first.
func TestPattern(t *testing.T) {
	const text, in = `([a-z])(\d+)`, "a1 b22 -"
	p, re := New(text), regexp.MustCompile(text)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if p.MatchString(in) != re.MatchString(in) || p.MatchString("-") || p.FindString(in) != re.FindString(in) {
				t.Error("matches differ")
			}
			if !slices.Equal(p.FindStringSubmatch(in), re.FindStringSubmatch(in)) || p.FindStringSubmatch("-") != nil {
				t.Error("groups differ")
			}
			if !slices.EqualFunc(p.FindAllStringSubmatch(in, -1), re.FindAllStringSubmatch(in, -1), slices.Equal) || len(p.FindAllStringSubmatch(in, 1)) != 1 {
				t.Error("groups of all matches differ")
			}
			if !slices.EqualFunc(p.FindAllStringSubmatchIndex(in, -1), re.FindAllStringSubmatchIndex(in, -1), slices.Equal) {
				t.Error("places differ")
			}
			if p.ReplaceAllString(in, "$2") != re.ReplaceAllString(in, "$2") || p.ReplaceAllStringFunc(in, strings.ToUpper) != "A1 B22 -" {
				t.Error("replacements differ")
			}
		})
	}
	all.Wait()
}

func TestWrongPattern(t *testing.T) {
	p := New(`(`)
	defer func() {
		if recover() == nil {
			t.Error("no panic at the first use")
		}
	}()
	p.MatchString("x")
}
