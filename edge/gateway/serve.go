package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	signer "sundog/cloud/sigv4"
	"sundog/edge/wire"
	protocols "sundog/edge/wire/all"
	"sundog/edge/wire/sigv2"
	"sundog/edge/wire/sigv4"
)

// ServeHTTP serves one request of the AWS endpoint.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sundog/") {
		g.serveAdmin(w, r)
		return
	}
	for _, f := range g.fronts {
		if f.Claims(r) {
			g.ServeFront(w, r, f)
			return
		}
	}
	h := g.bodies.hold(r.Context())
	defer h.release()
	older, err := sigv2.Parse(r)
	var c *sigv4.Credential
	if older == nil && err == nil {
		c, err = sigv4.Parse(r)
	}
	if err == nil {
		if e := g.guard(r); e != nil {
			err = e
		}
	}
	q, qerr := g.classify(addressed(r, c), c, h)
	q.older = older
	id := g.o.IDs.UUID()
	if err == nil {
		err = qerr
	}
	if err == nil {
		err = g.serveOperation(w, r, c, q, id, h)
	}
	if err != nil {
		g.fail(w, q, err, id)
	}
}

// fail answers an error in the protocol's shape. Internal causes go to the log under the request's id.
func (g *Gateway) fail(w http.ResponseWriter, q question, err error, id string) {
	e := cloud.AsError(err)
	if errors.Is(err, context.Canceled) { // the client has gone, or the platform ends
		g.o.Log.Debug("request given up", "operation", q.name, "request", id)
	} else if e.Kind == cloud.Internal || e.Cause != nil {
		g.o.Log.Error("request failed", "operation", q.name, "request", id, "error", e)
	}
	if q.service == nil {
		q.service, q.protocol = &schema.Service{ID: "s3", Protocols: []string{wire.RestXML}}, wire.RestXML
	}
	if e.Code == "AccessDenied" && (q.protocol == wire.JSON || q.protocol == wire.RestJSON || q.protocol == wire.CBOR || q.protocol == wire.AWSCBOR) {
		e = e.InQuery(e.Code, "") // the older code, which services that once spoke query tell as well
		e.Code = "AccessDeniedException"
	}
	if (q.protocol == wire.JSON || q.protocol == wire.AWSCBOR) && e.Kind == cloud.Denied && (e.Status == 0 || e.Status == http.StatusForbidden) {
		e = e.WithStatus(0) // the JSON protocols answer 400 where the others, and services that once spoke query, answer 403
		if q.service.QueryCode {
			e.Status = http.StatusForbidden
		}
	}
	protocols.Protocol(q.protocol).EncodeError(w, q.service, q.schema, e, id)
}

// serveOperation authenticates, decodes, authorises, calls, encodes and records. An error has not been answered yet.
func (g *Gateway) serveOperation(w http.ResponseWriter, r *http.Request, c *sigv4.Credential, q question, id string, h *held) error {
	op := g.operation(q.service.ID, q.name)
	start := g.o.Clock.Now()
	streams := op != nil && op.Schema.Model().StreamIn
	who, body, err := g.authenticate(r, c, q, op, streams, h)
	if err != nil {
		return err
	}
	under, entry := g.trace(r, who.Parent)
	call := g.call(r, who.Principal, c, id)
	call.Trace = under.Under(cloud.NewSpanID(g.o.IDs))
	about, err := g.answer(w, addressed(r, c), call, q, op, body)
	var e *cloud.Error
	if err != nil {
		e = cloud.AsError(err)
	}
	g.span(call, under, entry, q.service.ID+":"+q.name, about, start, e)
	return err
}

// answer is the part after authentication. It gives what the call was about.
func (g *Gateway) answer(w http.ResponseWriter, r *http.Request, call cloud.Call, q question, op *cloud.Operation, body []byte) (about cloud.ARN, err error) {
	if op == nil {
		return about, q.refusal()
	}
	srv := protocols.Protocol(q.protocol)
	in := op.New()
	if err := srv.Decode(op.Schema, r, body, in); err != nil {
		return about, err
	}
	if !op.Checks {
		if err := wire.Validate(op.Schema, in); err != nil {
			return about, err
		}
	}
	ctx := cloud.WithCall(r.Context(), call)
	if about, err = g.authorise(ctx, call, op, in); err != nil {
		return about, err
	}
	out, err := op.Call(ctx, in)
	if err != nil {
		return about, err
	}
	if err := srv.Encode(w, r, op.Schema, out, call.RequestID); err != nil {
		g.o.Log.Debug("answer could not be written", "operation", op.Name, "error", err)
	}
	return about, nil
}

