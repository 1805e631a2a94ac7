package wire

import (
	"io"
	"net/http"
	"reflect"
	"strconv"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/record"
)

// Reply writes an answer whose body is complete.
func Reply(w http.ResponseWriter, status int, contentType string, body []byte, requestID string) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set(RequestIDHeader, requestID)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// Response is a REST response whose bindings have been read: what is left is its body.
type Response struct {
	Plan    *record.Plan // the output's
	Value   reflect.Value
	Payload *record.Field // the member that the body is; nil when the body is the output
	Member  reflect.Value // the payload's value
	Body    []byte        // never empty
}

// OpenResponse reads the status and headers of a response into out, and its body into memory, which it closes; a streamed payload gets the body itself,
// to be read and closed by the caller. nil when nothing is left to decode.
func OpenResponse(op *schema.Operation, resp *http.Response, out any) (*Response, error) {
	p, v := Settle(op.Model().Output, out)
	if p == nil {
		return nil, resp.Body.Close()
	}
	if err := DecodeResponseBindings(resp, p, v); err != nil {
		resp.Body.Close()
		return nil, err
	}
	r := &Response{Plan: p, Value: v}
	r.Payload, r.Member = Payload(p, v)
	streamed := r.Payload != nil && r.Payload.Plan == nil
	if streamed && !r.Payload.Shape.EventStream {
		r.Member.Set(reflect.ValueOf(resp.Body))
		return nil, nil
	}
	defer resp.Body.Close()
	var err error
	if r.Body, err = io.ReadAll(io.LimitReader(resp.Body, MaxResponse)); err != nil || len(r.Body) == 0 {
		return nil, err
	}
	if streamed {
		return nil, cloud.NotImplementedf("%s: this client does not read event streams", op.Name)
	}
	return r, nil
}
