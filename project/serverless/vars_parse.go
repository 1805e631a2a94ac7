package serverless

import (
	"fmt"
	"strings"

	"sundog/internal/pattern"
)

// segment is a stretch of text, or a variable in it.
type segment struct {
	text     string
	variable *variable
}

// variable is one ${...}: its sources, tried in order until one has a value.
type variable struct {
	raw     string
	sources []source
}

// source is one alternative of a variable: type(params):address, or a literal.
type source struct {
	typ     string
	params  []segment
	address []segment // nil when there is no ":"
	literal *Value
	quoted  []segment // of a quoted literal, which may hold variables
}

var (
	variableHead = pattern.New(`^\$\{\s*[a-zA-Z][a-zA-Z0-9_-]*(\(|:([^:]|$))`)
	sourceHead   = pattern.New(`^[a-zA-Z][a-zA-Z0-9_-]*[(:]`)
)

const maxVariableDepth = 50

// isVariable tells whether s, which begins with "${", begins a variable of the framework's. CloudFormation's own (${AWS::Region},
// ${Name}, ${Name.Attribute}) are not: they have no single colon.
func isVariable(s string) bool { return variableHead.MatchString(s) }

// hasVariable tells, cheaply, whether the text may hold a variable.
func hasVariable(s string) bool {
	for i := strings.Index(s, "${"); i >= 0; {
		if isVariable(s[i:]) {
			return true
		}
		next := strings.Index(s[i+2:], "${")
		if next < 0 {
			return false
		}
		i += 2 + next
	}
	return false
}

// parseSegments takes a text with variables apart. "\${" stands for a literal "${".
func parseSegments(s string, depth int) ([]segment, error) {
	if depth > maxVariableDepth {
		return nil, fmt.Errorf("variables are nested more than %d levels deep", maxVariableDepth)
	}
	var out []segment
	var text strings.Builder
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], `\${`) {
			text.WriteString("${")
			i += 3
			continue
		}
		if !strings.HasPrefix(s[i:], "${") || !isVariable(s[i:]) {
			text.WriteByte(s[i])
			i++
			continue
		}
		end, err := variableEnd(s, i)
		if err != nil {
			return nil, err
		}
		v, err := parseVariable(s[i+2:end], depth)
		if err != nil {
			return nil, err
		}
		v.raw = s[i : end+1]
		if text.Len() > 0 {
			out = append(out, segment{text: text.String()})
			text.Reset()
		}
		out = append(out, segment{variable: v})
		i = end + 1
	}
	if text.Len() > 0 {
		out = append(out, segment{text: text.String()})
	}
	return out, nil
}

// variableEnd gives the index of the "}" that closes the "${" at i.
func variableEnd(s string, i int) (int, error) {
	depth := 0
	var quoteMark byte
	for j := i; j < len(s); j++ {
		switch c := s[j]; {
		case quoteMark != 0:
			if c == '\\' {
				j++
			} else if c == quoteMark {
				quoteMark = 0
			} else if strings.HasPrefix(s[j:], "${") {
				end, err := variableEnd(s, j)
				if err != nil {
					return 0, err
				}
				j = end
			}
		case (c == '\'' || c == '"') && opensQuote(s, j):
			quoteMark = c
		case c == '{':
			depth++
		case c == '}':
			depth--
			if depth == 0 {
				return j, nil
			}
		}
	}
	return 0, fmt.Errorf("the variable %s is not closed with }", quote(clip(s[i:], 40)))
}

// opensQuote tells whether a quotation mark begins a literal: it stands after a comma, a colon or an opening bracket.
func opensQuote(s string, j int) bool {
	before := strings.TrimRight(s[:j], " \t\n")
	return before != "" && strings.ContainsRune(",:({", rune(before[len(before)-1]))
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

func parseVariable(body string, depth int) (*variable, error) {
	v := &variable{}
	for _, part := range splitTop(body, ',') {
		src, err := parseSource(strings.TrimSpace(part), depth+1)
		if err != nil {
			return nil, err
		}
		v.sources = append(v.sources, src)
	}
	return v, nil
}

// splitTop splits at a separator that is in no quotes, brackets or inner variables.
func splitTop(s string, sep byte) []string {
	var out []string
	depth, start := 0, 0
	var quoteMark byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoteMark != 0:
			if c == '\\' {
				i++
			} else if c == quoteMark {
				quoteMark = 0
			}
		case (c == '\'' || c == '"') && (i == 0 || opensQuote(s, i)):
			quoteMark = c
		case c == '{' || c == '(':
			depth++
		case c == '}' || c == ')':
			depth--
		case c == sep && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

func parseSource(s string, depth int) (source, error) {
	switch {
	case s == "":
		return source{}, fmt.Errorf("an empty source in a variable")
	case s[0] == '\'' || s[0] == '"':
		if len(s) < 2 || s[len(s)-1] != s[0] {
			return source{}, fmt.Errorf("the literal %s is not closed", clip(s, 40))
		}
		inner := strings.ReplaceAll(s[1:len(s)-1], `\`+s[:1], s[:1])
		segs, err := parseSegments(inner, depth+1)
		if segs == nil {
			segs = []segment{{}}
		}
		return source{quoted: segs}, err
	case strings.HasPrefix(s, "${"):
		segs, err := parseSegments(s, depth+1)
		return source{quoted: segs}, err
	case sourceHead.MatchString(s):
		return parseTyped(s, depth)
	}
	switch s {
	case "true", "false":
		return source{literal: boolean(s == "true")}, nil
	case "null":
		return source{literal: null()}, nil
	}
	if f, ok := scalarNumber(s); ok {
		return source{literal: number(f)}, nil
	}
	return source{}, fmt.Errorf("%s is neither a source (such as self:provider.stage) nor a literal; did you mean '%s'?", quote(s), s)
}

// parseTyped takes type(params):address apart.
func parseTyped(s string, depth int) (src source, err error) {
	i := strings.IndexAny(s, "(:")
	src.typ = s[:i]
	rest := s[i:]
	if rest[0] == '(' {
		end := closing(rest)
		if end < 0 {
			return src, fmt.Errorf("the bracket of %s is not closed", quote(clip(s, 40)))
		}
		if src.params, err = parseSegments(strings.TrimSpace(rest[1:end]), depth+1); err != nil {
			return src, err
		}
		rest = rest[end+1:]
	}
	if rest == "" {
		return src, nil
	}
	if rest[0] != ':' {
		return src, fmt.Errorf("expected : after %s", quote(clip(s[:len(s)-len(rest)], 40)))
	}
	address := strings.TrimSpace(rest[1:])
	if len(address) >= 2 && address[0] == '"' && address[len(address)-1] == '"' {
		address = address[1 : len(address)-1]
	}
	src.address, err = parseSegments(address, depth+1)
	if src.address == nil {
		src.address = []segment{}
	}
	return src, err
}

// closing gives the index of the bracket that closes the one at 0, or -1.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
