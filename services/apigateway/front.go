package apigateway

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/telemetry"
	"sundog/lang/httpevent"
)

// pathPrefix is where every API answers on the platform's own endpoint: prefix, API id, then the stage (but $default) and the path.
const pathPrefix = "/_aws/execute-api/"

// maxBody bounds a request's body (API Gateway quotas: payload size).
const maxBody = 10 << 20

// front serves the APIs: by host (ID.execute-api.REGION.any) or by path.
type front struct{ *gatewayRoom }

// Claims tells whether a request is for an API.
func (front) Claims(r *http.Request) bool {
	_, _, ok := byHost(r.Host)
	return ok || strings.HasPrefix(r.URL.Path, pathPrefix)
}

// byHost takes the API id and region out of a host name.
func byHost(host string) (id, region string, ok bool) {
	id, rest, _ := strings.Cut(host, ".")
	if rest, ok = strings.CutPrefix(rest, "execute-api."); !ok {
		return "", "", false
	}
	region, _, _ = strings.Cut(rest, ".")
	return id, region, true
}

// Access names the permission that a request to a route with IAM authorisation needs; nil for others. The Call is in the request's context.
func (f front) Access(r *http.Request) ([]cloud.Access, error) {
	a, path := locate(r)
	return f.access(r, a, path)
}

func (r *gatewayRoom) access(req *http.Request, a ref, path string) ([]cloud.Access, error) {
	l, err := r.live(req.Context(), a)
	if err != nil {
		if cloud.AsError(err).Kind == cloud.NotFound {
			err = nil // answered as not found
		}
		return nil, err
	}
	if !l.iam {
		return nil, nil
	}
	x := &exchange{api: l, method: req.Method}
	x.enter(path)
	if x.route, _ = l.find(x.method, x.path); x.route == nil || text(x.route.AuthorizationType) != "AWS_IAM" {
		return nil, nil
	}
	arn, err := cloud.ParseARN(x.arn())
	return []cloud.Access{{Action: "execute-api:Invoke", Resource: arn}}, err
}

// enter finds the stage of a path.
func (x *exchange) enter(path string) {
	x.stage, x.path, x.rawPath = "$default", path, path
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if _, ok := x.api.stages[first]; ok && first != "" {
		x.stage, x.path = first, "/"+rest
	}
}

// ServeHTTP serves one request of any API.
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, path := locate(r)
	f.serve(w, r, a, path)
}

// locate finds the API and the path below it, by host or by the prefix.
func locate(r *http.Request) (ref, string) {
	c := cloud.CallFrom(r.Context())
	a, path := ref{Scope: c.Scope}, r.URL.EscapedPath()
	if id, region, ok := byHost(r.Host); ok {
		a.API = id
		if len(region) > 0 && strings.Contains(region, "-") {
			a.Region = region
		}
	} else {
		below := strings.TrimPrefix(path, pathPrefix)
		if end := strings.IndexByte(below, '/'); end < 0 {
			a.API, path = below, "/"
		} else {
			a.API, path = below[:end], below[end:]
		}
	}
	return a, path
}

// Access is front's, for the application's own API.
func (o *Own) Access(r *http.Request) ([]cloud.Access, error) {
	if a := o.api.Load(); a != nil {
		return o.room.access(r, *a, r.URL.EscapedPath())
	}
	return nil, nil
}

// Serve makes an API the application's own.
func (o *Own) Serve(sc cloud.Scope, api string) { o.api.Store(&ref{sc, api}) }

// ServeHTTP serves a request of the application's own API.
func (o *Own) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := o.api.Load()
	if a == nil {
		send(w, message(http.StatusServiceUnavailable, "The application has no HTTP API here (yet)."))
		return
	}
	o.room.serve(w, r, *a, r.URL.EscapedPath())
}

