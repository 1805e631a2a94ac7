package app

import (
	"net/netip"
	"strings"

	"sundog/engine/egress"
)

// openEgress makes the way to the outside, which never leads back to the platform's own endpoint.
func (p *Platform) openEgress() error {
	own, err := netip.ParseAddrPort(strings.TrimPrefix(p.Endpoint, "http://"))
	if err != nil {
		return err
	}
	p.egress = egress.New(egress.Options{Policy: egress.Policy{
		Private: p.o.AllowPrivate, Allow: p.o.EgressAllow, Own: func() []netip.AddrPort { return []netip.AddrPort{own} },
	}})
	return nil
}
