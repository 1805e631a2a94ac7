// Package client calls operations over the network with the generated types: our own command line and deployer use it. It signs,
// retries, and gives *cloud.Error; it never falls back to a real cloud, since the endpoint is always named.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/cloud/sigv4"
	"sundog/edge/wire"
	"sundog/edge/wire/all"
	"sundog/edge/wire/record"
)

// maxErrorBody bounds the body of an error response.
const maxErrorBody = 1 << 20

// Options are what a Client needs. Endpoint, Region, Clock and Credentials are required.
type Options struct {
	Endpoint string // scheme://host[:port][/path]
	Region   string
	// Credentials gives the credentials of each attempt. An empty access key leaves requests unsigned.
	Credentials func(context.Context) (sigv4.Credentials, error)
	Clock       cloud.Clock
	IDs         cloud.IDs    // makes idempotency tokens; nil: none are made
	HTTP        *http.Client // nil: one without timeout, which takes deadlines from contexts
	Attempts    int          // at most so many; 0 is 3
	UserAgent   string
}

// Client calls operations. Safe for concurrent use.
type Client struct {
	o        Options
	endpoint *url.URL
	signer   *sigv4.Signer
}

// New makes a client. The error is that of an endpoint that is no URL.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: %q is not an endpoint", o.Endpoint)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second}}
	}
	if o.Attempts == 0 {
		o.Attempts = 3
	}
	return &Client{o: o, endpoint: u, signer: sigv4.NewSigner(sigv4.NewKeys(16))}, nil
}

// Call calls an operation: in is a pointer to its input, out to its output, or nil. Absent idempotency tokens of in are filled in.
// A stream in out is open; the caller closes it. Errors of the service are *cloud.Error; those of the network are wrapped.
func (c *Client) Call(ctx context.Context, op *schema.Operation, in, out any) error {
	p := all.Protocol(op.Service.Protocols[0])
	if p == nil {
		return cloud.NotImplementedf("this client does not speak %s", op.Service.Protocols[0])
	}
	c.tokens(op, in)
	r, err := p.EncodeRequest(op, in)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		resp, err := c.send(ctx, op, r)
		if err == nil && resp.StatusCode < 300 {
			return p.DecodeResponse(op, resp, out)
		}
		if err == nil {
			err = failure(p, op, resp)
		}
		if attempt >= c.o.Attempts || ctx.Err() != nil || !again(err) || !rewind(r) {
			return err
		}
		if werr := pause(ctx, attempt); werr != nil {
			return err
		}
	}
}

// tokens fills absent idempotency tokens at the top of an input.
func (c *Client) tokens(op *schema.Operation, in any) {
	if c.o.IDs == nil {
		return
	}
	p, v := record.Of(op.Model().Input, in)
	for _, f := range p.Fields() {
		if f.Idempotency && record.Absent(v.Field(f.Index)) && v.Field(f.Index).Kind() == reflect.Pointer {
			record.SetString(v.Field(f.Index), c.o.IDs.UUID())
		}
	}
}

func (c *Client) send(ctx context.Context, op *schema.Operation, template *http.Request) (*http.Response, error) {
	r := template.Clone(ctx)
	r.URL.Scheme, r.URL.Host, r.Host = c.endpoint.Scheme, c.endpoint.Host, c.endpoint.Host
	if prefix := strings.TrimSuffix(c.endpoint.EscapedPath(), "/"); prefix != "" {
		r.URL.RawPath = prefix + r.URL.EscapedPath()
		r.URL.Path = strings.TrimSuffix(c.endpoint.Path, "/") + r.URL.Path
	}
	if c.o.UserAgent != "" {
		r.Header.Set("User-Agent", c.o.UserAgent)
	}
	creds, err := c.o.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	if creds.AccessKey != "" && !op.Model().Unsigned {
		hash, err := bodyHash(op, r)
		if err != nil {
			return nil, err
		}
		c.signer.Sign(r, hash, creds, op.Service.SigningName, c.o.Region, c.o.Clock.Wall())
	}
	resp, err := c.o.HTTP.Do(r)
	if err != nil {
		return nil, &networkError{op.Name, err}
	}
	return resp, nil
}

// bodyHash hashes a body in memory; streams are sent unsigned.
func bodyHash(op *schema.Operation, r *http.Request) (string, error) {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return sigv4.EmptyHash, nil
	case op.Model().StreamIn || op.Model().UnsignedBody:
		return sigv4.UnsignedPayload, nil
	}
	body, err := r.GetBody()
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	return sigv4.HashHex(b), nil
}

func failure(p wire.Protocol, op *schema.Operation, resp *http.Response) error {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return &networkError{op.Name, err}
	}
	if resp.StatusCode < 400 && resp.StatusCode != http.StatusNotModified {
		return fmt.Errorf("%s: unexpected status %s", op.Name, resp.Status)
	}
	return p.DecodeError(op, resp, body)
}

// networkError is a failure to reach the endpoint.
type networkError struct {
	operation string
	err       error
}

func (e *networkError) Error() string { return e.operation + ": " + e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

// again tells whether another attempt may help.
func again(err error) bool {
	var n *networkError
	if errors.As(err, &n) {
		return true
	}
	var e *cloud.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Kind == cloud.Throttled || e.Kind == cloud.Unavailable || e.Kind == cloud.Internal
}

// rewind makes the body ready to be sent again.
func rewind(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	if r.GetBody == nil {
		return false
	}
	body, err := r.GetBody()
	if err != nil {
		return false
	}
	r.Body = body
	return true
}

// pause waits before the next attempt: 50 ms, doubled each time, at most 2 s.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(min(50*time.Millisecond<<(attempt-1), 2*time.Second))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
