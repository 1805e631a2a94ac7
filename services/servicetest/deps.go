// Package servicetest gives tests of rooms what a room stands on, in one line: the engine in memory, and the other rooms played by fakes that
// note what they are asked and answer as programmed.
package servicetest

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/enginetest"
	"sundog/services/room"
)

// Scope is where the tests' resources live.
var Scope = cloud.Scope{Account: "000000000000", Region: "eu-west-1"}

// Kit is an engine with fakes around it.
type Kit struct {
	*enginetest.Kit
	Deps      room.Deps
	Caller    *Caller
	Invoker   *Invoker
	Directory *Directory
	Identity  *Identity
	Targets   map[string]bus.Target // by the ARN's service; Record puts fakes here
	Sources   map[string]bus.Source
	Streams   map[string]bus.Stream
}

// New makes a kit. Call Begin when the rooms are made.
func New(t testing.TB) *Kit {
	t.Helper()
	return Over(enginetest.New(t))
}

// Over puts the fakes around an engine.
func Over(e *enginetest.Kit) *Kit {
	k := &Kit{
		Kit: e, Caller: &Caller{}, Invoker: &Invoker{}, Directory: &Directory{}, Identity: &Identity{clock: e.Clock},
		Targets: map[string]bus.Target{}, Sources: map[string]bus.Source{}, Streams: map[string]bus.Stream{},
	}
	k.Deps = room.Deps{
		Store: e.Store, Blob: e.Blob, Lanes: e.Lanes, Bus: e.Bus, Timers: e.Timers, Clock: e.Clock, IDs: e.IDs, Log: e.Log, Telemetry: e.Telemetry, Egress: e.Egress,
		Caller: k.Caller, Invoker: k.Invoker, Directory: k.Directory, Identity: k.Identity,
	}
	return k
}

// Deps gives a room's dependencies for tests that need no more of the kit.
func Deps(t testing.TB) room.Deps {
	t.Helper()
	return New(t).Deps
}

// Begin binds rooms to the bus, starts the engine, and starts the rooms; at the end of the test the rooms are closed.
func (k *Kit) Begin(t testing.TB, rooms ...room.Room) {
	t.Helper()
	reports := map[string]bus.Reporter{}
	for _, r := range rooms {
		reports[r.Service] = r.Report
		if r.Target != nil {
			k.Targets[r.Service] = r.Target
		}
		if r.Source != nil {
			k.Sources[r.Service] = r.Source
		}
		if r.Stream != nil {
			k.Streams[r.Service] = r.Stream
		}
	}
	k.Kit.Begin(bus.Binding{
		Target: func(service string) bus.Target { return k.Targets[service] },
		Source: func(service string) bus.Source { return k.Sources[service] },
		Stream: func(service string) bus.Stream { return k.Streams[service] },
		Report: func(service string) bus.Reporter { return reports[service] },
	})
	for _, r := range rooms {
		if r.Start != nil {
			if err := r.Start(context.WithoutCancel(t.Context())); err != nil {
				t.Fatalf("starting %s: %v", r.Service, err)
			}
		}
		if r.Close != nil {
			t.Cleanup(func() {
				if err := r.Close(); err != nil {
					t.Errorf("closing %s: %v", r.Service, err)
				}
			})
		}
	}
}

// Context gives a context with a call by the root of Scope, as a client's request has.
func (k *Kit) Context() context.Context {
	return cloud.WithCall(context.Background(), cloud.Call{
		Principal: cloud.RootOf(Scope.Account), Scope: Scope, RequestID: k.IDs.UUID(), Endpoint: "http://localhost:4566", Secure: true,
		Trace: cloud.NewTrace(k.Clock.Now(), k.IDs),
	})
}

// Call is one call that a Caller got.
type Call struct {
	As          cloud.Principal
	Scope       cloud.Scope
	Service, Op string
	In          json.RawMessage
	Body        []byte
}

// Caller plays the gateway.
type Caller struct {
	mu    sync.Mutex
	calls []Call
	// Answer gives the reply; nil: every operation answers {}. Set it before the first call.
	Answer func(c Call) (any, error)
}

// Call implements cloud.Caller.
func (f *Caller) Call(ctx context.Context, as cloud.Principal, service, op string, in json.RawMessage, body io.Reader) (cloud.Reply, error) {
	c := Call{As: as, Scope: cloud.CallFrom(ctx).Scope, Service: service, Op: op, In: in}
	if body != nil {
		var err error
		if c.Body, err = io.ReadAll(body); err != nil {
			return cloud.Reply{}, err
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	if f.Answer == nil {
		return cloud.Reply{Out: json.RawMessage("{}")}, nil
	}
	out, err := f.Answer(c)
	if err != nil {
		return cloud.Reply{}, err
	}
	b, err := json.Marshal(out)
	return cloud.Reply{Out: b}, err
}

// Calls gives what was called so far.
func (f *Caller) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// Invocation is one invoke that an Invoker got.
type Invocation struct {
	As      cloud.Principal
	Fn      cloud.ARN
	Payload []byte
	Mode    cloud.Mode
}

// Invoker plays the lambda room.
type Invoker struct {
	mu    sync.Mutex
	calls []Invocation
	// Answer gives the result; nil: every function answers null. Set it before the first invoke.
	Answer func(i Invocation) (cloud.Result, error)
}

// Invoke implements cloud.Invoker.
func (f *Invoker) Invoke(_ context.Context, as cloud.Principal, fn cloud.ARN, payload []byte, m cloud.Mode) (cloud.Result, error) {
	i := Invocation{As: as, Fn: fn, Payload: append([]byte(nil), payload...), Mode: m}
	f.mu.Lock()
	f.calls = append(f.calls, i)
	f.mu.Unlock()
	if f.Answer == nil {
		return cloud.Result{Payload: []byte("null"), ExecutedVersion: "$LATEST"}, nil
	}
	return f.Answer(i)
}

// Calls gives what was invoked so far.
func (f *Invoker) Calls() []Invocation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Invocation(nil), f.calls...)
}

