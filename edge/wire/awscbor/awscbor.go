// Package awscbor is the protocol "cbor": the JSON protocol with CBOR in the place of JSON, which SDKs (of Java, for one) speak to Kinesis. The operation
// stands in the header X-Amz-Target; times are milliseconds.
package awscbor

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

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
	body, err := wire.Plain(wire.AWSCBOR, r, body)
	if err != nil || len(body) == 0 {
		return err
	}
	p, v := record.Of(op.Model().Input, in)
	if err := codec.Unmarshal(body, p, v); err != nil {
		return wire.Malformed(wire.AWSCBOR, err.Error())
	}
	return nil
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
	return write(w, op.Service, http.StatusOK, b, requestID)
}

func write(w http.ResponseWriter, svc *schema.Service, status int, b []byte, requestID string) error {
	h := w.Header()
	h.Set("Content-Type", contentType(svc))
	h.Set(wire.RequestIDHeader, requestID)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}

// EncodeError writes {"__type": ..., "message": ...}.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.AWSCBOR, svc, op, e)
	body := map[string]any{"__type": svc.ErrorPrefix + f.Name, f.MessageMember(): f.Message}
	for _, x := range f.Extras(e) {
		if x.Plan != nil {
			body[x.Name] = codec.Plain(x.Plan, x.Value)
			continue
		}
		body[x.Name] = record.Deref(x.Value).Interface()
	}
	w.Header().Set("x-amzn-ErrorType", f.Name)
	b, err := cborbody.Encode(body)
	if err != nil { // cannot be: texts, and values of the model
		b, f.Status = nil, http.StatusInternalServerError
	}
	_ = write(w, svc, f.Status, b, requestID)
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
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxResponse))
	if err != nil || len(b) == 0 {
		return err
	}
	p, v := wire.Settle(op.Model().Output, out)
	if p == nil {
		return nil
	}
	return codec.Unmarshal(b, p, v)
}

// DecodeError reads __type and message.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	var fields map[string]any
	if err := cborbody.Decode(body, &fields); err != nil {
		return wire.RemoteError(resp.StatusCode, strconv.Itoa(resp.StatusCode), http.StatusText(resp.StatusCode), nil)
	}
	name, _ := fields["__type"].(string)
	message, ok := fields["message"].(string)
	if !ok {
		message, _ = fields["Message"].(string)
	}
	for _, k := range []string{"__type", "message", "Message"} {
		delete(fields, k)
	}
	return wire.RemoteError(resp.StatusCode, name[strings.LastIndexByte(name, '#')+1:], message, fields)
}
