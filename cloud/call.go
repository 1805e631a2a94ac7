package cloud

import "context"

// Call is what an operation knows of the request that it answers; it travels in the context.
type Call struct {
	Principal Principal
	Scope     Scope  // region from the signature's scope, account from the principal
	RequestID string // what the client sees as x-amzn-RequestId
	Trace     Trace
	// TraceHeader is X-Amzn-Trace-Id as the client sent it, for services that hand it on; "" when it sent none.
	TraceHeader string
	// Endpoint is scheme://host[:port] as the client used it, so that URLs in answers point at the host that the client can reach.
	Endpoint    string
	SourceIP    string // "" for calls inside the platform
	UserAgent   string
	Secure      bool // TLS, loopback, Unix socket or sandbox: aws:SecureTransport
	FromSandbox bool // the connection comes from a function's sandbox
}

type callKey struct{}

// WithCall gives a context that carries c.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom gives the call that ctx carries; the zero Call (anonymous, no scope) when it carries none.
func CallFrom(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}

// Sandbox is the sandbox that a connection comes from.
type Sandbox struct {
	Function    string // ARN; "" when it has none yet
	Environment string
}

type sandboxKey struct{}

// WithSandbox gives a context of a connection from a sandbox.
func WithSandbox(ctx context.Context, s *Sandbox) context.Context {
	return context.WithValue(ctx, sandboxKey{}, s)
}

// SandboxFrom gives the sandbox that a request's connection comes from; nil when it comes from elsewhere.
func SandboxFrom(ctx context.Context) *Sandbox {
	s, _ := ctx.Value(sandboxKey{}).(*Sandbox)
	return s
}
