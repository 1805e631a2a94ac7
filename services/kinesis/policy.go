package kinesis

import (
	"context"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
	"sundog/services/room"
)

// Policies of streams and of consumers. A stream's is in its record, a consumer's in its own; each holds for its ARN only.

// maxPolicy bounds a policy, which is read with its stream.
const maxPolicy = 20 << 10

func errNoPolicy(a cloud.ARN) *cloud.Error {
	return cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "No resource policy found for resource %s.", a)
}

// policyARN reads what a policy is to be of.
func policyARN(operation string, arn, id *string) (cloud.ARN, error) {
	if id != nil {
		return cloud.ARN{}, cloud.NotImplementedf("kinesis:%s: StreamId is not served", operation)
	}
	return resourceARN(arn)
}

// putResourcePolicy serves PutResourcePolicy.
func (s *service) putResourcePolicy(ctx context.Context, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	a, err := policyARN("PutResourcePolicy", in.ResourceARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	if len(*in.Policy) > maxPolicy {
		return nil, errArgument("The resource policy is larger than %d bytes.", maxPolicy)
	}
	if _, err := policydoc.Parse(*in.Policy, policydoc.Resource); err != nil {
		return nil, errArgument("The resource policy is invalid: %s", cloud.AsError(err).Message)
	}
	return &api.PutResourcePolicyOutput{}, s.setPolicy(ctx, a, *in.Policy)
}

// deleteResourcePolicy serves DeleteResourcePolicy.
func (s *service) deleteResourcePolicy(ctx context.Context, in *api.DeleteResourcePolicyInput) (*api.DeleteResourcePolicyOutput, error) {
	a, err := policyARN("DeleteResourcePolicy", in.ResourceARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	return &api.DeleteResourcePolicyOutput{}, s.setPolicy(ctx, a, "")
}

// getResourcePolicy serves GetResourcePolicy.
func (s *service) getResourcePolicy(ctx context.Context, in *api.GetResourcePolicyInput) (*api.GetResourcePolicyOutput, error) {
	a, err := policyARN("GetResourcePolicy", in.ResourceARN, in.StreamId)
	if err != nil {
		return nil, err
	}
	text, err := s.policyText(ctx, a)
	if err == nil && text == "" {
		err = errNoPolicy(a)
	}
	return &api.GetResourcePolicyOutput{Policy: &text}, err
}

// setPolicy keeps the policy of a stream or a consumer; "" takes it away.
func (s *service) setPolicy(ctx context.Context, a cloud.ARN, text string) error {
	at, full, _ := refOfARN(a)
	forget := func(tx store.Tx) { tx.AfterCommit(func(store.Stamp) { s.policies.Forget(a) }) }
	if full == "" {
		return s.change(ctx, at, func(tx store.Tx, st *stream) error {
			st.Policy = text
			forget(tx)
			return nil
		})
	}
	return s.update(ctx, func(tx store.Tx) error {
		return s.onConsumer(tx, a, func(st *stream, c *consumer) error {
			c.Policy = text
			forget(tx)
			return st.saveConsumer(tx, c)
		})
	})
}

// policyText reads the policy of a stream or a consumer; "" when it has none.
func (s *service) policyText(ctx context.Context, a cloud.ARN) (text string, err error) {
	at, full, ok := refOfARN(a)
	if !ok {
		return "", errNoStream(at)
	}
	err = s.view(ctx, func(r store.Reader) error {
		if full != "" {
			return s.onConsumer(r, a, func(_ *stream, c *consumer) error { text = c.Policy; return nil })
		}
		st, err := s.find(r, at)
		if err == nil {
			text = st.Policy
		}
		return err
	})
	return text, err
}

// readPolicy reads the policy that holds for an ARN; nil when there is none.
func (s *service) readPolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	text, err := s.policyText(ctx, a)
	if err != nil || text == "" {
		return nil, err
	}
	return policydoc.Parse(text, policydoc.Resource)
}

// The resource type AWS::Kinesis::ResourcePolicy: its physical id is the ARN whose policy it is.

func (s *service) putPolicyResource(ctx context.Context, r room.Request) (room.Result, error) {
	arn := r.New.Text("ResourceArn")
	in := map[string]any{"ResourceARN": arn, "Policy": string(r.New["ResourcePolicy"])}
	return room.Result{Physical: arn}, s.d.Do(ctx, roomName, "PutResourcePolicy", in, nil)
}

func (s *service) deletePolicyResource(ctx context.Context, r room.Request) error {
	return ignoreAbsent(s.d.Do(ctx, roomName, "DeleteResourcePolicy", map[string]any{"ResourceARN": r.Physical}, nil))
}
