package app

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"sundog/engine/compute/process"
	"sundog/engine/compute/process/outside"
	"sundog/engine/egress"
)

// Blocked is a destination that a function was kept from.
type Blocked = outside.Blocked

// EgressRule is a destination that functions may connect to.
type EgressRule = egress.Rule

// ParseEgressRule reads HOST, *.HOST, ADDRESS or CIDR, each perhaps with :PORT.
func ParseEgressRule(s string) (EgressRule, error) { return egress.ParseRule(s) }

// NoSandbox says that this machine cannot run functions in a sandbox, and why.
type NoSandbox struct{ Lack error }

// Error says what is missing.
func (e *NoSandbox) Error() string {
	return fmt.Sprintf("functions cannot be sandboxed on this machine: %v", e.Lack)
}

// Unwrap gives what is missing.
func (e *NoSandbox) Unwrap() error { return e.Lack }

// openOutside makes what functions in sandboxes connect to: this platform, and what the rules let them reach.
func (p *Platform) openOutside() error {
	own, err := addressOf(p.Endpoint)
	if err != nil {
		return err
	}
	listening := []netip.AddrPort{own}
	ports := map[int]http.Handler{int(own.Port()): http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Gateway.ServeHTTP(w, r) })}
	if p.HTTP != "" {
		api, err := addressOf(p.HTTP)
		if err != nil {
			return err
		}
		ports[int(api.Port())] = http.HandlerFunc(p.serveOwn)
		listening = append(listening, api)
	}
	p.outside, err = outside.New(outside.Options{
		Gateway: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.Gateway.ServeHTTP(w, r) }), Own: ports, Host: own.Addr(), XRay: p.daemon.Take, Samples: p.daemon,
		Rules: egress.Functions{Rules: p.o.AllowEgress, Public: p.o.AllowPublic, Own: func() []netip.AddrPort { return listening }},
		Clock: p.Clock, Log: p.o.Log, Blocked: p.blocked,
	})
	return err
}

func addressOf(url string) (netip.AddrPort, error) {
	return netip.ParseAddrPort(strings.TrimPrefix(url, "http://"))
}

// blocked reports a destination that a function was kept from, in the log and to Options.Blocked.
func (p *Platform) blocked(b Blocked) {
	p.o.Log.Warn("a function was kept from a destination", "function", b.Function, "destination", b.Destination, "reason", b.Reason, "allow", b.Allow)
	if p.o.Blocked != nil {
		p.o.Blocked(b)
	}
}

// Sandboxed tells whether functions run in sandboxes; if not, lack says why, nil when none was wanted.
func (p *Platform) Sandboxed() (ok bool, lack error) { return p.compute.Sandboxed() }

// requireSandbox fails where functions must run in sandboxes and cannot.
func (p *Platform) requireSandbox() error {
	if p.o.Sandbox != SandboxRequired {
		return nil // found out when it is first asked for
	}
	ok, lack := p.compute.Sandboxed()
	if ok {
		return nil
	}
	if lack == nil {
		lack = errors.New("this system has none")
	}
	return &NoSandbox{lack}
}

var _ process.Network = (*outside.Server)(nil)
