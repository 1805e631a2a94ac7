// Package pattern has regular expressions that are compiled when they are first used. Compiling those of all packages would be a good part of the start of
// every process that runs this program, the init of each sandbox included, of which most use none.
package pattern

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression in the syntax of package regexp. It may be used by several goroutines at once.
type Pattern struct{ compiled func() *regexp.Regexp }

// New gives the pattern of a text. A text that is no regular expression panics at the first use; internal/lint compiles all that are written in the source.
func New(text string) Pattern {
	return Pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// MatchString tells whether s contains a match.
func (p Pattern) MatchString(s string) bool { return p.compiled().MatchString(s) }

// FindString gives the leftmost match; "" when there is none.
func (p Pattern) FindString(s string) string { return p.compiled().FindString(s) }

// FindStringSubmatch gives the leftmost match and its groups; nil when there is none.
func (p Pattern) FindStringSubmatch(s string) []string { return p.compiled().FindStringSubmatch(s) }

// FindAllStringSubmatch gives the first n matches and their groups, all where n is negative; nil when there is none.
func (p Pattern) FindAllStringSubmatch(s string, n int) [][]string {
	return p.compiled().FindAllStringSubmatch(s, n)
}

// FindAllStringSubmatchIndex gives the places of the first n matches and their groups in s, all where n is negative; nil when there is none.
func (p Pattern) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return p.compiled().FindAllStringSubmatchIndex(s, n)
}

// ReplaceAllString gives s with each match replaced by replacement, in which $1 stands for the first group.
func (p Pattern) ReplaceAllString(s, replacement string) string {
	return p.compiled().ReplaceAllString(s, replacement)
}

// ReplaceAllStringFunc gives s with each match replaced by what replace makes of it.
func (p Pattern) ReplaceAllStringFunc(s string, replace func(string) string) string {
	return p.compiled().ReplaceAllStringFunc(s, replace)
}
