// Package outside is what functions in sandboxes find beyond lo. A sandbox's network leads nowhere: its sockets, opened inside by its init, are served
// here, in the platform. Names of clouds resolve to one address that stands for the platform, with TLS by an authority that only sandboxes trust, so that
// every SDK reaches the platform as it would the cloud. Other destinations are reached only as the rules allow; the connections are made from here.
package outside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/egress"
	"sundog/internal/connlimit"
	"sundog/internal/handover"
)

// Ports inside every sandbox.
const (
	dnsPort   = 53
	httpPort  = 80
	httpsPort = 443
	xrayPort  = 2000
)

// platform is the address that names of clouds have inside: of the range for benchmarks, which is nobody's.
var platform = netip.MustParseAddr("198.18.0.1")

// Options are what a Server stands on. Gateway and Clock are required.
type Options struct {
	Gateway http.Handler         // the AWS endpoint
	Own     map[int]http.Handler // what the platform serves on ports of its own host: the endpoint, the application's API
	Host    netip.Addr           // of the endpoint, besides loopback
	XRay    func(datagram []byte)
	Samples http.Handler // the X-Ray daemon's answers over HTTP
	Rules   egress.Functions
	Clock   cloud.Clock
	Log     *slog.Logger
	// Blocked is told once of every destination that a function was kept from; nil: nobody.
	Blocked func(Blocked)
	// Resolve looks a name up; nil: the machine's resolver. network is "ip4" or "ip6".
	Resolve func(ctx context.Context, network, name string) ([]netip.Addr, error)
}

// Blocked is a destination that a function was kept from.
type Blocked struct {
	Function    string
	Destination string // host:port, a name alone when it was only looked up
	Reason      string
	Allow       string // the rule that would allow it; "": none can
}

// Server serves the sockets of all sandboxes of a platform. Close it.
type Server struct {
	o         Options
	authority func() (*authority, error) // made when a sandbox first needs it
	gateway   *handover.Listener
	own       map[int]*handover.Listener
	samples   *handover.Listener
	servers   []*http.Server
	tls       *tls.Config
	told      sync.Map // function and destination -> struct{}
	tolds     atomic.Int64
}

// New makes a server.
func New(o Options) (*Server, error) {
	if o.Resolve == nil {
		o.Resolve = net.DefaultResolver.LookupNetIP
	}
	if o.Blocked == nil {
		o.Blocked = func(Blocked) {}
	}
	s := &Server{o: o, own: map[int]*handover.Listener{}}
	s.authority = sync.OnceValues(func() (*authority, error) { return newAuthority(o.Clock.Wall()) })
	s.tls = &tls.Config{GetCertificate: s.certificate, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	s.gateway = s.serve(served(o.Gateway))
	for port, h := range o.Own {
		s.own[port] = s.serve(h)
	}
	if o.Samples != nil {
		s.samples = s.serve(o.Samples)
	}
	return s, nil
}

// serve starts an HTTP server for connections that sandboxes made: HTTP/2 too, also without TLS, for some SDKs speak nothing else to some services.
func (s *Server) serve(h http.Handler) *handover.Listener {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	f := handover.New(&net.TCPAddr{IP: platform.AsSlice(), Port: httpsPort})
	web := &http.Server{
		Handler: s.bounded(h), Protocols: protocols, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			if g, ok := c.(*guestConn); ok {
				return context.WithValue(cloud.WithSandbox(ctx, g.guest.sandbox()), guestKey{}, g.guest)
			}
			return ctx
		},
	}
	s.servers = append(s.servers, web)
	go func() {
		if err := web.Serve(f); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("the platform's side of sandboxes ended", "error", err)
		}
	}()
	return f
}

// maxRequests is how many requests of a sandbox are served at once: as many as it may have connections, of which one of HTTP/2 carries many.
const maxRequests = 1024

type guestKey struct{}

// bounded refuses what is over.
func (s *Server) bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
			if !g.requests.Enter() {
				http.Error(w, "ServiceUnavailable: A function has too many requests under way.", http.StatusServiceUnavailable)
				return
			}
			defer g.requests.Leave()
		}
		h.ServeHTTP(w, r)
	})
}

// Close ends all connections of sandboxes.
func (s *Server) Close() error {
	var errs []error
	for _, w := range s.servers {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}

// Authority gives the certificate, in PEM, that everything inside is to trust.
func (s *Server) Authority() ([]byte, error) {
	a, err := s.authority()
	if err != nil {
		return nil, err
	}
	return a.pem, nil
}

func (s *Server) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	a, err := s.authority()
	if err != nil {
		return nil, err
	}
	return a.certificate(h)
}

// Ports lists the sockets that every sandbox is to open.
func (s *Server) Ports() []sandbox.Port {
	all := []sandbox.Port{{Network: "udp", Number: dnsPort}, {Network: "udp", Number: xrayPort}}
	tcp := []int{dnsPort, httpPort, httpsPort}
	if s.samples != nil {
		tcp = append(tcp, xrayPort)
	}
	for p := range s.own {
		tcp = append(tcp, p)
	}
	for _, p := range s.o.Rules.Ports() {
		tcp = append(tcp, int(p))
	}
	slices.Sort(tcp)
	for _, p := range slices.Compact(tcp) {
		all = append(all, sandbox.Port{Network: "tcp", Number: p})
	}
	return all
}

