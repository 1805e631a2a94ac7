package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/services/room"
	"sundog/services/servicetest"
)

// machine plays the compute: what an invocation gives is the test's to say.
type machine struct {
	mu      sync.Mutex
	run     func(compute.Version, *compute.Invocation) (compute.Result, error)
	ensured map[string]int
	dropped []string
	seen    []compute.Version
	failed  bool // its environments do not come up
}

func text(s string) (compute.Result, error) { return compute.Result{Payload: []byte(s)}, nil }

func (m *machine) Ensure(_ context.Context, v compute.Version, n int, told func(compute.Start, []compute.LogLine)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ensured == nil {
		m.ensured = map[string]int{}
	}
	m.ensured[v.ID] = n
	if v.Handler == "broken" {
		return cloud.Errorf(cloud.Invalid, compute.NotStarted, "it does not start")
	}
	return nil
}

func (m *machine) Invoke(_ context.Context, v compute.Version, i compute.Invocation) (compute.Result, error) {
	m.mu.Lock()
	m.seen = append(m.seen, v)
	m.mu.Unlock()
	i.Started(compute.Start{Environment: "e", LogStream: "s", Cold: true, Failed: m.failed, Init: time.Second})
	return m.run(v, &i)
}

func (m *machine) Drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped = append(m.dropped, id)
}

func (m *machine) count(id string) (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.ensured[id]
	return n, ok
}

func (*machine) Runtimes(context.Context) []compute.Runtime {
	return []compute.Runtime{{Name: "nodejs20.x", Interpreter: "/usr/bin/node"}, {Name: "python3.12", Interpreter: "/usr/bin/python3"}, {Name: "provided.al2023"}}
}

func (*machine) Stats() compute.Stats        { return compute.Stats{} }
func (*machine) Close(context.Context) error { return nil }

// on puts the fake in the compute's place; run nil echoes the payload.
func (m *machine) on(run func(compute.Version, *compute.Invocation) (compute.Result, error)) func(*servicetest.Kit) {
	m.run = run
	if run == nil {
		m.run = func(_ compute.Version, i *compute.Invocation) (compute.Result, error) { return text(string(i.Payload)) }
	}
	return func(k *servicetest.Kit) { k.Deps.Compute = m }
}

// gateway plays the gateway for this room alone; others answers for the other rooms.
type gateway struct {
	rm     room.Room
	others func(service, op string, in json.RawMessage) (cloud.Reply, error)
	mu     sync.Mutex
	calls  []string
}

func (g *gateway) Call(ctx context.Context, as cloud.Principal, svc, op string, in json.RawMessage, _ io.Reader) (cloud.Reply, error) {
	g.mu.Lock()
	g.calls = append(g.calls, as.Role.Resource+" "+svc+":"+op+" "+string(in))
	g.mu.Unlock()
	if svc != service {
		return g.others(svc, op, in)
	}
	for _, o := range g.rm.Operations {
		if o.Name != op {
			continue
		}
		v := o.New()
		if err := json.NewDecoder(bytes.NewReader(in)).Decode(v); err != nil {
			return cloud.Reply{}, err
		}
		out, err := o.Call(ctx, v)
		if err != nil {
			return cloud.Reply{}, err
		}
		b, err := json.Marshal(out)
		return cloud.Reply{Out: b}, err
	}
	return cloud.Reply{}, cloud.NotImplementedf("%s:%s", svc, op)
}

func (g *gateway) log() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string{}, g.calls...)
}
