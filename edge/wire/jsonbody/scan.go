package jsonbody

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of objects and arrays.
const MaxDepth = 256

// Error says what is wrong with a document. Message is fit for the client.
type Error struct {
	Message string
	Syntax  bool // not JSON at all
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

func typeError(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// scanner walks over a JSON text.
type scanner struct {
	b     []byte
	i     int
	depth int
}

func (s *scanner) syntax() error {
	if s.i >= len(s.b) {
		return &Error{Message: "Unexpected end of input", Syntax: true}
	}
	return &Error{Message: fmt.Sprintf("Unexpected character %q at offset %d", s.b[s.i], s.i), Syntax: true}
}

// peek gives the next character that is not white space, or 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.syntax()
	}
	s.i++
	return nil
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > MaxDepth {
		return &Error{Message: "Nesting is too deep"}
	}
	s.i++
	return nil
}

// object calls member for each key, the scanner standing at the value.
func (s *scanner) object(member func(key []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.syntax()
		}
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.syntax()
		}
	}
}

// array calls element for each element, the scanner standing at it.
func (s *scanner) array(element func(i int) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer func() { s.depth-- }()
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.syntax()
		}
	}
}

// skip passes over any value.
func (s *scanner) skip() error {
	switch s.peek() {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.array(func(int) error { return s.skip() })
	case '"':
		_, err := s.text()
		return err
	case 't', 'f', 'n':
		_, err := s.word()
		return err
	}
	_, err := s.number()
	return err
}

// word reads true, false or null.
func (s *scanner) word() (string, error) {
	for _, w := range [...]string{"true", "false", "null"} {
		if len(s.b)-s.i >= len(w) && string(s.b[s.i:s.i+len(w)]) == w {
			s.i += len(w)
			return w, nil
		}
	}
	return "", s.syntax()
}

// number reads a number's text (RFC 8259, section 6).
func (s *scanner) number() ([]byte, error) {
	s.peek()
	start := s.i
	s.accept("-")
	if s.accept("0") == 0 && s.accept("123456789") == 0 {
		return nil, s.syntax()
	} else if s.b[s.i-1] != '0' {
		s.digits()
	}
	if s.accept(".") == 1 && s.digits() == 0 {
		return nil, s.syntax()
	}
	if s.accept("eE") == 1 {
		s.accept("+-")
		if s.digits() == 0 {
			return nil, s.syntax()
		}
	}
	return s.b[start:s.i], nil
}

func (s *scanner) accept(set string) int {
	if s.i < len(s.b) {
		for j := 0; j < len(set); j++ {
			if s.b[s.i] == set[j] {
				s.i++
				return 1
			}
		}
	}
	return 0
}

func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}

// text reads a string. The answer is part of the input when it has no escapes; do not keep it.
func (s *scanner) text() ([]byte, error) {
	s.i++ // the quote
	start := s.i
	plain := true
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			raw := s.b[start:s.i]
			s.i++
			if plain {
				return raw, nil
			}
			return unescape(raw)
		case c == '\\':
			plain = false
			s.i += 2
		case c < ' ':
			return nil, s.syntax()
		case c >= utf8.RuneSelf:
			plain = false
			s.i++
		default:
			s.i++
		}
	}
	s.i = len(s.b)
	return nil, s.syntax()
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape resolves escapes, and replaces what is not UTF-8 and lone surrogates by U+FFFD.
func unescape(raw []byte) ([]byte, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
		case c != '\\':
			out = append(out, c)
			i++
		case raw[i+1] == 'u':
			r, n, err := unicodeEscape(raw[i:])
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
			i += n
		default:
			e, ok := escapes[raw[i+1]]
			if !ok {
				return nil, &Error{Message: fmt.Sprintf("Unrecognized character escape %q", raw[i+1]), Syntax: true}
			}
			out = append(out, e)
			i += 2
		}
	}
	return out, nil
}

func unicodeEscape(raw []byte) (r rune, n int, err error) {
	first, err := hex4(raw)
	if err != nil {
		return 0, 0, err
	}
	if !utf16.IsSurrogate(first) {
		return first, 6, nil
	}
	if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
		second, err := hex4(raw[6:])
		if err != nil {
			return 0, 0, err
		}
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, 12, nil
		}
	}
	return utf8.RuneError, 6, nil
}

func hex4(raw []byte) (rune, error) {
	if len(raw) >= 6 {
		if n, err := strconv.ParseUint(string(raw[2:6]), 16, 16); err == nil {
			return rune(n), nil
		}
	}
	return 0, &Error{Message: "Invalid unicode escape", Syntax: true}
}
