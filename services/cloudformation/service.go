package cloudformation

import (
	"context"
	"sync"

	api "sundog/api/cloudformation"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/services/room"
)

type service struct {
	d     room.Deps
	types func() map[string]room.ResourceType

	mu     sync.Mutex
	closed bool
	ctx    context.Context // of the runs
	cancel context.CancelFunc
	runs   sync.WaitGroup
}

// New makes the room. types gives the resource types of all rooms; it is called once, when the first template comes.
func New(d room.Deps, types func() []room.ResourceType) room.Room {
	return newService(d, types).room()
}

func newService(d room.Deps, types func() []room.ResourceType) *service {
	s := &service{d: d}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.types = sync.OnceValue(func() map[string]room.ResourceType {
		out := map[string]room.ResourceType{}
		for _, t := range types() {
			out[t.Type] = t
		}
		return out
	})
	return s
}

func op[I, O any](o *schema.Operation, f func(context.Context, *I) (*O, error), stack func(*I) *string) cloud.Operation {
	return cloud.Op(name, o, f, func(ctx context.Context, in *I) ([]cloud.Access, error) {
		a := cloud.Access{Action: "cloudformation:" + o.Name}
		if stack != nil {
			a.Resource = stackARN(ctx, str(stack(in)))
		}
		return []cloud.Access{a}, nil
	})
}

// stackARN gives the ARN of a stack that a call names; one whose id is not known yet is stack/name/*.
func stackARN(ctx context.Context, nameOrID string) cloud.ARN {
	if a, err := cloud.ParseARN(nameOrID); err == nil {
		return a
	}
	if nameOrID == "" {
		return cloud.ARN{}
	}
	return cloud.NewARN(name, scope(ctx), "stack/"+nameOrID+"/*")
}

// passing adds iam:PassRole for a call that gives a role.
func passing[I any](o cloud.Operation, role func(*I) *string) cloud.Operation {
	access := o.Access
	o.Access = func(ctx context.Context, in any) ([]cloud.Access, error) {
		all, err := access(ctx, in)
		if r, perr := cloud.ParseARN(str(role(in.(*I)))); perr == nil {
			all = append(all, cloud.Access{Action: "iam:PassRole", Resource: r, Keys: map[string][]string{"iam:passedtoservice": {"cloudformation.amazonaws.com"}}})
		}
		return all, err
	}
	return o
}

func (s *service) room() room.Room {
	return room.Room{
		Service:    name,
		Operations: append(s.changing(), s.reading()...),
		Refused: map[string]string{
			"CancelUpdateStack":                 "an update here ends or rolls back by itself",
			"RollbackStack":                     "use UpdateStack with the former template",
			"SetStackPolicy":                    "stack policies are not applied",
			"SignalResource":                    "no resource type here waits for signals",
			"DetectStackDrift":                  "drift is not detected",
			"DescribeStackDriftDetectionStatus": "drift is not detected",
			"DescribeStackResourceDrifts":       "drift is not detected",
			"DescribeType":                      "there is no type registry",
			"ListTypes":                         "there is no type registry",
			"DescribeAccountLimits":             "there are no account limits",
			"EstimateTemplateCost":              "nothing here has a price",
		},
		Resources: []room.ResourceType{s.nested()},
		Describe:  s.describe,
		Start:     s.start,
		Close:     s.close,
	}
}

func (s *service) changing() []cloud.Operation {
	return []cloud.Operation{
		passing(op(api.CreateStackOp, s.createStack, func(in *api.CreateStackInput) *string { return in.StackName }), func(in *api.CreateStackInput) *string { return in.RoleARN }),
		passing(op(api.UpdateStackOp, s.updateStack, func(in *api.UpdateStackInput) *string { return in.StackName }), func(in *api.UpdateStackInput) *string { return in.RoleARN }),
		passing(op(api.DeleteStackOp, s.deleteStack, func(in *api.DeleteStackInput) *string { return in.StackName }), func(in *api.DeleteStackInput) *string { return in.RoleARN }),
		op(api.ContinueUpdateRollbackOp, s.continueRollback, func(in *api.ContinueUpdateRollbackInput) *string { return in.StackName }),
		op(api.UpdateTerminationProtectionOp, s.protect, func(in *api.UpdateTerminationProtectionInput) *string { return in.StackName }),
		passing(op(api.CreateChangeSetOp, s.createChangeSet, func(in *api.CreateChangeSetInput) *string { return in.StackName }), func(in *api.CreateChangeSetInput) *string { return in.RoleARN }),
		op(api.ExecuteChangeSetOp, s.executeChangeSet, func(in *api.ExecuteChangeSetInput) *string { return in.StackName }),
		op(api.DeleteChangeSetOp, s.deleteChangeSet, func(in *api.DeleteChangeSetInput) *string { return in.StackName }),
	}
}

func (s *service) reading() []cloud.Operation {
	return []cloud.Operation{
		op(api.DescribeChangeSetOp, s.describeChangeSet, func(in *api.DescribeChangeSetInput) *string { return in.StackName }),
		op(api.ListChangeSetsOp, s.listChangeSets, func(in *api.ListChangeSetsInput) *string { return in.StackName }),
		op(api.DescribeStacksOp, s.describeStacks, func(in *api.DescribeStacksInput) *string { return in.StackName }),
		op[api.ListStacksInput, api.ListStacksOutput](api.ListStacksOp, s.listStacks, nil),
		op(api.DescribeStackEventsOp, s.describeEvents, func(in *api.DescribeStackEventsInput) *string { return in.StackName }),
		op(api.DescribeStackResourceOp, s.describeResource, func(in *api.DescribeStackResourceInput) *string { return in.StackName }),
		op(api.DescribeStackResourcesOp, s.describeResources, func(in *api.DescribeStackResourcesInput) *string { return in.StackName }),
		op(api.ListStackResourcesOp, s.listResources, func(in *api.ListStackResourcesInput) *string { return in.StackName }),
		op(api.GetTemplateOp, s.getTemplate, func(in *api.GetTemplateInput) *string { return in.StackName }),
		op(api.GetTemplateSummaryOp, s.getTemplateSummary, func(in *api.GetTemplateSummaryInput) *string { return in.StackName }),
		op(api.GetStackPolicyOp, s.getStackPolicy, func(in *api.GetStackPolicyInput) *string { return in.StackName }),
		op[api.ValidateTemplateInput, api.ValidateTemplateOutput](api.ValidateTemplateOp, s.validateTemplate, nil),
		op[api.ListExportsInput, api.ListExportsOutput](api.ListExportsOp, s.listExports, nil),
		op[api.ListImportsInput, api.ListImportsOutput](api.ListImportsOp, s.listImports, nil),
	}
}
