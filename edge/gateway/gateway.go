// Package gateway is where the outside world comes in: one handler that classifies a request, authenticates it, decodes it,
// authorises it, calls the operation, encodes the answer and records what happened. It knows rooms only as lists of operations. The
// same path without sockets is cloud.Caller.
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"sundog/cloud"
	signer "sundog/cloud/sigv4"
	"sundog/edge/wire/sigv4"
	"sundog/engine/policy"
	"sundog/engine/telemetry"
	"sundog/services/room"
)

// Options are what a Gateway stands on. Identity, Telemetry, Clock, IDs and Log are required.
type Options struct {
	Identity  cloud.Identity
	Telemetry telemetry.Recorder
	Clock     cloud.Clock
	IDs       cloud.IDs
	Log       *slog.Logger
	// Region and Account are those of requests that name none (unsigned ones).
	Region, Account string
	// Enforce denies what no policy allows; otherwise a missing permission is reported once, to Warn.
	Enforce bool
	Warn    func(Missing)
	// Admin serves /_sundog/*; nil: refused.
	Admin http.Handler
	// Hosts are names besides loopback under which requests are accepted.
	Hosts []string
	// BodyMemory bounds the bytes of requests' bodies that are in memory at a time; less than 320 MiB counts as that.
	BodyMemory int64
	// TracesPerSecond bounds how many requests that bring no trace of their own are recorded; 0: 200.
	TracesPerSecond int
}

// Missing is a permission that a call needed and no policy gives.
type Missing struct {
	Principal        cloud.Principal
	Action, Resource string
	Suggestion       string // the statement that would grant it, as JSON
}

// Gateway is the front door. Bind the rooms before it serves. It is an http.Handler, a cloud.Caller and a cloud.Directory; all
// methods are safe for concurrent use once bound.
type Gateway struct {
	o       Options
	ops     map[string]map[string]*cloud.Operation // service -> operation
	rooms   map[string]*room.Room                  // ARN service -> room
	fronts  []room.Front
	targets *index

	verifier *sigv4.Verifier
	policies *policy.Evaluator
	bodies   *bodies

	warned  sync.Map // Missing without Suggestion -> struct{}
	second  atomic.Int64
	sampled atomic.Int64

	warnings atomic.Int64
}

// New makes a gateway without rooms.
func New(o Options) *Gateway {
	if o.TracesPerSecond == 0 {
		o.TracesPerSecond = 200
	}
	return &Gateway{o: o, verifier: sigv4.NewVerifier(o.Clock, signer.NewKeys(1024), o.Identity.Secret), policies: policy.NewEvaluator(4096), bodies: newBodies(o.BodyMemory)}
}

// Bind hands the rooms over. Call it once, before anything is served.
func (g *Gateway) Bind(rooms []room.Room) {
	g.ops, g.rooms = map[string]map[string]*cloud.Operation{}, map[string]*room.Room{}
	for i := range rooms {
		r := &rooms[i]
		if r.Service != "" {
			g.rooms[r.Service] = r
		}
		if r.Front != nil {
			g.fronts = append(g.fronts, r.Front)
		}
		for j := range r.Operations {
			op := &r.Operations[j]
			if g.ops[op.Service] == nil {
				g.ops[op.Service] = map[string]*cloud.Operation{}
			}
			g.ops[op.Service][op.Name] = op
		}
	}
	g.targets = newIndex(rooms)
}

// Front gives the HTTP data plane that claims a request, for ServeFront; nil when none does.
func (g *Gateway) Front(r *http.Request) http.Handler {
	for _, f := range g.fronts {
		if f.Claims(r) {
			return f
		}
	}
	return nil
}

// operation finds what is served; nil when it is not.
func (g *Gateway) operation(service, name string) *cloud.Operation { return g.ops[service][name] }

// Describe asks the room of an ARN for a description.
func (g *Gateway) Describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	r := g.rooms[a.Service]
	if r == nil || r.Describe == nil {
		return cloud.Description{}, cloud.NotImplementedf("This platform has no resources of the service %q.", a.Service)
	}
	return r.Describe(ctx, a)
}

// ResourcePolicy asks the room of an ARN for the resource's policy; nil, nil when it has none.
func (g *Gateway) ResourcePolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	r := g.rooms[a.Service]
	if r == nil || r.ResourcePolicy == nil {
		return nil, nil
	}
	return r.ResourcePolicy(ctx, a)
}
