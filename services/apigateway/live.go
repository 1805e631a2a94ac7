package apigateway

import (
	"context"
	"strings"
	"sync"

	api "sundog/api/apigatewayv2"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/lang/httpevent"
)

// live is an API compiled for serving.
type live struct {
	ref
	api    api.Api
	stages map[string]api.Stage
	routes []liveRoute
	cache  verdicts
	iam    bool // a route has IAM authorisation

	meter telemetry.Meter // Count, Latency, 4xx, 5xx
}

type liveRoute struct {
	api.Route
	key        httpevent.RouteKey
	payload    string // "1.0" or "2.0"
	timeout    int32  // ms
	function   cloud.ARN
	authorizer *api.Authorizer
	judge      cloud.ARN // the authorizer's function
}

// fronts caches compiled APIs. The zero value is ready; safe for concurrent use.
type fronts struct {
	mu      sync.RWMutex
	version uint64
	known   map[ref]*live
}

const maxLive = 10_000

func (f *fronts) forget(a ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	delete(f.known, a)
}

// live gives an API compiled; errNotFound when there is none.
func (r *gatewayRoom) live(ctx context.Context, a ref) (*live, error) {
	f := &r.fronts
	f.mu.RLock()
	l, version := f.known[a], f.version
	f.mu.RUnlock()
	if l != nil {
		return l, nil
	}
	l = &live{ref: a, stages: map[string]api.Stage{}}
	l.meter = r.d.Telemetry.Meter(a.Scope, "AWS/ApiGateway", map[string]string{"ApiId": a.API}, telemetry.Gauge{Name: "Count", Unit: "Count"},
		telemetry.Gauge{Name: "Latency", Unit: "Milliseconds"}, telemetry.Gauge{Name: "4xx", Unit: "Count"}, telemetry.Gauge{Name: "5xx", Unit: "Count"})
	if err := r.d.Store.View(ctx, l.load); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.version == version {
		if f.known == nil || len(f.known) >= maxLive {
			f.known = map[ref]*live{}
		}
		f.known[a] = l
	}
	return l, nil
}

func (l *live) load(rd store.Reader) error {
	d, err := thing(rd, l.ref, kindAPI, l.API)
	if err != nil {
		return err
	}
	if err := d.into(&l.api); err != nil {
		return err
	}
	stages, err := things[api.Stage](rd, l.ref, kindStage)
	if err != nil {
		return err
	}
	for _, s := range stages {
		l.stages[text(s.StageName)] = s
	}
	routes, err := things[api.Route](rd, l.ref, kindRoute)
	if err != nil {
		return err
	}
	l.routes, l.iam = nil, false
	for _, rt := range routes {
		if err := l.add(rd, rt); err != nil {
			return err
		}
	}
	return nil
}

// add compiles one route; a route without a target answers like one that is not there.
func (l *live) add(rd store.Reader, rt api.Route) error {
	lr := liveRoute{Route: rt}
	var err error
	if lr.key, err = httpevent.ParseRouteKey(text(rt.RouteKey)); err != nil {
		return err
	}
	id, ok := strings.CutPrefix(text(rt.Target), "integrations/")
	if !ok {
		return nil
	}
	d, err := read(rd, l.key(kindIntegration).Str(id))
	if err != nil || d == nil {
		return err
	}
	var in api.Integration
	if err := d.into(&in); err != nil {
		return err
	}
	if lr.function, err = functionOf(text(in.IntegrationUri)); err != nil {
		return err
	}
	lr.payload, lr.timeout = text(in.PayloadFormatVersion), 30000
	if in.TimeoutInMillis != nil {
		lr.timeout = *in.TimeoutInMillis
	}
	if rt.AuthorizerId != nil {
		d, err := thing(rd, l.ref, kindAuthorizer, *rt.AuthorizerId)
		if err != nil {
			return err
		}
		lr.authorizer = &api.Authorizer{}
		if err := d.into(lr.authorizer); err != nil {
			return err
		}
		if lr.judge, err = functionOf(text(lr.authorizer.AuthorizerUri)); err != nil {
			return err
		}
	}
	l.routes, l.iam = append(l.routes, lr), l.iam || text(rt.AuthorizationType) == "AWS_IAM"
	return nil
}

// find gives the best route for a request.
func (a *live) find(method, path string) (*liveRoute, map[string]string) {
	parts := httpevent.SplitPath(make([]string, 0, 16), path)
	var best *liveRoute
	var vars map[string]string
	top := -1
	for i := range a.routes {
		if v, score := a.routes[i].key.Match(method, parts); score > top {
			best, vars, top = &a.routes[i], v, score
		}
	}
	return best, vars
}
