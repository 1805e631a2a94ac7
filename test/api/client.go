package api

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // one of S3's checksums
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/cloud/sigv4"
	"sundog/edge/wire"
	"sundog/edge/wire/all"
)

// Client sends calls over the wire and gives answers as the recording's client saw them: by the model's names, with the error's members and
// the status.
type Client struct {
	endpoint   *url.URL
	operations map[string]cloud.Operation // by service/operation
	signer     *sigv4.Signer
	keys       sigv4.Credentials
	http       *http.Client
}

// NewClient makes a client of a platform at an endpoint.
func NewClient(endpoint string, operations []cloud.Operation, keys sigv4.Credentials) (*Client, error) {
	u, err := url.Parse(endpoint)
	c := &Client{endpoint: u, operations: map[string]cloud.Operation{}, signer: sigv4.NewSigner(sigv4.NewKeys(16)), keys: keys, http: &http.Client{Timeout: time.Minute}}
	for _, op := range operations {
		c.operations[op.Service+"/"+op.Name] = op
	}
	return c, err
}

// Answer is what a call gave.
type Answer struct {
	Value  map[string]any // the members and ResponseMetadata; for an error Error and ResponseMetadata
	Failed bool
}

// Do sends a call with plain parameters and further headers. The error is the harness's or the network's, never the service's.
func (c *Client) Do(ctx context.Context, call Call, params map[string]any, headers ...[2]string) (Answer, error) {
	op, ok := c.operations[call.Service+"/"+call.Operation]
	if !ok {
		return Answer{}, fmt.Errorf("%s:%s is not served", call.Service, call.Operation)
	}
	p := all.Protocol(op.Schema.Service.Protocols[0])
	if call.Protocol != "" {
		p = all.Protocol(call.Protocol)
	}
	in, err := input(op, params)
	if err != nil {
		return Answer{}, fmt.Errorf("parameters of %s: %w", call.Operation, err)
	}
	resp, err := c.send(ctx, p, op, in, call.Region, headers)
	if err != nil {
		return Answer{}, err
	}
	if resp.StatusCode >= 300 {
		return failed(p, op, resp)
	}
	a, err := answered(p, op, resp)
	if err == nil && lists(op) && params["EncodingType"] == nil {
		decodeKeys(a.Value)
	}
	return a, err
}

// decodeKeys decodes the keys of a list as clients do that asked for the encoding by themselves.
func decodeKeys(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok && slices.Contains([]string{"Key", "Prefix", "Delimiter", "Marker", "NextMarker", "KeyMarker", "NextKeyMarker", "StartAfter"}, k) {
				if d, err := url.QueryUnescape(s); err == nil {
					v[k] = d
				}
			}
			decodeKeys(e)
		}
	case []any:
		for _, e := range v {
			decodeKeys(e)
		}
	}
}

// habits adds the parameters that AWS's clients send by themselves.
func habits(op cloud.Operation, params map[string]any) {
	m := op.Schema.Model()
	if m.ChecksumAnswer != "" && params[m.ChecksumAnswer] == nil {
		params[m.ChecksumAnswer] = "ENABLED"
	}
	if lists(op) && params["EncodingType"] == nil {
		params["EncodingType"] = "url"
	}
}

// lists tells whether an operation lists keys, which clients ask for in URL encoding.
func lists(op cloud.Operation) bool {
	return op.Name == "ListObjects" || op.Name == "ListObjectsV2" || op.Name == "ListObjectVersions"
}

// input makes an operation's input of parameters.
func input(op cloud.Operation, params map[string]any) (any, error) {
	m := op.Schema.Model()
	params = maps.Clone(params)
	habits(op, params)
	var body io.Reader
	if m.StreamIn {
		if s := stream(m.Input, params); s != nil {
			body = s
		}
	}
	b, err := json.Marshal(model(m.Input, params))
	if err != nil {
		return nil, err
	}
	in := op.New()
	return in, wire.DecodeModel(op.Schema, b, body, in)
}

