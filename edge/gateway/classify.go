package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/awscbor"
	"sundog/edge/wire/sigv2"
	"sundog/edge/wire/sigv4"
	"sundog/services/room"
)

// index finds services and operations by what requests show: target prefix, signing name, query action, path.
type index struct {
	services  map[string]*schema.Service   // by id
	byTarget  map[string]*schema.Service   // X-Amz-Target before the dot
	bySigning map[string][]*schema.Service // the service in the signature's scope
	byVersion map[string]*schema.Service   // Version of query requests
	routers   map[string]*wire.Router      // of REST services, by id
}

func newIndex(rooms []room.Room) *index {
	x := &index{
		services: map[string]*schema.Service{}, byTarget: map[string]*schema.Service{}, bySigning: map[string][]*schema.Service{},
		byVersion: map[string]*schema.Service{}, routers: map[string]*wire.Router{},
	}
	for _, r := range rooms {
		for i := range r.Operations {
			op := r.Operations[i].Schema
			s := op.Service
			if x.services[s.ID] != nil {
				continue
			}
			x.services[s.ID] = s
			x.bySigning[s.SigningName] = append(x.bySigning[s.SigningName], s)
			if s.TargetPrefix != "" {
				x.byTarget[s.TargetPrefix] = s
			}
			if s.Speaks(wire.QueryName) {
				x.byVersion[s.APIVersion] = s
			}
		}
	}
	for id, s := range x.services {
		if rest(s) {
			x.routers[id] = wire.RouterOf(s)
		}
	}
	return x
}

func rest(s *schema.Service) bool { return s.Speaks(wire.RestJSON) || s.Speaks(wire.RestXML) }

// question is a request on its way to an operation.
type question struct {
	protocol string
	service  *schema.Service   // never nil
	schema   *schema.Operation // nil: not in the model's table
	name     string            // the operation's name, for refusals
	body     []byte            // read already, for query requests
	older    *sigv2.Presigned  // the request is presigned in signature version 2
}

// classify finds protocol, service and operation. The credential may be nil. Errors are *cloud.Error.
func (g *Gateway) classify(r *http.Request, c *sigv4.Credential, h *held) (question, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return g.classifyTarget(target, r.Header.Get("Content-Type"), c)
	}
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		return g.classifyCBOR(r, c)
	}
	if q, ok, err := g.classifyQuery(r, c, h); ok || err != nil {
		return q, err
	}
	return g.classifyREST(r, c)
}

func (g *Gateway) classifyTarget(target, contentType string, c *sigv4.Credential) (question, error) {
	prefix, name, _ := strings.Cut(target, ".")
	if i := strings.LastIndex(target, "."); i >= 0 {
		prefix, name = target[:i], target[i+1:]
	}
	q := question{protocol: wire.JSON, service: g.targets.byTarget[prefix], name: name}
	if q.service == nil {
		q.service = g.unknown(prefix, c, wire.JSON)
		return q, nil
	}
	if strings.HasPrefix(contentType, awscbor.MediaType) && q.service.Speaks(wire.AWSCBOR) {
		q.protocol = wire.AWSCBOR
	}
	q.schema = g.schemaOf(q.service, name)
	return q, nil
}

func (g *Gateway) classifyCBOR(r *http.Request, c *sigv4.Credential) (question, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	q := question{protocol: wire.CBOR}
	if len(parts) != 4 || parts[0] != "service" || parts[2] != "operation" {
		q.service = g.unknown("", c, wire.CBOR)
		return q, nil
	}
	prefix := parts[1][strings.LastIndexAny(parts[1], ".#")+1:]
	q.service, q.name = g.targets.byTarget[prefix], parts[3]
	if q.service == nil && c != nil {
		q.service = g.signed(c, wire.CBOR)
	}
	if q.service == nil {
		q.service = g.unknown(prefix, c, wire.CBOR)
		return q, nil
	}
	q.schema = g.schemaOf(q.service, q.name)
	return q, nil
}

