package eventpattern

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

type kind byte

const (
	beginObject kind = '{'
	endObject   kind = '}'
	beginArray  kind = '['
	endArray    kind = ']'
	field       kind = 'f'
	text        kind = 's'
	number      kind = 'n'
	literal     kind = 'l' // true, false, null
)

// token is one piece of JSON. seen is where a reader that has not yet taken the text stands, end where one that has does: the
// services' errors name these places (a string is only read when it is looked at, and the value after a name is begun at once).
type token struct {
	kind      kind
	text      string // of a string or name: decoded; else as written
	seen, end int
}

// lexer reads JSON token by token; commas and colons are its own business.
type lexer struct {
	src     string
	pos     int
	dialect Dialect
	open    []kind // the containers around pos
	first   bool   // nothing yet read in the innermost container
	value   *token // the value after the last name, already read
}

const maxDepth = 100

func (l *lexer) space() {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
}

// next gives the next token.
func (l *lexer) next() (token, *Error) {
	if l.value != nil {
		t := *l.value
		l.value = nil
		return t, l.push(t)
	}
	l.space()
	if l.pos >= len(l.src) {
		return token{}, l.syntax(l.pos, "Unexpected end-of-input")
	}
	if n := len(l.open); n > 0 {
		if l.src[l.pos] == byte(l.open[n-1]) {
			t := token{kind: l.open[n-1], text: l.src[l.pos : l.pos+1], seen: l.pos + 1, end: l.pos + 1}
			l.pos++
			l.open, l.first = l.open[:n-1], false
			return t, nil
		}
		if err := l.separator(l.open[n-1]); err != nil {
			return token{}, err
		}
		if l.open[n-1] == endObject {
			return l.name()
		}
	}
	t, err := l.scalarOrOpen()
	if err != nil {
		return t, err
	}
	return t, l.push(t)
}

func (l *lexer) separator(in kind) *Error {
	if l.first {
		l.first = false
		return nil
	}
	if l.src[l.pos] != ',' {
		what := "Array"
		if in == endObject {
			what = "Object"
		}
		return l.unexpected("was expecting comma to separate " + what + " entries")
	}
	l.pos++
	l.space()
	return nil
}

// name reads a field's name, the colon and the token that begins its value.
func (l *lexer) name() (token, *Error) {
	if l.pos >= len(l.src) {
		return token{}, l.syntax(l.pos, "Unexpected end-of-input within/between Object entries")
	}
	if l.src[l.pos] != '"' {
		return token{}, l.unexpected("was expecting double-quote to start field name")
	}
	t, err := l.scalarOrOpen()
	if err != nil {
		return t, err
	}
	l.space()
	if l.pos >= len(l.src) || l.src[l.pos] != ':' {
		return t, l.unexpected("was expecting a colon to separate field name and value")
	}
	l.pos++
	l.space()
	v, err := l.scalarOrOpen()
	if err != nil {
		return t, err
	}
	l.value = &v
	return token{kind: field, text: t.text, seen: v.seen, end: v.seen}, nil
}

func (l *lexer) push(t token) *Error {
	switch t.kind {
	case beginObject:
		l.open, l.first = append(l.open, endObject), true
	case beginArray:
		l.open, l.first = append(l.open, endArray), true
	}
	if len(l.open) > maxDepth {
		return plain(l.dialect, "Document nesting depth exceeds the maximum allowed (%d)", maxDepth)
	}
	return nil
}

func (l *lexer) scalarOrOpen() (token, *Error) {
	if l.pos >= len(l.src) {
		return token{}, l.syntax(l.pos, "Unexpected end-of-input")
	}
	from := l.pos
	switch c := l.src[l.pos]; {
	case c == '{' || c == '[':
		l.pos++
		return token{kind: kind(c), text: string(c), seen: l.pos, end: l.pos}, nil
	case c == '"':
		return l.str()
	case c == '-' || c >= '0' && c <= '9':
		for l.pos < len(l.src) && strings.IndexByte("+-.eE0123456789", l.src[l.pos]) >= 0 {
			l.pos++
		}
		return l.word(number, from)
	case c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		for l.pos < len(l.src) && (l.src[l.pos] >= 'a' && l.src[l.pos] <= 'z' || l.src[l.pos] >= 'A' && l.src[l.pos] <= 'Z') {
			l.pos++
		}
		return l.word(literal, from)
	}
	return token{}, l.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
}

func (l *lexer) word(k kind, from int) (token, *Error) {
	w := l.src[from:l.pos]
	if !json.Valid([]byte(w)) {
		if k == number {
			return token{}, l.syntax(l.pos, "Invalid numeric value: %s", w)
		}
		return token{}, l.syntax(l.pos, "Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", w)
	}
	return token{kind: k, text: w, seen: l.pos, end: l.pos}, nil
}

func (l *lexer) str() (token, *Error) {
	from := l.pos
	for l.pos++; l.pos < len(l.src) && l.src[l.pos] != '"'; l.pos++ {
		if l.src[l.pos] == '\\' {
			l.pos++
		}
	}
	if l.pos >= len(l.src) {
		l.pos = len(l.src)
		return token{}, l.syntax(l.pos, "Unexpected end-of-input in VALUE_STRING")
	}
	l.pos++
	var s string
	if err := json.Unmarshal([]byte(l.src[from:l.pos]), &s); err != nil {
		return token{}, l.syntax(l.pos, "Illegal character or escape in a string")
	}
	return token{kind: text, text: s, seen: from + 1, end: l.pos}, nil
}

func (l *lexer) unexpected(what string) *Error {
	if l.pos >= len(l.src) {
		return l.syntax(l.pos, "Unexpected end-of-input: %s", what)
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.pos:])
	return l.syntax(l.pos, "Unexpected character ('%c' (code %d)): %s", r, r, what)
}

// skip reads to the end of the value that t begins.
func (l *lexer) skip(t token) *Error {
	if t.kind != beginObject && t.kind != beginArray {
		return nil
	}
	for depth := len(l.open); len(l.open) >= depth; {
		if _, err := l.next(); err != nil {
			return err
		}
	}
	return nil
}
