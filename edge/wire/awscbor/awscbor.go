// Package awscbor is the protocol "cbor": the JSON protocol with CBOR in the place of JSON, which SDKs (of Java, for one) speak to Kinesis. The operation
// stands in the header X-Amz-Target; times are milliseconds.
package awscbor

import (
	"net/http"
	"net/url"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/awsjson"
	"sundog/edge/wire/cborbody"
	"sundog/edge/wire/record"
)

// MediaType begins the content type of requests and answers.
const MediaType = "application/x-amz-cbor-"

// Protocol is the protocol; the zero value is ready.
type Protocol struct{}

var (
	_     wire.Protocol = Protocol{}
	codec               = cborbody.Codec{Millis: true}
)

// Name gives "cbor".
func (Protocol) Name() string { return wire.AWSCBOR }

// Decode reads the CBOR body; an empty body is an empty map.
func (Protocol) Decode(op *schema.Operation, r *http.Request, body []byte, in any) error {
	return codec.ReadRequest(wire.AWSCBOR, op, r, body, in)
}

func contentType(svc *schema.Service) string { return MediaType + svc.JSONVersion }

// Encode writes the output; operations without output answer nothing, as AWS does. Events are of JSON in this protocol, too.
func (Protocol) Encode(w http.ResponseWriter, r *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	if m.EventsOut {
		return awsjson.Protocol{}.Encode(w, r, op, out, requestID)
	}
	var b []byte
	if p, v := wire.Settle(m.Output, out); p != nil {
		var err error
		if b, err = codec.Marshal(p, v); err != nil {
			return err
		}
	}
	return wire.Reply(w, http.StatusOK, contentType(op.Service), b, requestID)
}

// EncodeError writes {"__type": ..., "message": ...}.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.AWSCBOR, svc, op, e)
	w.Header().Set("x-amzn-ErrorType", f.Name)
	b, err := codec.MarshalError(svc, f, e)
	if err != nil { // cannot be: texts, and values of the model
		b, f.Status = nil, http.StatusInternalServerError
	}
	_ = wire.Reply(w, f.Status, contentType(svc), b, requestID)
}

// EncodeRequest makes a POST to "/".
func (Protocol) EncodeRequest(op *schema.Operation, in any) (*http.Request, error) {
	p, v := record.Of(op.Model().Input, in)
	b, err := codec.Marshal(p, v)
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/"}, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
	r.Header.Set("Content-Type", contentType(op.Service))
	r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
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