// Directory plays the directory of all rooms. Put what there is into it.
type Directory struct {
	mu       sync.Mutex
	things   map[cloud.ARN]cloud.Description
	policies map[cloud.ARN]*cloud.Policy
}

// Put makes a resource known, with its resource policy or nil.
func (f *Directory) Put(a cloud.ARN, d cloud.Description, p *cloud.Policy) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.things == nil {
		f.things, f.policies = map[cloud.ARN]cloud.Description{}, map[cloud.ARN]*cloud.Policy{}
	}
	f.things[a], f.policies[a] = d, p
}

func (f *Directory) find(a cloud.ARN) error {
	if _, ok := f.things[a]; !ok {
		return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "%s does not exist.", a)
	}
	return nil
}

// Describe implements cloud.Directory.
func (f *Directory) Describe(_ context.Context, a cloud.ARN) (cloud.Description, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.things[a], f.find(a)
}

// ResourcePolicy implements cloud.Directory.
func (f *Directory) ResourcePolicy(_ context.Context, a cloud.ARN) (*cloud.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.policies[a], f.find(a)
}

// Identity plays the iam room. Secrets maps access keys to principals; every secret is "secret".
type Identity struct {
	clock    cloud.Clock
	mu       sync.Mutex
	Secrets  map[string]cloud.Principal
	Sets     map[string]cloud.PolicySet // by the principal's ARN
	Issued   []cloud.ARN
	Position map[string]cloud.Trace // what runs in an environment
}

// Secret implements cloud.Identity.
func (f *Identity) Secret(_ context.Context, accessKey, _ string) (string, cloud.Principal, *cloud.Trace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.Secrets[accessKey]
	if !ok {
		return "", cloud.Principal{}, nil, cloud.Errorf(cloud.Denied, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if t, runs := f.Position[p.Environment]; runs {
		return "secret", p, &t, nil
	}
	return "secret", p, nil, nil
}

// Policies implements cloud.Identity.
func (f *Identity) Policies(_ context.Context, p cloud.Principal) (cloud.PolicySet, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Sets[p.ARN], nil
}

// Issue implements cloud.Identity.
func (f *Identity) Issue(_ context.Context, role cloud.ARN, _, environment string, ttl time.Duration) (cloud.Credentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Issued = append(f.Issued, role)
	return cloud.Credentials{AccessKeyID: "ASIA" + environment, SecretAccessKey: "secret", SessionToken: "token", Expiration: f.clock.Wall().Add(ttl)}, nil
}

// Running implements cloud.Identity.
func (f *Identity) Running(environment string, t *cloud.Trace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Position == nil {
		f.Position = map[string]cloud.Trace{}
	}
	if t == nil {
		delete(f.Position, environment)
		return
	}
	f.Position[environment] = *t
}

// Recorder is a target that notes deliveries and answers as programmed.
type Recorder struct {
	action string
	mu     sync.Mutex
	got    []bus.Delivery
	// Answer gives the outcome; nil: Done. Set it before the first delivery.
	Answer func(d bus.Delivery) (bus.Outcome, error)
}

// Record puts a Recorder in a service's place on the bus.
func (k *Kit) Record(service, action string) *Recorder {
	r := &Recorder{action: action}
	k.Targets[service] = r
	return r
}

// Action implements bus.Target.
func (r *Recorder) Action(cloud.ARN) string { return r.action }

// Deliver implements bus.Target.
func (r *Recorder) Deliver(_ context.Context, d bus.Delivery) (bus.Outcome, error) {
	r.mu.Lock()
	r.got = append(r.got, d)
	r.mu.Unlock()
	if r.Answer == nil {
		return bus.Outcome{}, nil
	}
	return r.Answer(d)
}

// Deliveries gives what was delivered so far.
func (r *Recorder) Deliveries() []bus.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]bus.Delivery(nil), r.got...)
}

// Serve lets the rooms' own calls reach these operations with ctx, as through the gateway.
func (k *Kit) Serve(ctx context.Context, operations []cloud.Operation) {
	k.Caller.Answer = func(c Call) (any, error) {
		for _, op := range operations {
			if op.Name == c.Op {
				in := op.New()
				if err := json.Unmarshal(c.In, in); err != nil {
					return nil, err
				}
				return op.Call(ctx, in)
			}
		}
		return nil, cloud.NotImplementedf("The test serves no %s.", c.Op)
	}
}

// ByType gives resource types by their names.
func ByType(list []room.ResourceType) map[string]room.ResourceType {
	out := map[string]room.ResourceType{}
	for _, t := range list {
		out[t.Type] = t
	}
	return out
}

// Props reads a resource's properties.
func Props(t testing.TB, text string) room.Props {
	t.Helper()
	p := room.Props{}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}
