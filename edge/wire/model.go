package wire

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/jsonbody"
	"sundog/edge/wire/record"
)

// DecodeModel reads the model's JSON (cloud.Caller: member names as in the model, blobs in base64, times as epoch seconds) into in,
// a pointer to the operation's input. body, if not nil, becomes the input's stream.
func DecodeModel(op *schema.Operation, data json.RawMessage, body io.Reader, in any) error {
	p, v := record.Of(op.Model().Input, in)
	if len(data) > 0 {
		if err := jsonbody.Decode(data, p, v, jsonbody.Model); err != nil {
			return BodyError(JSON, err)
		}
	}
	if body == nil {
		return nil
	}
	if !op.Model().StreamIn {
		return cloud.Errorf(cloud.Invalid, "SerializationException", "%s takes no stream", op.Name)
	}
	f := p.Name([]byte(op.Model().Input.Payload.Name))
	v.Field(f.Index).Set(reflect.ValueOf(body))
	return nil
}

// EncodeModel writes the model's JSON of an output, and gives its stream, or nil. The caller closes it. out may be nil.
func EncodeModel(op *schema.Operation, out any) cloud.Reply {
	m := op.Model()
	if m.Output == nil || isNil(out) {
		return cloud.Reply{Out: json.RawMessage("{}")}
	}
	p, v := record.Of(m.Output, out)
	r := cloud.Reply{Out: jsonbody.Append(nil, p, v, jsonbody.Model)}
	if m.StreamOut {
		r.Body, _ = v.Field(p.Name([]byte(m.Output.Payload.Name)).Index).Interface().(io.ReadCloser)
	}
	return r
}

// DecodeModelOutput reads the model's JSON of an output into out, a pointer to the output type.
func DecodeModelOutput(op *schema.Operation, data json.RawMessage, out any) error {
	m := op.Model()
	if m.Output == nil || isNil(out) || len(data) == 0 {
		return nil
	}
	p, v := record.Of(m.Output, out)
	return jsonbody.Decode(data, p, v, jsonbody.Model)
}

// EncodeModelInput writes the model's JSON of an input.
func EncodeModelInput(op *schema.Operation, in any) json.RawMessage {
	p, v := record.Of(op.Model().Input, in)
	return jsonbody.Append(nil, p, v, jsonbody.Model)
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// BodyError makes the client's error of what a body codec complains about.
func BodyError(protocol string, err error) error {
	var e *jsonbody.Error
	if errors.As(err, &e) {
		return Malformed(protocol, e.Message)
	}
	return Malformed(protocol, err.Error())
}
