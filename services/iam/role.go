package iam

import (
	"context"
	"strings"

	api "sundog/api/iam"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

const (
	defaultSession = 3600
	minSession     = 3600
	maxSession     = 43200
	trustQuota     = 2048
)

// role is a role. Trust is its trust policy's document, Boundary the ARN of its permissions boundary.
type role struct {
	base
	grants
	Trust       string `json:"trust"`
	Description string `json:"description,omitempty"`
	MaxSession  int32  `json:"maxSession"`
	Boundary    string `json:"boundary,omitempty"`
}

var roles = table[role, *role]{kind: "role", title: "role"}

func checkTrust(document *string) error {
	if size(text(document)) > trustQuota {
		return errLimit("Cannot exceed quota for ACLSizePerRole: %d", trustQuota)
	}
	_, err := policydoc.Parse(text(document), policydoc.Trust)
	return err
}

func checkSession(seconds *int32) error {
	if seconds != nil && (*seconds < minSession || *seconds > maxSession) {
		return errValidation("The MaxSessionDuration must be between %d and %d seconds.", minSession, maxSession)
	}
	return nil
}

func (r *iamRoom) createRole(ctx context.Context, in *api.CreateRoleInput) (*api.CreateRoleOutput, error) {
	b, err := r.newBase("AROA", in.RoleName, in.Path, in.Tags)
	if err != nil {
		return nil, err
	}
	if len(b.Name) > 64 {
		return nil, errValidation("1 validation error detected: Value '%s' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64", b.Name)
	}
	if err := checkTrust(in.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	if err := checkSession(in.MaxSessionDuration); err != nil {
		return nil, err
	}
	v := &role{base: b, Trust: *in.AssumeRolePolicyDocument, Description: text(in.Description), MaxSession: defaultSession, Boundary: text(in.PermissionsBoundary)}
	if in.MaxSessionDuration != nil {
		v.MaxSession = *in.MaxSessionDuration
	}
	err = r.update(ctx, func(tx store.Tx) error {
		if v.Boundary != "" {
			if err := r.attachable(tx, account(ctx), v.Boundary); err != nil {
				return err
			}
		}
		return roles.create(tx, account(ctx), v)
	})
	return &api.CreateRoleOutput{Role: describeRole(account(ctx), v)}, err
}

func describeRole(owner string, v *role) *api.Role {
	out := &api.Role{
		Path: &v.Path, RoleName: &v.Name, RoleId: &v.ID, Arn: new(roles.arnOf(owner, v)), CreateDate: v.created(),
		AssumeRolePolicyDocument: encoded(v.Trust), MaxSessionDuration: &v.MaxSession, PermissionsBoundary: boundaryOf(v.Boundary), Tags: v.tagList(),
	}
	if v.Description != "" {
		out.Description = &v.Description
	}
	return out
}

func (r *iamRoom) getRole(ctx context.Context, in *api.GetRoleInput) (*api.GetRoleOutput, error) {
	v, err := roles.read(ctx, r, account(ctx), text(in.RoleName))
	if err != nil {
		return nil, err
	}
	return &api.GetRoleOutput{Role: describeRole(account(ctx), v)}, nil
}

func (r *iamRoom) listRoles(ctx context.Context, in *api.ListRolesInput) (*api.ListRolesOutput, error) {
	list, err := roles.all(ctx, r, account(ctx), text(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	out := &api.ListRolesOutput{}
	list, out.IsTruncated, out.Marker, err = page(list, func(v *role) string { return strings.ToLower(v.Name) }, in.Marker, in.MaxItems)
	for _, v := range list {
		d := describeRole(account(ctx), v)
		d.Tags, d.PermissionsBoundary = nil, nil // the list leaves them out, as IAM does
		out.Roles = append(out.Roles, *d)
	}
	return out, err
}

// changeRole changes a role of the caller's account.
func (r *iamRoom) changeRole(ctx context.Context, name *string, f func(*role) error) error {
	return roles.change(ctx, r, account(ctx), text(name), func(_ store.Tx, v *role) error { return f(v) })
}

func (r *iamRoom) updateRole(ctx context.Context, in *api.UpdateRoleInput) (*api.UpdateRoleOutput, error) {
	if err := checkSession(in.MaxSessionDuration); err != nil {
		return nil, err
	}
	return &api.UpdateRoleOutput{}, r.changeRole(ctx, in.RoleName, func(v *role) error {
		if in.Description != nil {
			v.Description = *in.Description
		}
		v.MaxSession = defaultSession // as IAM resets it
		if in.MaxSessionDuration != nil {
			v.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
}

func (r *iamRoom) updateRoleDescription(ctx context.Context, in *api.UpdateRoleDescriptionInput) (*api.UpdateRoleDescriptionOutput, error) {
	out := &api.UpdateRoleDescriptionOutput{}
	return out, r.changeRole(ctx, in.RoleName, func(v *role) error {
		v.Description = text(in.Description)
		out.Role = describeRole(account(ctx), v)
		return nil
	})
}

func (r *iamRoom) updateAssumeRolePolicy(ctx context.Context, in *api.UpdateAssumeRolePolicyInput) (*api.UpdateAssumeRolePolicyOutput, error) {
	if err := checkTrust(in.PolicyDocument); err != nil {
		return nil, err
	}
	return &api.UpdateAssumeRolePolicyOutput{}, r.changeRole(ctx, in.RoleName, func(v *role) error {
		v.Trust = *in.PolicyDocument
		return nil
	})
}

func (r *iamRoom) deleteRole(ctx context.Context, in *api.DeleteRoleInput) (*api.DeleteRoleOutput, error) {
	return &api.DeleteRoleOutput{}, r.update(ctx, func(tx store.Tx) error {
		v, err := roles.get(tx, account(ctx), text(in.RoleName))
		if err != nil {
			return err
		}
		if err := v.empty(); err != nil {
			return err
		}
		err = profiles.each(tx, account(ctx), func(p *profile) error {
			if p.has(v.Name) {
				return errDelete("Cannot delete entity, must remove roles from instance profile first.")
			}
			return nil
		})
		if err != nil {
			return err
		}
		return roles.remove(tx, account(ctx), v.Name)
	})
}

func (r *iamRoom) putRolePermissionsBoundary(ctx context.Context, in *api.PutRolePermissionsBoundaryInput) (*api.PutRolePermissionsBoundaryOutput, error) {
	return &api.PutRolePermissionsBoundaryOutput{}, roles.change(ctx, r, account(ctx), text(in.RoleName), func(tx store.Tx, v *role) error {
		v.Boundary = text(in.PermissionsBoundary)
		return r.attachable(tx, account(ctx), v.Boundary)
	})
}

func (r *iamRoom) deleteRolePermissionsBoundary(ctx context.Context, in *api.DeleteRolePermissionsBoundaryInput) (*api.DeleteRolePermissionsBoundaryOutput, error) {
	return &api.DeleteRolePermissionsBoundaryOutput{}, r.changeRole(ctx, in.RoleName, func(v *role) error {
		v.Boundary = ""
		return nil
	})
}

func (r *iamRoom) tagRole(ctx context.Context, in *api.TagRoleInput) (*api.TagRoleOutput, error) {
	return &api.TagRoleOutput{}, r.changeRole(ctx, in.RoleName, func(v *role) error { return v.tag(in.Tags) })
}

func (r *iamRoom) untagRole(ctx context.Context, in *api.UntagRoleInput) (*api.UntagRoleOutput, error) {
	return &api.UntagRoleOutput{}, r.changeRole(ctx, in.RoleName, func(v *role) error {
		v.untag(in.TagKeys)
		return nil
	})
}

func (r *iamRoom) listRoleTags(ctx context.Context, in *api.ListRoleTagsInput) (*api.ListRoleTagsOutput, error) {
	v, err := roles.read(ctx, r, account(ctx), text(in.RoleName))
	if err != nil {
		return nil, err
	}
	out := &api.ListRoleTagsOutput{}
	out.Tags, out.IsTruncated, out.Marker, err = page(v.tagList(), tagKey, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) putRolePolicy(ctx context.Context, in *api.PutRolePolicyInput) (*api.PutRolePolicyOutput, error) {
	return &api.PutRolePolicyOutput{}, putInline(ctx, r, roles, in.RoleName, in.PolicyName, in.PolicyDocument)
}

func (r *iamRoom) getRolePolicy(ctx context.Context, in *api.GetRolePolicyInput) (*api.GetRolePolicyOutput, error) {
	name, document, err := getInline(ctx, r, roles, in.RoleName, in.PolicyName)
	return &api.GetRolePolicyOutput{RoleName: name, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

func (r *iamRoom) deleteRolePolicy(ctx context.Context, in *api.DeleteRolePolicyInput) (*api.DeleteRolePolicyOutput, error) {
	return &api.DeleteRolePolicyOutput{}, deleteInline(ctx, r, roles, in.RoleName, in.PolicyName)
}

func (r *iamRoom) listRolePolicies(ctx context.Context, in *api.ListRolePoliciesInput) (out *api.ListRolePoliciesOutput, err error) {
	out = &api.ListRolePoliciesOutput{}
	out.PolicyNames, out.IsTruncated, out.Marker, err = listInline(ctx, r, roles, in.RoleName, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) attachRolePolicy(ctx context.Context, in *api.AttachRolePolicyInput) (*api.AttachRolePolicyOutput, error) {
	return &api.AttachRolePolicyOutput{}, attach(ctx, r, roles, in.RoleName, in.PolicyArn)
}

func (r *iamRoom) detachRolePolicy(ctx context.Context, in *api.DetachRolePolicyInput) (*api.DetachRolePolicyOutput, error) {
	return &api.DetachRolePolicyOutput{}, detach(ctx, r, roles, in.RoleName, in.PolicyArn)
}

func (r *iamRoom) listAttachedRolePolicies(ctx context.Context, in *api.ListAttachedRolePoliciesInput) (out *api.ListAttachedRolePoliciesOutput, err error) {
	out = &api.ListAttachedRolePoliciesOutput{}
	out.AttachedPolicies, out.IsTruncated, out.Marker, err = listAttached(ctx, r, roles, in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	return out, err
}
