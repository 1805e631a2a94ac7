package lambda

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/lang/httpevent"
)

// Where function URLs and packages answer on the platform's own endpoint: the prefix, the id, then the request's path.
const (
	urlPrefix  = "/_aws/lambda-url/"
	codePrefix = "/_aws/lambda-code/"
)

// codeTime is how long the location of a package that GetFunction gives can be read.
const codeTime = 10 * time.Minute

// front serves function URLs, by host (ID.lambda-url.REGION.any) or by path, and packages at the locations that GetFunction gives.
type front struct{ *lambdaRoom }

// Claims tells whether a request is for a function URL or a package.
func (front) Claims(r *http.Request) bool {
	return urlHost(r.Host) != "" || strings.HasPrefix(r.URL.Path, urlPrefix) || strings.HasPrefix(r.URL.Path, codePrefix)
}

// urlHost takes the id out of a function URL's host name; "" when it is none.
func urlHost(host string) string {
	id, rest, _ := strings.Cut(host, ".")
	if !strings.HasPrefix(rest, "lambda-url.") {
		return ""
	}
	return id
}

// locateURL gives a URL's id and the path below it.
func locateURL(r *http.Request) (id, path string) {
	if id = urlHost(r.Host); id != "" {
		return id, r.URL.EscapedPath()
	}
	id, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), urlPrefix), "/")
	return id, "/" + rest
}

// Access names the permissions that a request to a function URL needs: with AuthType NONE too, for everyone must be allowed by the function's policy.
// AWS asks of URLs made since October 2025 that InvokeFunction is allowed as well; templates written before do not say it, so here only its denial counts.
func (f front) Access(r *http.Request) ([]cloud.Access, error) {
	if urlHost(r.Host) == "" && strings.HasPrefix(r.URL.Path, codePrefix) {
		return nil, nil // its signature says it
	}
	id, _ := locateURL(r)
	at, u, err := f.urlAt(r.Context(), id)
	if err != nil {
		return nil, nil // answered as forbidden
	}
	if _, ok := sharing(u.Cors).Preflight(r.Method, r.Header); ok {
		return nil, nil
	}
	keys := map[string][]string{"lambda:functionurlauthtype": {u.Auth}, "lambda:invokedviafunctionurl": {"true"}}
	return []cloud.Access{
		{Action: "lambda:InvokeFunctionUrl", Resource: at.qualified(), Keys: keys},
		{Action: "lambda:InvokeFunction", Resource: at.qualified(), Keys: keys, UnlessDenied: true},
	}, nil
}

func sharing(c *api.Cors) *httpevent.CORS {
	if c == nil {
		return nil
	}
	return &httpevent.CORS{
		Origins: c.AllowOrigins, Methods: c.AllowMethods, Headers: c.AllowHeaders, Expose: c.ExposeHeaders, MaxAge: c.MaxAge, Credentials: val(c.AllowCredentials, false),
	}
}

// ServeHTTP serves one request.
func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if urlHost(r.Host) == "" && strings.HasPrefix(r.URL.Path, codePrefix) {
		f.serveCode(w, r)
		return
	}
	c := cloud.CallFrom(r.Context())
	w.Header().Set("X-Amzn-Requestid", c.RequestID)
	w.Header().Set("X-Amzn-Trace-Id", c.Trace.String())
	id, path := locateURL(r)
	at, u, err := f.urlAt(r.Context(), id)
	if err != nil {
		f.Forbid(w)
		return
	}
	share := sharing(u.Cors)
	if answer, ok := share.Preflight(r.Method, r.Header); ok { // browsers send it without credentials
		send(w, answer)
		return
	}
	if u.Auth == authIAM && c.Principal.Kind == cloud.Anonymous {
		f.Forbid(w)
		return
	}
	payload, err := urlEvent(r, at, u, path, f.d.Clock.Now())
	if err != nil {
		status, text := http.StatusBadRequest, "Bad Request"
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status, text = http.StatusRequestEntityTooLarge, "Request Entity Too Large"
		}
		send(w, plainAnswer(status, text, ""))
		return
	}
	c.Scope, c.Trace.Lineage = at.Scope, "" // loops are not followed through URLs
	out := &urlWriter{w: w, share: share, origin: r.Header.Get("Origin")}
	f.serveURL(cloud.WithCall(r.Context(), c), at, u, payload, out)
}

// serveURL invokes the function and answers with what it gave.
func (f front) serveURL(ctx context.Context, at ref, u urlConfig, payload []byte, out *urlWriter) {
	m := cloud.Mode{RequestID: cloud.CallFrom(ctx).RequestID, Encoded: true}
	if u.Mode == streaming {
		m.Out = out
	}
	res, err := f.invoke(ctx, at, payload, m)
	out.Until(time.Time{})
	switch {
	case out.begun:
		out.finish(err != nil || res.FunctionError != "")
	case cloud.IsCode(err, "ResourceNotFoundException"): // its alias is gone
		f.Forbid(out.w)
	case err != nil && cloud.AsError(err).Kind == cloud.Throttled:
		out.send(plainAnswer(http.StatusTooManyRequests, "Rate Exceeded.", "TooManyRequestsException"))
	case err != nil:
		f.d.Log.Warn("a function URL could not invoke", "function", at.qualified().String(), "error", err)
		out.send(plainAnswer(http.StatusInternalServerError, "Internal Server Error", ""))
	case res.FunctionError != "":
		out.send(httpevent.Response{Status: http.StatusBadGateway, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte("Internal Server Error")})
	case u.Mode == streaming: // a handler that does not stream: its result is the body
		out.send(httpevent.Response{Status: http.StatusOK, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: res.Payload})
	default:
		answer, ok := httpevent.ParseResponse(res.Payload, httpevent.FormatURL)
		if !ok {
			answer = plainAnswer(http.StatusBadGateway, "Internal Server Error", "")
		}
		out.send(answer)
	}
}

