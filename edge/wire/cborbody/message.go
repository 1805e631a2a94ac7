package cborbody

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/record"
)

// ReadRequest reads an operation's input out of the body of a request of the named protocol. An empty body is an empty map.
func (c Codec) ReadRequest(protocol string, op *schema.Operation, r *http.Request, body []byte, in any) error {
	body, err := wire.Plain(protocol, r, body)
	if err != nil || len(body) == 0 {
		return err
	}
	p, v := record.Of(op.Model().Input, in)
	if err := c.Unmarshal(body, p, v); err != nil {
		return wire.Malformed(protocol, err.Error())
	}
	return nil
}

// ReadResponse reads an operation's output and closes the body. An empty body leaves the output as it is.
func (c Codec) ReadResponse(op *schema.Operation, resp *http.Response, out any) error {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxResponse))
	if err != nil || len(b) == 0 {
		return err
	}
	p, v := wire.Settle(op.Model().Output, out)
	if p == nil {
		return nil
	}
	return c.Unmarshal(b, p, v)
}

// MarshalError writes {"__type": ..., "message": ...} with the error's further members.
func (c Codec) MarshalError(svc *schema.Service, f wire.Fault, e *cloud.Error) ([]byte, error) {
	body := map[string]any{"__type": svc.ErrorPrefix + f.Name, f.MessageMember(): f.Message}
	for _, x := range f.Extras(e) {
		if x.Plan != nil {
			body[x.Name] = c.Plain(x.Plan, x.Value)
			continue
		}
		body[x.Name] = record.Deref(x.Value).Interface()
	}
	return Encode(body)
}

// ReadError reads what MarshalError writes; of another body it gives the status.
func ReadError(resp *http.Response, body []byte) *cloud.Error {
	var fields map[string]any
	if err := Decode(body, &fields); err != nil {
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
