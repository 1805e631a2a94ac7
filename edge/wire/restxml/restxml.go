// Package restxml is the protocol "rest-xml": restXml of the Smithy specification, and S3's variant of it. Members travel in the
// path, the query, headers and an XML body.
package restxml

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/eventstream"
	"sundog/edge/wire/record"
	"sundog/edge/wire/xmlbody"
)

// Protocol is the protocol; the zero value is ready.
type Protocol struct{}

var _ wire.Protocol = Protocol{}

const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// Name gives "rest-xml".
func (Protocol) Name() string { return wire.RestXML }

// isS3 tells whether errors are bare and the ids have S3's header names.
func isS3(svc *schema.Service) bool { return svc.ID == "s3" || svc.ServiceID == "S3" }

// Decode reads path, query, headers and body.
func (Protocol) Decode(op *schema.Operation, r *http.Request, body []byte, in any) error {
	p, v := record.Of(op.Model().Input, in)
	if err := wire.DecodeRequestBindings(op, r, p, v); err != nil {
		return err
	}
	f, fv := wire.Payload(p, v)
	switch {
	case f != nil && f.Plan == nil:
		fv.Set(reflect.ValueOf(r.Body))
		return nil
	case f != nil && f.Shape.Kind == schema.Blob:
		if len(body) > 0 {
			fv.SetBytes(body)
		}
		return nil
	case f != nil && f.Shape.Kind == schema.String:
		if len(body) > 0 {
			record.SetString(fv, string(body))
		}
		return nil
	case len(bytes.TrimSpace(body)) == 0:
		return nil
	case f == nil && !wire.HasBody(op.Model().Input):
		return nil
	}
	return decodeBody(body, f, p, v)
}

func decodeBody(body []byte, f *record.Field, p *record.Plan, v reflect.Value) error {
	n, err := xmlbody.Parse(body)
	if err != nil {
		return wire.Malformed(wire.RestXML, err.Error())
	}
	if f != nil {
		p, v = f.Plan, v.Field(f.Index)
	}
	if err := xmlbody.Decode(n, p, v, xmlbody.Rest); err != nil {
		return wire.Malformed(wire.RestXML, err.Error())
	}
	return nil
}

func ids(h http.Header, svc *schema.Service, requestID string) {
	if isS3(svc) {
		h.Set("x-amz-request-id", requestID)
		h.Set("x-amz-id-2", hostID(requestID))
		return
	}
	h.Set(wire.RequestIDHeader, requestID)
}

// hostID is S3's second id, which is of no use to clients.
func hostID(requestID string) string { return requestID }

// Encode writes headers and body. The status is the model's, unless the output has a statusCode member.
func (Protocol) Encode(w http.ResponseWriter, r *http.Request, op *schema.Operation, out any, requestID string) error {
	m := op.Model()
	h := w.Header()
	ids(h, op.Service, requestID)
	p, v := wire.Settle(m.Output, out)
	if p == nil {
		w.WriteHeader(m.Status)
		return nil
	}
	status := wire.EncodeHeaders(p, v, h)
	lowerMetadata(h)
	if status == 0 {
		status = m.Status
	}
	if h.Get("Content-Range") != "" && status == http.StatusOK {
		status = http.StatusPartialContent // S3's GetObject and HeadObject
	}
	f, fv := wire.Payload(p, v)
	switch {
	case f == nil && !wire.HasBody(m.Output):
		w.WriteHeader(status)
		return nil
	case f == nil:
		return write(w, status, document(op, p, v))
	case record.Absent(fv):
		w.WriteHeader(status)
		return nil
	case f.Shape.EventStream:
		return eventstream.Serve(w, r, f.Member.Shape, fv.Interface().(schema.EventStream), nil, "")
	}
	return encodePayload(w, op.Service, status, f, fv)
}

// lowerMetadata writes the names of S3's user metadata in lower case, as S3 does: clients take the keys from the names as they are.
func lowerMetadata(h http.Header) {
	for name, values := range h {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// document writes an output without payload member. S3's GetBucketLocation has a root element that is its only member.
func document(op *schema.Operation, p *record.Plan, v reflect.Value) []byte {
	b := append(make([]byte, 0, 1024), declaration...)
	space := schema.XMLName{Namespace: op.Service.XMLNamespace}
	if isS3(op.Service) && op.Name == "GetBucketLocation" {
		return bareLocation(b, space.Namespace, p, v)
	}
	name := p.Shape.XML.Local
	if name == "" {
		name = p.Shape.Name
	}
	if p.Shape.XML.Namespace != "" {
		space = p.Shape.XML
	}
	return xmlbody.Append(b, name, space, p, v, xmlbody.Rest)
}

func bareLocation(b []byte, space string, p *record.Plan, v reflect.Value) []byte {
	f := p.Fields()[0]
	b = append(b, `<`+f.Wire+` xmlns="`+space+`">`...)
	if fv := v.Field(f.Index); !record.Absent(fv) {
		b = xmlbody.AppendText(b, record.Deref(fv).String())
	}
	return append(b, `</`+f.Wire+`>`...)
}

func write(w http.ResponseWriter, status int, b []byte) error {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/xml")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}

func encodePayload(w http.ResponseWriter, svc *schema.Service, status int, f *record.Field, v reflect.Value) error {
	if f.Plan == nil {
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		w.WriteHeader(status)
		return wire.CopyStream(w, v.Interface().(io.ReadCloser))
	}
	switch v = record.Deref(v); f.Shape.Kind {
	case schema.Blob:
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		return write(w, status, v.Bytes())
	case schema.String:
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "text/plain")
		}
		return write(w, status, []byte(v.String()))
	}
	space := f.XML
	if space.Namespace == "" && f.Shape.XML.Namespace == "" {
		space.Namespace = svc.XMLNamespace
	}
	return write(w, status, xmlbody.Append([]byte(declaration), payloadName(f), space, f.Plan, v, xmlbody.Rest))
}

func payloadName(f *record.Field) string {
	switch {
	case f.Renamed && f.Wire != f.Name:
		return f.Wire
	case f.Shape.XML.Local != "":
		return f.Shape.XML.Local
	}
	return f.Shape.Name
}

// EncodeError writes S3's bare <Error>, or <ErrorResponse>.
func (Protocol) EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string) {
	f := wire.FaultOf(wire.RestXML, svc, op, e)
	h := w.Header()
	ids(h, svc, requestID)
	wire.ErrorHeaders(f, e, h)
	if f.Status == http.StatusNotModified {
		w.WriteHeader(f.Status)
		return
	}
	h.Set("Content-Type", "application/xml")
	b := []byte(declaration)
	if isS3(svc) {
		b = appendS3Error(b, f, e, requestID)
	} else {
		b = wire.AppendErrorResponse(b, svc.XMLNamespace, f, e, requestID)
	}
	_ = write(w, f.Status, b)
}

func appendS3Error(b []byte, f wire.Fault, e *cloud.Error, requestID string) []byte {
	b = append(b, "<Error>"...)
	b = wire.AppendElement(b, "Code", f.Code)
	b = wire.AppendElement(b, "Message", f.Message)
	b = wire.AppendExtraElements(b, f, e)
	b = wire.AppendElement(b, "RequestId", requestID)
	b = wire.AppendElement(b, "HostId", hostID(requestID))
	return append(b, "</Error>"...)
}
