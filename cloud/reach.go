package cloud

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Caller is the gateway without sockets: it authorises the call as `as`, records it, and calls the operation. in and the reply
// are JSON in the service's own model (member names as in the model, blobs in base64, times as epoch seconds). The scope is the
// context's Call's scope, or the principal's account when ctx carries none. Never call it inside an Update or a lane function.
type Caller interface {
	Call(ctx context.Context, as Principal, service, op string, in json.RawMessage, body io.Reader) (Reply, error)
}

// Reply is what an operation answered. Body is the streamed member of the output, or nil; the caller closes it.
type Reply struct {
	Out  json.RawMessage
	Body io.ReadCloser
}

// InvocationType is Lambda's: how an invoke is answered.
type InvocationType string

// The invocation types of Lambda's Invoke.
const (
	RequestResponse InvocationType = "RequestResponse"
	EventInvoke     InvocationType = "Event"
	DryRun          InvocationType = "DryRun"
)

// Mode is how a function is invoked.
type Mode struct {
	Type          InvocationType // "" is RequestResponse
	ClientContext []byte         // JSON, or nil
	LogTail       bool           // return the last 4 KB of the log
	Out           io.Writer      // receives a streamed response as it comes; nil: buffered
	RequestID     string         // the request's own, when it asks for this one invocation; "": a new one
	Encoded       bool           // the platform itself has written the payload as JSON: only its size is checked
}

// Result is what an invoke gave. FunctionError is "" on success, else "Handled" or "Unhandled", and Payload is then the error's JSON.
type Result struct {
	Payload         []byte
	FunctionError   string
	ExecutedVersion string
	LogTail         []byte
	RequestID       string
}

// Invoker is served by the lambda room: aliases, concurrency, permissions and metrics hold whoever calls. fn may end in a version
// or alias. Errors are Lambda's own (*Error with its codes), never the function's: those are in the Result.
type Invoker interface {
	Invoke(ctx context.Context, as Principal, fn ARN, payload []byte, m Mode) (Result, error)
}

// Credentials are temporary credentials of a role session.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

// Identity is served by the iam room (which also serves STS) and bound by app.
type Identity interface {
	// Secret gives the secret key and principal of an access key. parent is the span of the invocation that currently runs in the
	// execution environment which holds the key; nil outside functions. Unknown keys, foreign or expired tokens: *Error with
	// InvalidClientTokenId, UnrecognizedClientException or ExpiredToken.
	Secret(ctx context.Context, accessKey, sessionToken string) (secret string, p Principal, parent *Trace, err error)
	// Policies gives the identity policies, boundary and session policies of a principal.
	Policies(ctx context.Context, p Principal) (PolicySet, error)
	// Issue makes credentials of a role for an execution environment; session becomes the name of the role's session, the function's name on AWS.
	Issue(ctx context.Context, role ARN, session, environment string, ttl time.Duration) (Credentials, error)
	// Running tells which trace position runs in an environment now; nil ends it. Safe for concurrent use.
	Running(environment string, t *Trace)
}

// Description is what one room tells another of a resource.
type Description struct {
	Type       string // CloudFormation's type name, such as "AWS::SQS::Queue"
	Name       string
	Attributes map[string]string // by the names of the service's own API
	Tags       map[string]string
}

// Directory finds the room of an ARN and asks it. Absent resources give an *Error of kind NotFound; services without a room one
// of kind NotImplemented. ResourcePolicy gives nil, nil when the resource has no policy.
type Directory interface {
	Describe(ctx context.Context, a ARN) (Description, error)
	ResourcePolicy(ctx context.Context, a ARN) (*Policy, error)
}

// Clock is the platform's time. Now can be moved by `sundog clock`: use it for timers, timestamps and expiry of data. Wall cannot:
// use it for signatures, credentials, deadlines and sockets.
type Clock interface {
	Now() time.Time
	Wall() time.Time
	// AfterNow calls f once in its own goroutine when Now reaches at. stop prevents a call that has not begun.
	AfterNow(at time.Time, f func()) (stop func())
	// Busy tells the clock that work goes on; advancing waits until all is done. done may be called more than once.
	Busy(what string) (done func())
}

// IDs makes identifiers. Order and time are never derived from them. Safe for concurrent use.
type IDs interface {
	UUID() string       // version 4, lower case
	Hex(n int) string   // n random bytes as hex digits
	Alnum(n int) string // n characters of A-Z and 0-9
}
