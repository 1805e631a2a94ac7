package wire

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"sundog/cloud/schema"
	"sundog/internal/pattern"
)

// matchLimit bounds one match of a pattern that needs backtracking.
const matchLimit = 100 * time.Millisecond

type patternKey struct{}

// matches tells whether the whole text matches the shape's pattern. A pattern that cannot be compiled matches everything; the tests
// see to it that no served operation has one.
func matches(s *schema.Shape, text string) bool {
	m, ok := s.Plans().Load(patternKey{})
	if !ok {
		match, err := compilePattern(s.Pattern)
		if err != nil {
			match = func(string) bool { return true }
		}
		m, _ = s.Plans().LoadOrStore(patternKey{}, match)
	}
	return m.(func(string) bool)(text)
}

// compilePattern makes a matcher of a Java regular expression: Go's own where it can, a backtracking one for look-around.
func compilePattern(p string) (func(string) bool, error) {
	if re, err := regexp.Compile("^(?:" + goPattern(p) + ")$"); err == nil {
		return re.MatchString, nil
	}
	re, err := regexp2.Compile("^(?:"+p+")$", regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchLimit
	return func(s string) bool {
		ok, err := re.MatchString(s)
		return ok && err == nil
	}, nil
}

var (
	surrogates = strings.NewReplacer(`\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`, `\ud800\udc00-\udbff\udfff`, `\x{10000}-\x{10FFFF}`,
		`\p{ASCII}`, `\x00-\x7F`, `\p{Print}`, `[:print:]`, `\p{Graph}`, `[:graph:]`, `\p{Alnum}`, `[:alnum:]`, `\p{IsLetter}`, `\p{L}`)
	unicodeEscape = pattern.New(`\\u([0-9A-Fa-f]{4})`)
)

func goPattern(p string) string {
	return unicodeEscape.ReplaceAllString(surrogates.Replace(p), `\x{$1}`)
}
