package egress

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseRule(t *testing.T) {
	for in, want := range map[string]string{
		"Example.com": "example.com", "*.example.com:443": "*.example.com:443", "10.0.0.0/8": "10.0.0.0/8", "10.1.2.3:5432": "10.1.2.3:5432",
		"2001:db8::/32": "2001:db8::/32", "[2001:db8::1]:443": "[2001:db8::1]:443", "fd00::1": "fd00::1", "db.internal.:5432": "db.internal:5432", "10.9.8.7/8": "10.0.0.0/8",
	} {
		r, err := ParseRule(in)
		if err != nil || r.String() != want {
			t.Errorf("%s gives %s %v, want %s", in, r, err, want)
		}
		if again, err := ParseRule(r.String()); err != nil || again != r {
			t.Errorf("%s read again gives %v %v", r, again, err)
		}
	}
	for _, in := range []string{"", "*", "a b", "example.com:", "example.com:0", "example.com:70000", "https://example.com", "a..b", "*.*.com", "10.0.0.0/99"} {
		if r, err := ParseRule(in); err == nil {
			t.Errorf("%q is taken as %s", in, r)
		}
	}
}

func rules(t *testing.T, public bool, list ...string) Functions {
	t.Helper()
	f := Functions{Public: public, Own: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:4566")} }}
	for _, s := range list {
		r, err := ParseRule(s)
		if err != nil {
			t.Fatal(err)
		}
		f.Rules = append(f.Rules, r)
	}
	return f
}

func TestFunctionsReachWhatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		name   string
		f      Functions
		to     string
		names  string
		reason string // a part; "" is allowed
	}{
		{"none", rules(t, false), "93.184.216.34:443", "", "not allowed"},
		{"public", rules(t, true), "93.184.216.34:443", "", ""},
		{"public, private address", rules(t, true), "10.0.0.1:443", "db.internal", "private"},
		{"public, loopback", rules(t, true), "127.0.0.1:80", "", "private"},
		{"public, mapped loopback", rules(t, true), "[::ffff:127.0.0.1]:80", "", "private"},
		{"public, translated private", rules(t, true), "[64:ff9b::10.0.0.1]:80", "", "private"},
		{"metadata whatever is allowed", rules(t, true, "0.0.0.0/0", "169.254.169.254"), "169.254.169.254:80", "", "never"},
		{"own endpoint whatever is allowed", rules(t, true, "127.0.0.1"), "127.0.0.1:4566", "", "own endpoint"},
		{"loopback by rule", rules(t, false, "127.0.0.1:5432"), "127.0.0.1:5432", "", ""},
		{"loopback by rule, another port", rules(t, false, "127.0.0.1:5432"), "127.0.0.1:5433", "", "not allowed"},
		{"range", rules(t, false, "10.0.0.0/8"), "10.3.4.5:1", "", ""},
		{"name", rules(t, false, "api.example.com"), "93.184.216.34:443", "api.example.com", ""},
		{"name at a private address", rules(t, false, "db.internal:5432"), "10.0.0.1:5432", "db.internal", ""},
		{"names below, public", rules(t, false, "*.example.com"), "93.184.216.34:443", "a.example.com", ""},
		{"names below, private", rules(t, false, "*.example.com"), "10.0.0.1:443", "a.example.com", "not allowed"},
		{"names below, not itself", rules(t, false, "*.example.com"), "93.184.216.34:443", "example.com", "not allowed"},
		{"another name", rules(t, false, "api.example.com"), "93.184.216.34:443", "evilapi.example.com", "not allowed"},
		{"an address that nobody asked for", rules(t, false, "api.example.com"), "93.184.216.34:443", "", "not allowed"},
		{"a name's port", rules(t, false, "api.example.com:443"), "93.184.216.34:80", "api.example.com", "not allowed"},
		{"any port", rules(t, false, "api.example.com:443"), "93.184.216.34:0", "api.example.com", ""},
	} {
		var names []string
		if c.names != "" {
			names = []string{c.names}
		}
		got := c.f.Check(netip.MustParseAddrPort(c.to), names)
		if (got == "") != (c.reason == "") || !strings.Contains(got, c.reason) {
			t.Errorf("%s: %q, want %q", c.name, got, c.reason)
		}
	}
}
