package app

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"sundog/cloud"
	"sundog/edge/admin"
	"sundog/edge/gateway"
	"sundog/engine/compute"
	"sundog/engine/compute/process"
	"sundog/engine/compute/process/sandbox"
	"sundog/engine/telemetry"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/lambda"
	"time"
)

// What commands see of the platform's own types.
type (
	Status      = admin.Status
	ClockState  = admin.ClockState
	ClockChange = admin.ClockChange
	Span        = telemetry.Span
	TraceHead   = telemetry.Head
	TailEvent   = telemetry.TailEvent
	Missing     = gateway.Missing
)

// ServeOwn makes an API the application's own, on the listener of Options.HTTP.
func (p *Platform) ServeOwn(sc cloud.Scope, api string) { p.House.OwnAPI.Serve(sc, api) }

// RuntimeNotes tells what is to be said of the runtimes that an application uses: another version of the interpreter, or none.
func (p *Platform) RuntimeNotes(names []string) []string {
	var out []string
	for _, r := range p.compute.Runtimes(context.Background()) {
		for _, n := range names {
			if n != r.Name {
				continue
			}
			if r.Missing != "" {
				out = append(out, fmt.Sprintf("%s cannot run here: %s", n, r.Missing))
			} else if r.Note != "" {
				out = append(out, fmt.Sprintf("%s %s", n, r.Note))
			}
		}
	}
	return out
}

// offered says of runtimes that AWS has retired that nothing new runs on them; those that cannot run here at all are left out.
func offered(all []compute.Runtime) []compute.Runtime {
	var out []compute.Runtime
	for _, r := range all {
		if lambda.Retired(r.Name) {
			if r.Missing != "" {
				continue
			}
			r.Note = strings.TrimPrefix(r.Note+"; retired: it runs functions from before and is refused to new ones", "; ")
		}
		out = append(out, r)
	}
	return out
}

// Report is what Doctor finds.
type Report struct {
	Runtimes []compute.Runtime
	Machine  string
	Features []Feature     // of a sandbox
	Sandbox  bool          // functions run in one
	Started  time.Duration // how long an empty one takes
	Lack     error         // why not
	Memory   string        // what bounds the memory of functions
}

// Feature is a part of what a sandbox is made of.
type Feature = sandbox.Feature

// Doctor looks at what this machine can run. It starts no platform.
func Doctor(ctx context.Context) (Report, error) {
	dir, err := os.MkdirTemp("", "sundog-doctor-")
	if err != nil {
		return Report{}, err
	}
	defer os.RemoveAll(dir)
	d, err := process.New(process.Options{Dir: dir, SDKDir: userCache(), Clock: clock.New(time.Now, 0), IDs: ids.New(), Spares: -1, Reexec: true})
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = d.Close(ctx) }()
	r := Report{Runtimes: offered(d.Runtimes(ctx)), Machine: fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Features: sandbox.Features(), Memory: d.MemoryBy()}
	start := time.Now()
	r.Sandbox, r.Lack = d.Sandboxed()
	r.Started = time.Since(start)
	return r, nil
}
