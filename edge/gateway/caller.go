package gateway

import (
	"context"
	"encoding/json"
	"io"

	"sundog/cloud"
	"sundog/edge/wire"
)

// Call is the way of rooms to each other: decode, authorise as the principal, call, encode, record; no sockets, no signatures.
func (g *Gateway) Call(ctx context.Context, as cloud.Principal, service, name string, in json.RawMessage, body io.Reader) (cloud.Reply, error) {
	op := g.operation(service, name)
	if op == nil {
		return cloud.Reply{}, notServed(service, name)
	}
	parent := cloud.CallFrom(ctx)
	c := parent
	c.Principal = as
	if c.Scope.Region == "" {
		c.Scope.Region = g.o.Region
	}
	if c.Scope.Account == "" {
		c.Scope.Account = as.Account
	}
	c.RequestID = g.o.IDs.UUID()
	c.Secure = true
	c.Trace = parent.Trace.Under(cloud.NewSpanID(g.o.IDs))
	start := g.o.Clock.Now()
	reply, about, err := g.callTyped(cloud.WithCall(ctx, c), c, op, in, body)
	var e *cloud.Error
	if err != nil {
		e = cloud.AsError(err)
	}
	if !parent.Trace.IsZero() {
		g.span(c, parent.Trace, false, service+":"+name, about, start, e)
	}
	if e != nil {
		return cloud.Reply{}, e
	}
	return reply, nil
}

func (g *Gateway) callTyped(ctx context.Context, c cloud.Call, op *cloud.Operation, in json.RawMessage, body io.Reader) (reply cloud.Reply, about cloud.ARN, err error) {
	input := op.New()
	if err := wire.DecodeModel(op.Schema, in, body, input); err != nil {
		return reply, about, err
	}
	if !op.Checks {
		if err := wire.Validate(op.Schema, input); err != nil {
			return reply, about, err
		}
	}
	if about, err = g.authorise(ctx, c, op, input); err != nil {
		return reply, about, err
	}
	out, err := op.Call(ctx, input)
	if err != nil {
		return reply, about, err
	}
	return wire.EncodeModel(op.Schema, out), about, nil
}

// notServed refuses an operation by name.
func notServed(service, name string) *cloud.Error {
	return cloud.NotImplementedf("%s:%s is not served by this platform.", service, name)
}
