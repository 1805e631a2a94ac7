package policydoc

import (
	"strings"
	"unicode/utf8"
)

// Keys gives the values of a condition key in a request. Keys are asked for in lower case; false means that the request has no such key.
type Keys func(key string) (values []string, ok bool)

type partKind uint8

const (
	literal partKind = iota
	star
	question
	variable
)

type part struct {
	kind       partKind
	text       string // of a literal, or the variable's key in lower case
	fallback   string // of a variable
	hasDefault bool
}

// Glob is a compiled text with wildcards ("*" any text, "?" any one character) and policy variables ("${aws:username}",
// "${key, 'default'}"; "${*}", "${?}" and "${$}" are the characters themselves). The zero Glob matches "". Safe for concurrent use.
type Glob struct {
	parts    []part
	variable bool
	fold     bool
}

// Compile makes a Glob. variables tells whether policy variables are known there: not in documents of version 2008-10-17.
func Compile(s string, variables bool) Glob { return compile(s, variables, true) }

// CompileFold makes a Glob without variables that passes over the case of ASCII letters, as actions are compared.
func CompileFold(s string) Glob {
	g := compile(strings.ToLower(s), false, true)
	g.fold = true
	return g
}

// CompileText makes a Glob in which only variables are special, as operators such as StringEquals take their values.
func CompileText(s string, variables bool) Glob { return compile(s, variables, false) }

func compile(s string, variables, wildcards bool) Glob {
	var g Glob
	var text []byte
	flush := func() {
		if len(text) > 0 {
			g.parts = append(g.parts, part{kind: literal, text: string(text)})
			text = nil
		}
	}
	for i := 0; i < len(s); {
		if p, n := readVariable(s[i:]); variables && n > 0 {
			if p.kind == literal {
				text = append(text, p.text...)
			} else {
				flush()
				g.parts, g.variable = append(g.parts, p), true
			}
			i += n
			continue
		}
		switch c := s[i]; {
		case wildcards && c == '*':
			flush()
			if n := len(g.parts); n == 0 || g.parts[n-1].kind != star {
				g.parts = append(g.parts, part{kind: star})
			}
		case wildcards && c == '?':
			flush()
			g.parts = append(g.parts, part{kind: question})
		default:
			text = append(text, c)
		}
		i++
	}
	flush()
	return g
}

// readVariable reads "${...}" at the start of s; n is its length, or 0 when there is none.
func readVariable(s string) (p part, n int) {
	if !strings.HasPrefix(s, "${") {
		return part{}, 0
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return part{}, 0
	}
	inner := s[2:end]
	switch inner {
	case "*", "?", "$":
		return part{kind: literal, text: inner}, end + 1
	}
	key, fallback, has := strings.Cut(inner, ",")
	key = strings.ToLower(strings.TrimSpace(key))
	if key == "" {
		return part{}, 0
	}
	p = part{kind: variable, text: key}
	if fallback = strings.TrimSpace(fallback); has && len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		p.fallback, p.hasDefault = fallback[1:len(fallback)-1], true
	}
	return p, end + 1
}

// Match tells whether s matches. A variable without a value and without a default matches nothing; the characters of a value are
// never wildcards. keys may be nil when there are no variables.
func (g *Glob) Match(s string, keys Keys) bool {
	parts := g.parts
	switch {
	case len(parts) == 1 && parts[0].kind == star:
		return true
	case g.variable:
		var ok bool
		if parts, ok = g.resolve(keys); !ok {
			return false
		}
	}
	return match(parts, s, g.fold)
}

// Text gives the text with its variables filled in; false when one has no value.
func (g *Glob) Text(keys Keys) (string, bool) {
	parts := g.parts
	if len(parts) == 1 && parts[0].kind == literal {
		return parts[0].text, true
	}
	if g.variable {
		var ok bool
		if parts, ok = g.resolve(keys); !ok {
			return "", false
		}
	}
	var b strings.Builder
	for _, p := range parts {
		switch p.kind {
		case star:
			b.WriteByte('*')
		case question:
			b.WriteByte('?')
		default:
			b.WriteString(p.text)
		}
	}
	return b.String(), true
}

// HasVariable tells whether the text names a policy variable.
func (g *Glob) HasVariable() bool { return g.variable }

func (g *Glob) resolve(keys Keys) ([]part, bool) {
	out := make([]part, len(g.parts))
	for i, p := range g.parts {
		if p.kind == variable {
			value, ok := p.fallback, p.hasDefault
			if keys != nil {
				// A key with several values cannot be a variable's (IAM User Guide, "Policy variables").
				if v, there := keys(p.text); there && len(v) == 1 {
					value, ok = v[0], true
				}
			}
			if !ok {
				return nil, false
			}
			p = part{kind: literal, text: value}
		}
		out[i] = p
	}
	return out, true
}

// match is the usual search with one point to go back to: after a mismatch, the last star takes one more character.
func match(parts []part, s string, fold bool) bool {
	at, pos := 0, 0
	backPart, backPos := -1, 0
	for {
		if at < len(parts) {
			p := parts[at]
			if p.kind == star {
				at++
				if at == len(parts) {
					return true
				}
				backPart, backPos = at, pos
				continue
			}
			if n := take(p, s[pos:], fold); n >= 0 {
				at, pos = at+1, pos+n
				continue
			}
		} else if pos == len(s) {
			return true
		}
		if backPart < 0 || backPos >= len(s) {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[backPos:])
		backPos += n
		at, pos = backPart, backPos
	}
}

// take gives how many bytes of s a part takes, or -1.
func take(p part, s string, fold bool) int {
	if p.kind == question {
		if s == "" {
			return -1
		}
		_, n := utf8.DecodeRuneInString(s)
		return n
	}
	if len(s) < len(p.text) {
		return -1
	}
	for i := 0; i < len(p.text); i++ {
		c := s[i]
		if fold && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != p.text[i] {
			return -1
		}
	}
	return len(p.text)
}

// ARNGlob is a pattern whose six colon-separated parts are matched one by one, as the operators ArnLike and ArnEquals do.
type ARNGlob struct {
	parts [6]Glob
	valid bool
}

// CompileARN makes an ARNGlob. A pattern without six parts matches nothing, but "*" matches every ARN.
func CompileARN(s string, variables bool) ARNGlob {
	if s == "*" {
		s = "*:*:*:*:*:*"
	}
	pieces := splitARN(s)
	if len(pieces) != 6 {
		return ARNGlob{}
	}
	g := ARNGlob{valid: true}
	for i, p := range pieces {
		g.parts[i] = Compile(p, variables)
	}
	return g
}

// splitARN cuts at the first five colons that are not inside a variable's braces.
func splitARN(s string) []string {
	var out []string
	start, depth := 0, 0
	for i := 0; i < len(s) && len(out) < 5; i++ {
		switch s[i] {
		case '{':
			if i > 0 && s[i-1] == '$' {
				depth++
			}
		case '}':
			depth = max(depth-1, 0)
		case ':':
			if depth == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

// Match tells whether an ARN's text matches.
func (g *ARNGlob) Match(s string, keys Keys) bool {
	if !g.valid {
		return false
	}
	for i := range g.parts {
		piece, rest, more := s, "", false
		if i < 5 {
			if piece, rest, more = strings.Cut(s, ":"); !more {
				return false
			}
		}
		if !g.parts[i].Match(piece, keys) {
			return false
		}
		s = rest
	}
	return true
}
