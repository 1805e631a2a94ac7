package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "sundog/api/iam"
	"sundog/cloud"
	"sundog/engine/policy"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

// simulation is what both simulators evaluate.
type simulation struct {
	principal cloud.Principal
	set       cloud.PolicySet
	actions   []string
	resources []string
	owner     string
	context   []api.ContextEntry
}

// maxSimulated bounds the pairs of action and resource of one simulation.
const maxSimulated = 5000

func (s *simulation) run() ([]api.EvaluationResult, error) {
	keys := map[string][]string{}
	for _, e := range s.context {
		keys[strings.ToLower(text(e.ContextKeyName))] = e.ContextKeyValues
	}
	if len(s.resources) == 0 {
		s.resources = []string{"*"}
	}
	if len(s.actions)*len(s.resources) > maxSimulated {
		return nil, errInput("Too many actions and resources to simulate.")
	}
	var out []api.EvaluationResult
	for _, action := range s.actions {
		for _, resource := range s.resources {
			r := policy.Request{Principal: s.principal, Action: action, ResourceAccount: s.owner, Keys: func(k string) ([]string, bool) { v, ok := keys[k]; return v, ok }}
			if resource != "*" {
				a, err := cloud.ParseARN(resource)
				if err != nil {
					return nil, errInput("Invalid resource ARN: %s", resource)
				}
				r.Resource = a
			}
			out = append(out, evaluation(action, resource, policy.Evaluate(r, s.set), s.set.Boundary != nil))
		}
	}
	return out, nil
}

func evaluation(action, resource string, d policy.Decision, bounded bool) api.EvaluationResult {
	decision := "implicitDeny"
	switch {
	case d.Allow:
		decision = "allowed"
	case d.Explicit:
		decision = "explicitDeny"
	}
	e := api.EvaluationResult{EvalActionName: &action, EvalResourceName: &resource, EvalDecision: &decision}
	if bounded {
		e.PermissionsBoundaryDecisionDetail = &api.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(d.Where != policy.ByBoundary)}
	}
	return e
}

// add parses more policies into the simulation.
func (s *simulation) add(identity, boundary []string, resource *string) error {
	for _, d := range identity {
		p, err := policydoc.Parse(d, policydoc.Identity)
		if err != nil {
			return err
		}
		s.set.Identity = append(slices.Clip(s.set.Identity), p)
	}
	for _, d := range boundary {
		p, err := policydoc.Parse(d, policydoc.Identity)
		if err != nil {
			return err
		}
		s.set.Boundary = p
	}
	if text(resource) == "" {
		return nil
	}
	p, err := policydoc.Parse(*resource, policydoc.Resource)
	s.set.Resource = p
	return err
}

func (r *iamRoom) simulateCustomPolicy(ctx context.Context, in *api.SimulateCustomPolicyInput) (*api.SimulateCustomPolicyOutput, error) {
	if len(in.OrderedOrganizationPolicyInputList) > 0 || in.ResourceHandlingOption != nil {
		return nil, cloud.NotImplementedf("SimulateCustomPolicy: OrderedOrganizationPolicyInputList and ResourceHandlingOption are not served.")
	}
	s := &simulation{principal: cloud.Principal{Kind: cloud.User, Account: account(ctx)}, actions: in.ActionNames, resources: in.ResourceArns, owner: text(in.ResourceOwner), context: in.ContextEntries}
	if in.CallerArn != nil {
		p, err := r.principalAt(ctx, *in.CallerArn)
		if err != nil {
			return nil, err
		}
		s.principal = p
	}
	if err := s.add(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	results, err := s.run()
	if err != nil {
		return nil, err
	}
	out := &api.SimulateCustomPolicyOutput{}
	out.EvaluationResults, out.IsTruncated, out.Marker, err = pageResults(results, in.Marker, in.MaxItems)
	return out, err
}

// pageResults cuts results by their position: they keep the order of the input.
func pageResults(results []api.EvaluationResult, marker *string, limit *int32) (part []api.EvaluationResult, more *bool, next *string, err error) {
	at := make([]int, len(results))
	for i := range at {
		at[i] = i
	}
	at, more, next, err = page(at, func(i int) string { return fmt.Sprintf("%06d", i) }, marker, limit)
	for _, i := range at {
		part = append(part, results[i])
	}
	return part, more, next, err
}

func (r *iamRoom) simulatePrincipalPolicy(ctx context.Context, in *api.SimulatePrincipalPolicyInput) (*api.SimulatePrincipalPolicyOutput, error) {
	if in.ResourceHandlingOption != nil || len(in.PolicyExclusionList) > 0 {
		return nil, cloud.NotImplementedf("SimulatePrincipalPolicy: ResourceHandlingOption and PolicyExclusionList are not served.")
	}
	source, err := r.principalAt(ctx, text(in.PolicySourceArn))
	if err != nil {
		return nil, err
	}
	s := &simulation{principal: source, actions: in.ActionNames, resources: in.ResourceArns, owner: text(in.ResourceOwner), context: in.ContextEntries}
	if s.set, err = r.id.Policies(ctx, source); err != nil {
		return nil, err
	}
	if in.CallerArn != nil {
		if s.principal, err = r.principalAt(ctx, *in.CallerArn); err != nil {
			return nil, err
		}
	}
	if err := s.add(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy); err != nil {
		return nil, err
	}
	results, err := s.run()
	if err != nil {
		return nil, err
	}
	out := &api.SimulatePrincipalPolicyOutput{}
	out.EvaluationResults, out.IsTruncated, out.Marker, err = pageResults(results, in.Marker, in.MaxItems)
	return out, err
}

// principalAt gives the user or role of an ARN as a principal.
func (r *iamRoom) principalAt(ctx context.Context, arn string) (p cloud.Principal, err error) {
	a, err := cloud.ParseARN(arn)
	if err != nil {
		return p, errInput("Invalid ARN: %s", arn)
	}
	kind, _ := a.ResourceType()
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		switch kind {
		case "user":
			u, err := users.get(tx, a.Account, lastPart(a.Resource))
			if err == nil {
				p = cloud.Principal{Kind: cloud.User, Account: a.Account, ARN: arn, ID: u.ID}
			}
			return err
		case "role":
			v, err := roles.get(tx, a.Account, lastPart(a.Resource))
			if err == nil {
				p = cloud.Principal{Kind: cloud.AssumedRole, Account: a.Account, Role: a, ID: v.ID, ARN: arn}
			}
			return err
		}
		return errInput("Invalid ARN: %s. The ARN must be that of a user or role.", arn)
	})
	return p, err
}
