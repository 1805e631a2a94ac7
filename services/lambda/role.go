package lambda

import (
	"context"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
)

const principal = "lambda.amazonaws.com"

// passing adds the permission that giving a function a role needs. A role of another account is the operation's to refuse.
func passing[I any](access func(context.Context, *I) ([]cloud.Access, error), role func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		all, err := access(ctx, in)
		if a, bad := cloud.ParseARN(str(role(in))); bad == nil && err == nil && a.Account == cloud.CallFrom(ctx).Principal.Account {
			all = append(all, cloud.Access{Action: "iam:PassRole", Resource: a, Keys: map[string][]string{"iam:passedtoservice": {principal}}})
		}
		return all, err
	}
}

// checkRole looks at a function's role when it is set, and at what the role must be allowed to do with the dead letter target when either is set. c is
// the configuration as it will be.
func (r *lambdaRoom) checkRole(ctx context.Context, f ref, c *api.FunctionConfiguration, s settings) error {
	if s.Role == nil && s.DeadLetterConfig == nil {
		return nil
	}
	role, err := cloud.ParseARN(str(c.Role))
	if err != nil {
		return err
	}
	if role.Account != f.Account {
		return cloud.Errorf(cloud.Denied, "AccessDeniedException", "Cross-account pass role is not allowed.").WithStatus(403)
	}
	there, err := r.exists(ctx, role)
	if err != nil {
		return err
	}
	if !there {
		r.d.Log.Warn("a function has a role that does not exist: its calls are refused until it does", "function", f.arn().String(), "role", role.String())
		return nil
	}
	if err := r.assumable(ctx, f, role); err != nil || c.DeadLetterConfig == nil {
		return err
	}
	return r.maySend(ctx, &plan{ref: f, main: &build{Config: *c}}, str(c.DeadLetterConfig.TargetArn))
}

// exists tells whether a role does.
func (r *lambdaRoom) exists(ctx context.Context, role cloud.ARN) (bool, error) {
	_, err := r.d.Directory.Describe(ctx, role)
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return false, nil
	}
	return err == nil, err
}

// assumable checks that a role trusts Lambda.
func (r *lambdaRoom) assumable(ctx context.Context, f ref, role cloud.ARN) error {
	err := r.d.Bus.Permit(ctx, cloud.ServicePrincipal(principal, f.arn()), role, "sts:AssumeRole")
	return orDenied(err, errParameter("The role defined for the function cannot be assumed by Lambda."))
}

// What a function's role must be allowed to do with dead letter targets, and with the destinations of asynchronous invocations.
var destinationActions = map[string]string{"sqs": "SendMessage", "sns": "Publish", service: "InvokeFunction", "events": "PutEvents", "s3": "PutObject"}

// maySend checks that a function's role may send to its dead letter target. Whether there is one shows when something is sent.
func (r *lambdaRoom) maySend(ctx context.Context, p *plan, target string) error {
	a, err := cloud.ParseARN(target)
	if err != nil {
		return err
	}
	verb := destinationActions[a.Service]
	return orDenied(r.permitted(ctx, p, a, verb), errParameter("The provided execution role does not have permissions to call %s on %s", verb, strings.ToUpper(a.Service)))
}

// mayDeliver checks that a function's role may send to a destination. The wording has no public source.
func (r *lambdaRoom) mayDeliver(ctx context.Context, p *plan, a cloud.ARN) error {
	role, err := cloud.ParseARN(str(p.main.Config.Role))
	if err != nil {
		return err
	}
	if there, err := r.exists(ctx, role); err != nil || !there {
		return err
	}
	at := a
	if a.Service == "s3" {
		at.Resource += "/*"
	}
	verb := destinationActions[a.Service]
	return orDenied(r.permitted(ctx, p, at, verb), errParameter("The function's execution role does not have permissions to call %s on %s", verb, a))
}

// permitted asks whether a function's role may act on a resource. One that does not exist is no obstacle: that shows when something is sent.
func (r *lambdaRoom) permitted(ctx context.Context, p *plan, on cloud.ARN, verb string) error {
	err := r.d.Bus.Permit(ctx, asRole(p), on, on.Service+":"+verb)
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return nil
	}
	return err
}

// orDenied words a denial; nil stays nil.
func orDenied(err, denied error) error {
	if err != nil && cloud.AsError(err).Kind == cloud.Denied {
		return denied
	}
	return err
}
