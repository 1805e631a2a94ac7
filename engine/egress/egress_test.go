package egress

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestPolicy(t *testing.T) {
	own := netip.MustParseAddrPort("0.0.0.0:4566")
	here := netip.MustParseAddr("203.0.113.7")
	strict := Policy{Own: func() []netip.AddrPort { return []netip.AddrPort{own} }, Interfaces: func() []netip.Addr { return []netip.Addr{here} }}
	open, some := strict, strict
	open.Private = true
	some.Allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("169.254.0.0/16")}
	cases := []struct {
		address            string
		strict, some, open bool
	}{
		{"93.184.216.34:443", true, true, true},
		{"[2606:2800:220:1::1]:443", true, true, true},
		{"127.0.0.1:80", false, false, true},
		{"[::1]:80", false, false, true},
		{"[::ffff:127.0.0.1]:80", false, false, true},
		{"10.1.2.3:80", false, true, true},
		{"10.2.2.3:80", false, false, true},
		{"192.168.1.1:80", false, false, true},
		{"100.64.0.1:80", false, false, true},
		{"[fd12::1]:80", false, false, true},
		{"169.254.169.254:80", false, false, false},
		{"[fd00:ec2::254]:80", false, false, false},
		{"[fe80::1%eth0]:80", false, false, false},
		{"[::ffff:169.254.169.254]:80", false, false, false},
		{"[64:ff9b::a9fe:a9fe]:80", false, false, false},
		{"[2002:a9fe:a9fe::1]:80", false, false, false},
		{"[64:ff9b::a01:203]:80", false, true, true},
		{"0.0.0.0:80", false, false, false},
		{"[::]:80", false, false, false},
		{"224.0.0.1:80", false, false, false},
		{"127.0.0.1:4566", false, false, false},
		{"[::1]:4566", false, false, false},
		{"203.0.113.7:4566", false, false, false},
		{"203.0.113.8:4566", false, false, true},
	}
	for _, c := range cases {
		a := netip.MustParseAddrPort(c.address)
		for name, x := range map[string]struct {
			p    Policy
			want bool
		}{"strict": {strict, c.strict}, "some": {some, c.some}, "open": {open, c.open}} {
			if why := x.p.Check(a); (why == "") != x.want {
				t.Errorf("%s %s: %q, want let through %v", name, c.address, why, x.want)
			}
		}
	}
}

func TestDo(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/long":
			_, _ = w.Write([]byte(strings.Repeat("x", 100)))
		case "/slow":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		default:
			user, password, _ := r.BasicAuth()
			w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("X-A")+" "+user+" "+password)
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer s.Close()
	defer close(release)
	c := New(Options{Policy: Policy{Private: true}})
	defer func() { _ = c.Close() }()
	withUser := strings.Replace(s.URL, "http://", "http://me:secret@", 1)
	r, err := c.Do(t.Context(), Request{Method: "PUT", URL: withUser, Header: map[string][]string{"x-a": {"1"}}, Body: []byte("b")})
	if err != nil || r.Status != http.StatusTeapot || r.Header["X-Seen"][0] != "PUT 1 me secret" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := c.Do(t.Context(), Request{URL: s.URL + "/moved"}); err != nil || r.Status != http.StatusFound {
		t.Errorf("a redirect was followed: %+v %v", r, err)
	}
	if r, err := c.Do(t.Context(), Request{URL: s.URL + "/moved", Redirects: 1}); err != nil || r.Status != http.StatusTeapot {
		t.Errorf("a redirect was not followed: %+v %v", r, err)
	}
	if r, err := c.Do(t.Context(), Request{URL: s.URL + "/long", MaxBody: 10}); err != nil || len(r.Body) != 10 || !r.Truncated {
		t.Errorf("%+v %v", r, err)
	}
	var refused *Refused
	if _, err := c.Do(t.Context(), Request{URL: s.URL + "/inside", Redirects: 1}); !errors.As(err, &refused) {
		t.Errorf("a redirect to link-local gives %v", err)
	}
	if _, err := c.Do(t.Context(), Request{URL: s.URL + "/slow", Timeout: 20 * time.Millisecond}); err == nil || errors.As(err, &refused) {
		t.Errorf("a timeout gives %v", err)
	}
}

func TestRefused(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	address := netip.MustParseAddrPort(s.Listener.Addr().String())
	for name, p := range map[string]Policy{
		"strict": {}, "own": {Private: true, Own: func() []netip.AddrPort { return []netip.AddrPort{address} }},
	} {
		c := New(Options{Policy: p})
		// The name resolves to loopback: what counts is the address that is dialled.
		u := "http://localhost:" + strings.TrimPrefix(s.URL[strings.LastIndex(s.URL, ":"):], ":")
		var refused *Refused
		if _, err := c.Do(t.Context(), Request{URL: u}); !errors.As(err, &refused) {
			var down *net.OpError
			t.Errorf("%s: %v (%v)", name, err, errors.As(err, &down))
		}
	}
	c := New(Options{Policy: Policy{Private: true}})
	for _, u := range []string{"ftp://x/", "/relative", "http:///nohost", "http:opaque", "::", "unix:///x"} {
		var invalid *Invalid
		if _, err := c.Do(t.Context(), Request{URL: u}); !errors.As(err, &invalid) {
			t.Errorf("%q: %v", u, err)
		}
	}
	var invalid *Invalid
	if _, err := c.Do(t.Context(), Request{URL: s.URL, Body: make([]byte, MaxRequest+1)}); !errors.As(err, &invalid) {
		t.Errorf("a large body: %v", err)
	}
}
