package ids

import (
	"regexp"
	"testing"
)

func TestForms(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, g := range []*IDs{New(), NewFixed(1)} {
		seen := map[string]bool{}
		for range 1000 {
			u, h, a := g.UUID(), g.Hex(8), g.Alnum(21)
			if !uuid.MatchString(u) || len(h) != 16 || !regexp.MustCompile(`^[A-Z0-9]{21}$`).MatchString(a) {
				t.Fatalf("%q %q %q", u, h, a)
			}
			if seen[u] || seen[h] || seen[a] {
				t.Fatal("repeats itself")
			}
			seen[u], seen[h], seen[a] = true, true, true
		}
		if g.Hex(0) != "" || g.Alnum(-1) != "" {
			t.Fatal("not empty")
		}
	}
	if a, b := NewFixed(7), NewFixed(7); a.UUID() != b.UUID() || a.Alnum(5) != b.Alnum(5) {
		t.Fatal("fixed ids differ")
	}
}
