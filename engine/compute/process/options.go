package process

import (
	"context"
	"log/slog"
	"time"

	"sundog/cloud"
	"sundog/engine/compute/process/sandbox"
	"sundog/internal/connlimit"
)

// Options configure a Driver. Dir, Clock and IDs are required.
type Options struct {
	Dir    string // the driver's own folder: embedded runtimes, environments' folders, byte code caches
	SDKDir string // cache of the SDKs that managed runtimes bring along; "": none is offered
	Clock  cloud.Clock
	IDs    cloud.IDs
	Log    *slog.Logger // nil: discarded
	// Reexec says that this program calls MaybeInit first thing in main, so that environments can run below it.
	Reexec bool
	// Unsandboxed runs functions as plain processes of this user, with all that it may do, even where a sandbox is possible.
	Unsandboxed bool
	// Credentials gives an environment its role's credentials, valid for at least ttl, in a session named by the function; nil: environments get none.
	Credentials func(ctx context.Context, role cloud.ARN, session, environment string, ttl time.Duration) (cloud.Credentials, error)
	// Running is told when an invocation begins in an environment (its trace) and ends (nil). It must be quick; nil: nobody.
	Running func(environment string, t *cloud.Trace)
	// XRayDaemon is host:port of the X-Ray daemon; "" leaves the variable out.
	XRayDaemon string
	// Progress is told in short lines about slow work, such as installing an SDK; nil: nobody.
	Progress func(string)

	// Network serves what functions in sandboxes connect to; nil: they connect to nothing.
	Network Network
	// Connections bounds those of functions in sandboxes together with others of this process; nil: they have a limit of their own only.
	Connections *connlimit.Limit

	IdleTimeout     time.Duration // 0: 5 minutes
	MaxAge          time.Duration // an environment is not used again after it; 0: 6 hours
	Patience        time.Duration // how long an invocation waits for a busy environment before it starts another; 0: 20 ms
	FreezeAfter     time.Duration // a sandbox that has been idle so long is stopped until it is needed; 0: 500 ms, negative: never
	MaxEnvironments int           // of all versions; 0: by the machine's memory
	Spares          int           // pre-started processes of each interpreter and kind in use, and one more while functions start together; 0: 1, negative: none
}

// Network serves the sockets of sandboxes, and by them everything that functions connect to.
type Network interface {
	// Ports lists the sockets that every sandbox is to open, the Runtime API's aside.
	Ports() []sandbox.Port
	// Attach serves the sockets of a sandbox, which it closes; its connections count against a limit. name says which function (its ARN) and environment the
	// sandbox has become; detach ends it.
	Attach(sockets []sandbox.Socket, limit *connlimit.Limit) (name func(function, environment string), detach func(), err error)
	// Authority gives the certificate, in PEM, that functions are to trust.
	Authority() ([]byte, error)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 6 * time.Hour
	}
	if o.FreezeAfter == 0 {
		o.FreezeAfter = 500 * time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 20 * time.Millisecond
	}
	if o.MaxEnvironments <= 0 {
		o.MaxEnvironments = environmentsByMemory()
	}
	if o.Spares == 0 {
		o.Spares = 1
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o
}
