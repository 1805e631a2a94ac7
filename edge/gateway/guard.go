package gateway

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sundog/cloud"
)

// guard refuses what a web page in the user's browser could send without the user's will: a foreign Origin, a cross-site fetch, a Host
// that is not ours (DNS rebinding). nil when the request may pass.
func (g *Gateway) guard(r *http.Request) *cloud.Error {
	if cloud.SandboxFrom(r.Context()) != nil {
		return nil // a function is no browser, and names of clouds lead here
	}
	if !g.ours(r.Host) {
		return cloud.Errorf(cloud.Denied, "ForbiddenHost", "The host %q is not served here.", r.Host).WithStatus(http.StatusForbidden)
	}
	if o := r.Header.Get("Origin"); o != "" && o != "null" {
		if u, err := url.Parse(o); err != nil || !g.ours(u.Host) {
			return cloud.Errorf(cloud.Denied, "ForbiddenOrigin", "Requests from the origin %q are refused.", o).WithStatus(http.StatusForbidden)
		}
	}
	if s := r.Header.Get("Sec-Fetch-Site"); s == "cross-site" {
		return cloud.Errorf(cloud.Denied, "ForbiddenOrigin", "Cross-site requests are refused.").WithStatus(http.StatusForbidden)
	}
	return nil
}

// ours tells whether a host names this machine: loopback addresses, localhost and names below it, the clouds' own names (which resolve here
// only inside sandboxes), and what Options.Hosts adds.
func (g *Gateway) ours(host string) bool {
	name := hostName(host)
	if ip := net.ParseIP(strings.Trim(name, "[]")); ip != nil {
		return ip.IsLoopback() || slices.Contains(g.o.Hosts, name)
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".amazonaws.com") ||
		slices.ContainsFunc(g.o.Hosts, func(h string) bool { return name == h || strings.HasSuffix(name, "."+h) })
}

// hostName gives a Host header without its port, in lower case.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}