func (r *gatewayRoom) serve(w http.ResponseWriter, req *http.Request, a ref, path string) {
	l, err := r.live(req.Context(), a)
	if err != nil {
		out := message(http.StatusNotFound, "Not Found")
		if cloud.AsError(err).Kind != cloud.NotFound {
			r.d.Log.Error("api gateway cannot read its API", "api", a.API, "error", err)
			out = message(http.StatusInternalServerError, "Internal Server Error")
		}
		send(w, out)
		return
	}
	x := &exchange{
		api: l, method: req.Method, rawQuery: req.URL.RawQuery, host: req.Host, protocol: req.Proto, agent: req.UserAgent(),
		time: r.d.Clock.Now(),
	}
	x.enter(path)
	c := cloud.CallFrom(req.Context())
	x.id, x.ip, x.traceID = c.RequestID, c.SourceIP, c.Trace.String()
	x.forwarded(req)
	out := r.handle(req, x)
	x.cors(&out)
	out.header["Apigw-Requestid"] = []string{x.id}
	send(w, out)
	r.record(x, out)
}

// forwarded takes over the request's headers, with those that the gateway adds. The values are the request's own: nobody changes them.
func (x *exchange) forwarded(req *http.Request) {
	proto := "http"
	if req.TLS != nil {
		proto = "https"
	}
	port := "80"
	if _, p, err := net.SplitHostPort(req.Host); err == nil {
		port = p
	}
	const added = 6
	x.header = make(map[string][]string, len(req.Header)+added)
	maps.Copy(x.header, req.Header)
	values := make([]string, 0, added)
	set := func(name, value string) {
		values = append(values, value)
		x.header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("Host", req.Host)
	set("X-Amzn-Trace-Id", x.traceID)
	set("X-Forwarded-Proto", proto)
	set("X-Forwarded-Port", port)
	if _, ok := x.header["Content-Length"]; !ok && req.ContentLength >= 0 {
		set("Content-Length", strconv.FormatInt(req.ContentLength, 10))
	}
	if before := x.header["X-Forwarded-For"]; len(before) == 0 {
		set("X-Forwarded-For", x.ip)
	} else {
		x.header["X-Forwarded-For"] = append(slices.Clip(before), x.ip)
	}
}

// promised is how much of a body that is yet to come gets its memory beforehand.
const promised = 64 << 10

// readBody reads a request's body, in one piece when its length is known and small.
func readBody(req *http.Request) ([]byte, error) {
	switch n := req.ContentLength; {
	case n == 0:
		return nil, nil
	case n > 0 && n <= promised:
		body := make([]byte, n)
		_, err := io.ReadFull(req.Body, body)
		return body, err
	}
	return io.ReadAll(http.MaxBytesReader(nil, req.Body, maxBody))
}

// handle is the way of a request: CORS, route, body, authoriser, function, response.
func (r *gatewayRoom) handle(req *http.Request, x *exchange) answer {
	if _, ok := x.api.stages[x.stage]; !ok {
		return message(http.StatusNotFound, "Not Found")
	}
	if a, ok := x.preflight(); ok {
		return a
	}
	if x.route, x.vars = x.api.find(x.method, x.path); x.route == nil {
		return message(http.StatusNotFound, "Not Found")
	}
	var err error
	if x.body, err = readBody(req); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return message(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		return message(http.StatusBadRequest, "Bad Request")
	}
	if a, ok := r.signed(req.Context(), x); !ok {
		return a
	}
	if a, ok := r.judge(req.Context(), x); !ok {
		return a
	}
	return r.invoke(req.Context(), x)
}

// signed checks a route with IAM authorisation: the request must be signed; what the caller may do is decided by the gateway.
func (r *gatewayRoom) signed(ctx context.Context, x *exchange) (answer, bool) {
	if text(x.route.AuthorizationType) != "AWS_IAM" {
		return answer{}, true
	}
	p := cloud.CallFrom(ctx).Principal
	if p.Kind == cloud.Anonymous {
		return message(http.StatusForbidden, "Forbidden"), false
	}
	x.identity = map[string]any{"iam": map[string]any{"accessKey": p.AccessKey, "accountId": p.Account, "callerId": p.ID, "userArn": p.ARN, "userId": p.ID}}
	return answer{}, true
}

// principal is the service that invokes for the request.
func principal(x *exchange, resource string) cloud.Principal {
	a := cloud.ARN{Partition: "aws", Service: "execute-api", Region: x.api.Region, Account: x.api.Account, Resource: x.api.API + "/" + resource}
	return cloud.ServicePrincipal("apigateway.amazonaws.com", a)
}

func (r *gatewayRoom) invoke(ctx context.Context, x *exchange) answer {
	payload, err := x.payload()
	if err != nil {
		r.d.Log.Error("api gateway event", "api", x.api.API, "error", err)
		return message(http.StatusInternalServerError, "Internal Server Error")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(x.route.timeout)*time.Millisecond)
	defer cancel()
	arn, err := cloud.ParseARN(x.arn())
	if err != nil {
		return message(http.StatusInternalServerError, "Internal Server Error")
	}
	res, err := r.d.Invoker.Invoke(ctx, cloud.ServicePrincipal("apigateway.amazonaws.com", arn), x.route.function, payload, cloud.Mode{Encoded: true})
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return message(http.StatusServiceUnavailable, "Service Unavailable")
	case err != nil:
		r.d.Log.Warn("api gateway could not invoke", "api", x.api.API, "route", x.route.key.Text, "function", x.route.function.String(), "error", err)
		if cloud.AsError(err).Kind == cloud.Throttled {
			return message(http.StatusServiceUnavailable, "Service Unavailable")
		}
		return message(http.StatusInternalServerError, "Internal Server Error")
	case res.FunctionError != "":
		return message(http.StatusInternalServerError, "Internal Server Error")
	}
	return responseOf(res.Payload, x.route.payload)
}

