package logfilter

import (
	"regexp"
	"strings"
)

// scanner walks over a pattern's text.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) end() bool { return s.pos >= len(s.text) }

func (s *scanner) space() {
	for !s.end() && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0 {
		s.pos++
	}
}

// take passes over a text after spaces, when it comes next.
func (s *scanner) take(word string) bool {
	s.space()
	if !strings.HasPrefix(s.text[s.pos:], word) {
		return false
	}
	s.pos += len(word)
	return true
}

// keyword is take for words, of any case, which must end there.
func (s *scanner) keyword(word string) bool {
	s.space()
	end := s.pos + len(word)
	if end > len(s.text) || !strings.EqualFold(s.text[s.pos:end], word) || end < len(s.text) && alphanumeric(s.text[end]) {
		return false
	}
	s.pos = end
	return true
}

func (s *scanner) word(part func(byte) bool) string {
	start := s.pos
	for !s.end() && part(s.text[s.pos]) {
		s.pos++
	}
	return s.text[start:s.pos]
}

// quoted reads a text in double quotes; a backslash takes the next character as it is.
func (s *scanner) quoted() (string, error) {
	var b strings.Builder
	for i := s.pos + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(s.text):
			i++
			b.WriteByte(s.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", invalid("a quotation mark is not closed")
}

// regex reads a regular expression between percent signs.
func (s *scanner) regex() (*regexp.Regexp, error) {
	end := strings.IndexByte(s.text[s.pos+1:], '%')
	if end < 0 {
		return nil, invalid("a regular expression is not closed")
	}
	expr := s.text[s.pos+1 : s.pos+1+end]
	s.pos += end + 2
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, invalid("%%%s%% is no regular expression", expr)
	}
	return re, nil
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
