package app

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"sundog/edge/gateway"
	"sundog/engine/egress"
)

// inward is the way to the outside that rooms get. What leads to a data plane of this platform (an API, a function URL) is served without a
// socket, as an unsigned request; other names of clouds are refused, for nothing here may end at a real cloud; all else goes out.
type inward struct {
	egress.Client
	gateway *gateway.Gateway
	own     netip.AddrPort
}

// Do implements egress.Client.
func (c *inward) Do(ctx context.Context, r egress.Request) (egress.Response, error) {
	u, err := url.Parse(r.URL)
	if err != nil || !c.ours(u) {
		return c.Client.Do(ctx, r)
	}
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = egress.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, min(timeout, egress.MaxTimeout))
	defer cancel()
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return egress.Response{}, &egress.Invalid{Reason: err.Error()}
	}
	for k, values := range r.Header {
		for _, v := range values {
			req.Header.Add(k, v)
		}
	}
	req.RequestURI = u.RequestURI()
	f := c.gateway.Front(req)
	if f == nil {
		return egress.Response{}, &egress.Refused{Address: u.Host, Reason: "it leads to this platform, which serves no API or function URL there"}
	}
	limit := r.MaxBody
	if limit <= 0 {
		limit = egress.DefaultBody
	}
	a := &answer{header: http.Header{}, left: min(limit, egress.MaxBody)}
	c.gateway.ServeFront(a, req, f)
	if err := ctx.Err(); err != nil {
		return egress.Response{}, err
	}
	a.WriteHeader(http.StatusOK)
	return egress.Response{Status: a.status, Header: a.header, Body: a.body.Bytes(), Truncated: a.truncated}, nil
}

// clouds end the host names that lead to this platform, as they do for functions in a sandbox.
var clouds = []string{".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws"}

// ours tells whether a URL leads to this platform: by a name of a cloud, or by the address of the endpoint.
func (c *inward) ours(u *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	for _, suffix := range clouds {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	if u.Port() == "" || u.Port() != portText(c.own) {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && (ip.IsLoopback() || ip.String() == c.own.Addr().String())
}

func portText(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// answer takes what a data plane writes.
type answer struct {
	header    http.Header
	status    int // 0: not written yet
	body      bytes.Buffer
	left      int64
	truncated bool
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter; only the first final status counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write implements http.ResponseWriter; what is over the bound is let go.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	keep := min(int64(len(b)), a.left)
	a.left -= keep
	a.truncated = a.truncated || keep < int64(len(b))
	a.body.Write(b[:keep])
	return len(b), nil
}

// Flush implements http.Flusher; there is nothing to flush.
func (a *answer) Flush() {}
