package httpevent

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Payload gives the event with its body, as JSON. It writes what encoding/json makes of an Event, byte for byte, without making the Event: every request
// to an API is written once.
func (r *Request) Payload() ([]byte, error) {
	b := make([]byte, 0, 1280+len(r.Body)*3/2)
	b = appendMember(b, `{"version":"2.0","routeKey":`, r.RouteKey)
	b = appendMember(b, `,"rawPath":`, r.Path)
	b = appendMember(b, `,"rawQueryString":`, r.RawQuery)
	if cookies := r.cookies(); len(cookies) > 0 {
		b = appendList(append(b, `,"cookies":`...), cookies)
	}
	b = r.appendHeaders(append(b, `,"headers":`...))
	b = appendMap(b, `,"queryStringParameters":`, r.query())
	b, err := r.appendContext(append(b, `,"requestContext":`...))
	if err != nil {
		return nil, err
	}
	encoded := false
	if len(r.Body) > 0 {
		b = append(b, `,"body":`...)
		if encoded = !isText(r.Header, r.Body); encoded {
			b = append(base64.StdEncoding.AppendEncode(append(b, '"'), r.Body), '"')
		} else {
			b = appendText(b, r.Body)
		}
	}
	b = appendMap(b, `,"pathParameters":`, r.PathParameters)
	b = strconv.AppendBool(append(b, `,"isBase64Encoded":`...), encoded)
	b = appendMap(b, `,"stageVariables":`, r.StageVariables)
	return append(b, '}'), nil
}

// appendHeaders writes the headers but for cookies, by their names in lower case, in the order of those.
func (r *Request) appendHeaders(b []byte) []byte {
	type header struct {
		name   string
		values []string
	}
	all := make([]header, 0, 32)
	for n, vs := range r.Header {
		if n != "Cookie" {
			all = append(all, header{strings.ToLower(n), vs})
		}
	}
	slices.SortFunc(all, func(x, y header) int { return strings.Compare(x.name, y.name) })
	b = append(b, '{')
	for i, h := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, h.name), ':')
		b = appendText(b, strings.Join(h.values, ","))
	}
	return append(b, '}')
}

func (r *Request) appendContext(b []byte) ([]byte, error) {
	b = appendMember(b, `{"accountId":`, r.Account)
	b = appendMember(b, `,"apiId":`, r.API)
	if r.Authorizer != nil {
		text, err := json.Marshal(r.Authorizer)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"authorizer":`...), text...)
	}
	b = appendMember(b, `,"domainName":`, r.Host)
	b = appendMember(b, `,"domainPrefix":`, r.prefix())
	b = appendMember(b, `,"http":{"method":`, r.Method)
	b = appendMember(b, `,"path":`, r.Path)
	b = appendMember(b, `,"protocol":`, r.Protocol)
	b = appendMember(b, `,"sourceIp":`, r.SourceIP)
	b = appendMember(b, `,"userAgent":`, r.UserAgent)
	b = appendMember(b, `},"requestId":`, r.ID)
	b = appendMember(b, `,"routeKey":`, r.RouteKey)
	b = appendMember(b, `,"stage":`, r.Stage)
	b = append(r.Time.UTC().AppendFormat(append(b, `,"time":"`...), TimeFormat), '"')
	b = strconv.AppendInt(append(b, `,"timeEpoch":`...), r.Time.UnixMilli(), 10)
	return append(b, '}'), nil
}

func appendMember(b []byte, name, value string) []byte { return appendText(append(b, name...), value) }

// appendMap writes a member whose value is a map, in the order of its keys; nothing when it is empty.
func appendMap(b []byte, name string, m map[string]string) []byte {
	if len(m) == 0 {
		return b
	}
	b = append(append(b, name...), '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, k), ':')
		b = appendText(b, m[k])
	}
	return append(b, '}')
}

func appendList(b []byte, all []string) []byte {
	b = append(b, '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

const hexDigits = "0123456789abcdef"

// appendText writes a JSON text as encoding/json does: what means something in HTML is escaped too, and what is no UTF-8 becomes U+FFFD.
func appendText[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(append(b, s[start:i]...), `\ufffd`...)
				start = i + n
			case r == '\u2028' || r == '\u2029': // ends of lines in JavaScript
				b = append(append(b, s[start:i]...), '\\', 'u', '2', '0', '2', hexDigits[r&15])
				start = i + n
			}
			i += n
			continue
		}
		i++
		if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			continue
		}
		b = appendEscaped(append(b, s[start:i-1]...), c)
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
