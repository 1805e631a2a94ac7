// Package app is the composition root: it opens the drivers, builds the rooms, binds them to each other and starts the gateway. The binary
// and the tests both start it.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/edge/admin"
	"sundog/edge/gateway"
	"sundog/edge/xray"
	"sundog/engine/blob"
	"sundog/engine/bus"
	"sundog/engine/compute/process"
	"sundog/engine/compute/process/outside"
	"sundog/engine/egress"
	"sundog/engine/lane"
	"sundog/engine/policy"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/engine/timer"
	"sundog/internal/clock"
	"sundog/internal/connlimit"
	"sundog/internal/ids"
	"sundog/services/all"
	"sundog/services/room"
)

// Version is the platform's version; the build sets it.
var Version = "dev"

// The durability modes.
const (
	Sync    = "sync"    // an answer leaves only when what it saw is on the disk
	Relaxed = "relaxed" // a killed process loses nothing, a power cut at most 100 ms
	Memory  = "memory"  // nothing is kept
)

// Options are what a platform is started with. The zero value of each is its default.
type Options struct {
	Data       string            // the platform's folder; "" with Durability Memory only
	Durability string            // Sync, Relaxed or Memory
	Listen     string            // of the AWS endpoint; "" is 127.0.0.1:4566, port 0 any
	HTTP       string            // of the application's own HTTP API, without a prefix; "": none
	Dev        bool              // the clock can be moved, code mounts are served
	Enforce    bool              // missing permissions are denied
	Region     string            // "": us-east-1
	Account    string            // "": 000000000000
	Roots      map[string]string // access keys of the account's root, with their secrets
	Cache      string            // folder of what is fetched once (SDKs); "": the user's cache folder
	Log        *slog.Logger      // nil: discarded
	Warn       func(gateway.Missing)
	Progress   func(string) // short lines about slow work
	Spares     int          // pre-started runtimes; 0: 1, negative: none
	Settle     bool         // give memory that only the start needed back to the system, a little later; for a process that is this platform alone
	// AllowPrivate lets the platform's own requests (subscriptions by HTTP) out to loopback and private addresses, EgressAllow to these ranges.
	AllowPrivate bool
	EgressAllow  []netip.Prefix
	// Sandbox says whether functions run in sandboxes: SandboxPossible, SandboxRequired or SandboxNone.
	Sandbox string
	// AllowEgress are destinations that functions in sandboxes may reach, AllowPublic lets them reach every public address.
	AllowEgress []EgressRule
	AllowPublic bool
	Blocked     func(Blocked) // told once of every destination that a function was kept from; nil: the log only
}

// Whether functions run in sandboxes.
const (
	SandboxPossible = ""         // where the machine can
	SandboxRequired = "required" // Open fails where it cannot
	SandboxNone     = "none"     // as plain processes
)

func (o Options) withDefaults() Options {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&o.Durability, Sync)
	set(&o.Listen, "127.0.0.1:4566")
	set(&o.Region, "us-east-1")
	set(&o.Account, "000000000000")
	set(&o.Cache, userCache())
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Platform is one running platform. Close it.
type Platform struct {
	o        Options
	Endpoint string // http://host:port of the AWS endpoint
	HTTP     string // of the application's own HTTP API; "" without one
	Clock    *clock.Clock
	House    all.House
	Gateway  *gateway.Gateway

	Telemetry telemetry.Recorder
	started   time.Time
	// connections bounds those of clients and of functions: an eighth of the files that this process may have open is left for the store and for starting functions.
	connections *connlimit.Limit
	store       store.Store
	side        store.Store // telemetry's own
	blob        blob.Store
	lanes       *lane.Set
	timers      *timer.Wheel
	bus         *bus.Dispatcher
	compute     *process.Driver
	egress      *egress.HTTP
	inward      *inward
	outside     *outside.Server
	daemon      *xray.Daemon
	servers     []*http.Server
	stopped     sync.Once
	stopErr     error
	openRooms   int            // rooms whose Start has run
	trying      sync.WaitGroup // a sandbox is tried out
	beside      sync.WaitGroup // what goes on after the start
	endBeside   context.CancelFunc
	temporary   bool
	ids         *ids.IDs
}

