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
	p, v := wire.Settle(op.Model().Output, out)
	if p == nil {
		return resp.Body.Close()
	}
	if err := wire.DecodeResponseBindings(resp, p, v); err != nil {
		resp.Body.Close()
		return err
	}
	f, fv := wire.Payload(p, v)
	if f != nil && f.Plan == nil && !f.Shape.EventStream {
		fv.Set(reflect.ValueOf(resp.Body))
		return nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxResponse))
	switch {
	case err != nil || len(b) == 0:
		return err
	case f != nil && f.Plan == nil:
		return cloud.NotImplementedf("%s: this client does not read event streams", op.Name)
	case f != nil && f.Shape.Kind == schema.Blob:
		fv.SetBytes(b)
		return nil
	case f != nil && f.Shape.Kind == schema.String:
		record.SetString(fv, string(b))
		return nil
	case f == nil && isS3(op.Service) && op.Name == "GetBucketLocation":
		n, err := xmlbody.Parse(b)
		if err == nil && strings.TrimSpace(n.Text()) != "" {
			record.SetString(v.Field(p.Fields()[0].Index), n.Text())
		}
		return err
	}
	return decodeBody(b, f, p, v)
}

// DecodeError reads <Error>, bare or inside <ErrorResponse>.
func (Protocol) DecodeError(_ *schema.Operation, resp *http.Response, body []byte) *cloud.Error {
	return wire.DecodeErrorXML(resp, body)
}
