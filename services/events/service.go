package events

import (
	"context"
	"maps"
	"slices"
	"sync"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/services/room"
)

type service struct {
	d        room.Deps
	policies room.Policies
	patterns patterns
	policyMu sync.Mutex // AWS::Events::EventBusPolicy reads and writes whole policies
}

// New makes the room.
func New(d room.Deps) room.Room {
	s := &service{d: d}
	d.Timers.Handle(timerKind, s.due)
	return room.Room{
		Service:        name,
		Operations:     s.operations(),
		Refused:        refused(),
		Resources:      s.resources(),
		Target:         target{s},
		Describe:       s.describe,
		ResourcePolicy: s.policies.Lookup(s.readPolicy),
	}
}

func refused() map[string]string {
	out := map[string]string{}
	for why, ops := range map[string][]string{
		"there are no archives":         {"CreateArchive", "DeleteArchive", "DescribeArchive", "ListArchives", "UpdateArchive", "StartReplay", "CancelReplay", "DescribeReplay", "ListReplays"},
		"there are no API destinations": {"CreateApiDestination", "DeleteApiDestination", "DescribeApiDestination", "ListApiDestinations", "UpdateApiDestination", "CreateConnection", "DeleteConnection", "DeauthorizeConnection", "DescribeConnection", "ListConnections", "UpdateConnection"},
		"there are no global endpoints": {"CreateEndpoint", "DeleteEndpoint", "DescribeEndpoint", "ListEndpoints", "UpdateEndpoint"},
		"there are no partners":         {"ActivateEventSource", "DeactivateEventSource", "DescribeEventSource", "ListEventSources", "CreatePartnerEventSource", "DeletePartnerEventSource", "DescribePartnerEventSource", "ListPartnerEventSourceAccounts", "ListPartnerEventSources", "PutPartnerEvents"},
	} {
		for _, o := range ops {
			out[o] = why
		}
	}
	return out
}

// on makes an operation that needs its own action on one resource.
func on[I, O any](o *schema.Operation, f func(context.Context, *I) (*O, error), resource func(context.Context, *I) cloud.ARN) cloud.Operation {
	return cloud.Op(name, o, f, func(ctx context.Context, in *I) ([]cloud.Access, error) {
		a := cloud.Access{Action: "events:" + o.Name}
		if resource != nil {
			a.Resource = resource(ctx, in)
		}
		return []cloud.Access{a}, nil
	})
}

func theRule(ctx context.Context, n, bus *string) cloud.ARN {
	sc, b := busOf(ctx, bus)
	return ruleARN(sc, b, str(n))
}

func theBus(ctx context.Context, bus *string) cloud.ARN {
	sc, b := busOf(ctx, bus)
	return busARN(sc, b)
}

func theARN(_ context.Context, p *string) cloud.ARN {
	a, err := cloud.ParseARN(str(p))
	if err != nil {
		return cloud.ARN{}
	}
	return a
}

