package gateway

import (
	"net/http"
	"time"

	"sundog/cloud"
	"sundog/engine/telemetry"
)

// OwnAgent is the user agent of the platform's own commands: what they ask is no part of what an application does, and not recorded.
const OwnAgent = "sundog"

// trace finds where a request hangs: under the invocation whose credentials sign it, under the header's trace, or at the root of a new one.
// entry says that its parent is none of ours; sampled false means that nothing is recorded.
func (g *Gateway) trace(r *http.Request, parent *cloud.Trace) (t cloud.Trace, entry bool) {
	if parent != nil { // the header of a function's SDK names a segment that may never be reported
		return *parent, false
	}
	if header, ok := cloud.ParseTrace(r.Header.Get("X-Amzn-Trace-Id")); ok {
		return header, true
	}
	t = cloud.NewTrace(g.o.Clock.Now(), g.o.IDs)
	t.Sampled = r.UserAgent() != OwnAgent && g.sample()
	return t, false
}

// sample bounds how many new traces begin in a second, so that load does not turn into telemetry.
func (g *Gateway) sample() bool {
	now := g.o.Clock.Wall().Unix()
	if g.second.Swap(now) != now {
		g.sampled.Store(0)
	}
	return g.sampled.Add(1) <= int64(g.o.TracesPerSecond)
}

// spanHTTP records one request to the application's own front.
func (g *Gateway) spanHTTP(c cloud.Call, under cloud.Trace, entry bool, r *http.Request, start time.Time, status int) {
	if !under.Sampled {
		return
	}
	s := telemetry.Span{
		Trace: under.Root, ID: c.Trace.Parent, Parent: under.Parent, Scope: c.Scope, Name: r.Method + " " + r.URL.Path, Kind: "http",
		Start: start, End: g.o.Clock.Now(), Status: status,
	}
	if status >= http.StatusInternalServerError {
		s.Fault = http.StatusText(status)
	}
	if entry {
		s.Fields = map[string]string{"entry": "1"}
	}
	g.o.Telemetry.Span(s)
}

// span records one request or call and what it was about; err is nil when all went well.
func (g *Gateway) span(c cloud.Call, under cloud.Trace, entry bool, name string, about cloud.ARN, start time.Time, err *cloud.Error) {
	if !under.Sampled {
		return
	}
	s := telemetry.Span{
		Trace: under.Root, ID: c.Trace.Parent, Parent: under.Parent, Scope: c.Scope, Name: name, Kind: "api",
		Start: start, End: g.o.Clock.Now(), Status: http.StatusOK,
	}
	if entry {
		s.Fields = map[string]string{"entry": "1"}
	}
	if about.Resource != "" && about.Resource != "*" {
		s.Resource = about.String()
	}
	if err != nil {
		s.Status, s.Fault = err.Status, err.Code+": "+err.Message
	}
	g.o.Telemetry.Span(s)
}