// authenticate verifies the signature and reads the body, unless the operation takes it as a stream. An unsigned request is anonymous.
func (g *Gateway) authenticate(r *http.Request, c *sigv4.Credential, q question, op *cloud.Operation, streams bool, h *held) (sigv4.Identity, []byte, error) {
	if q.older != nil {
		return g.authenticateOlder(r, q.older, op, streams, h)
	}
	if streams && !unsaid(c) {
		return g.authenticateStream(r, c)
	}
	body := q.body
	if body == nil {
		var err error
		if body, err = g.readSigned(r, c, limitOf(op), h); err != nil {
			return sigv4.Identity{}, nil, worded(err, op)
		}
	}
	if c == nil {
		return sigv4.Identity{Principal: cloud.Principal{Kind: cloud.Anonymous}}, body, nil
	}
	if strings.HasPrefix(c.Payload, "STREAMING-") { // chunked, for an operation that takes no stream
		r.Body = io.NopCloser(bytes.NewReader(body))
		who, decoded, err := g.authenticateStream(r, c)
		if err != nil {
			return who, decoded, err
		}
		body, err = readBody(r, limitOf(op), h)
		return who, body, err
	}
	who, err := g.verifier.Verify(r, c, body)
	if streams {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return who, body, err
}

// unsaid tells whether a signature covers a body without the request saying its hash, so that the body is read whole to verify it: S3's clients say it,
// those of other services need not.
func unsaid(c *sigv4.Credential) bool {
	return c != nil && c.Payload == "" && !signer.SingleEncoding(c.Scope.Service)
}

// authenticateOlder verifies a URL that is presigned in signature version 2. What it signs does not cover the body.
func (g *Gateway) authenticateOlder(r *http.Request, p *sigv2.Presigned, op *cloud.Operation, streams bool, h *held) (sigv4.Identity, []byte, error) {
	secret, who, parent, err := g.o.Identity.Secret(r.Context(), p.AccessKey, p.Token)
	if err == nil {
		err = p.Verify(r, secret, bucketOf(hostName(r.Host)), g.o.Clock.Wall())
	}
	if err != nil || streams {
		return sigv4.Identity{Principal: who, Parent: parent}, nil, err
	}
	body, err := readBody(r, limitOf(op), h)
	return sigv4.Identity{Principal: who, Parent: parent}, body, err
}

func (g *Gateway) authenticateStream(r *http.Request, c *sigv4.Credential) (sigv4.Identity, []byte, error) {
	if c == nil {
		body, err := sigv4.Anonymous(r)
		if err == nil {
			r.Body = body
		}
		return sigv4.Identity{Principal: cloud.Principal{Kind: cloud.Anonymous}}, nil, err
	}
	who, body, err := g.verifier.VerifyStream(r, c)
	if err == nil {
		r.Body = body
	}
	return who, nil, err
}

func limitOf(op *cloud.Operation) int64 {
	if op != nil && op.BodyLimit > 0 {
		return op.BodyLimit
	}
	return defaultBodyLimit
}

// worded gives the refusal of a body over its limit in the operation's own words, if it has some.
func worded(err error, op *cloud.Operation) error {
	if op == nil || op.TooLarge == nil || cloud.AsError(err).Kind != cloud.TooLarge {
		return err
	}
	return op.TooLarge(limitOf(op))
}

// readSigned reads the body of a request that is perhaps signed (c may be nil): of a large one nothing is read when its key does not exist.
func (g *Gateway) readSigned(r *http.Request, c *sigv4.Credential, limit int64, h *held) ([]byte, error) {
	if c != nil && (r.ContentLength > freeBody || r.ContentLength < 0) {
		if err := g.verifier.Expect(r, c); err != nil {
			return nil, err
		}
	}
	return readBody(r, limit, h)
}

// readBody reads a whole body, in one piece when its length is known.
func readBody(r *http.Request, limit int64, h *held) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(&http.MaxBytesError{Limit: limit})
	}
	if err := h.whole(r); err != nil {
		return nil, err
	}
	if n := r.ContentLength; n >= 0 {
		body := make([]byte, n)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, tooLarge(err)
		}
		return body, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if e, ok := errors.AsType[*cloud.Error](err); ok {
		return nil, e
	}
	if err != nil {
		return nil, tooLarge(err)
	}
	return body, nil
}

