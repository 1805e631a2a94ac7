package eventpattern

import "strings"

// Limits of SNS filter policies (Amazon SNS Developer Guide, "Filter policy constraints").
const (
	maxKeys         = 5
	maxCombinations = 150
)

// checkLimits refuses an SNS policy with more than 5 keys at its top, or more than 150 combinations: the product over the leaves of
// one alternative of the number of values times the depth of nesting, summed over the alternatives.
func checkLimits(o *object, alts []alternative, d Dialect) *Error {
	if len(o.fields) > maxKeys {
		return plain(d, "Filter policy can not have more than %d keys", maxKeys)
	}
	total := 0
	for _, a := range alts {
		product := 1
		for _, l := range a {
			depth := len(l.path)
			if d == SNSAttributes {
				depth = 1
			}
			product *= max(1, l.size()) * depth
			if product > maxCombinations {
				return plain(d, "Filter policy is too complex")
			}
		}
		if total += product; total > maxCombinations {
			return plain(d, "Filter policy is too complex")
		}
	}
	return nil
}

func (l leaf) size() int {
	if l.absent {
		return len(l.tests) + 1
	}
	return len(l.tests)
}

// Paths gives the paths of all leaves, nested names joined by dots, each once, in order of first appearance.
func (p *Pattern) Paths() []string {
	var out []string
	seen := map[string]bool{}
	for _, a := range p.alternatives {
		for _, l := range a {
			if s := strings.Join(l.path, "."); !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}
