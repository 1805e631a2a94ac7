// Package room says what a room is: what a service of the platform brings (Room) and what it gets (Deps).
package room

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"sundog/cloud"
	"sundog/engine/blob"
	"sundog/engine/bus"
	"sundog/engine/compute"
	"sundog/engine/egress"
	"sundog/engine/lane"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/engine/timer"
)

// Deps is what a room stands on. Caller, Invoker, Directory and Identity are bound after every room's New: a room keeps Deps and uses them
// only later; using one inside New panics.
type Deps struct {
	Store     store.Store
	Blob      blob.Store
	Lanes     lane.Lanes
	Bus       bus.Bus
	Timers    timer.Timers
	Telemetry telemetry.Recorder
	Compute   compute.Compute
	Egress    egress.Client
	Clock     cloud.Clock
	IDs       cloud.IDs
	Log       *slog.Logger
	Caller    cloud.Caller
	Invoker   cloud.Invoker
	Directory cloud.Directory
	Identity  cloud.Identity
}

// Room is what a service brings. All but Operations is optional.
type Room struct {
	Service    string // the ARN's service ("sqs", "states"): Target, Source, Stream, Describe and ResourcePolicy serve ARNs of it
	Operations []cloud.Operation
	Refused    map[string]string // operation -> why it is not served, for the coverage page
	Resources  []ResourceType
	Front      Front // nil: none
	Target     bus.Target
	Source     bus.Source
	Stream     bus.Stream
	Report     bus.Reporter // of what the room emits
	// Describe gives an *Error of kind NotFound when the resource is absent.
	Describe func(ctx context.Context, a cloud.ARN) (cloud.Description, error)
	// ResourcePolicy gives nil, nil when there is none.
	ResourcePolicy func(ctx context.Context, a cloud.ARN) (*cloud.Policy, error)
	// Blobs calls fn for every blob that the room's rows name, as of one moment (one View), so that those which no room names can be swept
	// (blob.Sweep). A blob that no row names any more is never named again. nil: the room keeps no blobs.
	Blobs func(ctx context.Context, fn func(id string) error) error
	// Start begins background work (pollers, resuming executions), after all rooms are bound; Close ends it and waits. Both may be nil.
	Start func(ctx context.Context) error
	Close func() error
}

// Front is an HTTP data plane: requests that are no API operations (an HTTP API, a function URL). The gateway authenticates a request
// first if it is signed; the Call is in its context, with the anonymous principal when it is not.
type Front interface {
	// Claims tells whether the front serves the request, by host or path.
	Claims(r *http.Request) bool
	ServeHTTP(w http.ResponseWriter, r *http.Request)
}

// Props are a resource's properties, resolved, as decoded JSON.
type Props map[string]json.RawMessage

// ResourceType is one CloudFormation resource type. Handlers act only through Caller as the stack's principal (the Call in ctx), block
// until the resource is stable, and are idempotent by the token in ctx: after a crash the same step runs again.
type ResourceType struct {
	Type       string   // "AWS::SQS::Queue"
	Properties []string // the top-level properties that are applied
	// NoEffect names the properties that have no meaning on this platform, with the reason; they are accepted and listed once per deploy.
	NoEffect   map[string]string
	Attributes []string // what GetAtt knows
	// Create makes the resource and gives its physical id (what Ref gives) and attributes (what GetAtt gives).
	Create func(ctx context.Context, r Request) (Result, error)
	// Update changes it; a Result with another physical ID means that it was replaced: the engine deletes the old one in clean-up.
	// nil: every change replaces.
	Update func(ctx context.Context, r Request) (Result, error)
	// Delete removes it; absent is no error.
	Delete func(ctx context.Context, r Request) error
}

// Request is one step on one resource.
type Request struct {
	StackName, StackID, LogicalID string
	Physical                      string            // "" at Create
	Old, New                      Props             // Old nil at Create, New nil at Delete
	Token                         string            // the same when a step runs again after a crash
	Metadata                      string            // the resource's Metadata in the template, as JSON; "" when it has none
	Reverts                       bool              // an Update that rolls back a failed one, to the Old before it
	Rest                          func(wait func()) // calls wait, while the clock may move: the handler only waits for time to pass
	Tags                          map[string]string // the stack's tags
}

// Result is what a step made. A zero Attributes keeps none.
type Result struct {
	Physical   string
	Attributes map[string]any
}
