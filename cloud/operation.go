package cloud

import (
	"context"

	"sundog/cloud/schema"
)

// Operation is one API operation that a room serves. The gateway decodes the request into New(), authorises what Access names,
// and calls Call; it knows nothing else of the room.
type Operation struct {
	Service string            // the service's id: the folder name under api/, such as "sqs"
	Name    string            // AWS's name, such as "SendMessage"
	Schema  *schema.Operation // generated
	New     func() any        // a fresh *In
	NewOut  func() any        // a fresh *Out, for clients
	Call    func(ctx context.Context, in any) (out any, err error)
	// Access names the permissions that the call needs; nil: the operation needs none (as sts:GetCallerIdentity does). It may read state.
	Access func(ctx context.Context, in any) ([]Access, error)
	// Denied is the code with which the service refuses who has no permission; "": AccessDenied.
	Denied string
	// Checks tells that the room judges the input itself, in words of its own: it is not held against the model before.
	Checks bool
	// BodyLimit bounds the request's body in bytes; 0: the gateway's default of 10 MiB. Streaming bodies are not bounded by it.
	BodyLimit int64
	// TooLarge words the refusal of a larger body; nil: in the gateway's words.
	TooLarge func(limit int64) *Error
}

// Access is one permission that a call needs.
type Access struct {
	Action   string // "sqs:SendMessage"
	Resource ARN    // the zero ARN stands for "*"
	// Keys are the service's own condition keys, lower case ("s3:prefix"). Global keys (aws:...) are the gateway's.
	Keys map[string][]string
	// UnlessDenied: only an explicit denial refuses; it need not be allowed.
	UnlessDenied bool
}

// Op makes an Operation of a typed method. I is the generated input type, O the output type.
func Op[I, O any](service string, s *schema.Operation, call func(context.Context, *I) (*O, error), access func(context.Context, *I) ([]Access, error)) Operation {
	op := Operation{
		Service: service, Name: s.Name, Schema: s,
		New: func() any { return new(I) }, NewOut: func() any { return new(O) },
		Call: func(ctx context.Context, in any) (any, error) { return call(ctx, in.(*I)) },
	}
	if access != nil {
		op.Access = func(ctx context.Context, in any) ([]Access, error) { return access(ctx, in.(*I)) }
	}
	return op
}

// Checking gives the operation with Checks set.
func (o Operation) Checking() Operation {
	o.Checks = true
	return o
}
