package gateway

import (
	"context"

	"sundog/cloud"
	"sundog/engine/policy"
)

// authorise evaluates the policies for everything that the operation needs, and gives the first thing that it is about.
func (g *Gateway) authorise(ctx context.Context, c cloud.Call, op *cloud.Operation, in any) (about cloud.ARN, err error) {
	if op.Access == nil {
		return about, nil
	}
	needs, err := op.Access(ctx, in)
	if err != nil {
		return about, err
	}
	if len(needs) > 0 {
		about = needs[0].Resource
	}
	for _, a := range needs {
		if err := g.Permit(ctx, c, a); err != nil {
			return about, denied(op, err)
		}
	}
	return about, nil
}

// denied gives a refusal the service's own code.
func denied(op *cloud.Operation, err error) error {
	if op.Denied == "" || !cloud.IsCode(err, "AccessDenied") {
		return err
	}
	e := *cloud.AsError(err)
	e.Code = op.Denied
	return &e
}

// Permit decides on one permission for the principal of c: nil when it is given, or when it is missing and only reported. Explicit denials and
// anonymous requests are always refused.
func (g *Gateway) Permit(ctx context.Context, c cloud.Call, a cloud.Access) error {
	resource, err := g.ResourcePolicy(ctx, a.Resource)
	if err != nil {
		return err
	}
	if resource == nil && c.Principal.Kind == cloud.Root && (a.Resource.Account == "" || a.Resource.Account == c.Principal.Account) {
		return nil
	}
	set := cloud.PolicySet{}
	if c.Principal.Kind != cloud.Anonymous && c.Principal.Kind != cloud.Service {
		if set, err = g.o.Identity.Policies(ctx, c.Principal); err != nil {
			return err
		}
	}
	set.Resource = resource
	global := policy.GlobalKeys(c, g.o.Clock.Now())
	r := policy.Request{Principal: c.Principal, Action: a.Action, Resource: a.Resource, ResourceAccount: a.Resource.Account, Keys: policy.WithKeys(a.Keys, global)}
	if r.ResourceAccount == "" {
		r.ResourceAccount = c.Scope.Account
	}
	d := g.policies.Evaluate(r, set)
	if d.Allow || a.UnlessDenied && !d.Explicit {
		return nil
	}
	if !g.o.Enforce && !d.Explicit && c.Principal.Kind != cloud.Anonymous {
		g.warn(r, a)
		return nil
	}
	return cloud.Errorf(cloud.Denied, "AccessDenied", "%s", policy.Message(r, d))
}

// maxWarned is how many missing permissions are reported: a function can name resources without end.
const maxWarned = 10_000

// warn reports a missing permission once.
func (g *Gateway) warn(r policy.Request, a cloud.Access) {
	m := Missing{Principal: r.Principal, Action: a.Action, Resource: resourceText(a.Resource)}
	m.Principal.AccessKey, m.Principal.Environment, m.Principal.Session = "", "", ""
	m.Principal.ID, m.Principal.ARN = "", ""
	if _, seen := g.warned.LoadOrStore(m, struct{}{}); seen || g.o.Warn == nil {
		return
	}
	if g.warnings.Add(1) > maxWarned {
		g.warned.Delete(m)
		return
	}
	m.Suggestion = policy.Suggest(r)
	g.o.Warn(m)
}

func resourceText(a cloud.ARN) string {
	if a.IsZero() {
		return "*"
	}
	return a.String()
}
