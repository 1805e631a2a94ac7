package iam

import (
	"context"
	"sync/atomic"

	api "sundog/api/iam"
	"sundog/api/sts"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

// Roots tells whether an access key is a root key: then its secret and account.
type Roots func(accessKey string) (secret, account string, ok bool)

// iamRoom is the room.
type iamRoom struct {
	d       room.Deps
	roots   Roots
	builtin map[string]*managed // AWS's own policies by ARN
	sealer  atomic.Pointer[sealer]
	id      *identity
	// generation counts the commits of the room; what was read before the last one is stale.
	generation atomic.Uint64
}

// New makes the room, and the identity that the platform asks about every request. roots gives the root keys, which are not the room's
// to keep; nil: there are none.
func New(d room.Deps, roots Roots) (room.Room, cloud.Identity) {
	r := &iamRoom{d: d, roots: roots, builtin: builtinPolicies()}
	r.id = newIdentity(r)
	return room.Room{
		Service:        "iam",
		Operations:     r.operations(),
		Refused:        refused,
		Resources:      r.resources(),
		Describe:       r.describe,
		ResourcePolicy: r.resourcePolicy,
	}, r.id
}

var refused = map[string]string{
	"AssumeRoleWithSAML":         "there are no SAML providers",
	"AssumeRoleWithWebIdentity":  "there are no OpenID Connect providers",
	"AssumeRoot":                 "there are no organizations",
	"DecodeAuthorizationMessage": "refusals carry their reason in clear text",
	"GetFederationToken":         "federated users are not served",
	"GetDelegatedAccessToken":    "delegation is not served",
	"GetWebIdentityToken":        "the platform is no OpenID Connect provider",

	"CreateOpenIDConnectProvider": "there are no OpenID Connect providers", "CreateServiceLinkedRole": "the platform's services need no roles",
	"GetAccessKeyLastUsed": "the use of keys is not recorded", "GetAccountAuthorizationDetails": "reports are not served", "GetAccountSummary": "reports are not served",
}

// update runs fn in an Update and ends the generation once it is durable, before the caller is answered.
func (r *iamRoom) update(ctx context.Context, fn func(store.Tx) error) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		tx.AfterCommit(func(store.Stamp) { r.generation.Add(1) })
		return fn(tx)
	})
}

// account is the caller's account.
func account(ctx context.Context) string {
	c := cloud.CallFrom(ctx)
	if c.Scope.Account != "" {
		return c.Scope.Account
	}
	return c.Principal.Account
}

func (r *iamRoom) operations() []cloud.Operation {
	ops := r.roleOperations()
	ops = append(ops, r.userOperations()...)
	ops = append(ops, r.groupOperations()...)
	ops = append(ops, r.policyOperations()...)
	ops = append(ops, r.profileOperations()...)
	ops = append(ops, r.aliasOperations()...)
	return append(ops, r.sessionOperations()...)
}