// guest is a sandbox that is served.
type guest struct {
	s     *Server
	who   atomic.Pointer[cloud.Sandbox]
	names *lookups
	limit *connlimit.Limit

	requests *connlimit.Limit

	mu     sync.Mutex
	open   map[interface{ Close() error }]struct{}
	closed bool
}

// Attach serves the sockets of a sandbox, which it closes, until detach; its connections count against a limit. name says which function and environment
// the sandbox has become.
func (s *Server) Attach(sockets []sandbox.Socket, limit *connlimit.Limit) (name func(function, environment string), detach func(), err error) {
	g, err := s.attach(sockets, limit)
	if err != nil {
		return nil, nil, err
	}
	return g.name, g.close, nil
}

func (s *Server) attach(sockets []sandbox.Socket, limit *connlimit.Limit) (*guest, error) {
	g := &guest{s: s, limit: limit, names: &lookups{}, open: map[interface{ Close() error }]struct{}{}}
	g.requests = connlimit.New(maxRequests, nil, func() {
		s.o.Log.Warn("a function has as many requests under way as it may; further ones are refused", "function", g.sandbox().Function, "requests", maxRequests)
	})
	g.who.Store(&cloud.Sandbox{})
	for i, k := range sockets {
		err := g.attach(k)
		_ = k.File.Close()
		if err != nil {
			for _, rest := range sockets[i+1:] {
				_ = rest.File.Close()
			}
			g.close()
			return nil, fmt.Errorf("port %d of a sandbox: %w", k.Number, err)
		}
	}
	return g, nil
}

// name says which function and environment the sandbox has become.
func (g *guest) name(function, environment string) {
	g.who.Store(&cloud.Sandbox{Function: function, Environment: environment})
}

func (g *guest) sandbox() *cloud.Sandbox { return g.who.Load() }

// close ends the sandbox's sockets and connections.
func (g *guest) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for c := range g.open {
		_ = c.Close()
	}
	g.open = nil
}

// keep has close close c; false, with c closed, when it has been already.
func (g *guest) keep(c interface{ Close() error }) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = c.Close()
		return false
	}
	g.open[c] = struct{}{}
	return true
}

func (g *guest) release(c interface{ Close() error }) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = c.Close()
	delete(g.open, c)
}

func (g *guest) attach(k sandbox.Socket) error {
	if k.Network == "udp" {
		c, err := net.FilePacketConn(k.File)
		if err != nil {
			return err
		}
		if g.keep(c) {
			go g.datagrams(c, k.Number)
		}
		return nil
	}
	l, err := net.FileListener(k.File)
	if err != nil {
		return err
	}
	if l = g.limit.Listener(l); g.keep(l) {
		go g.accept(l, k.Number)
	}
	return nil
}

func (g *guest) datagrams(c net.PacketConn, port int) {
	var segments rate
	buf := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		switch port {
		case dnsPort:
			query := slices.Clone(buf[:n])
			go func() {
				if a := g.resolve(query, 1232); a != nil {
					_, _ = c.WriteTo(a, from) // who does not get it asks again
				}
			}()
		case xrayPort:
			if g.s.o.XRay != nil && g.affords(&segments) {
				g.s.o.XRay(slices.Clone(buf[:n]))
			}
		}
	}
}

// maxSegments is how many segments a sandbox may send to the X-Ray daemon in a second, so that there is room for those of others.
const maxSegments = 5000

// rate counts what came in a second.
type rate struct {
	second int64
	n      int
	told   bool // there were too many
}

// affords counts a segment in; false when there are too many, which is logged the first time.
func (g *guest) affords(r *rate) bool {
	if now := g.s.o.Clock.Wall().Unix(); now != r.second {
		r.second, r.n = now, 0
	}
	if r.n++; r.n <= maxSegments {
		return true
	}
	if !r.told {
		r.told = true
		g.s.o.Log.Warn("a function sends more trace segments than are taken; further ones of a second are dropped", "function", g.sandbox().Function, "segments", maxSegments)
	}
	return false
}

func (g *guest) accept(l net.Listener, port int) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			g.s.o.Log.Warn("a sandbox's socket", "port", port, "error", err)
			g.release(l)
			return
		}
		g.route(c, port)
	}
}

// route hands a connection to whom it is for, by the address and port that the function connected to.
func (g *guest) route(c net.Conn, port int) {
	to, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		_ = c.Close()
		return
	}
	ip := to.Addr().Unmap()
	here := ip.IsLoopback() || ip == platform
	own := g.s.own[port]
	switch {
	case own != nil && (here || ip == g.s.o.Host):
		own.Give(&guestConn{c, g})
	case ip == platform && port == httpPort:
		g.s.gateway.Give(&guestConn{c, g})
	case ip == platform && port == httpsPort:
		g.s.gateway.Give(tls.Server(&guestConn{c, g}, g.s.tls))
	case here && port == dnsPort:
		go g.resolveStream(c)
	case here && port == xrayPort && g.s.samples != nil:
		g.s.samples.Give(&guestConn{c, g})
	default:
		go g.relay(c, netip.AddrPortFrom(ip, to.Port()))
	}
}

// guestConn is a connection that a sandbox made.
type guestConn struct {
	net.Conn
	guest *guest
}

// RemoteAddr is loopback's, where functions are: inside, a program can take any address there is, by which policies would judge it.
func (c *guestConn) RemoteAddr() net.Addr {
	a := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if t, ok := c.Conn.RemoteAddr().(*net.TCPAddr); ok {
		a.Port = t.Port
	}
	return &a
}
