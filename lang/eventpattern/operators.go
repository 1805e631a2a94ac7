package eventpattern

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
)

// values reads the rest of a list of values and match expressions.
func (l *lexer) values() (leaf, *Error) {
	var out leaf
	for {
		t, err := l.next()
		if err != nil {
			return out, err
		}
		switch t.kind {
		case endArray:
			if out.size() == 0 {
				return out, l.fail(t.end, "Empty arrays are not allowed")
			}
			return out, nil
		case text, number, literal:
			out.tests = append(out.tests, exactly(t))
		case beginObject:
			if err := l.expression(&out); err != nil {
				return out, err
			}
		default:
			return out, l.fail(t.seen, "Match value must be String, number, true, false, or null")
		}
	}
}

func exactly(t token) test {
	switch {
	case t.kind == text:
		return equals(t.text)
	case t.kind == number:
		return numeral(json.Number(t.text))
	}
	return constant(t.text)
}

// expression reads the rest of an object such as {"prefix": "a"}.
func (l *lexer) expression(out *leaf) *Error {
	name, err := l.next()
	if err != nil {
		return err
	}
	if name.kind != field {
		return l.fail(name.end, "Match expression name not found")
	}
	t, err := l.operator(name, out)
	if err != nil {
		return err
	}
	if t != nil {
		out.tests = append(out.tests, t)
	}
	return l.closed()
}

func (l *lexer) closed() *Error {
	t, err := l.next()
	if err == nil && t.kind != endObject {
		return l.fail(t.end, "Only one key allowed in match expression")
	}
	return err
}

func (l *lexer) operator(name token, out *leaf) (test, *Error) {
	if name.text == "wildcard" && l.dialect.sns() {
		return nil, l.fail(name.end, "Unrecognized match type wildcard")
	}
	switch name.text {
	case "exists":
		return l.exists(out)
	case "numeric":
		return l.numeric()
	case "anything-but":
		return l.anythingBut()
	case "prefix", "suffix":
		return l.affix(name.text)
	case "exactly", "equals-ignore-case", "wildcard", "cidr":
	default:
		return nil, l.fail(name.end, "Unrecognized match type %s", name.text)
	}
	t, err := l.next()
	if err != nil {
		return nil, err
	}
	if t.kind != text {
		what := name.text
		switch what {
		case "cidr":
			what = "prefix" // AWS's own slip
		case "exactly":
			what = "exact"
		}
		return nil, l.fail(t.seen, "%s match pattern must be a string", what)
	}
	switch name.text {
	case "equals-ignore-case":
		return foldEquals(t.text), nil
	case "wildcard":
		return parseWildcard(t.text, l.dialect)
	case "cidr":
		return parseCIDR(t.text, l.dialect)
	}
	return equals(t.text), nil
}

func (l *lexer) exists(out *leaf) (test, *Error) {
	t, err := l.next()
	if err != nil {
		return nil, err
	}
	switch {
	case t.kind == literal && t.text == "true":
		return present{}, nil
	case t.kind == literal && t.text == "false":
		out.absent = true
		return nil, nil
	}
	return nil, l.fail(t.seen, "exists match pattern must be either true or false.")
}

func (l *lexer) affix(name string) (test, *Error) {
	t, err := l.next()
	if err != nil {
		return nil, err
	}
	if t.kind == text {
		return affixTest(name, t.text, false), nil
	}
	if t.kind != beginObject || l.dialect.sns() {
		return nil, l.fail(t.seen, "%s match pattern must be a string", name)
	}
	key, err := l.next()
	if err != nil {
		return nil, err
	}
	if key.kind != field || key.text != "equals-ignore-case" {
		return nil, l.fail(key.end, "Unsupported %s pattern: %s", name, key.text)
	}
	if t, err = l.next(); err != nil {
		return nil, err
	}
	if t.kind != text {
		return nil, l.fail(t.seen, "equals-ignore-case match pattern must be a string")
	}
	return affixTest(name, t.text, true), l.closed()
}

func affixTest(name, s string, fold bool) test {
	switch {
	case name == "prefix" && fold:
		return foldPrefix(s)
	case name == "prefix":
		return prefix(s)
	case fold:
		return foldSuffix(s)
	}
	return suffix(s)
}

