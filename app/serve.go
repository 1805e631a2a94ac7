package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"sundog/cloud"
	"sundog/edge/admin"
)

// PortInUse says that another process listens on an address.
type PortInUse struct{ Address string }

// Error names the address.
func (e *PortInUse) Error() string { return "the address " + e.Address + " is in use" }

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &PortInUse{address}
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	return l, nil
}

// serve serves HTTP/1 and, to clients that begin with it, HTTP/2: some SDKs speak nothing else to some services (that for JavaScript to Kinesis).
func (p *Platform) serve(l net.Listener, h http.Handler) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: h, Protocols: protocols, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10}
	p.servers = append(p.servers, s)
	l = p.connections.Listener(l)
	go func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			p.o.Log.Error("listener ended", "address", l.Addr().String(), "error", err)
		}
	}()
}

// adminOptions ties the admin calls to this platform.
func (p *Platform) adminOptions() admin.Options {
	o := admin.Options{Telemetry: p.Telemetry, Clock: p.Clock, Status: p.status, Peek: p.peek}
	if p.o.Dev {
		o.Advance, o.Reset = p.advance, p.reset
		o.Mount = func(ctx context.Context, m admin.Mount) error {
			_, err := p.Mount(ctx, cloud.NewARN("lambda", m.Scope, "function:"+m.Function), m.Dir, m.Layers)
			return err
		}
	}
	return o
}

func (p *Platform) advance(ctx context.Context, d time.Duration) (int, []string, error) {
	r, err := p.Clock.Advance(ctx, d)
	return r.Fired, r.Unquiet, errors.Join(err, p.writeOffset(context.WithoutCancel(ctx), p.Clock.Offset()))
}

// reset takes the clock back to real time.
func (p *Platform) reset(ctx context.Context) error {
	p.Clock.Reset()
	return p.writeOffset(ctx, 0)
}

func (p *Platform) status(ctx context.Context) admin.Status {
	stats := p.compute.Stats()
	s := admin.Status{
		Version: Version, Endpoint: p.Endpoint, HTTP: p.HTTP, Data: p.o.Data, Durability: p.o.Durability, Enforce: p.o.Enforce,
		Now: p.Clock.Now(), Started: p.started, Dropped: p.Telemetry.Dropped(),
		Environments: map[string]int{"idle": stats.Idle, "busy": stats.Busy, "starting": stats.Starting},
	}
	for _, r := range p.compute.Runtimes(ctx) {
		s.Runtimes = append(s.Runtimes, admin.Runtime{Name: r.Name, Interpreter: r.Interpreter, Version: r.Version, Note: r.Note, Missing: r.Missing})
	}
	return s
}

// Mount has a function run from a folder, with layers over its own, until the next mount. released is closed when the last call on the folder before
// is over.
func (p *Platform) Mount(ctx context.Context, function cloud.ARN, dir string, layers []string) (released <-chan struct{}, err error) {
	ctx = cloud.WithCall(ctx, cloud.Call{Principal: cloud.RootOf(function.Account), Scope: function.Scope()})
	return p.House.Lambda.Mount(ctx, function.String(), dir, layers...)
}
