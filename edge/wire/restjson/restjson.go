// Package restjson is the protocol "rest-json": restJson1 of the Smithy specification. Members travel in the path, the query, headers
// and a JSON body.
package restjson

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strconv"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/eventstream"
	"sundog/edge/wire/jsonbody"
	"sundog/edge/wire/record"
)

// Protocol is the protocol; the zero value is ready.
type Protocol struct{}

var _ wire.Protocol = Protocol{}

// Name gives "rest-json".
func (Protocol) Name() string { return wire.RestJSON }

// Decode reads path, query, headers and body.
func (Protocol) Decode(op *schema.Operation, r *http.Request, body []byte, in any) error {
	p, v := record.Of(op.Model().Input, in)
	if err := wire.DecodeRequestBindings(op, r, p, v); err != nil {
		return err
	}
	if f, fv := wire.Payload(p, v); f != nil {
		if f.Plan == nil {
			fv.Set(reflect.ValueOf(r.Body))
			return nil
		}
		return decodePayload(f, fv, body)
	}
	body, err := wire.Plain(wire.RestJSON, r, body)
	if err != nil || len(bytes.TrimSpace(body)) == 0 || !wire.HasBody(op.Model().Input) {
		return err
	}
	if err := jsonbody.Decode(body, p, v, jsonbody.Wire); err != nil {
		return wire.BodyError(wire.RestJSON, err)
	}
	return nil
}

func decodePayload(f *record.Field, v reflect.Value, body []byte) error {
	switch f.Shape.Kind {
	case schema.Blob:
		if len(body) > 0 {
			v.SetBytes(body)
		}
		return nil
	case schema.String:
		if len(body) > 0 {
			record.SetString(v, string(body))
		}
		return nil
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := jsonbody.Decode(body, f.Plan, v, jsonbody.Wire); err != nil {
		return wire.BodyError(wire.RestJSON, err)
	}
	return nil
}

// Encode writes headers and body. The status is the model's, unless the output has a statusCode member.
func (Protocol) Encode(w http.ResponseWriter, r *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	h := w.Header()
	h.Set(wire.RequestIDHeader, requestID)
	p, v := wire.Settle(m.Output, out)
	if p == nil {
		if m.Output != nil && wire.HasBody(m.Output) && m.Output.Payload == nil {
			return write(w, m.Status, []byte("{}"))
		}
		w.WriteHeader(m.Status)
		return nil
	}
	status := wire.EncodeHeaders(p, v, h)
	if status == 0 {
		status = m.Status
	}
	f, fv := wire.Payload(p, v)
	switch {
	case f == nil && wire.HasBody(m.Output) && status != http.StatusNoContent:
		return write(w, status, jsonbody.Append(make([]byte, 0, 512), p, v, jsonbody.Wire))
	case f == nil:
		if status == http.StatusNoContent {
			w.WriteHeader(status)
			return nil
		}
		return write(w, status, []byte("{}"))
	case f.Shape.EventStream:
		s, _ := fv.Interface().(schema.EventStream)
		if s == nil {
			w.WriteHeader(status) // there is nothing to stream
			return nil
		}
		return eventstream.Serve(w, r, f.Member.Shape, s, nil, "")
	}
	if op.Service.ID == "lambda" {
		setType(h, "application/json") // of Invoke, whatever the function gave
	}
	return encodePayload(w, status, f, fv)
}

func write(w http.ResponseWriter, status int, b []byte) error {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}

func encodePayload(w http.ResponseWriter, status int, f *record.Field, v reflect.Value) error {
	if record.Absent(v) {
		b := []byte(nil)
		if f.Plan != nil && (f.Shape.Kind == schema.Structure || f.Shape.Kind == schema.Map) {
			b = []byte("{}")
		}
		return write(w, status, b)
	}
	if f.Plan == nil {
		setType(w.Header(), "application/octet-stream")
		w.WriteHeader(status)
		return wire.CopyStream(w, v.Interface().(io.ReadCloser))
	}
	switch v = record.Deref(v); f.Shape.Kind {
	case schema.Blob:
		setType(w.Header(), "application/octet-stream")
		return write(w, status, v.Bytes())
	case schema.String:
		setType(w.Header(), "text/plain")
		return write(w, status, []byte(v.String()))
	}
	return write(w, status, jsonbody.Append(nil, f.Plan, v, jsonbody.Wire))
}

func setType(h http.Header, t string) {
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", t)
	}
}

// EncodeError writes {"message": ...} with the error's name in x-amzn-ErrorType.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.RestJSON, svc, op, e)
	h := w.Header()
	h.Set(wire.RequestIDHeader, requestID)
	h.Set("x-amzn-ErrorType", f.Name)
	h.Set("Content-Type", "application/json")
	wire.ErrorHeaders(f, e, h)
	_ = write(w, f.Status, wire.AppendErrorJSON(nil, f, e, ""))
}

// EncodeRequest makes the request of an input.
func (Protocol) EncodeRequest(op *schema.Operation, in any) (*http.Request, error) {
	m := op.Model()
	p, v := record.Of(m.Input, in)
	r, err := wire.EncodeRequestBindings(op, p, v)
	if err != nil {
		return nil, err
	}
	f, fv := wire.Payload(p, v)
	switch {
	case f == nil && wire.HasBody(m.Input):
		setType(r.Header, "application/json")
		wire.SetBody(r, jsonbody.Append(nil, p, v, jsonbody.Wire))
	case f == nil || record.Absent(fv):
	case f.Plan == nil:
		setType(r.Header, "application/octet-stream")
		err = wire.SetStream(r, fv.Interface().(io.Reader))
	case f.Shape.Kind == schema.Blob:
		setType(r.Header, "application/octet-stream")
		wire.SetBody(r, fv.Bytes())
	case f.Shape.Kind == schema.String:
		setType(r.Header, "text/plain")
		wire.SetBody(r, []byte(record.Deref(fv).String()))
	default:
		setType(r.Header, "application/json")
		wire.SetBody(r, jsonbody.Append(nil, f.Plan, record.Deref(fv), jsonbody.Wire))
	}
	return r, err
}

// DecodeResponse reads status, headers and body.
func (Protocol) DecodeResponse(op *schema.Operation, resp *http.Response, out any) error {
	r, err := wire.OpenResponse(op, resp, out)
	switch {
	case err != nil || r == nil:
		return err
	case r.Payload != nil:
		return decodePayload(r.Payload, r.Member, r.Body)
	}
	return jsonbody.Decode(r.Body, r.Plan, r.Value, jsonbody.Wire)
}

// DecodeError reads the name in the header or body, and the message.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	return wire.DecodeErrorJSON(resp, body)
}
