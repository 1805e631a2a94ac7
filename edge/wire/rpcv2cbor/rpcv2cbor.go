// Package rpcv2cbor is the protocol "smithy-rpc-v2-cbor" (Smithy specification, "Smithy RPC v2 CBOR"): POST
// /service/{service}/operation/{operation} with a CBOR body.
package rpcv2cbor

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/cborbody"
	"sundog/edge/wire/record"
)

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
	body, err := wire.Plain(wire.CBOR, r, body)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	p, v := record.Of(op.Model().Input, in)
	if err := codec.Unmarshal(body, p, v); err != nil {
		return wire.Malformed(wire.CBOR, err.Error())
	}
	return nil
}

// Encode writes the output; operations without output have an empty body.
func (Protocol) Encode(w http.ResponseWriter, _ *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	h := w.Header()
	h.Set("smithy-protocol", "rpc-v2-cbor")
	h.Set(wire.RequestIDHeader, requestID)
	if m.Output == nil {
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
	return write(w, http.StatusOK, b)
}

func write(w http.ResponseWriter, status int, b []byte) error {
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}

// EncodeError writes {"__type": ..., "message": ...}.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.CBOR, svc, op, e)
	body := map[string]any{"__type": svc.ErrorPrefix + f.Name, f.MessageMember(): f.Message}
	for _, x := range f.Extras(e) {
		if x.Plan != nil {
			body[x.Name] = codec.Plain(x.Plan, x.Value)
			continue
		}
		body[x.Name] = record.Deref(x.Value).Interface()
	}
	h := w.Header()
	h.Set("smithy-protocol", "rpc-v2-cbor")
	h.Set(wire.RequestIDHeader, requestID)
	if svc.QueryCode {
		h.Set("x-amzn-query-error", f.Code+";"+wire.Side(f))
	}
	if b, err := cborbody.Encode(body); err == nil {
		_ = write(w, f.Status, b)
		return
	}
	w.WriteHeader(http.StatusInternalServerError)
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
	r.Header.Set("Content-Type", "application/cbor")
	r.Header.Set("Accept", "application/cbor")
	r.Header.Set("smithy-protocol", "rpc-v2-cbor")
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