// call describes the request to the operation.
func (g *Gateway) call(r *http.Request, p cloud.Principal, c *sigv4.Credential, id string) cloud.Call {
	call := cloud.Call{Principal: p, RequestID: id, UserAgent: r.UserAgent(), Secure: true, Endpoint: endpoint(r), TraceHeader: r.Header.Get("X-Amzn-Trace-Id")}
	call.Scope = cloud.Scope{Account: p.Account, Region: g.o.Region}
	if c != nil {
		call.Scope.Region = c.Scope.Region
	}
	if call.Scope.Account == "" {
		call.Scope.Account = g.o.Account
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		call.SourceIP = host
		ip, err := netip.ParseAddr(host)
		call.Secure = r.TLS != nil || err == nil && ip.Unmap().IsLoopback()
	}
	if cloud.SandboxFrom(r.Context()) != nil {
		call.Secure, call.FromSandbox = true, true
	}
	return call
}

// endpoint is how the client reached us, so that URLs in answers lead back to here.
func endpoint(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// ServeFront serves a request of an HTTP data plane: a signed one is authenticated first. The listener of the application's own API calls it
// too, without the guard: any page may call an application.
func (g *Gateway) ServeFront(w http.ResponseWriter, r *http.Request, f http.Handler) {
	id := g.o.IDs.UUID()
	c, err := sigv4.Parse(r)
	if err == nil && c != nil && c.Scope.Service == "" {
		c = nil
	}
	who := sigv4.Identity{Principal: cloud.Principal{Kind: cloud.Anonymous}}
	h := g.bodies.hold(r.Context())
	defer h.release()
	if err == nil && c == nil {
		err = h.whole(r)
	}
	if err == nil && c != nil {
		var body []byte
		if body, err = g.readSigned(r, c, defaultBodyLimit, h); err == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			who, err = g.verifier.Verify(r, c, body)
		}
	}
	if err != nil {
		g.fail(w, question{service: &schema.Service{ID: "execute-api", Protocols: []string{wire.RestJSON}}, protocol: wire.RestJSON}, err, id)
		return
	}
	g.front(w, r, f, who, id)
}

// front calls the front with the span that everything hangs under.
func (g *Gateway) front(w http.ResponseWriter, r *http.Request, f http.Handler, who sigv4.Identity, id string) {
	start := g.o.Clock.Now()
	under, entry := g.trace(r, who.Parent)
	call := g.call(r, who.Principal, nil, id)
	call.Trace = under.Under(cloud.NewSpanID(g.o.IDs))
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	r = r.WithContext(cloud.WithCall(r.Context(), call))
	if err := g.permitFront(r, f, call); err == nil {
		f.ServeHTTP(rec, r)
	} else if own, ok := f.(interface{ Forbid(http.ResponseWriter) }); ok {
		own.Forbid(rec)
	} else {
		rec.Header().Set("Content-Type", "application/json")
		rec.WriteHeader(http.StatusForbidden)
		_, _ = rec.Write([]byte(`{"message":"Forbidden"}`))
	}
	g.spanHTTP(call, under, entry, r, start, rec.status)
}

// permitFront decides on what a front says that a request needs, if it says so.
func (g *Gateway) permitFront(r *http.Request, f any, call cloud.Call) error {
	front, ok := f.(interface {
		Access(*http.Request) ([]cloud.Access, error)
	})
	if !ok {
		return nil
	}
	needs, err := front.Access(r)
	for _, a := range needs {
		if err == nil {
			err = g.Permit(r.Context(), call, a)
		}
	}
	return err
}

// serveAdmin serves /_sundog/*: root's signed requests only, never those of web pages of others or of sandboxes.
func (g *Gateway) serveAdmin(w http.ResponseWriter, r *http.Request) {
	if g.o.Admin == nil {
		http.NotFound(w, r)
		return
	}
	if cloud.SandboxFrom(r.Context()) != nil {
		http.Error(w, "AccessDenied: Admin calls are not served to functions.", http.StatusForbidden)
		return
	}
	if err := g.permitAdmin(r); err != nil {
		e := cloud.AsError(err)
		status := e.Status
		if status == 0 {
			status = http.StatusForbidden
		}
		http.Error(w, e.Code+": "+e.Message, status)
		return
	}
	g.o.Admin.ServeHTTP(w, r)
}

func (g *Gateway) permitAdmin(r *http.Request) error {
	if e := g.guard(r); e != nil {
		return e
	}
	c, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	h := g.bodies.hold(r.Context())
	defer h.release()
	body, err := g.readSigned(r, c, defaultBodyLimit, h)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if c != nil {
		who, err := g.verifier.Verify(r, c, body)
		if err != nil {
			return err
		}
		if who.Principal.Kind == cloud.Root && who.Principal.Environment == "" {
			return nil
		}
	}
	return cloud.Errorf(cloud.Denied, "AccessDenied", "Admin calls must be signed with the root key.").WithStatus(http.StatusForbidden)
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
