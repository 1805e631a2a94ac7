package lambda

import (
	"context"

	api "sundog/api/lambda"
	"sundog/cloud"
)

// policyRef reads the ARN of an operation on a whole resource policy: that of a function, a version or an alias.
func policyRef(ctx context.Context, arn *string) (ref, error) {
	a, err := cloud.ParseARN(str(arn))
	if err != nil || a.Service != service {
		return ref{}, errParameter("The resource ARN %s is invalid.", str(arn))
	}
	if kind, _ := a.ResourceType(); kind != "function" {
		return ref{}, cloud.NotImplementedf("Resource policies of %s are not implemented on this platform.", a.Resource)
	}
	return parseRef(ctx, arn, nil)
}

// replacePolicy puts a whole policy in the place of the one that is there; "" takes it away. It gives the revision that follows.
func (r *lambdaRoom) replacePolicy(ctx context.Context, arn, revision *string, text string) (next string, err error) {
	f, err := policyRef(ctx, arn)
	if err != nil {
		return "", err
	}
	return r.writePolicy(ctx, f, revision, "GetResourcePolicy", func(old string) (string, error) {
		if text == "" && old == "" {
			return "", errNoPolicy()
		}
		return text, nil
	})
}

func (r *lambdaRoom) putResourcePolicy(ctx context.Context, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	next, err := r.replacePolicy(ctx, in.ResourceArn, in.RevisionId, str(in.Policy))
	return &api.PutResourcePolicyOutput{Policy: in.Policy, RevisionId: &next}, err
}

func (r *lambdaRoom) getResourcePolicy(ctx context.Context, in *api.GetResourcePolicyInput) (*api.GetResourcePolicyOutput, error) {
	f, err := policyRef(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	rec, err := r.policyOf(ctx, f)
	return &api.GetResourcePolicyOutput{Policy: &rec.Text, RevisionId: &rec.Revision}, err
}

func (r *lambdaRoom) deleteResourcePolicy(ctx context.Context, in *api.DeleteResourcePolicyInput) (*api.DeleteResourcePolicyOutput, error) {
	_, err := r.replacePolicy(ctx, in.ResourceArn, in.RevisionId, "")
	return &api.DeleteResourcePolicyOutput{}, err
}
