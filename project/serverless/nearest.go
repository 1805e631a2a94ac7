package serverless

import (
	"sort"
	"strings"
)

// nearest gives the candidate that most resembles name, or "" when none does. Resemblance is the edit distance without
// regard to case, and a shared ending or beginning counts for a name that is a part of a longer one ("batchWindow" of
// "maximumBatchingWindow").
func nearest(name string, candidates []string) string {
	best, bestCost := "", 0
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	for _, c := range sorted {
		cost, ok := resemblance(name, c)
		if ok && (best == "" || cost < bestCost) {
			best, bestCost = c, cost
		}
	}
	return best
}

// resemblance gives a cost (lower is nearer) and whether the two are near enough to suggest one for the other.
func resemblance(a, b string) (cost int, near bool) {
	la, lb := strings.ToLower(a), strings.ToLower(b)
	if la == lb {
		return 0, true
	}
	d := editDistance(la, lb)
	longest := max(len(la), len(lb))
	if d <= max(1, longest/3) {
		return d * 10, true
	}
	if shared := sharedWords(a, b); shared > 0 {
		return 1000 - 100*shared + d, true
	}
	return 0, false
}

// sharedWords counts the words of a camel-case name that begin the same in the other ("batch" and "Batching").
func sharedWords(a, b string) int {
	wa, wb := words(a), words(b)
	n := 0
	for _, x := range wa {
		for _, y := range wb {
			if len(x) > 3 && len(y) > 3 && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x)) {
				n++
				break
			}
		}
	}
	if n*2 <= len(wa) {
		return 0
	}
	return n
}

func words(s string) []string {
	var out []string
	start := 0
	for i, r := range s {
		upper := r >= 'A' && r <= 'Z'
		if i > start && (upper || r == '-' || r == '_') {
			out = append(out, strings.ToLower(strings.Trim(s[start:i], "-_")))
			start = i
		}
	}
	return append(out, strings.ToLower(strings.Trim(s[start:], "-_")))
}

// editDistance is the number of insertions, deletions, replacements and swaps of neighbours; long texts are cut to 200 bytes.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 200)], b[:min(len(b), 200)]
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

// didYouMean gives the hint sentence for a name, or "" when nothing is near.
func didYouMean(name string, candidates []string) string {
	if n := nearest(name, candidates); n != "" {
		return "did you mean " + quote(n) + "?"
	}
	return ""
}

func quote(s string) string { return `"` + s + `"` }