// send writes an answer.
func send(w http.ResponseWriter, a answer) {
	h := w.Header()
	for n, vs := range a.header {
		switch n = http.CanonicalHeaderKey(n); n {
		case "Content-Length", "Transfer-Encoding", "Connection":
			continue
		}
		if len(h[n]) == 0 {
			h[n] = vs
		} else {
			h[n] = append(h[n], vs...) // named twice, in other letters
		}
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// record writes the access log and the metrics of a request.
func (r *gatewayRoom) record(x *exchange, a answer) {
	now := r.d.Clock.Now()
	ms := float64(now.Sub(x.time)) / float64(time.Millisecond)
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	x.api.meter.Add(now, 1, ms, is(a.status/100 == 4), is(a.status/100 == 5))
	r.accessLog(x, a, ms)
}

func (r *gatewayRoom) accessLog(x *exchange, a answer, ms float64) {
	s := x.api.stages[x.stage].AccessLogSettings
	if s == nil || s.DestinationArn == nil || s.Format == nil {
		return
	}
	dest, err := cloud.ParseARN(*s.DestinationArn)
	if err != nil || dest.Service != "logs" {
		return
	}
	group := strings.TrimSuffix(strings.TrimPrefix(dest.Resource, "log-group:"), ":*")
	key := "-"
	if x.route != nil {
		key = x.route.key.Text
	}
	line := strings.NewReplacer(
		"$context.requestId", x.id, "$context.identity.sourceIp", x.ip, "$context.requestTimeEpoch", strconv.FormatInt(x.time.UnixMilli(), 10),
		"$context.requestTime", x.time.UTC().Format(httpevent.TimeFormat), "$context.httpMethod", x.method, "$context.routeKey", key,
		"$context.path", x.rawPath, "$context.status", strconv.Itoa(a.status), "$context.protocol", x.protocol, "$context.responseLength", strconv.Itoa(len(a.body)),
		"$context.responseLatency", strconv.Itoa(int(ms)), "$context.integrationErrorMessage", dash(a.fault), "$context.error.message", dash(a.fault),
		"$context.stage", x.stage, "$context.apiId", x.api.API, "$context.domainName", x.host, "$context.identity.userAgent", x.agent,
	).Replace(*s.Format)
	r.d.Telemetry.Log(telemetry.LogGroup{Scope: x.api.Scope, Name: group}, x.api.API, telemetry.LogEvent{Time: x.time, Message: line})
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
