package egress

import (
	"net"
	"net/netip"
	"slices"
)

// Policy decides which addresses may be dialled. It sees addresses, never names, so that a name that resolves anew is of no use to anybody.
type Policy struct {
	// Private lets loopback, private and other special ranges through.
	Private bool
	// Allow are ranges that are let through besides, even without Private. Never's are not.
	Allow []netip.Prefix
	// Own are the platform's own listeners, which are never dialled. An unspecified address stands for all of this machine.
	Own func() []netip.AddrPort
	// Interfaces gives the addresses of this machine; nil: those of the operating system.
	Interfaces func() []netip.Addr
}

// never are the ranges that no option opens: instance metadata and other link-local services, and what is no host.
var never = parse("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "0.0.0.0/32", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32")

// special are the ranges that are not public: IANA's registries of special-purpose addresses.
var special = parse("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::1/128", "100::/64", "2001:db8::/32", "fc00::/7", "fec0::/10", "2001::/23", "5f00::/16")

// carriers are IPv6 ranges that carry an IPv4 address, with the byte at which it begins.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("64:ff9b:1::/48"), 12}, {netip.MustParsePrefix("2002::/16"), 2}, {netip.MustParsePrefix("::/96"), 12}}

func parse(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Check gives why an address may not be dialled; "" when it may.
func (p Policy) Check(a netip.AddrPort) string {
	ip := a.Addr().Unmap().WithZone("")
	if in(ip, never) {
		return "link-local and unspecified addresses are never dialled"
	}
	if p.own(netip.AddrPortFrom(ip, a.Port())) {
		return "it is the platform's own endpoint"
	}
	if ip.Is6() && ip != netip.IPv6Loopback() {
		if inner, ok := carried(ip); ok {
			return p.Check(netip.AddrPortFrom(inner, a.Port()))
		}
	}
	if p.Private || in(ip, p.Allow) || !in(ip, special) {
		return ""
	}
	return "it is in a private or special range, which is not allowed here"
}

func in(ip netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// carried gives the IPv4 address inside an IPv6 address that carries one.
func carried(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	for _, c := range carriers {
		if c.prefix.Contains(ip) {
			return netip.AddrFrom4([4]byte(b[c.at : c.at+4])), true
		}
	}
	return netip.Addr{}, false
}

// own tells whether an address reaches a listener of the platform.
func (p Policy) own(a netip.AddrPort) bool {
	if p.Own == nil {
		return false
	}
	for _, o := range p.Own() {
		if o.Port() != a.Port() {
			continue
		}
		listening := o.Addr().Unmap()
		if listening == a.Addr() || listening.IsUnspecified() && (a.Addr().IsLoopback() || slices.Contains(p.interfaces(), a.Addr())) {
			return true
		}
	}
	return false
}

func (p Policy) interfaces() []netip.Addr {
	if p.Interfaces != nil {
		return p.Interfaces()
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out
}
