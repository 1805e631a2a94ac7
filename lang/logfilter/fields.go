package logfilter

import "strings"

// field is one place of a space-delimited pattern: its condition, nil when any value will do, or an ellipsis.
type field struct {
	name     string
	test     func(string) bool
	ellipsis bool
}

// parseFields reads a pattern such as [ip, user, ..., status = 4* || status = 5*, bytes > 100].
func parseFields(text string) (*Pattern, error) {
	s := &scanner{text: text, pos: 1}
	var list []field
	ellipsis := -1
	for {
		f, err := s.field()
		if err != nil {
			return nil, err
		}
		if f.ellipsis {
			if ellipsis >= 0 {
				return nil, invalid("there may be one ellipsis")
			}
			ellipsis = len(list)
		}
		list = append(list, f)
		if s.take(",") {
			continue
		}
		if !s.take("]") {
			return nil, invalid("] is missing at %q", s.text[s.pos:])
		}
		if s.space(); !s.end() {
			return nil, invalid("text after the pattern: %q", s.text[s.pos:])
		}
		return &Pattern{func(message string) bool { return matchFields(list, ellipsis, split(message)) }}, nil
	}
}

func (s *scanner) field() (f field, err error) {
	if s.take("...") {
		return field{ellipsis: true}, nil
	}
	if f.name, err = s.fieldName(); err != nil {
		return f, err
	}
	if s.space(); s.end() || strings.IndexByte(",]", s.text[s.pos]) >= 0 {
		return f, nil
	}
	f.test, err = s.fieldTest(f.name, true)
	return f, err
}

func (s *scanner) fieldName() (string, error) {
	s.space()
	name := s.word(func(c byte) bool { return alphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '$' })
	if name == "" {
		return "", invalid("a field's name is missing at %q", s.text[s.pos:])
	}
	return name, nil
}

// fieldTest reads the conditions of one field, which repeat its name: status = 4* || status = 5*. && binds more than ||.
func (s *scanner) fieldTest(name string, named bool) (func(string) bool, error) {
	var result func(string) bool
	for {
		all, err := s.fieldAll(name, named)
		if err != nil {
			return nil, err
		}
		named = false
		if before := result; before != nil {
			result = func(v string) bool { return before(v) || all(v) }
		} else {
			result = all
		}
		if !s.take("||") {
			return result, nil
		}
	}
}

func (s *scanner) fieldAll(name string, named bool) (func(string) bool, error) {
	var result func(string) bool
	for {
		if !named {
			again, err := s.fieldName()
			if err != nil {
				return nil, err
			}
			if again != name {
				return nil, invalid("the conditions of field %s name %s", name, again)
			}
		}
		named = false
		c, err := s.comparison(" \t\r\n,]&|")
		if err != nil {
			return nil, err
		}
		one := func(v string) bool {
			n, numeric := number(v)
			return c.holds(v, n, numeric && !c.literal)
		}
		if before := result; before != nil {
			result = func(v string) bool { return before(v) && one(v) }
		} else {
			result = one
		}
		if !s.take("&&") {
			return result, nil
		}
	}
}

// matchFields puts the fields before the ellipsis at the front of the words and those after it at their end.
func matchFields(list []field, ellipsis int, words []string) bool {
	if ellipsis < 0 {
		return len(words) == len(list) && matchAll(list, words)
	}
	tail := list[ellipsis+1:]
	if len(words) < len(list)-1 {
		return false
	}
	return matchAll(list[:ellipsis], words[:ellipsis]) && matchAll(tail, words[len(words)-len(tail):])
}

func matchAll(list []field, words []string) bool {
	for i, f := range list {
		if f.test != nil && !f.test(words[i]) {
			return false
		}
	}
	return true
}

// split cuts a line at spaces; what stands in double quotes or square brackets is one word.
func split(line string) (words []string) {
	for i := 0; i < len(line); {
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '"', '[':
			closing := byte('"')
			if c == '[' {
				closing = ']'
			}
			end := strings.IndexByte(line[i+1:], closing)
			if end < 0 {
				return append(words, line[i+1:])
			}
			words = append(words, line[i+1:i+1+end])
			i += end + 2
		default:
			end := strings.IndexAny(line[i:], " \t\r\n")
			if end < 0 {
				end = len(line) - i
			}
			words = append(words, line[i:i+end])
			i += end
		}
	}
	return words
}