func (s *service) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(name, api.PutEventsOp, s.putEvents, accessPutEvents),
		on[api.TestEventPatternInput, api.TestEventPatternOutput](api.TestEventPatternOp, s.testPattern, nil),
		on(api.CreateEventBusOp, s.createBus, func(ctx context.Context, in *api.CreateEventBusInput) cloud.ARN { return theBus(ctx, in.Name) }),
		on(api.UpdateEventBusOp, s.updateBus, func(ctx context.Context, in *api.UpdateEventBusInput) cloud.ARN { return theBus(ctx, in.Name) }),
		on(api.DeleteEventBusOp, s.deleteBus, func(ctx context.Context, in *api.DeleteEventBusInput) cloud.ARN { return theBus(ctx, in.Name) }),
		on(api.DescribeEventBusOp, s.describeBus, func(ctx context.Context, in *api.DescribeEventBusInput) cloud.ARN { return theBus(ctx, in.Name) }),
		on[api.ListEventBusesInput, api.ListEventBusesOutput](api.ListEventBusesOp, s.listBuses, nil),
		on(api.PutPermissionOp, s.putPermission, func(ctx context.Context, in *api.PutPermissionInput) cloud.ARN { return theBus(ctx, in.EventBusName) }),
		on(api.RemovePermissionOp, s.removePermission, func(ctx context.Context, in *api.RemovePermissionInput) cloud.ARN {
			return theBus(ctx, in.EventBusName)
		}),
		cloud.Op(name, api.PutRuleOp, s.putRule, accessPutRule),
		on(api.DeleteRuleOp, s.deleteRule, func(ctx context.Context, in *api.DeleteRuleInput) cloud.ARN {
			return theRule(ctx, in.Name, in.EventBusName)
		}),
		on(api.DescribeRuleOp, s.describeRule, func(ctx context.Context, in *api.DescribeRuleInput) cloud.ARN {
			return theRule(ctx, in.Name, in.EventBusName)
		}),
		on(api.EnableRuleOp, s.enableRule, func(ctx context.Context, in *api.EnableRuleInput) cloud.ARN {
			return theRule(ctx, in.Name, in.EventBusName)
		}),
		on(api.DisableRuleOp, s.disableRule, func(ctx context.Context, in *api.DisableRuleInput) cloud.ARN {
			return theRule(ctx, in.Name, in.EventBusName)
		}),
		on[api.ListRulesInput, api.ListRulesOutput](api.ListRulesOp, s.listRules, nil),
		on[api.ListRuleNamesByTargetInput, api.ListRuleNamesByTargetOutput](api.ListRuleNamesByTargetOp, s.listRulesOf, nil),
		cloud.Op(name, api.PutTargetsOp, s.putTargets, accessPutTargets),
		on(api.RemoveTargetsOp, s.removeTargets, func(ctx context.Context, in *api.RemoveTargetsInput) cloud.ARN {
			return theRule(ctx, in.Rule, in.EventBusName)
		}),
		on(api.ListTargetsByRuleOp, s.listTargets, func(ctx context.Context, in *api.ListTargetsByRuleInput) cloud.ARN {
			return theRule(ctx, in.Rule, in.EventBusName)
		}),
		on(api.TagResourceOp, s.tag, func(ctx context.Context, in *api.TagResourceInput) cloud.ARN { return theARN(ctx, in.ResourceARN) }),
		on(api.UntagResourceOp, s.untag, func(ctx context.Context, in *api.UntagResourceInput) cloud.ARN { return theARN(ctx, in.ResourceARN) }),
		on(api.ListTagsForResourceOp, s.listTags, func(ctx context.Context, in *api.ListTagsForResourceInput) cloud.ARN {
			return theARN(ctx, in.ResourceARN)
		}),
	}
}

func accessPutEvents(ctx context.Context, in *api.PutEventsInput) ([]cloud.Access, error) {
	var all []cloud.Access
	seen := map[cloud.ARN]bool{}
	for _, e := range in.Entries {
		a := theBus(ctx, e.EventBusName)
		if !seen[a] {
			seen[a] = true
			all = append(all, cloud.Access{Action: "events:PutEvents", Resource: a, Keys: map[string][]string{"events:source": {str(e.Source)}, "events:detail-type": {str(e.DetailType)}}})
		}
	}
	return all, nil
}

func passRole(role *string) []cloud.Access {
	a, err := cloud.ParseARN(str(role))
	if err != nil {
		return nil
	}
	return []cloud.Access{{Action: "iam:PassRole", Resource: a, Keys: map[string][]string{"iam:passedtoservice": {"events.amazonaws.com"}}}}
}

func accessPutRule(ctx context.Context, in *api.PutRuleInput) ([]cloud.Access, error) {
	return append([]cloud.Access{{Action: "events:PutRule", Resource: theRule(ctx, in.Name, in.EventBusName)}}, passRole(in.RoleArn)...), nil
}

func accessPutTargets(ctx context.Context, in *api.PutTargetsInput) ([]cloud.Access, error) {
	a := cloud.Access{Action: "events:PutTargets", Resource: theRule(ctx, in.Rule, in.EventBusName), Keys: map[string][]string{}}
	roles := map[string]bool{}
	for _, t := range in.Targets {
		a.Keys["events:targetarn"] = append(a.Keys["events:targetarn"], str(t.Arn))
		roles[str(t.RoleArn)] = true
	}
	all := []cloud.Access{a}
	for _, r := range slices.Sorted(maps.Keys(roles)) {
		all = append(all, passRole(&r)...)
	}
	return all, nil
}
