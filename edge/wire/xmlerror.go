package wire

import (
	"fmt"
	"net/http"
	"strconv"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/record"
	"sundog/edge/wire/xmlbody"
)

// AppendElement appends <name>text</name>.
func AppendElement(b []byte, name, text string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = xmlbody.AppendText(b, text)
	return append(append(append(b, '<', '/'), name...), '>')
}

// AppendExtraElements appends the further members of an error as elements.
func AppendExtraElements(b []byte, f Fault, e *cloud.Error) []byte {
	for _, x := range f.Extras(e) {
		switch {
		case x.Member != nil && x.Member.Location != schema.Body:
		case x.Plan != nil:
			b = xmlbody.Append(b, x.Name, schema.XMLName{}, x.Plan, record.Deref(x.Value), xmlbody.Query)
		default:
			b = AppendElement(b, x.Name, fmt.Sprint(record.Deref(x.Value).Interface()))
		}
	}
	return b
}

// AppendErrorResponse appends the <ErrorResponse> of query and of rest-xml (but S3).
func AppendErrorResponse(b []byte, space string, f Fault, e *cloud.Error, requestID string) []byte {
	b = append(b, "<ErrorResponse"...)
	if space != "" {
		b = append(b, ` xmlns="`+xmlbody.Escape(space)+`"`...)
	}
	b = append(b, "><Error>"...)
	b = AppendElement(b, "Type", Side(f))
	b = AppendElement(b, "Code", f.Code)
	b = AppendElement(b, "Message", f.Message)
	b = AppendExtraElements(b, f, e)
	b = append(b, "</Error>"...)
	b = AppendElement(b, "RequestId", requestID)
	return append(b, "</ErrorResponse>"...)
}

// DecodeErrorXML reads the error of an XML protocol. What is not XML gives the status's text as code.
func DecodeErrorXML(resp *http.Response, body []byte) *cloud.Error {
	n, err := xmlbody.Parse(body)
	if err != nil {
		return RemoteError(resp.StatusCode, strconv.Itoa(resp.StatusCode), http.StatusText(resp.StatusCode), nil)
	}
	root := n.Find("Error")
	if root == nil {
		root = n
	}
	var code, message string
	fields := map[string]any{}
	for _, k := range root.Kids {
		switch k.Name {
		case "Code":
			code = k.Text()
		case "Message", "message":
			message = k.Text()
		case "Type", "RequestId", "HostId":
		default:
			fields[k.Name] = k.Text()
		}
	}
	return RemoteError(resp.StatusCode, code, message, fields)
}
