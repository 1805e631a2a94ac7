package bus

import (
	"context"

	"sundog/cloud"
	"sundog/engine/policy"
)

// Policies authorises deliveries by the target's resource policy, and by the identity's own policies where the delivery is made as a role
// (Options.Authorise). Identity may be nil: then only services deliver.
type Policies struct {
	Directory cloud.Directory
	Identity  cloud.Identity
	Clock     cloud.Clock
	Evaluator *policy.Evaluator
}

// Authorise gives an *Error with the code AccessDenied when the policies do not allow the delivery.
func (p Policies) Authorise(ctx context.Context, d Delivery, action string) error {
	if action == "events:PutEvents" && d.As.Kind == cloud.Service && d.As.Account == d.Target.Account {
		return nil // services report to their own account's buses without a policy (EventBridge User Guide, "Events from AWS services")
	}
	var set cloud.PolicySet
	var err error
	if p.Identity != nil && d.As.Kind != cloud.Service && d.As.Kind != cloud.Anonymous {
		if set, err = p.Identity.Policies(ctx, d.As); err != nil {
			return err
		}
	}
	if set.Resource, err = p.Directory.ResourcePolicy(ctx, d.Target); err != nil {
		return err
	}
	call := cloud.CallFrom(ctx)
	call.Principal = d.As
	r := policy.Request{Principal: d.As, Action: action, Resource: d.Target, Keys: policy.GlobalKeys(call, p.Clock.Now())}
	decision := p.Evaluator.Evaluate(r, set)
	if decision.Allow {
		return nil
	}
	return cloud.Errorf(cloud.Denied, "AccessDenied", "%s", policy.Message(r, decision))
}
