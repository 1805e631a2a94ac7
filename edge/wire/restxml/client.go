package restxml

import (
	"io"
	"net/http"
	"reflect"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/record"
	"sundog/edge/wire/xmlbody"
)

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
		name := m.InputXML.Local
		if name == "" {
			name = m.Input.Name
		}
		setXML(r, name, m.InputXML, p, v)
	case f == nil || record.Absent(fv):
	case f.Plan == nil:
		err = wire.SetStream(r, fv.Interface().(io.Reader))
	case f.Shape.Kind == schema.Blob:
		wire.SetBody(r, fv.Bytes())
	case f.Shape.Kind == schema.String:
		wire.SetBody(r, []byte(record.Deref(fv).String()))
	default:
		setXML(r, payloadName(f), f.XML, f.Plan, record.Deref(fv))
	}
	return r, err
}

func setXML(r *http.Request, name string, space schema.XMLName, p *record.Plan, v reflect.Value) {
	r.Header.Set("Content-Type", "application/xml")
	wire.SetBody(r, xmlbody.Append(nil, name, space, p, v, xmlbody.Rest))
}

// DecodeResponse reads status, headers and body.
func (Protocol) DecodeResponse(op *schema.Operation, resp *http.Response, out any) error {
	r, err := wire.OpenResponse(op, resp, out)
	switch {
	case err != nil || r == nil:
		return err
	case r.Payload != nil && r.Payload.Shape.Kind == schema.Blob:
		r.Member.SetBytes(r.Body)
		return nil
	case r.Payload != nil && r.Payload.Shape.Kind == schema.String:
		record.SetString(r.Member, string(r.Body))
		return nil
	case r.Payload == nil && isS3(op.Service) && op.Name == "GetBucketLocation":
		n, err := xmlbody.Parse(r.Body)
		if err == nil && strings.TrimSpace(n.Text()) != "" {
			record.SetString(r.Value.Field(r.Plan.Fields()[0].Index), n.Text())
		}
		return err
	}
	return decodeBody(r.Body, r.Payload, r.Plan, r.Value)
}

// DecodeError reads <Error>, bare or inside <ErrorResponse>.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	return wire.DecodeErrorXML(resp, body)
}
