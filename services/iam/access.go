package iam

import (
	"context"

	api "sundog/api/iam"
	"sundog/api/sts"
	"sundog/cloud"
	"sundog/engine/store"
)

// on is the access of operations on a record by its name; attached is the ARN of a policy that is attached or detached, the condition key
// iam:PolicyARN. The record's path is part of its ARN, so it is looked up; an absent one counts as standing at "/".
func on[I, T any, P record[T]](r *iamRoom, t table[T, P], action string, names func(*I) (name, attached *string)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		name, attached := names(in)
		n := text(name)
		if n == "" {
			if n, _ = userName(ctx, nil); n == "" {
				return []cloud.Access{{Action: "iam:" + action, Resource: cloud.MustARN("arn:aws:iam::" + account(ctx) + ":root")}}, nil
			}
		}
		access := cloud.Access{Action: "iam:" + action}
		if attached != nil {
			access.Keys = map[string][]string{"iam:policyarn": {*attached}}
		}
		err := r.d.Store.View(ctx, func(tx store.Reader) error {
			access.Resource = arnOf(account(ctx), t.resource(), "/", n)
			v, err := t.find(tx, account(ctx), n)
			if v != nil {
				access.Resource = arnOf(account(ctx), t.resource(), v.common().Path, v.common().Name)
			}
			return err
		})
		return []cloud.Access{access}, err
	}
}

// onNew is the access of operations that make a record.
func onNew[I, T any, P record[T]](t table[T, P], action string, names func(*I) (name, path *string)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		name, path := names(in)
		p := text(path)
		if p == "" {
			p = "/"
		}
		a := cloud.Access{Action: "iam:" + action, Resource: arnOf(account(ctx), t.resource(), p, text(name))}
		if b := boundaryAsked(in); b != "" {
			a.Keys = map[string][]string{"iam:permissionsboundary": {b}}
		}
		return []cloud.Access{a}, nil
	}
}

// boundaryAsked gives the boundary of a new role or user: the condition key iam:PermissionsBoundary.
func boundaryAsked(in any) string {
	switch in := in.(type) {
	case *api.CreateRoleInput:
		return text(in.PermissionsBoundary)
	case *api.CreateUserInput:
		return text(in.PermissionsBoundary)
	}
	return ""
}

// onPolicy is the access of operations that name their resource by ARN.
func onPolicy[I any](action string, arn func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		a, err := cloud.ParseARN(text(arn(in)))
		if err != nil {
			return nil, errInput("ARN %s is not valid.", text(arn(in)))
		}
		return []cloud.Access{{Action: "iam:" + action, Resource: a}}, nil
	}
}

// onAll is the access of operations without a resource.
func onAll[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "iam:" + action}}, nil
	}
}

// accessAddRole also wants the right to pass the role.
func (r *iamRoom) accessAddRole(ctx context.Context, in *api.AddRoleToInstanceProfileInput) ([]cloud.Access, error) {
	profile, err := on(r, profiles, "AddRoleToInstanceProfile", func(in *api.AddRoleToInstanceProfileInput) (n, a *string) {
		return in.InstanceProfileName, nil
	})(ctx, in)
	if err != nil {
		return nil, err
	}
	pass, err := on(r, roles, "PassRole", func(in *api.AddRoleToInstanceProfileInput) (n, a *string) { return in.RoleName, nil })(ctx, in)
	return append(profile, pass...), err
}

func accessAssume(_ context.Context, in *sts.AssumeRoleInput) ([]cloud.Access, error) {
	a, err := cloud.ParseARN(text(in.RoleArn))
	if err != nil {
		return nil, errValidation("%s is invalid", text(in.RoleArn))
	}
	return []cloud.Access{{Action: "sts:AssumeRole", Resource: a, Keys: assumeKeys(in)}}, nil
}