func (r *iamRoom) roleOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("iam", api.AttachRolePolicyOp, r.attachRolePolicy, on(r, roles, "AttachRolePolicy", func(in *api.AttachRolePolicyInput) (n, a *string) { return in.RoleName, in.PolicyArn })),
		cloud.Op("iam", api.CreateRoleOp, r.createRole, onNew(roles, "CreateRole", func(in *api.CreateRoleInput) (n, p *string) { return in.RoleName, in.Path })),
		cloud.Op("iam", api.DeleteRoleOp, r.deleteRole, on(r, roles, "DeleteRole", func(in *api.DeleteRoleInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.DeleteRolePermissionsBoundaryOp, r.deleteRolePermissionsBoundary, on(r, roles, "DeleteRolePermissionsBoundary", func(in *api.DeleteRolePermissionsBoundaryInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.DeleteRolePolicyOp, r.deleteRolePolicy, on(r, roles, "DeleteRolePolicy", func(in *api.DeleteRolePolicyInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.DetachRolePolicyOp, r.detachRolePolicy, on(r, roles, "DetachRolePolicy", func(in *api.DetachRolePolicyInput) (n, a *string) { return in.RoleName, in.PolicyArn })),
		cloud.Op("iam", api.GetRoleOp, r.getRole, on(r, roles, "GetRole", func(in *api.GetRoleInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.GetRolePolicyOp, r.getRolePolicy, on(r, roles, "GetRolePolicy", func(in *api.GetRolePolicyInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.ListAttachedRolePoliciesOp, r.listAttachedRolePolicies, on(r, roles, "ListAttachedRolePolicies", func(in *api.ListAttachedRolePoliciesInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.ListRolePoliciesOp, r.listRolePolicies, on(r, roles, "ListRolePolicies", func(in *api.ListRolePoliciesInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.ListRoleTagsOp, r.listRoleTags, on(r, roles, "ListRoleTags", func(in *api.ListRoleTagsInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.ListRolesOp, r.listRoles, onAll[api.ListRolesInput]("ListRoles")),
		cloud.Op("iam", api.PutRolePermissionsBoundaryOp, r.putRolePermissionsBoundary, on(r, roles, "PutRolePermissionsBoundary", func(in *api.PutRolePermissionsBoundaryInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.PutRolePolicyOp, r.putRolePolicy, on(r, roles, "PutRolePolicy", func(in *api.PutRolePolicyInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.TagRoleOp, r.tagRole, on(r, roles, "TagRole", func(in *api.TagRoleInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.UntagRoleOp, r.untagRole, on(r, roles, "UntagRole", func(in *api.UntagRoleInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.UpdateAssumeRolePolicyOp, r.updateAssumeRolePolicy, on(r, roles, "UpdateAssumeRolePolicy", func(in *api.UpdateAssumeRolePolicyInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.UpdateRoleOp, r.updateRole, on(r, roles, "UpdateRole", func(in *api.UpdateRoleInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.UpdateRoleDescriptionOp, r.updateRoleDescription, on(r, roles, "UpdateRoleDescription", func(in *api.UpdateRoleDescriptionInput) (n, a *string) { return in.RoleName, nil })),
	}
}

func (r *iamRoom) userOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("iam", api.AttachUserPolicyOp, r.attachUserPolicy, on(r, users, "AttachUserPolicy", func(in *api.AttachUserPolicyInput) (n, a *string) { return in.UserName, in.PolicyArn })),
		cloud.Op("iam", api.CreateAccessKeyOp, r.createAccessKey, on(r, users, "CreateAccessKey", func(in *api.CreateAccessKeyInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.CreateUserOp, r.createUser, onNew(users, "CreateUser", func(in *api.CreateUserInput) (n, p *string) { return in.UserName, in.Path })),
		cloud.Op("iam", api.DeleteAccessKeyOp, r.deleteAccessKey, on(r, users, "DeleteAccessKey", func(in *api.DeleteAccessKeyInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.DeleteUserOp, r.deleteUser, on(r, users, "DeleteUser", func(in *api.DeleteUserInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.DeleteUserPermissionsBoundaryOp, r.deleteUserPermissionsBoundary, on(r, users, "DeleteUserPermissionsBoundary", func(in *api.DeleteUserPermissionsBoundaryInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.DeleteUserPolicyOp, r.deleteUserPolicy, on(r, users, "DeleteUserPolicy", func(in *api.DeleteUserPolicyInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.DetachUserPolicyOp, r.detachUserPolicy, on(r, users, "DetachUserPolicy", func(in *api.DetachUserPolicyInput) (n, a *string) { return in.UserName, in.PolicyArn })),
		cloud.Op("iam", api.GetUserOp, r.getUser, on(r, users, "GetUser", func(in *api.GetUserInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.GetUserPolicyOp, r.getUserPolicy, on(r, users, "GetUserPolicy", func(in *api.GetUserPolicyInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.ListAccessKeysOp, r.listAccessKeys, on(r, users, "ListAccessKeys", func(in *api.ListAccessKeysInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.ListAttachedUserPoliciesOp, r.listAttachedUserPolicies, on(r, users, "ListAttachedUserPolicies", func(in *api.ListAttachedUserPoliciesInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.ListGroupsForUserOp, r.listGroupsForUser, on(r, users, "ListGroupsForUser", func(in *api.ListGroupsForUserInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.ListUserPoliciesOp, r.listUserPolicies, on(r, users, "ListUserPolicies", func(in *api.ListUserPoliciesInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.ListUserTagsOp, r.listUserTags, on(r, users, "ListUserTags", func(in *api.ListUserTagsInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.ListUsersOp, r.listUsers, onAll[api.ListUsersInput]("ListUsers")),
		cloud.Op("iam", api.PutUserPermissionsBoundaryOp, r.putUserPermissionsBoundary, on(r, users, "PutUserPermissionsBoundary", func(in *api.PutUserPermissionsBoundaryInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.PutUserPolicyOp, r.putUserPolicy, on(r, users, "PutUserPolicy", func(in *api.PutUserPolicyInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.TagUserOp, r.tagUser, on(r, users, "TagUser", func(in *api.TagUserInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.UntagUserOp, r.untagUser, on(r, users, "UntagUser", func(in *api.UntagUserInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.UpdateAccessKeyOp, r.updateAccessKey, on(r, users, "UpdateAccessKey", func(in *api.UpdateAccessKeyInput) (n, a *string) { return in.UserName, nil })),
		cloud.Op("iam", api.UpdateUserOp, r.updateUser, on(r, users, "UpdateUser", func(in *api.UpdateUserInput) (n, a *string) { return in.UserName, nil })),
	}
}

func (r *iamRoom) groupOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("iam", api.AddUserToGroupOp, r.addUserToGroup, on(r, groups, "AddUserToGroup", func(in *api.AddUserToGroupInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.AttachGroupPolicyOp, r.attachGroupPolicy, on(r, groups, "AttachGroupPolicy", func(in *api.AttachGroupPolicyInput) (n, a *string) { return in.GroupName, in.PolicyArn })),
		cloud.Op("iam", api.CreateGroupOp, r.createGroup, onNew(groups, "CreateGroup", func(in *api.CreateGroupInput) (n, p *string) { return in.GroupName, in.Path })),
		cloud.Op("iam", api.DeleteGroupOp, r.deleteGroup, on(r, groups, "DeleteGroup", func(in *api.DeleteGroupInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.DeleteGroupPolicyOp, r.deleteGroupPolicy, on(r, groups, "DeleteGroupPolicy", func(in *api.DeleteGroupPolicyInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.DetachGroupPolicyOp, r.detachGroupPolicy, on(r, groups, "DetachGroupPolicy", func(in *api.DetachGroupPolicyInput) (n, a *string) { return in.GroupName, in.PolicyArn })),
		cloud.Op("iam", api.GetGroupOp, r.getGroup, on(r, groups, "GetGroup", func(in *api.GetGroupInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.GetGroupPolicyOp, r.getGroupPolicy, on(r, groups, "GetGroupPolicy", func(in *api.GetGroupPolicyInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.ListAttachedGroupPoliciesOp, r.listAttachedGroupPolicies, on(r, groups, "ListAttachedGroupPolicies", func(in *api.ListAttachedGroupPoliciesInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.ListGroupPoliciesOp, r.listGroupPolicies, on(r, groups, "ListGroupPolicies", func(in *api.ListGroupPoliciesInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.ListGroupsOp, r.listGroups, onAll[api.ListGroupsInput]("ListGroups")),
		cloud.Op("iam", api.PutGroupPolicyOp, r.putGroupPolicy, on(r, groups, "PutGroupPolicy", func(in *api.PutGroupPolicyInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.RemoveUserFromGroupOp, r.removeUserFromGroup, on(r, groups, "RemoveUserFromGroup", func(in *api.RemoveUserFromGroupInput) (n, a *string) { return in.GroupName, nil })),
		cloud.Op("iam", api.UpdateGroupOp, r.updateGroup, on(r, groups, "UpdateGroup", func(in *api.UpdateGroupInput) (n, a *string) { return in.GroupName, nil })),
	}
}

func (r *iamRoom) policyOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("iam", api.CreatePolicyOp, r.createPolicy, onNew(policies, "CreatePolicy", func(in *api.CreatePolicyInput) (n, p *string) { return in.PolicyName, in.Path })),
		cloud.Op("iam", api.CreatePolicyVersionOp, r.createPolicyVersion, onPolicy("CreatePolicyVersion", func(in *api.CreatePolicyVersionInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.DeletePolicyOp, r.deletePolicy, onPolicy("DeletePolicy", func(in *api.DeletePolicyInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.DeletePolicyVersionOp, r.deletePolicyVersion, onPolicy("DeletePolicyVersion", func(in *api.DeletePolicyVersionInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.GetPolicyOp, r.getPolicy, onPolicy("GetPolicy", func(in *api.GetPolicyInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.GetPolicyVersionOp, r.getPolicyVersion, onPolicy("GetPolicyVersion", func(in *api.GetPolicyVersionInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.ListEntitiesForPolicyOp, r.listEntitiesForPolicy, onPolicy("ListEntitiesForPolicy", func(in *api.ListEntitiesForPolicyInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.ListPoliciesOp, r.listPolicies, onAll[api.ListPoliciesInput]("ListPolicies")),
		cloud.Op("iam", api.ListPolicyTagsOp, r.listPolicyTags, onPolicy("ListPolicyTags", func(in *api.ListPolicyTagsInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.ListPolicyVersionsOp, r.listPolicyVersions, onPolicy("ListPolicyVersions", func(in *api.ListPolicyVersionsInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.SetDefaultPolicyVersionOp, r.setDefaultPolicyVersion, onPolicy("SetDefaultPolicyVersion", func(in *api.SetDefaultPolicyVersionInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.SimulateCustomPolicyOp, r.simulateCustomPolicy, onAll[api.SimulateCustomPolicyInput]("SimulateCustomPolicy")),
		cloud.Op("iam", api.SimulatePrincipalPolicyOp, r.simulatePrincipalPolicy, onPolicy("SimulatePrincipalPolicy", func(in *api.SimulatePrincipalPolicyInput) *string { return in.PolicySourceArn })),
		cloud.Op("iam", api.TagPolicyOp, r.tagPolicy, onPolicy("TagPolicy", func(in *api.TagPolicyInput) *string { return in.PolicyArn })),
		cloud.Op("iam", api.UntagPolicyOp, r.untagPolicy, onPolicy("UntagPolicy", func(in *api.UntagPolicyInput) *string { return in.PolicyArn })),
	}
}

func (r *iamRoom) profileOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("iam", api.AddRoleToInstanceProfileOp, r.addRoleToInstanceProfile, r.accessAddRole),
		cloud.Op("iam", api.CreateInstanceProfileOp, r.createInstanceProfile, onNew(profiles, "CreateInstanceProfile", func(in *api.CreateInstanceProfileInput) (n, p *string) { return in.InstanceProfileName, in.Path })),
		cloud.Op("iam", api.DeleteInstanceProfileOp, r.deleteInstanceProfile, on(r, profiles, "DeleteInstanceProfile", func(in *api.DeleteInstanceProfileInput) (n, a *string) { return in.InstanceProfileName, nil })),
		cloud.Op("iam", api.GetInstanceProfileOp, r.getInstanceProfile, on(r, profiles, "GetInstanceProfile", func(in *api.GetInstanceProfileInput) (n, a *string) { return in.InstanceProfileName, nil })),
		cloud.Op("iam", api.ListInstanceProfileTagsOp, r.listInstanceProfileTags, on(r, profiles, "ListInstanceProfileTags", func(in *api.ListInstanceProfileTagsInput) (n, a *string) { return in.InstanceProfileName, nil })),
		cloud.Op("iam", api.ListInstanceProfilesOp, r.listInstanceProfiles, onAll[api.ListInstanceProfilesInput]("ListInstanceProfiles")),
		cloud.Op("iam", api.ListInstanceProfilesForRoleOp, r.listInstanceProfilesForRole, on(r, roles, "ListInstanceProfilesForRole", func(in *api.ListInstanceProfilesForRoleInput) (n, a *string) { return in.RoleName, nil })),
		cloud.Op("iam", api.RemoveRoleFromInstanceProfileOp, r.removeRoleFromInstanceProfile, on(r, profiles, "RemoveRoleFromInstanceProfile", func(in *api.RemoveRoleFromInstanceProfileInput) (n, a *string) { return in.InstanceProfileName, nil })),
		cloud.Op("iam", api.TagInstanceProfileOp, r.tagInstanceProfile, on(r, profiles, "TagInstanceProfile", func(in *api.TagInstanceProfileInput) (n, a *string) { return in.InstanceProfileName, nil })),
		cloud.Op("iam", api.UntagInstanceProfileOp, r.untagInstanceProfile, on(r, profiles, "UntagInstanceProfile", func(in *api.UntagInstanceProfileInput) (n, a *string) { return in.InstanceProfileName, nil })),
	}
}

func (r *iamRoom) aliasOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("iam", api.CreateAccountAliasOp, r.createAccountAlias, onAll[api.CreateAccountAliasInput]("CreateAccountAlias")),
		cloud.Op("iam", api.DeleteAccountAliasOp, r.deleteAccountAlias, onAll[api.DeleteAccountAliasInput]("DeleteAccountAlias")),
		cloud.Op("iam", api.ListAccountAliasesOp, r.listAccountAliases, onAll[api.ListAccountAliasesInput]("ListAccountAliases")),
	}
}

// sessionOperations are STS's. GetCallerIdentity and GetSessionToken need no permission.
func (r *iamRoom) sessionOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op("sts", sts.AssumeRoleOp, r.assumeRole, accessAssume),
		cloud.Op("sts", sts.GetAccessKeyInfoOp, r.getAccessKeyInfo, func(context.Context, *sts.GetAccessKeyInfoInput) ([]cloud.Access, error) {
			return []cloud.Access{{Action: "sts:GetAccessKeyInfo"}}, nil
		}),
		cloud.Op("sts", sts.GetCallerIdentityOp, r.getCallerIdentity, nil),
		cloud.Op("sts", sts.GetSessionTokenOp, r.getSessionToken, nil),
	}
}
