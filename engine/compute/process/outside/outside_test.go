package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"sundog/cloud"
	"sundog/engine/compute/computetest"
	"sundog/engine/egress"
	"sundog/internal/clock"
	"sundog/internal/connlimit"
)

// world is a server with a guest, and what was blocked.
type world struct {
	s  *Server
	g  *guest
	mu sync.Mutex

	blocked []Blocked
}

func open(t *testing.T, f egress.Functions, names map[string]string) *world {
	t.Helper()
	w := &world{}
	s, err := New(Options{
		Gateway: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			from := cloud.SandboxFrom(r.Context())
			_, _ = io.WriteString(rw, r.Proto+" "+r.Host+" from "+from.Function)
		}),
		Rules: f, Clock: clock.New(computetest.Wall, 0), Log: slog.New(slog.DiscardHandler),
		Blocked: func(b Blocked) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.blocked = append(w.blocked, b)
		},
		Resolve: func(_ context.Context, network, name string) ([]netip.Addr, error) {
			a, ok := names[name]
			if !ok || network == "ip6" {
				return nil, &net.DNSError{Name: name, IsNotFound: true}
			}
			return []netip.Addr{netip.MustParseAddr(a)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w.s = s
	if w.g, err = s.attach(nil, connlimit.New(2, nil, nil)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.g.close)
	w.g.name("fn", "env")
	return w
}

// ask gives "" for a name that does not exist, else its addresses.
func (w *world) ask(t *testing.T, name string, kind dnsmessage.Type) string {
	t.Helper()
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: kind, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(w.g.resolve(b, 1232)); err != nil || m.ID != 7 {
		t.Fatal(err)
	}
	if m.RCode != dnsmessage.RCodeSuccess {
		return m.RCode.String()
	}
	var all []string
	for _, a := range m.Answers {
		switch x := a.Body.(type) {
		case *dnsmessage.AResource:
			all = append(all, netip.AddrFrom4(x.A).String())
		case *dnsmessage.AAAAResource:
			all = append(all, netip.AddrFrom16(x.AAAA).String())
		}
	}
	return strings.Join(all, " ")
}

func TestNames(t *testing.T) {
	r, err := egress.ParseRule("api.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, egress.Functions{Rules: []egress.Rule{r}}, map[string]string{"api.example.com": "93.184.216.34", "other.example.com": "93.184.216.35"})
	for name, want := range map[string]string{
		"sqs.us-east-1.amazonaws.com": "198.18.0.1", "SNS.us-east-1.AmazonAWS.com": "198.18.0.1", "x.lambda-url.eu-west-1.on.aws": "198.18.0.1", "storage.googleapis.com": "198.18.0.1",
		"localhost": "127.0.0.1", "api.example.com": "93.184.216.34", "other.example.com": "RCodeNameError", "notamazonaws.com": "RCodeNameError",
	} {
		if got := w.ask(t, name, dnsmessage.TypeA); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := w.ask(t, "sqs.us-east-1.amazonaws.com", dnsmessage.TypeAAAA); got != "" {
		t.Errorf("a cloud's name has the IPv6 address %q", got)
	}
	for range 3 {
		w.ask(t, "other.example.com", dnsmessage.TypeA)
	}
	for _, name := range []string{"x;reboot", "$(reboot).example.com", "a b.example.com", "\x1b[2Jx", "--allow-egress", "x\nallowed: y"} {
		if got := w.ask(t, name, dnsmessage.TypeA); got != "RCodeNameError" {
			t.Errorf("%q is %q", name, got)
		}
	}
	if len(w.blocked) != 2 || w.blocked[0].Function != "fn" {
		t.Errorf("blocked: %+v", w.blocked)
	}
	if got := w.g.names.of(netip.MustParseAddr("93.184.216.34")); len(got) != 1 || got[0] != "api.example.com" {
		t.Errorf("names of the address: %v", got)
	}
	if w.g.resolve([]byte("nonsense"), 512) != nil {
		t.Error("nonsense was answered")
	}
}

// An allowed name that leads to an address of this network does not make that reachable.
func TestNamesThatLeadInside(t *testing.T) {
	w := open(t, egress.Functions{Public: true}, map[string]string{"evil.example.com": "169.254.169.254", "inner.example.com": "127.0.0.1"})
	for _, name := range []string{"evil.example.com", "inner.example.com"} {
		if got := w.ask(t, name, dnsmessage.TypeA); got != "RCodeNameError" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if len(w.blocked) != 2 {
		t.Errorf("blocked: %+v", w.blocked)
	}
}

func TestCloudsAreThePlatform(t *testing.T) {
	w := open(t, egress.Functions{}, nil)
	roots := trusting(t, w)
	for _, h2 := range []bool{false, true} {
		tr := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go w.s.gateway.Give(tls.Server(&guestConn{theirs, w.g}, w.s.tls))
				return ours, nil
			},
		}
		c := http.Client{Transport: tr}
		for host, want := range map[string]string{"sqs.us-east-1.amazonaws.com": "sqs.us-east-1.amazonaws.com from fn", "storage.googleapis.com": "does not serve storage.googleapis.com"} {
			r, err := c.Get("https://" + host + "/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || !strings.Contains(string(body), want) || h2 != (r.ProtoMajor == 2) {
				t.Errorf("%s: %s %q %v", host, r.Proto, body, err)
			}
		}
		if r, err := c.Get("https://example.com/"); err == nil {
			r.Body.Close()
			t.Error("the platform shows a certificate for example.com")
		}
		tr.CloseIdleConnections()
	}
}

// HTTP/2 without TLS is served as well, and the function is known there.
func TestHTTP2WithoutTLS(t *testing.T) {
	w := open(t, egress.Functions{}, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go w.s.gateway.Give(&guestConn{theirs, w.g})
		return ours, nil
	}}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr}).Get("http://kinesis.us-east-1.amazonaws.com/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if want := "kinesis.us-east-1.amazonaws.com from fn"; err != nil || r.ProtoMajor != 2 || !strings.Contains(string(body), want) {
		t.Errorf("%s %q %v", r.Proto, body, err)
	}
}

