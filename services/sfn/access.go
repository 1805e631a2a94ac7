package sfn

import (
	"context"

	api "sundog/api/sfn"
	"sundog/cloud"
)

// onARN is the access of operations on the resource whose ARN is given. A text that is no ARN is left to the operation to refuse.
func onARN[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		a, err := cloud.ParseARN(deref(arn(in)))
		if err != nil {
			a = cloud.ARN{}
		}
		return []cloud.Access{{Action: "states:" + action, Resource: a}}, nil
	}
}

func onName[I any](action, typ string, get func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		n := name{cloud.CallFrom(ctx).Scope, deref(get(in))}
		return []cloud.Access{{Action: "states:" + action, Resource: n.arn(typ)}}, nil
	}
}

func onAll[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "states:" + action}}, nil
	}
}

// passRole is the permission to hand a role to Step Functions.
func passRole(role *string) []cloud.Access {
	a, err := cloud.ParseARN(deref(role))
	if err != nil {
		return nil
	}
	return []cloud.Access{{Action: "iam:PassRole", Resource: a, Keys: map[string][]string{"iam:passedtoservice": {"states.amazonaws.com"}}}}
}

func accessCreate(ctx context.Context, in *api.CreateStateMachineInput) ([]cloud.Access, error) {
	n := name{cloud.CallFrom(ctx).Scope, deref(in.Name)}
	return append([]cloud.Access{{Action: "states:CreateStateMachine", Resource: n.arn("stateMachine")}}, passRole(in.RoleArn)...), nil
}

func accessUpdate(_ context.Context, in *api.UpdateStateMachineInput) ([]cloud.Access, error) {
	a, err := cloud.ParseARN(deref(in.StateMachineArn))
	if err != nil {
		a = cloud.ARN{}
	}
	return append([]cloud.Access{{Action: "states:UpdateStateMachine", Resource: a}}, passRole(in.RoleArn)...), nil
}

func accessCreateAlias(_ context.Context, in *api.CreateStateMachineAliasInput) ([]cloud.Access, error) {
	out := cloud.Access{Action: "states:CreateStateMachineAlias"}
	if len(in.RoutingConfiguration) > 0 {
		if q, err := parseMachine(deref(in.RoutingConfiguration[0].StateMachineVersionArn)); err == nil {
			out.Resource = q.arn("stateMachine")
		}
	}
	return []cloud.Access{out}, nil
}

func accessTestState(_ context.Context, in *api.TestStateInput) ([]cloud.Access, error) {
	return append([]cloud.Access{{Action: "states:TestState"}}, passRole(in.RoleArn)...), nil
}
