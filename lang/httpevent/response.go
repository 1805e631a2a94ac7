package httpevent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Response is what goes back to the client. Header names are as the function wrote them.
type Response struct {
	Status int
	Header map[string][]string
	Body   []byte
}

// document is the structured response of a function.
type document struct {
	StatusCode        json.RawMessage            `json:"statusCode"`
	Headers           map[string]json.RawMessage `json:"headers"`
	MultiValueHeaders map[string][]string        `json:"multiValueHeaders"`
	Cookies           []string                   `json:"cookies"`
	Body              json.RawMessage            `json:"body"`
	IsBase64Encoded   bool                       `json:"isBase64Encoded"`
}

// The formats of payloads. Function URLs speak 2.0, but what they answer is JSON unless the function says otherwise.
const (
	Format1   = "1.0"
	Format2   = "2.0"
	FormatURL = "url"
)

// ParseResponse reads a function's payload in one of the formats. In 1.0 what has no statusCode is malformed, in the others it is the body of a 200. ok is
// false when the response is malformed.
func ParseResponse(payload []byte, format string) (r Response, ok bool) {
	doc, ok := readDocument(payload)
	if !ok || len(doc.StatusCode) == 0 {
		return inferred(payload, format), format != Format1
	}
	if r, ok = doc.head(format); !ok {
		return r, false
	}
	r.Body = []byte(plain(doc.Body))
	if doc.IsBase64Encoded {
		var err error
		if r.Body, err = base64.StdEncoding.DecodeString(string(r.Body)); err != nil {
			return r, false
		}
	}
	kind := "application/json"
	if format == Format2 {
		kind = "text/plain; charset=utf-8"
	}
	r.contentType(kind)
	return r, true
}

// readDocument reads a structured response; false when the payload is none.
func readDocument(payload []byte) (document, bool) {
	var quick, doc document
	if quick.quick(payload) {
		return quick, true
	}
	ok := bytes.HasPrefix(bytes.TrimSpace(payload), []byte("{")) && json.Unmarshal(payload, &doc) == nil
	return doc, ok
}

func (d *document) head(format string) (r Response, ok bool) {
	status, err := strconv.Atoi(strings.Trim(string(d.StatusCode), `"`))
	if err != nil || status < 200 || status > 599 { // what informs is no answer, and 101 would hand the connection over
		return r, false
	}
	r = Response{Status: status, Header: map[string][]string{}}
	for n, raw := range d.Headers {
		r.Header[n] = []string{plain(raw)}
	}
	if format == Format1 {
		for n, vs := range d.MultiValueHeaders {
			r.Header[n] = vs
		}
	} else if len(d.Cookies) > 0 {
		r.Header["Set-Cookie"] = d.Cookies
	}
	return r, true
}

// contentType gives the default of a response that names none.
func (r *Response) contentType(kind string) {
	for n := range r.Header {
		if strings.EqualFold(n, "Content-Type") {
			return
		}
	}
	r.Header["Content-Type"] = []string{kind}
}

// inferred is the response for a payload that is no structured one: a text's content, or the JSON as it is; function URLs write it anew, without spaces.
func inferred(payload []byte, format string) Response {
	r := Response{Status: 200, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: payload}
	var s string
	if json.Unmarshal(payload, &s) == nil {
		r.Body = []byte(s)
		return r
	}
	if compact := new(bytes.Buffer); format == FormatURL && json.Compact(compact, payload) == nil {
		r.Body = compact.Bytes()
	}
	return r
}

// plain gives a JSON text's content, "" for null, and other JSON as it is.
func plain(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner) // raw is valid JSON: nothing in it stands for something else
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// PreludeType is the media type of a streamed response that begins with a prelude: its status, headers and cookies as JSON, then eight zero bytes.
const PreludeType = "application/vnd.awslambda.http-integration-response"

// MaxPrelude bounds a prelude.
const MaxPrelude = 64 << 10

var preludeEnd = make([]byte, 8)

// ParsePrelude reads the prelude at the beginning of b. rest is what follows it. done is false while the prelude is not whole; ok is false when it is
// malformed or over MaxPrelude. A prelude without a status has 200.
func ParsePrelude(b []byte) (r Response, rest []byte, done, ok bool) {
	at := bytes.Index(b, preludeEnd)
	if at < 0 {
		return r, nil, len(b) > MaxPrelude, len(b) <= MaxPrelude
	}
	var doc document
	if at > MaxPrelude || json.Unmarshal(b[:at], &doc) != nil {
		return r, nil, true, false
	}
	if len(doc.StatusCode) == 0 {
		doc.StatusCode = json.RawMessage("200")
	}
	if r, ok = doc.head(Format2); ok {
		r.contentType("application/octet-stream")
	}
	return r, b[at+len(preludeEnd):], true, ok
}
