package lambda

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// jsonText reads a payload that is no JSON, to say what is wrong with it in the words of Lambda's own parser, which is Jackson: clients and people know
// them. Where it stops is where that parser would.
type jsonText struct {
	b  []byte
	at int
	is string // what is wrong; "": nothing so far
}

const (
	jsonValues = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	maxShown   = 500 // bytes of a payload that a message quotes
	maxToken   = 256 // characters of a token that a message quotes
	maxNested  = 1000
)

// describeJSON says what is wrong with a payload; "" when its parser would find nothing.
func describeJSON(b []byte) string {
	t := &jsonText{b: b}
	if t.value("", 0) && t.skip() {
		second := *t
		if t.value("", 0) { // its parser could read on
			*t = second
			t.unexpected("expected a valid value " + jsonValues)
		}
	}
	if t.is == "" {
		return ""
	}
	return t.is + "\n at " + t.place(t.at)
}

// place shows a position: the one after the byte at which the parser stopped.
func (t *jsonText) place(at int) string {
	shown, cut := t.b, ""
	if len(shown) > maxShown {
		shown, cut = shown[:maxShown], fmt.Sprintf("[truncated %d bytes]", len(shown)-maxShown)
	}
	before := t.b[:min(at, len(t.b))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	return fmt.Sprintf(`[Source: (byte[])"%s"%s; line: %d, column: %d]`, shown, cut, line, at-bytes.LastIndexByte(before, '\n'))
}

func (t *jsonText) fail(format string, args ...any) bool {
	if t.is == "" {
		t.is = fmt.Sprintf(format, args...)
	}
	return false
}

// skip passes over white space; false at the end, and at other control characters.
func (t *jsonText) skip() bool {
	for t.at < len(t.b) && bytes.IndexByte([]byte(" \t\r\n"), t.b[t.at]) >= 0 {
		t.at++
	}
	if t.at < len(t.b) && t.b[t.at] < ' ' {
		return t.fail(`Illegal character (%s): only regular white space (\r, \n, \t) is allowed between tokens`, t.character())
	}
	return t.at < len(t.b)
}

// character takes a byte and shows it: its parser shows the bytes of other characters than ASCII's one by one, as those of Latin-1.
func (t *jsonText) character() string {
	if t.at >= len(t.b) {
		return "end of input"
	}
	t.at++
	return shownCharacter(rune(t.b[t.at-1]))
}

func shownCharacter(c rune) string {
	switch {
	case unicode.IsControl(c):
		return fmt.Sprintf("(CTRL-CHAR, code %d)", c)
	case c > 0xff:
		return fmt.Sprintf("'%c' (code %d / 0x%x)", c, c, c)
	}
	return fmt.Sprintf("'%c' (code %d)", c, c)
}

// decoded takes a whole character; false says that it is none.
func (t *jsonText) decoded() (rune, bool) {
	c, n := utf8.DecodeRune(t.b[t.at:])
	if c == utf8.RuneError && n == 1 {
		return 0, t.encoding()
	}
	t.at += n
	return c, true
}

func (t *jsonText) unexpected(want string) bool {
	return t.fail("Unexpected character (%s): %s", t.character(), want)
}

// value reads a value; inside says in what, for its end.
func (t *jsonText) value(inside string, depth int) bool {
	switch found := t.skip(); {
	case !found && inside == "":
		return t.fail("No content to map due to end-of-input")
	case !found:
		return t.fail("Unexpected end-of-input within/between %s entries", inside)
	}
	switch c := t.b[t.at]; {
	case c == '{' && depth < maxNested:
		return t.many("Object", '}', depth)
	case c == '[' && depth < maxNested:
		return t.many("Array", ']', depth)
	case c == '"':
		return t.text("string value")
	case c == '-' || c >= '0' && c <= '9':
		return t.number() && (inside != "" || t.apart())
	case c == '}' || c == ']':
		return t.unexpected("expected a value")
	}
	return t.word()
}

// apart sees that a number that is in nothing is followed by white space.
func (t *jsonText) apart() bool {
	return t.at == len(t.b) || bytes.IndexByte([]byte(" \t\r\n"), t.b[t.at]) >= 0 || t.unexpected("Expected space separating root-level values")
}

// word reads null, true or false. What begins otherwise is judged by its first byte, as if that were a character of Latin-1.
func (t *jsonText) word() bool {
	first := rune(t.b[t.at])
	if !startsName(first) {
		return t.unexpected("expected a valid value " + jsonValues)
	}
	t.at++
	word, end := []rune{first}, t.at
	for t.at < len(t.b) && len(word) < maxToken { // its parser takes what follows as well
		c, ok := t.decoded()
		if !ok {
			return false
		}
		if !startsName(c) && !unicode.In(c, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Cf) {
			break
		}
		word, end = append(word, c), t.at
	}
	switch w := string(word); {
	case w == "null" || w == "true" || w == "false":
		t.at = end
		return true
	case w == "NaN" || w == "Infinity":
		t.at = end
		return t.nonStandard(w)
	case len(word) == maxToken:
		return t.fail("Unrecognized token '%s...': was expecting %s", w, jsonValues)
	default:
		return t.fail("Unrecognized token '%s': was expecting %s", w, jsonValues)
	}
}

// nonStandard is what others than JSON have for numbers that are none.
func (t *jsonText) nonStandard(token string) bool {
	return t.fail("Non-standard token '%s': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow", token)
}

// startsName tells whether Java's names begin so.
func startsName(c rune) bool { return unicode.In(c, unicode.L, unicode.Nl, unicode.Sc, unicode.Pc) }

// many reads an object or an array.
func (t *jsonText) many(kind string, end byte, depth int) bool {
	start := t.at
	t.at++
	for first := true; ; first = false {
		if !t.skip() {
			return t.fail("Unexpected end-of-input: expected close marker for %s (start marker at %s)", kind, t.place(start))
		}
		switch c := t.b[t.at]; {
		case c == end && first:
			t.at++
			return true
		case c == end && kind == "Array":
			return t.unexpected("expected a value")
		}
		if kind == "Object" && !t.name() || !t.value(kind, depth+1) {
			return false
		}
		if !t.skip() {
			return t.fail("Unexpected end-of-input: expected close marker for %s (start marker at %s)", kind, t.place(start))
		}
		switch c := t.b[t.at]; c {
		case end:
			t.at++
			return true
		case ',':
			t.at++
		case ']', '}':
			t.at++
			return t.fail("Unexpected close marker '%c': expected '%c' (for %s starting at %s)", c, end, kind, t.place(start))
		default:
			return t.unexpected("was expecting comma to separate " + kind + " entries")
		}
	}
}

// name reads a field's name and its colon.
func (t *jsonText) name() bool {
	if t.b[t.at] != '"' {
		c, ok := t.decoded()
		return ok && t.fail("Unexpected character (%s): was expecting double-quote to start field name", shownCharacter(c))
	}
	if !t.text("name") {
		return false
	}
	if !t.skip() {
		return t.fail("Unexpected end-of-input within/between Object entries")
	}
	if t.b[t.at] != ':' {
		return t.unexpected("was expecting a colon to separate field name and value")
	}
	t.at++
	return true
}

// text reads a string.
func (t *jsonText) text(what string) bool {
	for t.at++; t.at < len(t.b); {
		switch c := t.b[t.at]; {
		case c == '"':
			t.at++
			return true
		case c < ' ':
			return t.fail("Illegal unquoted character (%s): has to be escaped using backslash to be included in %s", t.character(), what)
		case c == '\\':
			if !t.escape() {
				return false
			}
		case c < utf8.RuneSelf:
			t.at++
		default:
			if _, n := utf8.DecodeRune(t.b[t.at:]); n > 1 {
				t.at += n
				continue
			}
			return t.encoding()
		}
	}
	if what == "name" {
		return t.fail("Unexpected end-of-input in field name")
	}
	return t.fail("Unexpected end-of-input: was expecting closing quote for a string value")
}

// escape reads what follows a backslash.
func (t *jsonText) escape() bool {
	t.at++
	switch {
	case t.at == len(t.b):
		return t.fail("Unexpected end-of-input in character escape sequence")
	case bytes.IndexByte([]byte(`"\/bfnrtu`), t.b[t.at]) < 0:
		return t.fail("Unrecognized character escape %s", t.character())
	}
	hex := t.b[t.at] == 'u'
	t.at++
	for n := 0; hex && n < 4; n++ {
		if t.at == len(t.b) {
			return t.fail("Unexpected end-of-input in character escape sequence")
		}
		if !bytes.ContainsRune([]byte("0123456789abcdefABCDEF"), rune(t.b[t.at])) {
			return t.unexpected("expected a hex-digit for character escape sequence")
		}
		t.at++
	}
	return true
}

// encoding says which byte is no UTF-8.
func (t *jsonText) encoding() bool {
	c := t.b[t.at]
	t.at++
	if c < 0xc2 || c > 0xf4 {
		return t.fail("Invalid UTF-8 start byte 0x%x", c)
	}
	for n := 1; t.at < len(t.b) && (n == 1 || n == 2 && c >= 0xe0 || n == 3 && c >= 0xf0); n++ {
		t.at++
		if m := t.b[t.at-1]; m&0xc0 != 0x80 {
			return t.fail("Invalid UTF-8 middle byte 0x%x", m)
		}
	}
	return t.fail("Invalid UTF-8 middle byte 0x%x", t.b[t.at-1])
}

// number reads a number.
func (t *jsonText) number() bool {
	if t.b[t.at] == '-' {
		t.at++
	}
	from := t.at
	if name := []byte("Infinity"); bytes.HasPrefix(t.b[t.at:], name) {
		t.at += len(name)
		return t.nonStandard("-Infinity")
	}
	if !t.digits() {
		return t.fail("Unexpected character (%s) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value", t.character())
	}
	if t.at-from > 1 && t.b[from] == '0' {
		t.at = from + 1
		return t.fail("Invalid numeric value: Leading zeroes not allowed")
	}
	if t.at < len(t.b) && t.b[t.at] == '.' {
		t.at++
		if !t.digits() {
			return t.fail("Unexpected character (%s) in numeric value: Decimal point not followed by a digit", t.character())
		}
	}
	if t.at < len(t.b) && (t.b[t.at] == 'e' || t.b[t.at] == 'E') {
		if t.at++; t.at < len(t.b) && (t.b[t.at] == '+' || t.b[t.at] == '-') {
			t.at++
		}
		if !t.digits() {
			return t.fail("Unexpected character (%s) in numeric value: Exponent indicator not followed by a digit", t.character())
		}
	}
	return true
}

func (t *jsonText) digits() bool {
	from := t.at
	for t.at < len(t.b) && t.b[t.at] >= '0' && t.b[t.at] <= '9' {
		t.at++
	}
	return t.at > from
}