// classifyQuery recognises an Action parameter in the URL or in a form body.
func (g *Gateway) classifyQuery(r *http.Request, c *sigv4.Credential, h *held) (q question, ok bool, err error) {
	var form url.Values
	form = r.URL.Query()
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if q.body, err = g.readSigned(r, c, defaultBodyLimit, h); err != nil {
			return q, false, err
		}
		r.Body = io.NopCloser(bytes.NewReader(q.body))
		if !form.Has("Action") {
			form = queryValues(q.body, "Action", "Version")
		}
	}
	if !form.Has("Action") {
		return q, false, nil
	}
	q.protocol, q.name = wire.QueryName, form.Get("Action")
	if c != nil {
		q.service = g.signed(c, wire.QueryName)
	}
	if q.service == nil {
		q.service = g.targets.byVersion[form.Get("Version")]
	}
	if q.service == nil && c == nil && !form.Has("Version") {
		q.service = g.onlyService(q.name)
	}
	if q.service == nil {
		q.service = g.unknown("", c, wire.QueryName)
		return q, true, nil
	}
	q.schema = g.schemaOf(q.service, q.name)
	return q, true, nil
}

// onlyService finds the service of an action that only one has: links in messages (to confirm a subscription, to unsubscribe) name no version.
// nil when there is none, or more than one.
func (g *Gateway) onlyService(action string) (only *schema.Service) {
	for id, s := range g.targets.services {
		if !s.Speaks(wire.QueryName) || g.operation(id, action) == nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = s
	}
	return only
}

// queryValues reads single values of a form without parsing it whole.
func queryValues(body []byte, names ...string) url.Values {
	out := url.Values{}
	for part := range bytes.SplitSeq(body, []byte{'&'}) {
		k, v, _ := bytes.Cut(part, []byte{'='})
		if slices.Contains(names, string(k)) {
			if s, err := url.QueryUnescape(string(v)); err == nil {
				out.Set(string(k), s)
			}
		}
	}
	return out
}

// signed finds the service of a signature's scope that speaks a protocol.
func (g *Gateway) signed(c *sigv4.Credential, protocol string) *schema.Service {
	for _, s := range g.targets.bySigning[c.Scope.Service] {
		if s.Speaks(protocol) {
			return s
		}
	}
	return nil
}

// classifyREST finds the operation by method and path among the services of the signing name; unsigned requests are S3's.
func (g *Gateway) classifyREST(r *http.Request, c *sigv4.Credential) (question, error) {
	signing := "s3"
	if c != nil {
		signing = c.Scope.Service
	}
	var q question
	for _, s := range g.targets.bySigning[signing] {
		router := g.targets.routers[s.ID]
		if router == nil {
			continue
		}
		op := router.Match(r)
		if q.service == nil || op != nil {
			q.service, q.schema, q.protocol = s, op, restProtocol(s)
		}
		if op != nil {
			q.name = op.Name
			return q, nil
		}
	}
	if q.service != nil { // of this signing name, but another API may be meant
		if s, name := g.unknownREST(r, signing); s != nil && !strings.Contains(name, " ") {
			q.service, q.protocol, q.name = s, restProtocol(s), name
			return q, nil
		}
		q.name = r.Method + " " + r.URL.Path
		return q, nil
	}
	if q.service, q.name = g.unknownREST(r, signing); q.service == nil {
		q.service = &schema.Service{ID: signing, Protocols: []string{wire.RestJSON}}
	}
	q.protocol = restProtocol(q.service)
	return q, nil
}

// schemaOf finds an operation in a service's table; nil when it is not there.
func (g *Gateway) schemaOf(s *schema.Service, name string) *schema.Operation {
	if op := g.operation(s.ID, name); op != nil {
		return op.Schema
	}
	return s.Operation(name)
}

func restProtocol(s *schema.Service) string {
	if s.Speaks(wire.RestXML) {
		return wire.RestXML
	}
	return wire.RestJSON
}

const defaultBodyLimit = 10 << 20

// tooLarge is the error of a body over its limit, or of one that broke off.
func tooLarge(err error) *cloud.Error {
	e := cloud.Errorf(cloud.TooLarge, "RequestEntityTooLarge", "The request body is larger than this operation accepts.").WithStatus(http.StatusRequestEntityTooLarge)
	if tooBig := (*http.MaxBytesError)(nil); !errors.As(err, &tooBig) {
		e = cloud.Errorf(cloud.Invalid, "IncompleteBody", "The request body ended too early.").WithStatus(http.StatusBadRequest)
	}
	e.Cause = err
	return e
}