// Open starts a platform and returns when it answers. ctx bounds the start only.
func Open(ctx context.Context, o Options) (*Platform, error) {
	p := &Platform{o: o.withDefaults(), started: time.Now(), ids: ids.New()}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Platform) open(ctx context.Context) error {
	if err := p.openStore(); err != nil {
		return err
	}
	offset, err := p.readOffset(ctx)
	if err != nil {
		return err
	}
	p.Clock = clock.New(time.Now, offset)
	p.connections = connlimit.New(connlimit.Files()/8*7, nil, func() {
		p.o.Log.Warn("there are as many connections as this process's limit of open files allows; further ones are reset", "files", connlimit.Files())
	})
	listener, err := listen(p.o.Listen)
	if err != nil {
		return err
	}
	p.Endpoint = "http://" + listener.Addr().String()
	var own net.Listener
	if p.o.HTTP != "" {
		if own, err = listen(p.o.HTTP); err != nil {
			return errors.Join(err, listener.Close())
		}
		p.HTTP = "http://" + own.Addr().String()
	}
	err = p.build()
	if err == nil {
		err = p.start(ctx)
	}
	if err != nil {
		_ = listener.Close()
		if own != nil {
			_ = own.Close()
		}
		return err
	}
	p.serve(listener, p.Gateway)
	if own != nil {
		p.serve(own, http.HandlerFunc(p.serveOwn))
	}
	return nil
}

// serveOwn serves the application's own API.
func (p *Platform) serveOwn(w http.ResponseWriter, r *http.Request) {
	p.Gateway.ServeFront(w, r, p.House.OwnAPI)
}

// userCache is the folder of what is fetched once; "" when the user has none.
func userCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "sundog")
}

// build makes engines, rooms and gateway, and binds them.
func (p *Platform) build() error {
	id, bound := p.ids, &late{}
	if err := p.openCompute(bound); err != nil { // first: it takes longest to know whether functions can run in sandboxes
		return err
	}
	if err := p.openBeside(); err != nil {
		return err
	}
	p.Telemetry = telemetry.New(telemetry.Options{Store: p.side, Clock: p.Clock, Log: p.o.Log})
	p.lanes = lane.New(p.store, p.o.Log)
	p.timers = timer.New(timer.Options{Store: p.store, Clock: p.Clock, Log: p.o.Log})
	judge := bus.Policies{Directory: bound, Identity: bound, Clock: p.Clock, Evaluator: policy.NewEvaluator(4096)}
	p.bus = bus.New(bus.Options{Store: p.store, Clock: p.Clock, IDs: id, Log: p.o.Log, Telemetry: p.Telemetry, Authorise: p.lenient(judge.Authorise)})
	if err := p.openEgress(); err != nil {
		return err
	}
	d := room.Deps{
		Store: p.store, Blob: p.blob, Lanes: p.lanes, Bus: p.bus, Timers: p.timers, Telemetry: p.Telemetry, Compute: p.compute, Egress: p.inward,
		Clock: p.Clock, IDs: id, Log: p.o.Log, Caller: bound, Invoker: bound, Directory: bound, Identity: bound,
	}
	p.House = all.New(d, all.Options{Roots: p.root, Endpoint: p.Endpoint, CodeDir: filepath.Join(p.o.Data, "code")})
	p.Gateway = gateway.New(gateway.Options{
		Identity: p.House.Identity, Telemetry: p.Telemetry, Clock: p.Clock, IDs: id, Log: p.o.Log, Region: p.o.Region, Account: p.o.Account,
		Enforce: p.o.Enforce, Warn: p.o.Warn, Admin: admin.New(p.adminOptions()), BodyMemory: process.MachineMemory() / 8,
	})
	p.Gateway.Bind(p.House.Rooms)
	p.inward.gateway = p.Gateway
	bound.caller, bound.directory, bound.identity, bound.invoker = p.Gateway, p.Gateway, p.House.Identity, permitted{p.Gateway, p.House.Invoker}
	p.bus.Bind(binding(p.House.Rooms))
	return nil
}

