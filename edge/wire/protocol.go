package wire

import (
	"bytes"
	"io"
	"net/http"

	"sundog/cloud"
	"sundog/cloud/schema"
)

// The names of the protocols, as the API models call them.
const (
	JSON      = "json"
	QueryName = "query"
	RestJSON  = "rest-json"
	RestXML   = "rest-xml"
	CBOR      = "smithy-rpc-v2-cbor"
	AWSCBOR   = "cbor" // the JSON protocol, in CBOR
)

// Server is a protocol as the gateway uses it. Implementations are stateless and safe for concurrent use.
type Server interface {
	// Name is the protocol's name, such as "rest-json".
	Name() string
	// Decode reads a request into in, a pointer to the operation's input type. body is the whole body; for operations whose
	// input is a stream it is nil and the stream is r.Body, which in keeps. Errors are *cloud.Error of kind Invalid, in the
	// protocol's words. Nothing is validated.
	Decode(op *schema.Operation, r *http.Request, body []byte, in any) error
	// Encode writes the successful answer. out is a pointer to the output type, or nil when the model has no output. A stream
	// in out is copied and closed. Errors are those of writing, or of the stream.
	Encode(w http.ResponseWriter, r *http.Request, op *schema.Operation, out any, requestID string) error
	// EncodeError writes an error in the protocol's shape. op is nil when the request named none that is known; svc must be
	// there, with at least ID and Protocols.
	EncodeError(w http.ResponseWriter, svc *schema.Service, op *schema.Operation, e *cloud.Error, requestID string)
}

// Client is a protocol as edge/wire/client uses it.
type Client interface {
	// EncodeRequest makes a request with method, URL (path and query only), headers and body. in is a pointer to the input.
	EncodeRequest(op *schema.Operation, in any) (*http.Request, error)
	// DecodeResponse reads a successful response into out, a pointer to the output, or nil. It takes over resp.Body: it reads and
	// closes it, or hands it to the stream in out.
	DecodeResponse(op *schema.Operation, resp *http.Response, out any) error
	// DecodeError reads an error response.
	DecodeError(op *schema.Operation, resp *http.Response, body []byte) *cloud.Error
}

// Protocol is both sides.
type Protocol interface {
	Server
	Client
}

// MaxResponse bounds the body of a response that a client reads into memory.
const MaxResponse = 64 << 20

// SetBody gives a request a body in memory.
func SetBody(r *http.Request, b []byte) {
	r.ContentLength = int64(len(b))
	r.Body = io.NopCloser(bytes.NewReader(b))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// Side is whose fault an error is, in the words of the query protocol.
func Side(f Fault) string {
	if f.Sender {
		return "Sender"
	}
	return "Receiver"
}