func (c *Client) send(ctx context.Context, p wire.Protocol, op cloud.Operation, in any, region string, headers [][2]string) (*http.Response, error) {
	r, err := p.EncodeRequest(op.Schema, in)
	if err != nil {
		return nil, err
	}
	r = r.WithContext(ctx)
	for _, h := range headers {
		if h[0] != "" {
			r.Header.Set(h[0], h[1])
		}
	}
	r.URL.Scheme, r.URL.Host, r.Host = c.endpoint.Scheme, c.endpoint.Host, c.endpoint.Host
	if region == "" {
		region = "us-east-1"
	}
	sum := sigv4.EmptyHash
	var b []byte
	if r.Body != nil {
		if b, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		wire.SetBody(r, b)
		sum = sigv4.HashHex(b)
	}
	checksum(op.Schema.Model(), r, b)
	if op.Schema.Service.SigningName == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", sum)
	}
	c.signer.Sign(r, sum, c.keys, op.Schema.Service.SigningName, region, time.Now())
	return c.http.Do(r)
}

// checksum adds the checksum that AWS's clients send by default where an operation knows of checksums.
func checksum(m *schema.Model, r *http.Request, body []byte) {
	if m.ChecksumMember == "" {
		return
	}
	for h := range r.Header {
		if strings.HasPrefix(h, "X-Amz-Checksum-") && h != "X-Amz-Checksum-Algorithm" && h != "X-Amz-Checksum-Type" || h == "Content-Md5" {
			return
		}
	}
	algorithm := cmp.Or(r.Header.Get("X-Amz-Sdk-Checksum-Algorithm"), "CRC32")
	made := map[string]hash.Hash{
		"CRC32": crc32.NewIEEE(), "CRC32C": crc32.New(crc32.MakeTable(crc32.Castagnoli)), "SHA1": sha1.New(), "SHA256": sha256.New(),
		"CRC64NVME": crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)),
	}[algorithm]
	if made == nil {
		return
	}
	made.Write(body)
	r.Header.Set("X-Amz-Sdk-Checksum-Algorithm", algorithm)
	r.Header.Set("X-Amz-Checksum-"+algorithm, base64.StdEncoding.EncodeToString(made.Sum(nil)))
}

func answered(p wire.Protocol, op cloud.Operation, resp *http.Response) (Answer, error) {
	defer resp.Body.Close()
	a := Answer{Value: map[string]any{}}
	if op.NewOut != nil && op.Schema.Model().Output != nil {
		out := op.NewOut()
		if err := p.DecodeResponse(op.Schema, resp, out); err != nil {
			return a, err
		}
		reply := wire.EncodeModel(op.Schema, out)
		if err := json.Unmarshal(reply.Out, &a.Value); err != nil {
			return a, err
		}
		if reply.Body != nil {
			b, err := io.ReadAll(reply.Body)
			if err != nil {
				return a, err
			}
			a.Value[op.Schema.Model().Output.Payload.Name] = string(b)
		}
		readable(op.Schema.Model().Output, a.Value)
		for _, m := range op.Schema.Model().Output.Members {
			if m.Location == schema.Headers && a.Value[m.Name] == nil {
				a.Value[m.Name] = map[string]any{}
			}
		}
	}
	a.Value["ResponseMetadata"] = map[string]any{"HTTPStatusCode": float64(resp.StatusCode)}
	return a, nil
}

func failed(p wire.Protocol, op cloud.Operation, resp *http.Response) (Answer, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, err
	}
	e := p.DecodeError(op.Schema, resp, body)
	members := map[string]any{"Code": e.Code, "Message": e.Message}
	for k, v := range e.Fields {
		members[k] = v
	}
	if h := resp.Header.Get("x-amzn-query-error"); h != "" {
		members["QueryErrorCode"] = e.Code
		members["Code"], members["Type"], _ = strings.Cut(h, ";")
	}
	if p.Name() == wire.QueryName {
		if _, after, ok := strings.Cut(string(body), "<Type>"); ok {
			members["Type"], _, _ = strings.Cut(after, "<")
		}
	}
	return Answer{Failed: true, Value: map[string]any{"Error": members, "ResponseMetadata": map[string]any{"HTTPStatusCode": float64(resp.StatusCode)}}}, nil
}
