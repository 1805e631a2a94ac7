package app

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"sundog/cloud"
	"sundog/edge/gateway"
)

// late stands for what rooms get before it exists: it forwards once the field is set, and panics when a room's New uses it.
type late struct {
	caller    cloud.Caller
	invoker   cloud.Invoker
	directory cloud.Directory
	identity  cloud.Identity
}

const tooEarly = "used before the rooms were bound"

func (l *late) Call(ctx context.Context, as cloud.Principal, service, op string, in json.RawMessage, body io.Reader) (cloud.Reply, error) {
	if l.caller == nil {
		panic("cloud.Caller " + tooEarly)
	}
	return l.caller.Call(ctx, as, service, op, in, body)
}

func (l *late) Invoke(ctx context.Context, as cloud.Principal, fn cloud.ARN, payload []byte, m cloud.Mode) (cloud.Result, error) {
	if l.invoker == nil {
		panic("cloud.Invoker " + tooEarly)
	}
	return l.invoker.Invoke(ctx, as, fn, payload, m)
}

func (l *late) Describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	if l.directory == nil {
		panic("cloud.Directory " + tooEarly)
	}
	return l.directory.Describe(ctx, a)
}

func (l *late) ResourcePolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	if l.directory == nil {
		panic("cloud.Directory " + tooEarly)
	}
	return l.directory.ResourcePolicy(ctx, a)
}

func (l *late) Secret(ctx context.Context, accessKey, token string) (string, cloud.Principal, *cloud.Trace, error) {
	if l.identity == nil {
		panic("cloud.Identity " + tooEarly)
	}
	return l.identity.Secret(ctx, accessKey, token)
}

func (l *late) Policies(ctx context.Context, p cloud.Principal) (cloud.PolicySet, error) {
	return l.identity.Policies(ctx, p)
}

func (l *late) Issue(ctx context.Context, role cloud.ARN, session, environment string, ttl time.Duration) (cloud.Credentials, error) {
	return l.identity.Issue(ctx, role, session, environment, ttl)
}

func (l *late) Running(environment string, t *cloud.Trace) { l.identity.Running(environment, t) }

// permitted is the Invoker as other rooms get it: the permission to invoke is decided first, as for a request from outside.
type permitted struct {
	gateway *gateway.Gateway
	cloud.Invoker
}

func (i permitted) Invoke(ctx context.Context, as cloud.Principal, fn cloud.ARN, payload []byte, m cloud.Mode) (cloud.Result, error) {
	c := cloud.CallFrom(ctx)
	c.Principal = as
	if err := i.gateway.Permit(ctx, c, cloud.Access{Action: "lambda:InvokeFunction", Resource: fn}); err != nil {
		return cloud.Result{}, err
	}
	return i.Invoker.Invoke(ctx, as, fn, payload, m)
}