// urlEvent makes the event of payload format 2.0 for a request.
func urlEvent(r *http.Request, at ref, u urlConfig, path string, now time.Time) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxSync))
	if err != nil {
		return nil, err
	}
	c := cloud.CallFrom(r.Context())
	q := httpevent.Request{
		Account: at.Account, API: u.ID, RouteKey: "$default", Stage: "$default", Method: r.Method, Path: path, RawQuery: r.URL.RawQuery, Host: r.Host, Prefix: u.ID,
		Protocol: r.Proto, SourceIP: c.SourceIP, UserAgent: r.UserAgent(), ID: c.RequestID, Time: now, Header: forwarded(r, c), Body: body,
	}
	if u.Auth == authIAM {
		p := c.Principal
		q.Authorizer = map[string]any{"iam": map[string]any{
			"accessKey": p.AccessKey, "accountId": p.Account, "callerId": p.ID, "cognitoIdentity": nil, "principalOrgId": nil, "userArn": p.ARN, "userId": p.ID,
		}}
	} else {
		q.Account = "anonymous"
	}
	return q.Payload()
}

// forwarded are a request's headers as a function URL hands them on.
func forwarded(r *http.Request, c cloud.Call) http.Header {
	h := r.Header.Clone()
	proto, port := "http", "80"
	if r.TLS != nil {
		proto, port = "https", "443"
	}
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	h.Set("Host", r.Host)
	h.Set("X-Amzn-Trace-Id", c.Trace.String())
	h.Add("X-Forwarded-For", c.SourceIP)
	h.Set("X-Forwarded-Proto", proto)
	h.Set("X-Forwarded-Port", port)
	if h.Get("Content-Length") == "" && r.ContentLength > 0 {
		h.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	return h
}

func plainAnswer(status int, text, kind string) httpevent.Response {
	b, _ := json.Marshal(map[string]string{"Message": text})
	a := httpevent.Response{Status: status, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: b}
	if kind != "" {
		a.Header["X-Amzn-Errortype"] = []string{kind}
	}
	return a
}

// Forbid answers a request that is not allowed.
func (front) Forbid(w http.ResponseWriter) {
	send(w, plainAnswer(http.StatusForbidden, "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html", "AccessDeniedException"))
}

// head writes the status and headers of an answer, but those that belong to the connection.
func head(w http.ResponseWriter, a httpevent.Response) {
	for n, vs := range a.Header {
		if strings.EqualFold(n, "Content-Length") || strings.EqualFold(n, "Transfer-Encoding") || strings.EqualFold(n, "Connection") {
			continue
		}
		for _, v := range vs {
			w.Header().Add(n, v)
		}
	}
}

func send(w http.ResponseWriter, a httpevent.Response) {
	head(w, a)
	if a.Status != http.StatusNoContent && a.Status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// codeLocation gives where a package can be read for some minutes; nil without an endpoint.
func (r *lambdaRoom) codeLocation(ctx context.Context, blob string) *string {
	endpoint := cloud.CallFrom(ctx).Endpoint
	if endpoint == "" {
		return nil
	}
	until := strconv.FormatInt(r.d.Clock.Wall().Add(codeTime).Unix(), 10)
	return new(endpoint + codePrefix + blob + "?Expires=" + until + "&Signature=" + r.sign(blob, until))
}

func (r *lambdaRoom) sign(blob, until string) string {
	m := hmac.New(sha256.New, []byte(r.secret))
	m.Write([]byte(blob + "\n" + until))
	return hex.EncodeToString(m.Sum(nil))
}

func (f front) serveCode(w http.ResponseWriter, r *http.Request) {
	blob, until := strings.TrimPrefix(r.URL.Path, codePrefix), r.URL.Query().Get("Expires")
	seconds, err := strconv.ParseInt(until, 10, 64)
	if err != nil || !hmac.Equal([]byte(r.URL.Query().Get("Signature")), []byte(f.sign(blob, until))) || f.d.Clock.Wall().Unix() > seconds {
		send(w, plainAnswer(http.StatusForbidden, "Forbidden", "AccessDeniedException"))
		return
	}
	b, err := f.d.Blob.Open(r.Context(), blob, 0, -1)
	if err != nil {
		send(w, plainAnswer(http.StatusNotFound, "Not Found", "ResourceNotFoundException"))
		return
	}
	defer b.Close()
	w.Header().Set("Content-Type", "application/zip")
	_, _ = io.Copy(w, b)
}
