package outside

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	ttl           = 60 // seconds
	lookupTimeout = 5 * time.Second
	maxLookups    = 4096 // addresses whose names are remembered, in a sandbox
	maxQueries    = 64   // at once, in a sandbox
)

// lookups remembers which names a sandbox got an address for.
type lookups struct {
	mu    sync.Mutex
	names map[netip.Addr][]string
	busy  int
}

func (l *lookups) note(name string, addrs []netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil || len(l.names) > maxLookups {
		l.names = map[netip.Addr][]string{}
	}
	for _, a := range addrs {
		if known := l.names[a]; !slices.Contains(known, name) && len(known) < 16 {
			l.names[a] = append(known, name)
		}
	}
}

func (l *lookups) of(a netip.Addr) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.names[a])
}

// enter counts a query in; false when there are too many.
func (l *lookups) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy >= maxQueries {
		return false
	}
	l.busy++
	return true
}

func (l *lookups) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
}

// resolve answers a DNS query; nil when it is none, or one too many. What is longer than limit is cut off, and said to be.
func (g *guest) resolve(query []byte, limit int) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil || !g.names.enter() {
		return nil
	}
	defer g.names.leave()
	addrs, code := g.answer(q)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: h.ID, Response: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true, RCode: code},
		Questions: []dnsmessage.Question{q},
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}
	for _, a := range addrs {
		if a.Is4() {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		} else {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	out, err := m.Pack()
	if err == nil && len(out) > limit {
		m.Answers, m.Truncated = nil, true
		out, err = m.Pack()
	}
	if err != nil {
		return nil
	}
	return out
}

// answer gives the addresses of a name as a function may know them.
func (g *guest) answer(q dnsmessage.Question) ([]netip.Addr, dnsmessage.RCode) {
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	network := map[dnsmessage.Type]string{dnsmessage.TypeA: "ip4", dnsmessage.TypeAAAA: "ip6"}[q.Type]
	switch {
	case q.Class != dnsmessage.ClassINET:
		return nil, dnsmessage.RCodeNotImplemented
	case !hostName(name):
		return nil, dnsmessage.RCodeNameError
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return only(network, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()), dnsmessage.RCodeSuccess
	case Cloud(name):
		return only(network, platform, netip.Addr{}), dnsmessage.RCodeSuccess
	case !g.s.o.Rules.Resolves(name):
		g.s.report(Blocked{Function: g.sandbox().Function, Destination: name, Reason: "it is not allowed here", Allow: name})
		return nil, dnsmessage.RCodeNameError
	case network == "":
		return nil, dnsmessage.RCodeSuccess // it exists, but not so
	}
	return g.lookup(network, name)
}

// hostName tells whether a name may be a host's. Other bytes, which DNS carries, are not looked up and not reported: people copy what a report tells them to allow.
func hostName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" && !strings.HasPrefix(name, "-")
}

// only gives the one address of a family, if there is one.
func only(network string, four, six netip.Addr) []netip.Addr {
	switch {
	case network == "ip4":
		return []netip.Addr{four}
	case network == "ip6" && six.IsValid():
		return []netip.Addr{six}
	}
	return nil
}

func (g *guest) lookup(network, name string) ([]netip.Addr, dnsmessage.RCode) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	found, err := g.s.o.Resolve(ctx, network, name)
	if err != nil {
		var e *net.AddrError
		if errors.As(err, &e) { // it has addresses of the other family only
			return nil, dnsmessage.RCodeSuccess
		}
		if fatal(err) {
			return nil, dnsmessage.RCodeNameError
		}
		return nil, dnsmessage.RCodeServerFailure
	}
	var addrs []netip.Addr
	for _, a := range found {
		a = a.Unmap()
		if reason := g.s.o.Rules.Check(netip.AddrPortFrom(a, 0), []string{name}); reason != "" {
			g.block([]string{name}, netip.AddrPortFrom(a, 0), reason)
			continue
		}
		addrs = append(addrs, a)
	}
	g.names.note(name, addrs)
	if len(addrs) == 0 {
		return nil, dnsmessage.RCodeNameError
	}
	return addrs[:min(len(addrs), 16)], dnsmessage.RCodeSuccess
}

// resolveStream answers queries on a TCP connection, each with its length before it.
func (g *guest) resolveStream(c net.Conn) {
	if !g.keep(c) {
		return
	}
	defer g.release(c)
	for {
		if c.SetDeadline(g.s.o.Clock.Wall().Add(time.Minute)) != nil {
			return
		}
		var head [2]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		a := g.resolve(query, 65535)
		if a == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}
