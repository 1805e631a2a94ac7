package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Options are what an HTTP client stands on.
type Options struct {
	Policy Policy
	TLS    *tls.Config // nil: the system's roots
}

// HTTP implements Client. Close it.
type HTTP struct {
	policy    Policy
	transport *http.Transport
}

var _ Client = (*HTTP)(nil)

// New makes a client. It takes no proxy from the environment: what is dialled is what the policy saw.
func New(o Options) *HTTP {
	c := &HTTP{policy: o.Policy}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: c.control}
	c.transport = &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: o.TLS, ForceAttemptHTTP2: true, MaxIdleConns: 256, MaxIdleConnsPerHost: 8, // no bound on a host's connections: the bus bounds each target, and a slow one must not hold up others of its host
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, ExpectContinueTimeout: time.Second,
	}
	return c
}

// Close lets go of idle connections.
func (c *HTTP) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// control holds every address against the policy after the name was resolved, just before it is dialled.
func (c *HTTP) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refused{Address: address, Reason: "it is no address"}
	}
	if reason := c.policy.Check(a); reason != "" {
		return &Refused{Address: address, Reason: reason}
	}
	return nil
}

// Do implements Client.
func (c *HTTP) Do(ctx context.Context, r Request) (Response, error) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, min(timeout, MaxTimeout))
	defer cancel()
	req, err := request(ctx, r)
	if err != nil {
		return Response{}, err
	}
	client := http.Client{Transport: c.transport, CheckRedirect: follow(min(r.Redirects, MaxRedirects))}
	resp, err := client.Do(req)
	if err != nil {
		return Response{}, reason(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp, r.MaxBody)
}

// request checks a request and makes it one of net/http's.
func request(ctx context.Context, r Request) (*http.Request, error) {
	if len(r.Body) > MaxRequest {
		return nil, &Invalid{fmt.Sprintf("the body is over %d bytes", MaxRequest)}
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, &Invalid{"the URL cannot be read"} // the error would show a password in it
	}
	if err := checkURL(u); err != nil {
		return nil, err
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, &Invalid{err.Error()}
	}
	if len(r.Body) == 0 {
		req.Body, req.GetBody = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	}
	for k, values := range r.Header {
		if strings.EqualFold(k, "Host") && len(values) > 0 {
			req.Host = values[0]
			continue
		}
		for _, v := range values {
			req.Header.Add(k, v)
		}
	}
	return req, nil
}

func checkURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" {
		return &Invalid{"the URL is not an absolute http or https URL"}
	}
	return nil
}

// follow lets n redirects through; the one after is the answer.
func follow(n int) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) > n {
			return http.ErrUseLastResponse
		}
		return checkURL(req.URL)
	}
}

func read(resp *http.Response, limit int64) (Response, error) {
	if limit <= 0 {
		limit = DefaultBody
	}
	limit = min(limit, MaxBody)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return Response{}, fmt.Errorf("reading the answer: %w", err)
	}
	out := Response{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if int64(len(body)) > limit {
		out.Body, out.Truncated = body[:limit], true
	}
	return out, nil
}

// reason takes a refusal out of what net/http wraps around it, and leaves the URL out of other errors: it may hold a password.
func reason(err error) error {
	var refused *Refused
	if errors.As(err, &refused) {
		return refused
	}
	var invalid *Invalid
	if errors.As(err, &invalid) {
		return invalid
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
