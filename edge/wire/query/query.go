// Package query is the protocol "query": awsQuery of the Smithy specification. The input is a form, the output XML.
package query

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/record"
	"sundog/edge/wire/xmlbody"
)

const contentType = "text/xml" // of answers

// Protocol is the protocol; the zero value is ready.
type Protocol struct{}

var _ wire.Protocol = Protocol{}

// Name gives "query".
func (Protocol) Name() string { return wire.QueryName }

// Form gives the parameters of a request: those of the body and those of the URL.
func Form(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, wire.Malformed(wire.QueryName, "The body is not a form.")
	}
	for k, v := range r.URL.Query() {
		form[k] = append(form[k], v...)
	}
	return form, nil
}

// Decode reads the form.
func (Protocol) Decode(op *schema.Operation, r *http.Request, body []byte, in any) error {
	body, err := wire.Plain(wire.QueryName, r, body)
	if err != nil {
		return err
	}
	form, err := Form(r, body)
	if err != nil {
		return err
	}
	if r.URL.Path != "/" && !form.Has("QueueUrl") {
		form.Set("QueueUrl", r.URL.Path) // a queue's URL is an endpoint of its own, which needs not name the queue again
	}
	tree, err := grow(form)
	if err != nil {
		return err
	}
	p, v := record.Of(op.Model().Input, in)
	return tree.structure(p, v)
}

// Encode writes <OpResponse><OpResult>...</OpResult><ResponseMetadata>...</OpResponse>.
func (Protocol) Encode(w http.ResponseWriter, _ *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	b := append(make([]byte, 0, 1024), "<"+op.Name+"Response"...)
	if ns := op.Service.XMLNamespace; ns != "" {
		b = append(b, ` xmlns="`+xmlbody.Escape(ns)+`"`...)
	}
	b = append(b, '>')
	if m.Output != nil {
		name := m.OutputWrapper
		if name == "" {
			name = op.Name + "Result"
		}
		b = append(b, "<"+name+">"...)
		if p, v := wire.Settle(m.Output, out); p != nil {
			b = xmlbody.AppendMembers(b, p, v, xmlbody.Query)
		}
		b = append(b, "</"+name+">"...)
	}
	b = append(b, "<ResponseMetadata>"...)
	b = wire.AppendElement(b, "RequestId", requestID)
	b = append(b, "</ResponseMetadata></"+op.Name+"Response>"...)
	return wire.Reply(w, http.StatusOK, contentType, b, requestID)
}

// EncodeError writes <ErrorResponse>.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.QueryName, svc, op, e)
	_ = wire.Reply(w, f.Status, contentType, wire.AppendErrorResponse(nil, svc.XMLNamespace, f, e, requestID), requestID)
}

// EncodeRequest makes a POST of a form to "/".
func (Protocol) EncodeRequest(op *schema.Operation, in any) (*http.Request, error) {
	p, v := record.Of(op.Model().Input, in)
	form := url.Values{"Action": {op.Name}, "Version": {op.Service.APIVersion}}
	fill(form, "", p, v)
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/"}, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	wire.SetBody(r, []byte(form.Encode()))
	return r, nil
}

// DecodeResponse reads the result element.
func (Protocol) DecodeResponse(op *schema.Operation, resp *http.Response, out any) error {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxResponse))
	if err != nil {
		return err
	}
	m := op.Model()
	p, v := wire.Settle(m.Output, out)
	if p == nil || len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	n, err := xmlbody.Parse(b)
	if err != nil {
		return err
	}
	name := m.OutputWrapper
	if name == "" {
		name = op.Name + "Result"
	}
	if k := n.Kid(name); k != nil {
		n = k
	}
	return xmlbody.Decode(n, p, v, xmlbody.Query)
}

// DecodeError reads <ErrorResponse>.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	return wire.DecodeErrorXML(resp, body)
}
