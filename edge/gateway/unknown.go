package gateway

import (
	"net/http"
	"slices"

	"sundog/api/catalog"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire"
	"sundog/edge/wire/sigv4"
)

// unknown names a service that is not served, from the list of all APIs, so that the refusal has the shape of its protocol. protocol is the
// one that the request shows; it goes first.
func (g *Gateway) unknown(target string, c *sigv4.Credential, protocol string) *schema.Service {
	if s := catalog.ByTarget(target); s != nil {
		return s.Schema()
	}
	id := target
	if c != nil {
		id = c.Scope.Service
		for _, s := range catalog.BySigning(id) {
			if speaks(s, protocol) {
				return s.Schema()
			}
		}
	}
	if id == "" {
		id = "unknown"
	}
	return &schema.Service{ID: id, Protocols: []string{protocol}}
}

// refusal is the answer to a question for what is not served: by name, unless AWS has no such action either.
func (q question) refusal() error {
	ops := catalog.Known(q.service)
	known := slices.ContainsFunc(ops, func(o catalog.Operation) bool { return o.Name == q.name })
	switch {
	case q.protocol != wire.QueryName || ops == nil || known:
		return notServed(q.service.ID, q.name)
	case len(q.service.Protocols) > 1:
		return cloud.Errorf(cloud.Invalid, "InvalidAction", "The action %s is not valid for this endpoint.", q.name)
	default:
		return cloud.Errorf(cloud.Invalid, "InvalidAction", "Could not find operation %s for version %s", q.name, q.service.APIVersion)
	}
}

func speaks(s *catalog.Service, protocol string) bool {
	for _, p := range s.Protocols {
		if p == protocol {
			return true
		}
	}
	return false
}

// unknownREST names service and operation of a REST request that no served service takes.
func (g *Gateway) unknownREST(r *http.Request, signing string) (svc *schema.Service, name string) {
	query := func(k string) (string, bool) { return r.URL.Query().Get(k), r.URL.Query().Has(k) }
	for _, s := range catalog.BySigning(signing) {
		sch := s.Schema()
		if !rest(sch) {
			continue
		}
		if n := s.Find(r.Method, r.URL.Path, query); n != "" {
			return sch, n
		}
		svc = sch
	}
	return svc, r.Method + " " + r.URL.Path
}
