package sns

import (
	"context"

	api "sundog/api/sns"
)

// getDataProtectionPolicy says that a topic has none: none can be put.
func (r *snsRoom) getDataProtectionPolicy(ctx context.Context, in *api.GetDataProtectionPolicyInput) (*api.GetDataProtectionPolicyOutput, error) {
	n, err := topicOf(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	_, err = r.record(ctx, n)
	return &api.GetDataProtectionPolicyOutput{DataProtectionPolicy: new("")}, asResource(err)
}
