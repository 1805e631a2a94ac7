package wire

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"sundog/cloud"
)

// maxInflated bounds a request body after decompression.
const maxInflated = 64 << 20

// Plain gives the body of a request without the gzip encoding that clients put around large ones (Smithy, "requestCompression
// trait"). Bodies of other encodings, or without, are given as they are. Errors are *cloud.Error.
func Plain(protocol string, r *http.Request, body []byte) ([]byte, error) {
	encodings := strings.Split(r.Header.Get("Content-Encoding"), ",")
	if !strings.EqualFold(strings.TrimSpace(encodings[len(encodings)-1]), "gzip") || !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, Malformed(protocol, "The body is not gzip.")
	}
	out, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	if err != nil {
		return nil, Malformed(protocol, "The body is not gzip.")
	}
	if len(out) > maxInflated {
		return nil, cloud.Errorf(cloud.TooLarge, "RequestEntityTooLargeException", "The request body is larger than this operation accepts.")
	}
	return out, nil
}
