package ddbexpr

import "strings"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokName
	tokHash   // #name
	tokColon  // :value
	tokNumber // digits
	tokPunct
	tokBad
)

type token struct {
	kind     tokenKind
	text     string
	from, to int
}

// is tells whether the token is a keyword, in any case.
func (t token) is(keyword string) bool {
	return t.kind == tokName && strings.EqualFold(t.text, keyword)
}

// punct tells whether the token is that punctuation or operator.
func (t token) punct(s string) bool { return t.kind == tokPunct && t.text == s }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isPart(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }

// scan splits a text into tokens; the last is tokEOF. A character that belongs to no token becomes tokBad.
func scan(src string) []token {
	toks := make([]token, 0, 16)
	for i := 0; i < len(src); {
		switch src[i] {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		}
		t := next(src, i)
		toks = append(toks, t)
		i = t.to
	}
	return append(toks, token{kind: tokEOF, text: "<EOF>", from: len(src), to: len(src)})
}

func next(src string, i int) token {
	c, end, kind := src[i], i+1, tokPunct
	switch {
	case isLetter(c):
		end, kind = runOf(src, end, isPart), tokName
	case isDigit(c):
		end, kind = runOf(src, end, isDigit), tokNumber
	case c == '#' || c == ':':
		end, kind = runOf(src, end, isPart), tokHash
		if c == ':' {
			kind = tokColon
		}
		if end == i+1 {
			kind = tokBad
		}
	case c == '<' && end < len(src) && (src[end] == '>' || src[end] == '='), c == '>' && end < len(src) && src[end] == '=':
		end++
	case strings.IndexByte("()[].,=<>+-", c) < 0:
		kind = tokBad
	}
	return token{kind: kind, text: src[i:end], from: i, to: end}
}

func runOf(src string, i int, in func(byte) bool) int {
	for i < len(src) && in(src[i]) {
		i++
	}
	return i
}