// openCompute makes what runs functions, and begins to find out whether they can run in sandboxes where they must; requireSandbox waits for that.
func (p *Platform) openCompute(bound *late) (err error) {
	scope := cloud.Scope{Account: p.o.Account, Region: p.o.Region}
	if p.daemon, err = xray.Listen(xray.Options{Addr: "127.0.0.1:0", Caller: bound, Scope: scope, Log: p.o.Log}); err != nil {
		return err
	}
	if err := p.openOutside(); err != nil {
		return err
	}
	p.compute, err = process.New(process.Options{
		Dir: p.scratch(), SDKDir: p.o.Cache, Clock: p.Clock, IDs: p.ids, Log: p.o.Log, Reexec: true, Unsandboxed: p.o.Sandbox == SandboxNone, Network: p.outside, Spares: p.o.Spares,
		Credentials: bound.Issue, Running: bound.Running, XRayDaemon: p.daemon.Addr(), Progress: p.o.Progress, Connections: p.connections,
	})
	if err == nil && p.o.Sandbox == SandboxRequired {
		p.trying.Go(func() { _, _ = p.compute.Sandboxed() }) // requireSandbox asks again
	}
	return err
}

// lenient makes a missing permission of a delivery a warning where permissions are not enforced. Explicit denials stay.
func (p *Platform) lenient(authorise func(context.Context, bus.Delivery, string) error) func(context.Context, bus.Delivery, string) error {
	return func(ctx context.Context, d bus.Delivery, action string) error {
		err := authorise(ctx, d, action)
		if err == nil || p.o.Enforce || !cloud.IsCode(err, "AccessDenied") {
			return err
		}
		return p.Gateway.Permit(ctx, cloud.CallFrom(ctx), cloud.Access{Action: action, Resource: d.Target})
	}
}

func binding(rooms []room.Room) bus.Binding {
	by := map[string]room.Room{}
	for _, r := range rooms {
		if r.Service != "" {
			by[r.Service] = r
		}
	}
	return bus.Binding{
		Target: func(s string) bus.Target { return by[s].Target },
		Source: func(s string) bus.Source { return by[s].Source },
		Stream: func(s string) bus.Stream { return by[s].Stream },
		Report: func(s string) bus.Reporter { return by[s].Report },
	}
}

// start begins background work: rooms first, for they register timers and pollers, then timers and deliveries.
func (p *Platform) start(ctx context.Context) error {
	if err := p.requireSandbox(); err != nil {
		return err
	}
	for _, r := range p.House.Rooms {
		p.openRooms++
		if r.Start == nil {
			continue
		}
		if err := r.Start(ctx); err != nil {
			return fmt.Errorf("starting %s: %w", r.Service, err)
		}
	}
	if err := p.timers.Start(ctx); err != nil {
		return err
	}
	beside, cancel := context.WithCancel(context.Background())
	p.endBeside = cancel
	p.startSweep(beside)
	if p.o.Settle {
		p.beside.Go(func() { p.settle(beside) })
		p.beside.Go(func() { newCollector().run(beside) })
	}
	return p.bus.Start(ctx)
}

// root looks an access key of the root up.
func (p *Platform) root(accessKey string) (secret, account string, ok bool) {
	secret, ok = p.o.Roots[accessKey]
	return secret, p.o.Account, ok
}

// Close stops serving, ends what runs, and closes the stores. It may be called more than once.
func (p *Platform) Close() error {
	p.stopped.Do(func() { p.stopErr = p.close() })
	return p.stopErr
}

// shutdownTime bounds how long requests under way may take at the end.
const shutdownTime = 3 * time.Second

func (p *Platform) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	var errs []error
	for _, s := range p.servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, s.Close())
		}
	}
	if p.daemon != nil {
		errs = append(errs, p.daemon.Close())
	}
	if p.endBeside != nil {
		p.endBeside()
		p.beside.Wait()
	}
	if p.bus != nil {
		errs = append(errs, p.bus.Close(), p.timers.Close())
	}
	for i := p.openRooms - 1; i >= 0; i-- {
		if c := p.House.Rooms[i].Close; c != nil {
			errs = append(errs, c())
		}
	}
	p.trying.Wait()
	if p.compute != nil {
		errs = append(errs, p.compute.Close(ctx))
	}
	if p.outside != nil {
		errs = append(errs, p.outside.Close())
	}
	if p.egress != nil {
		errs = append(errs, p.egress.Close())
	}
	if p.lanes != nil {
		errs = append(errs, p.lanes.Close())
	}
	if p.Telemetry != nil {
		errs = append(errs, p.Telemetry.Close())
	}
	if p.Clock != nil {
		p.Clock.Close()
	}
	return errors.Join(append(errs, p.closeStorage())...)
}
