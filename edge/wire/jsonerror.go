package wire

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/jsonbody"
	"sundog/edge/wire/record"
)

// AppendErrorJSON appends the JSON body of an error: __type (if typ is not ""), the message, and its further members.
func AppendErrorJSON(b []byte, f Fault, e *cloud.Error, typ string) []byte {
	b = append(b, '{')
	if typ != "" {
		b = append(b, `"__type":`...)
		b = append(jsonbody.AppendString(b, typ), ',')
	}
	b = jsonbody.AppendString(b, f.MessageMember())
	b = append(b, ':')
	b = jsonbody.AppendString(b, f.Message)
	for _, x := range f.Extras(e) {
		if x.Member != nil && x.Member.Location != schema.Body {
			continue
		}
		b = append(b, ',')
		b = jsonbody.AppendString(b, x.Name)
		b = append(b, ':')
		b = appendExtra(b, x)
	}
	return append(b, '}')
}

func appendExtra(b []byte, x Extra) []byte {
	if x.Plan != nil {
		return jsonbody.Append(b, x.Plan, record.Deref(x.Value), jsonbody.Wire)
	}
	j, err := json.Marshal(x.Value.Interface())
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, j...)
}

// ErrorHeaders writes the error's members that travel in headers.
func ErrorHeaders(f Fault, e *cloud.Error, h http.Header) {
	for _, x := range f.Extras(e) {
		if x.Member != nil && x.Member.Location == schema.Header {
			EncodeHeader(x.Plan, x.Member, record.Deref(x.Value), h)
		}
	}
}

// DecodeErrorJSON reads an error of one of the JSON protocols.
func DecodeErrorJSON(resp *http.Response, body []byte) *cloud.Error {
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		fields = nil
	}
	text := func(names ...string) string {
		for _, n := range names {
			if s, ok := fields[n].(string); ok {
				return s
			}
		}
		return ""
	}
	code := text("__type", "code", "Code")
	if h := resp.Header.Get("x-amzn-ErrorType"); h != "" {
		code = h
	}
	if i := strings.IndexByte(code, ':'); i >= 0 {
		code = code[:i]
	}
	code = code[strings.LastIndexByte(code, '#')+1:]
	message := text("message", "Message", "errorMessage")
	for _, k := range []string{"__type", "message", "Message"} {
		delete(fields, k)
	}
	if code == "" {
		code = http.StatusText(resp.StatusCode)
	}
	return RemoteError(resp.StatusCode, code, message, fields)
}

// Settle gives the plan and value of an output for a codec: those of v, or of an empty structure when v is nil.
func Settle(s *schema.Shape, v any) (*record.Plan, reflect.Value) {
	if s == nil || isNil(v) {
		return nil, reflect.Value{}
	}
	return record.Of(s, v)
}