func (l *lexer) anythingBut() (test, *Error) {
	t, err := l.next()
	if err != nil {
		return nil, err
	}
	if t.kind != beginObject {
		ts, err := l.butList(t, "anything but")
		return anythingBut(ts), err
	}
	key, err := l.next()
	if err != nil {
		return nil, err
	}
	if key.kind != field {
		return nil, l.fail(key.end, "Anything-But expression name not found")
	}
	known := key.text == "prefix" || !l.dialect.sns() && (key.text == "suffix" || key.text == "equals-ignore-case" || key.text == "wildcard")
	if !known {
		return nil, l.fail(key.end, "Unsupported anything-but pattern: %s", key.text)
	}
	if t, err = l.next(); err != nil {
		return nil, err
	}
	ts, err := l.butList(t, key.text)
	if err != nil {
		return nil, err
	}
	return anythingBut(ts), l.closed()
}

// butList reads what must not be: one value, or a list. what is "anything but" for plain values, else the operator in between.
func (l *lexer) butList(t token, what string) ([]test, *Error) {
	if t.kind == beginObject || what == "anything but" && t.kind == literal || what == "equals-ignore-case" && t.kind == literal {
		return nil, l.fail(t.seen, "Value of anything-but must be an array or single string/number value.")
	}
	if t.kind != beginArray || l.dialect.sns() && what == "prefix" {
		one, err := l.butValue(t, what)
		return []test{one}, err
	}
	var all []test
	var first kind
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if t.kind == endArray {
			if len(all) == 0 {
				return nil, l.fail(t.end, "Empty arrays are not allowed")
			}
			return all, nil
		}
		one, err := l.butValue(t, what)
		if err != nil {
			return nil, err
		}
		if first == 0 {
			first = t.kind
		}
		if t.kind != first {
			return nil, l.fail(t.seen, "Inside anything but list, either all values are number or string, mixed type is not supported")
		}
		all = append(all, one)
	}
}

func (l *lexer) butValue(t token, what string) (test, *Error) {
	switch what {
	case "anything but":
		if t.kind != text && t.kind != number {
			return nil, l.fail(t.seen, "Inside anything but list, start|null|boolean is not supported.")
		}
		return exactly(t), nil
	case "equals-ignore-case":
		if t.kind != text {
			return nil, l.fail(t.seen, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.")
		}
		return foldEquals(t.text), nil
	case "wildcard":
		if t.kind != text {
			return nil, l.fail(t.seen, "wildcard match pattern must be a string")
		}
		return parseWildcard(t.text, l.dialect)
	}
	if t.kind != text {
		name := "prefix/suffix"
		if l.dialect.sns() {
			name = "prefix"
		}
		return nil, l.fail(t.seen, "%s match pattern must be a string", name)
	}
	if t.text == "" {
		return nil, l.fail(t.end, "Null prefix/suffix not allowed")
	}
	return affixTest(what, t.text, false), nil
}

func parseWildcard(s string, d Dialect) (test, *Error) {
	w := wildcard{parts: []string{""}}
	star := false
	for i := 0; i < len(s); i++ {
		last := len(w.parts) - 1
		switch c := s[i]; {
		case c == '*' && star:
			return nil, plain(d, "Consecutive wildcard characters at pos %d", i)
		case c == '*':
			w.parts = append(w.parts, "")
			star = true
			continue
		case c == '\\':
			if i++; i >= len(s) || s[i] != '*' && s[i] != '\\' {
				return nil, plain(d, "Invalid escape character at pos %d", i)
			}
			w.parts[last] += s[i : i+1]
		default:
			w.parts[last] += s[i : i+1]
		}
		star = false
	}
	if len(w.parts) > maxStars+1 {
		return nil, plain(d, "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character")
	}
	return w, nil
}

// maxStars bounds the wildcards of one value. AWS does not publish its measure; six were refused, five are allowed.
const maxStars = 5

func parseCIDR(s string, d Dialect) (test, *Error) {
	ip, mask, _ := strings.Cut(s, "/")
	if strings.Count(s, "/") != 1 {
		return nil, plain(d, "Malformed CIDR, one '/' required")
	}
	bits, err := strconv.Atoi(mask)
	if err != nil {
		return nil, plain(d, "Malformed CIDR, mask bits must be an integer")
	}
	if bits < 0 {
		return nil, plain(d, "Malformed CIDR, mask bits must not be negative")
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Zone() != "" {
		return nil, plain(d, "Nonstandard IP address: %s", ip)
	}
	p, err := addr.Prefix(bits)
	if err != nil && addr.Is4() {
		return nil, plain(d, "IPv4 mask bits must be < 33")
	} else if err != nil {
		return nil, plain(d, "IPv6 mask bits must be < 129")
	}
	return cidr(p), nil
}
