package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// answer is what goes back to the client.
type answer struct {
	status int
	header map[string][]string
	body   []byte
	final  bool   // the CORS headers are there already
	fault  string // for the access log: why the platform answered instead of the function
}

// message is the gateway's own answer.
func message(status int, text string) answer {
	b, _ := json.Marshal(map[string]string{"message": text})
	return answer{status: status, header: map[string][]string{"Content-Type": {"application/json"}}, body: b, fault: text}
}

// responseDoc is the structured response of a function.
type responseDoc struct {
	StatusCode        json.RawMessage            `json:"statusCode"`
	Headers           map[string]json.RawMessage `json:"headers"`
	MultiValueHeaders map[string][]string        `json:"multiValueHeaders"`
	Cookies           []string                   `json:"cookies"`
	Body              json.RawMessage            `json:"body"`
	IsBase64Encoded   bool                       `json:"isBase64Encoded"`
}

// responseOf reads a function's payload. In format 2.0 anything without a statusCode is the body of a 200; in 1.0 it is an error.
func responseOf(payload []byte, format string) answer {
	var doc responseDoc
	structured := bytes.HasPrefix(bytes.TrimSpace(payload), []byte("{")) && json.Unmarshal(payload, &doc) == nil && len(doc.StatusCode) > 0
	if !structured {
		if format == "1.0" {
			return message(500, "Internal Server Error")
		}
		return inferred(payload)
	}
	status, err := strconv.Atoi(strings.Trim(string(doc.StatusCode), `"`))
	if err != nil || status < 100 || status > 599 {
		return message(500, "Internal Server Error")
	}
	a := answer{status: status, header: map[string][]string{}}
	for n, raw := range doc.Headers {
		a.header[n] = []string{plain(raw)}
	}
	if format == "1.0" {
		for n, vs := range doc.MultiValueHeaders {
			a.header[n] = vs
		}
	} else if len(doc.Cookies) > 0 {
		a.header["Set-Cookie"] = doc.Cookies
	}
	a.body = []byte(plain(doc.Body))
	if doc.IsBase64Encoded {
		if a.body, err = base64.StdEncoding.DecodeString(string(a.body)); err != nil {
			return message(500, "Internal Server Error")
		}
	}
	a.contentType(format)
	return a
}

// contentType gives the default of a response that names none.
func (a *answer) contentType(format string) {
	for n := range a.header {
		if strings.EqualFold(n, "Content-Type") {
			return
		}
	}
	kind := "text/plain; charset=utf-8"
	if format == "1.0" {
		kind = "application/json"
	}
	a.header["Content-Type"] = []string{kind}
}

// inferred is the answer for a payload that is no structured response: a text's content, or the JSON as it is.
func inferred(payload []byte) answer {
	a := answer{status: 200, header: map[string][]string{"Content-Type": {"application/json"}}, body: payload}
	var s string
	if json.Unmarshal(payload, &s) == nil {
		a.body = []byte(s)
	}
	return a
}

// plain gives a JSON text's content, "" for null, and other JSON as it is.
func plain(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
