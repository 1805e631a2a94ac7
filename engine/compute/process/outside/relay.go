package outside

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	maxTold     = 10_000 // destinations that are remembered as reported
)

// relay connects a function with a destination outside, if the rules let it; else the connection is reset at once.
func (g *guest) relay(c net.Conn, to netip.AddrPort) {
	names := g.names.of(to.Addr())
	if reason := g.s.o.Rules.Check(to, names); reason != "" {
		g.block(names, to, reason)
		reset(c)
		return
	}
	from := c
	if to.Port() == httpsPort {
		var name string
		if name, from = wanted(c, g.s.o.Clock.Wall()); Cloud(strings.ToLower(name)) { // an address of a real cloud, found out by another way
			g.s.gateway.Give(tls.Server(&guestConn{from, g}, g.s.tls))
			return
		}
	}
	if !g.keep(c) {
		return
	}
	defer g.release(c)
	if !g.limit.Enter() { // there are two now
		reset(c)
		return
	}
	defer g.limit.Leave()
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
	if err != nil {
		g.s.o.Log.Debug("a function's destination cannot be reached", "function", g.sandbox().Function, "destination", to, "error", err)
		reset(c)
		return
	}
	if !g.keep(out) {
		return
	}
	defer g.release(out)
	done := make(chan struct{})
	go func() {
		pipe(out, from)
		close(done)
	}()
	pipe(c, out)
	<-done
}

// pipe copies until the source ends, and says so to the other side.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if t, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = t.CloseWrite() // the other direction goes on
		return
	}
	_ = to.Close()
	_ = from.Close()
}

// reset ends a connection so that the function sees an error, not an end.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// block reports a destination, once for each function.
func (g *guest) block(names []string, to netip.AddrPort, reason string) {
	host := to.Addr().String()
	if len(names) > 0 {
		host = names[len(names)-1]
	}
	b := Blocked{Function: g.sandbox().Function, Destination: host, Reason: reason}
	if to.Port() != 0 {
		b.Destination = net.JoinHostPort(host, strconv.Itoa(int(to.Port())))
	}
	if !to.Addr().IsLinkLocalUnicast() {
		b.Allow = b.Destination
	}
	g.s.report(b)
}

func (s *Server) report(b Blocked) {
	key := b.Function + " " + b.Destination
	if _, told := s.told.LoadOrStore(key, struct{}{}); told {
		return
	}
	if s.tolds.Add(1) > maxTold { // many names are looked up by one who wants memory, or to be heard
		s.told.Delete(key)
		return
	}
	s.o.Blocked(b)
}

// fatal tells whether a lookup's failure is for good.
func fatal(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}
