// Package awsjson is the protocol "json": awsJson1_0 and awsJson1_1 of the Smithy specification. The operation stands in the header
// X-Amz-Target, the input is the JSON body.
package awsjson

import (
	"bytes"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
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

// Name gives "json".
func (Protocol) Name() string { return wire.JSON }

// Decode reads the JSON body; an empty body is an empty object.
func (Protocol) Decode(op *schema.Operation, r *http.Request, body []byte, in any) error {
	body, err := wire.Plain(wire.JSON, r, body)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	p, v := record.Of(op.Model().Input, in)
	if err := jsonbody.Decode(body, p, v, jsonbody.Wire); err != nil {
		return wire.BodyError(wire.JSON, err)
	}
	return nil
}

func contentType(svc *schema.Service) string {
	if svc.JSONVersion == "1.1" {
		return "application/x-amz-json-1.1"
	}
	return "application/x-amz-json-1.0"
}

// Encode writes the output as JSON; operations without output answer "{}" as AWS does, or nothing where the model says none.
func (Protocol) Encode(w http.ResponseWriter, r *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	p, v := wire.Settle(m.Output, out)
	if p != nil && hasStream(m.Output) {
		f := streamField(p)
		w.Header().Set(wire.RequestIDHeader, requestID)
		initial := jsonbody.Append(nil, p, v, jsonbody.Wire)
		s, _ := v.Field(f.Index).Interface().(schema.EventStream)
		return eventstream.Serve(w, r, f.Member.Shape, s, initial, contentType(op.Service))
	}
	var b []byte
	switch {
	case p != nil:
		b = jsonbody.Append(make([]byte, 0, 512), p, v, jsonbody.Wire)
	case m.Output != nil:
		b = []byte("{}")
	}
	return write(w, op.Service, http.StatusOK, b, requestID)
}

func hasStream(s *schema.Shape) bool {
	for i := range s.Members {
		if s.Members[i].Shape.EventStream {
			return true
		}
	}
	return false
}

func streamField(p *record.Plan) *record.Field {
	fields := p.Fields()
	for i := range fields {
		if fields[i].Shape.EventStream {
			return &fields[i]
		}
	}
	return nil
}

func write(w http.ResponseWriter, svc *schema.Service, status int, b []byte, requestID string) error {
	if svc.ID == "dynamodb" || svc.ID == "dynamodbstreams" {
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(b)), 10))
	}
	return wire.Reply(w, status, contentType(svc), b, requestID)
}

// EncodeError writes {"__type": ..., "message": ...}, and for services that once spoke query the older code in x-amzn-query-error.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.JSON, svc, op, e)
	if svc.QueryCode {
		w.Header().Set("x-amzn-query-error", f.Code+";"+wire.Side(f))
	}
	w.Header().Set("x-amzn-ErrorType", f.Name)
	_ = write(w, svc, f.Status, wire.AppendErrorJSON(nil, f, e, svc.ErrorPrefix+f.Name), requestID)
}

// EncodeRequest makes a POST to "/".
func (Protocol) EncodeRequest(op *schema.Operation, in any) (*http.Request, error) {
	p, v := record.Of(op.Model().Input, in)
	b := jsonbody.Append(nil, p, v, jsonbody.Wire)
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/"}, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
	r.Header.Set("Content-Type", contentType(op.Service))
	r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	wire.SetBody(r, b)
	return r, nil
}

// DecodeResponse reads the JSON body.
func (Protocol) DecodeResponse(op *schema.Operation, resp *http.Response, out any) error {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxResponse))
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return err
	}
	p, v := wire.Settle(op.Model().Output, out)
	if p == nil {
		return nil
	}
	return jsonbody.Decode(b, p, v, jsonbody.Wire)
}

// DecodeError reads __type and message.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	return wire.DecodeErrorJSON(resp, body)
}
