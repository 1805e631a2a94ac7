package app

import (
	"net/netip"

	"sundog/engine/egress"
)

// openEgress makes the way to the outside, which never dials the platform's own endpoint. inward gets the gateway once there is one.
func (p *Platform) openEgress() error {
	own, err := addressOf(p.Endpoint)
	if err != nil {
		return err
	}
	p.egress = egress.New(egress.Options{Policy: egress.Policy{
		Private: p.o.AllowPrivate, Allow: p.o.EgressAllow, Own: func() []netip.AddrPort { return []netip.AddrPort{own} },
	}})
	p.inward = &inward{Client: p.egress, own: own}
	return nil
}
