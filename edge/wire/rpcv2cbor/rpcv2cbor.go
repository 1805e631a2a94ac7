// Package rpcv2cbor is the protocol "smithy-rpc-v2-cbor" (Smithy specification, "Smithy RPC v2 CBOR"): POST
// /service/{service}/operation/{operation} with a CBOR body.
package rpcv2cbor

import (
	"net/http"
	"net/url"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/cborbody"
	"sundog/edge/wire/record"
)

const contentType = "application/cbor"

// Protocol is the protocol; the zero value is ready.
type Protocol struct{}

var (
	_     wire.Protocol = Protocol{}
	codec               = cborbody.Codec{}
)

// Name gives "smithy-rpc-v2-cbor".
func (Protocol) Name() string { return wire.CBOR }

// Target takes the service's target name and the operation from a path; ok is false for other paths.
func Target(path string) (service, operation string, ok bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if n := len(parts); n >= 4 && parts[n-4] == "service" && parts[n-2] == "operation" {
		return parts[n-3], parts[n-1], true
	}
	return "", "", false
}

// Decode reads the CBOR body; an empty body is an empty map.
func (Protocol) Decode(op *schema.Operation, r *http.Request, body []byte, in any) error {
	return codec.ReadRequest(wire.CBOR, op, r, body, in)
}

// Encode writes the output; operations without output have an empty body.
func (Protocol) Encode(w http.ResponseWriter, _ *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	h := w.Header()
	h.Set("smithy-protocol", "rpc-v2-cbor")
	if m.Output == nil {
		h.Set(wire.RequestIDHeader, requestID)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	b := []byte{0xa0}
	if p, v := wire.Settle(m.Output, out); p != nil {
		var err error
		if b, err = codec.Marshal(p, v); err != nil {
			return err
		}
	}
	return wire.Reply(w, http.StatusOK, contentType, b, requestID)
}

// EncodeError writes {"__type": ..., "message": ...}.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.CBOR, svc, op, e)
	h := w.Header()
	h.Set("smithy-protocol", "rpc-v2-cbor")
	if svc.QueryCode {
		h.Set("x-amzn-query-error", f.Code+";"+wire.Side(f))
	}
	b, err := codec.MarshalError(svc, f, e)
	if err != nil { // cannot be: texts, and values of the model
		b, f.Status = nil, http.StatusInternalServerError
	}
	_ = wire.Reply(w, f.Status, contentType, b, requestID)
}

// EncodeRequest makes a POST to the operation's path.
func (Protocol) EncodeRequest(op *schema.Operation, in any) (*http.Request, error) {
	p, v := record.Of(op.Model().Input, in)
	b, err := codec.Marshal(p, v)
	if err != nil {
		return nil, err
	}
	path := "/service/" + op.Service.TargetPrefix + "/operation/" + op.Name
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", contentType)
	r.Header.Set("smithy-protocol", "rpc-v2-cbor")
	wire.SetBody(r, b)
	return r, nil
}

// DecodeResponse reads the CBOR body.
func (Protocol) DecodeResponse(op *schema.Operation, resp *http.Response, out any) error {
	return codec.ReadResponse(op, resp, out)
}

// DecodeError reads __type and message.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	return cborbody.ReadError(resp, body)
}
