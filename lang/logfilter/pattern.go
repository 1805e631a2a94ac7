package logfilter

import (
	"fmt"
	"strings"
)

// MaxPattern bounds a pattern's length in bytes (PutMetricFilter).
const MaxPattern = 1024

// Pattern is a compiled filter pattern. It is immutable, so that many goroutines may use it.
type Pattern struct{ match func(message string) bool }

// Match tells whether a log line matches.
func (p *Pattern) Match(message string) bool { return p.match(message) }

// Error says why a text is no filter pattern.
type Error struct{ Reason string }

// Error gives the reason.
func (e *Error) Error() string { return "invalid filter pattern: " + e.Reason }

func invalid(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Parse compiles a pattern. The empty pattern, and one of spaces only, matches every line. All errors are of type *Error.
func Parse(text string) (*Pattern, error) {
	if len(text) > MaxPattern {
		return nil, invalid("it is longer than %d bytes", MaxPattern)
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "" || text == `""`:
		return &Pattern{func(string) bool { return true }}, nil
	case text[0] == '{':
		return parseJSON(text)
	case text[0] == '[':
		return parseFields(text)
	}
	return parseTerms(text)
}

// terms is a pattern of terms. Optional terms count only when there are no required ones, as the service has it.
type terms struct{ required, optional, excluded []func(string) bool }

func parseTerms(text string) (*Pattern, error) {
	s := &scanner{text: text}
	var t terms
	for s.space(); !s.end(); s.space() {
		list := &t.required
		switch s.text[s.pos] {
		case '-':
			list = &t.excluded
			s.pos++
		case '?':
			list = &t.optional
			s.pos++
		}
		match, err := s.term()
		if err != nil {
			return nil, err
		}
		*list = append(*list, match)
	}
	return &Pattern{t.match}, nil
}

func (s *scanner) term() (func(string) bool, error) {
	switch {
	case s.end():
		return nil, invalid("a term is missing")
	case s.text[s.pos] == '"':
		phrase, err := s.quoted()
		return func(m string) bool { return strings.Contains(m, phrase) }, err
	case s.text[s.pos] == '%':
		re, err := s.regex()
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	word := s.word(func(c byte) bool { return c != ' ' && c != '\t' && c != '\n' && c != '\r' })
	for i := 0; i < len(word); i++ {
		if c := word[i]; c < 0x80 && c != '_' && !alphanumeric(c) {
			return nil, invalid("Invalid character(s) in term '%s'", word)
		}
	}
	if word == "" {
		return nil, invalid("a term is missing")
	}
	return func(m string) bool { return strings.Contains(m, word) }, nil
}

func (t *terms) match(message string) bool {
	for _, m := range t.excluded {
		if m(message) {
			return false
		}
	}
	for _, m := range t.required {
		if !m(message) {
			return false
		}
	}
	if len(t.required) > 0 || len(t.optional) == 0 {
		return true
	}
	for _, m := range t.optional {
		if m(message) {
			return true
		}
	}
	return false
}
