package httpevent

import "encoding/json"

// quick reads a structured response as runtimes write it: the known members, each once, with values of the usual types. It is false for anything else, which
// is left to encoding/json: JSON of another form as well as what is none.
func (d *document) quick(payload []byte) bool {
	s := scanner{b: payload}
	var seen struct{ status, headers, multi, cookies, body, encoded bool }
	ok := s.object(func(name []byte) bool {
		switch string(name) {
		case `"statusCode"`:
			d.StatusCode = s.status()
			return once(&seen.status) && d.StatusCode != nil
		case `"headers"`:
			return once(&seen.headers) && (s.null() || s.object(d.header(&s)))
		case `"multiValueHeaders"`:
			return once(&seen.multi) && s.null()
		case `"cookies"`:
			return once(&seen.cookies) && s.null()
		case `"body"`:
			if s.null() {
				return once(&seen.body)
			}
			d.Body = s.text()
			return once(&seen.body) && d.Body != nil
		case `"isBase64Encoded"`:
			d.IsBase64Encoded = s.word("true")
			return once(&seen.encoded) && (d.IsBase64Encoded || s.word("false"))
		}
		return false
	})
	s.space()
	return ok && s.i == len(s.b)
}

// header takes the value of one header.
func (d *document) header(s *scanner) func(name []byte) bool {
	return func(name []byte) bool {
		value := s.text()
		if d.Headers == nil {
			d.Headers = map[string]json.RawMessage{}
		}
		for _, c := range name {
			if c == '\\' || c >= 0x80 {
				return false
			}
		}
		d.Headers[string(name[1:len(name)-1])] = value
		return value != nil
	}
}

func once(seen *bool) bool {
	before := *seen
	*seen = true
	return !before
}

// scanner goes through JSON. What its methods do not find is not there in the form that is looked for; the place is then of no use.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
}

// is passes over one character, and the space before it.
func (s *scanner) is(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// word passes over a word; what follows it is looked at by whoever reads on.
func (s *scanner) word(w string) bool {
	s.space()
	if len(s.b)-s.i >= len(w) && string(s.b[s.i:s.i+len(w)]) == w {
		s.i += len(w)
		return true
	}
	return false
}

func (s *scanner) null() bool { return s.word("null") }

// object goes through an object; member reads the value that follows a name, which comes with its quotes.
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.is('{') {
		return false
	}
	if s.is('}') {
		return true
	}
	for {
		name := s.text()
		if name == nil || !s.is(':') || !member(name) {
			return false
		}
		if !s.is(',') {
			return s.is('}')
		}
	}
}

// status gives a number without sign, point or exponent, or a text; nil when there is neither.
func (s *scanner) status() []byte {
	s.space()
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	if s.i == start {
		return s.text()
	}
	if s.b[start] == '0' {
		return nil
	}
	return s.b[start:s.i]
}

// text gives a JSON text with its quotes; nil when there is none.
func (s *scanner) text() []byte {
	if !s.is('"') {
		return nil
	}
	start := s.i - 1
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		switch {
		case c == '"':
			return s.b[start:s.i]
		case c < ' ' || c == '\\' && !s.escape():
			return nil
		}
	}
	return nil
}

// escape passes over what follows a backslash.
func (s *scanner) escape() bool {
	if s.i >= len(s.b) {
		return false
	}
	c := s.b[s.i]
	s.i++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		s.i += 4
		return s.i <= len(s.b) && isHex(s.b[s.i-4:s.i])
	}
	return false
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