// One connection of HTTP/2 carries many requests; a sandbox has no more of them at once than it may have connections.
func TestRequestsAtOnce(t *testing.T) {
	arrived, release := make(chan struct{}, 2*maxRequests), make(chan struct{})
	w := open(t, egress.Functions{}, nil)
	s, err := New(Options{
		Gateway: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			arrived <- struct{}{}
			<-release
		}),
		Clock: w.s.o.Clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	refused := make(chan int, 2*maxRequests)
	for range (maxRequests + 100) / 100 {
		tr := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go s.gateway.Give(&guestConn{theirs, w.g})
			return ours, nil
		}}
		defer tr.CloseIdleConnections()
		for range 100 {
			go func() {
				r, err := (&http.Client{Transport: tr}).Get("http://kinesis.us-east-1.amazonaws.com/")
				if err != nil {
					refused <- 0
					return
				}
				r.Body.Close()
				refused <- r.StatusCode
			}()
		}
	}
	for range maxRequests {
		<-arrived
	}
	for range (maxRequests+100)/100*100 - maxRequests {
		if status := <-refused; status != http.StatusServiceUnavailable {
			t.Errorf("one too many gives %d", status)
		}
	}
	close(release)
}

// trusting gives what everything inside trusts.
func trusting(t *testing.T, w *world) *x509.CertPool {
	roots := x509.NewCertPool()
	text, err := w.s.Authority()
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal("no authority", err)
	}
	return roots
}

// The authority cannot be used for names that are no cloud's.
func TestAuthorityIsConstrained(t *testing.T) {
	a, err := newAuthority(computetest.Wall())
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.certificate(&tls.ClientHelloInfo{ServerName: "s3.amazonaws.com"})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "s3.amazonaws.com", CurrentTime: a.now}); err != nil {
		t.Error(err)
	}
	if !a.cert.PermittedDNSDomainsCritical || len(a.cert.PermittedDNSDomains) == 0 {
		t.Error("the authority is not constrained")
	}
}

// A client that knows a cloud's address by another way still gets the platform; others lose nothing by being overheard.
func TestWhomATLSClientWants(t *testing.T) {
	w := open(t, egress.Functions{Public: true}, nil)
	roots := trusting(t, w)
	dial := func() net.Conn { // a connection to a public address, as a sandbox makes it
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ours, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go w.g.relay(theirs, netip.MustParseAddrPort("93.184.216.34:443"))
		return ours
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil }}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr}).Get("https://sqs.us-east-1.amazonaws.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "sqs.us-east-1.amazonaws.com from fn") {
		t.Errorf("%q %v", body, err)
	}
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello and more"} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.WriteString(ours, text)
			ours.Close()
		}()
		name, same := wanted(theirs, computetest.Wall())
		if got, err := io.ReadAll(same); name != "" || string(got) != text {
			t.Errorf("%q became %q (%v), for %q", text, got, err, name)
		}
	}
}

// A sandbox that sends too many segments leaves room for those of others.
func TestSegmentsASecond(t *testing.T) {
	w := open(t, egress.Functions{}, nil)
	wall := clock.NewManual(computetest.Wall())
	w.s.o.Clock = wall
	var r rate
	taken := func(n int) (all int) {
		for range n {
			if w.g.affords(&r) {
				all++
			}
		}
		return all
	}
	if got := taken(maxSegments + 100); got != maxSegments {
		t.Errorf("%d are taken", got)
	}
	wall.AdvanceWall(time.Second)
	if got := taken(10); got != 10 {
		t.Errorf("a second later %d of 10 are taken", got)
	}
}
