// Package egress is the one way of the platform's own requests to the outside: HTTP and HTTPS with a deadline, bounded bodies, and a policy on
// the addresses that are dialled. Rooms get a Client; egresstest has a fake that records.
package egress

import (
	"context"
	"fmt"
	"time"
)

// The bounds of one exchange.
const (
	DefaultTimeout = 15 * time.Second // SNS's for HTTP endpoints; others ask for their own
	MaxTimeout     = 60 * time.Second
	MaxRequest     = 10 << 20 // bytes of a request's body
	DefaultBody    = 1 << 20  // bytes of a response's body that are read, unless Request.MaxBody says otherwise
	MaxBody        = 10 << 20
	MaxRedirects   = 10
)

// Request is one HTTP request.
type Request struct {
	Method string // "" is GET
	// URL is absolute, http or https. A user and password in it become basic authentication.
	URL    string
	Header map[string][]string // names in any case; Host sets the Host header
	Body   []byte
	// Timeout bounds the whole exchange, dialling included; 0 is DefaultTimeout, more than MaxTimeout is MaxTimeout.
	Timeout time.Duration
	// MaxBody bounds what is read of the response's body; 0 is DefaultBody, more than MaxBody is MaxBody.
	MaxBody int64
	// Redirects is how many redirects are followed; 0: the redirect itself is the response. Every hop is held against the address policy.
	Redirects int
}

// Response is what the other side answered, whatever the status.
type Response struct {
	Status    int
	Header    map[string][]string // canonical names
	Body      []byte
	Truncated bool // the body was longer than Request.MaxBody; Body is its beginning
}

// Client sends requests to the outside. All methods are safe for concurrent use. Never call one inside an Update or a lane function.
type Client interface {
	// Do gives the answer, also that of a status over 399. Errors: *Refused when the policy does not let the request out, which no repetition
	// changes; *Invalid for a request that cannot be sent; anything else (no such host, no connection, a timeout) may pass.
	Do(ctx context.Context, r Request) (Response, error)
}

// Refused says that the address policy does not let a request out.
type Refused struct {
	Address string // as it was to be dialled
	Reason  string
}

// Error names address and reason.
func (e *Refused) Error() string {
	return fmt.Sprintf("requests to %s are not let out: %s", e.Address, e.Reason)
}

// Invalid says that a request cannot be sent by anybody.
type Invalid struct{ Reason string }

// Error gives the reason.
func (e *Invalid) Error() string { return "not a request that can be sent: " + e.Reason }
