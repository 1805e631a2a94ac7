package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Rule lets functions out to a name, to the names below one ("*.example.com"), or to a range of addresses, on one port or on any.
type Rule struct {
	Host   string // lower case, without a dot at the end; "" when Prefix is set
	Prefix netip.Prefix
	Port   uint16 // 0: any
}

// ParseRule reads HOST, *.HOST, ADDRESS or CIDR, each perhaps with :PORT. An IPv6 address with a port stands in brackets.
func ParseRule(s string) (Rule, error) {
	wrong := func(why string) (Rule, error) {
		return Rule{}, fmt.Errorf("%q is not a destination (%s): write HOST, *.HOST, ADDRESS or CIDR, perhaps with :PORT", s, why)
	}
	if p, ok := prefix(s); ok {
		return Rule{Prefix: p}, nil
	}
	var r Rule
	host := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		n, err := strconv.ParseUint(s[i+1:], 10, 16)
		if err != nil || n == 0 {
			return wrong("the port is none")
		}
		host, r.Port = s[:i], uint16(n)
	}
	if p, ok := prefix(strings.Trim(host, "[]")); ok {
		r.Prefix = p
		return r, nil
	}
	if r.Host = strings.ToLower(strings.TrimSuffix(host, ".")); !hostname(strings.TrimPrefix(r.Host, "*.")) {
		return wrong("the name is none")
	}
	return r, nil
}

func prefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
}

func hostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// String gives the rule as ParseRule reads it.
func (r Rule) String() string {
	s := r.Host
	if s == "" {
		if s = r.Prefix.String(); r.Prefix.IsSingleIP() {
			if s = r.Prefix.Addr().String(); r.Prefix.Addr().Is6() && r.Port != 0 {
				s = "[" + s + "]"
			}
		}
	}
	if r.Port != 0 {
		s += ":" + strconv.Itoa(int(r.Port))
	}
	return s
}

// names tells whether the rule lets out to a name; exactly says that the rule is for it alone.
func (r Rule) names(name string) (ok, exactly bool) {
	if below, wild := strings.CutPrefix(r.Host, "*."); wild {
		return strings.HasSuffix(name, "."+below), false
	}
	return r.Host != "" && r.Host == name, true
}

// Functions decides where functions in sandboxes may connect to. The zero value lets them nowhere.
type Functions struct {
	Rules  []Rule
	Public bool // every public address too
	Own    func() []netip.AddrPort
}

// Resolves tells whether a name may be looked up for a function. With rules for ranges of addresses any name may be: only what they allow is told of it.
func (f Functions) Resolves(name string) bool {
	return f.Public || slices.ContainsFunc(f.Rules, func(r Rule) bool { ok, _ := r.names(name); return ok || r.Host == "" && !r.Prefix.IsSingleIP() })
}

// Check gives why a function may not connect to an address that it got for these names (none for one that it knew by itself); "" when it may. Port 0 asks
// whether any port may be reached. Link-local addresses never may; a rule for one name opens whatever address that name has, one for many opens public ones.
func (f Functions) Check(to netip.AddrPort, names []string) string {
	ip := to.Addr().Unmap().WithZone("")
	if in(ip, never) {
		return "link-local and unspecified addresses are never reached"
	}
	if (Policy{Own: f.Own}).own(netip.AddrPortFrom(ip, to.Port())) {
		return "it is the platform's own endpoint"
	}
	if inner, ok := carried(ip); ok && ip.Is6() && ip != netip.IPv6Loopback() {
		return f.Check(netip.AddrPortFrom(inner, to.Port()), names)
	}
	public := !in(ip, special)
	if public && f.Public {
		return ""
	}
	for _, r := range f.Rules {
		if r.Port != 0 && to.Port() != 0 && r.Port != to.Port() {
			continue
		}
		if r.Host == "" && r.Prefix.Contains(ip) {
			return ""
		}
		for _, n := range names {
			if ok, exactly := r.names(n); ok && (exactly || public) {
				return ""
			}
		}
	}
	if f.Public {
		return "it is in a private or special range, which is not allowed here"
	}
	return "it is not allowed here"
}

// commonPorts are those on which functions reach databases, caches, brokers and mail, where a rule names no port.
var commonPorts = []uint16{25, 80, 443, 465, 587, 993, 1433, 3306, 5432, 5671, 5672, 6379, 6380, 8080, 8443, 8883, 9092, 9093, 9200, 27017}

// Ports lists the ports on which connections may be let out, in order: those that rules name, and the common ones when a rule names none.
func (f Functions) Ports() []uint16 {
	var all []uint16
	if f.Public {
		all = append(all, commonPorts...)
	}
	for _, r := range f.Rules {
		if r.Port != 0 {
			all = append(all, r.Port)
		} else {
			all = append(all, commonPorts...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
