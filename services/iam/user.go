package iam

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/iam"
	"sundog/cloud"
	"sundog/engine/store"
)

// user is a user. Groups are the names of the groups that he is in.
type user struct {
	base
	grants
	Boundary string   `json:"boundary,omitempty"`
	Groups   []string `json:"groups,omitempty"`
}

var users = table[user, *user]{kind: "user", title: "user"}

func (r *iamRoom) createUser(ctx context.Context, in *api.CreateUserInput) (*api.CreateUserOutput, error) {
	b, err := r.newBase("AIDA", in.UserName, in.Path, in.Tags)
	if err != nil {
		return nil, err
	}
	if len(b.Name) > 64 {
		return nil, errValidation("1 validation error detected: Value '%s' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64", b.Name)
	}
	v := &user{base: b, Boundary: text(in.PermissionsBoundary)}
	err = r.update(ctx, func(tx store.Tx) error {
		if v.Boundary != "" {
			if err := r.attachable(tx, account(ctx), v.Boundary); err != nil {
				return err
			}
		}
		return users.create(tx, account(ctx), v)
	})
	return &api.CreateUserOutput{User: describeUser(account(ctx), v)}, err
}

func describeUser(owner string, v *user) *api.User {
	return &api.User{
		Path: &v.Path, UserName: &v.Name, UserId: &v.ID, Arn: new(users.arnOf(owner, v)), CreateDate: v.created(),
		PermissionsBoundary: boundaryOf(v.Boundary), Tags: v.tagList(),
	}
}

// userName is the user that an operation is about: the caller himself when it names none.
func userName(ctx context.Context, name *string) (string, error) {
	if text(name) != "" {
		return *name, nil
	}
	if p := cloud.CallFrom(ctx).Principal; p.Kind == cloud.User {
		return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:], nil
	}
	return "", errValidation("Must specify userName when calling with non-User credentials")
}

func (r *iamRoom) getUser(ctx context.Context, in *api.GetUserInput) (*api.GetUserOutput, error) {
	if p := cloud.CallFrom(ctx).Principal; p.Kind == cloud.Root && text(in.UserName) == "" {
		// The root has neither name nor path; the members are there because the API's model requires them.
		return &api.GetUserOutput{User: &api.User{Path: new("/"), UserName: new("root"), UserId: &p.ID, Arn: &p.ARN, CreateDate: new(r.d.Clock.Now().UTC())}}, nil
	}
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	v, err := users.read(ctx, r, account(ctx), name)
	if err != nil {
		return nil, err
	}
	return &api.GetUserOutput{User: describeUser(account(ctx), v)}, nil
}

func (r *iamRoom) listUsers(ctx context.Context, in *api.ListUsersInput) (*api.ListUsersOutput, error) {
	list, err := users.all(ctx, r, account(ctx), text(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersOutput{}
	list, out.IsTruncated, out.Marker, err = page(list, func(v *user) string { return strings.ToLower(v.Name) }, in.Marker, in.MaxItems)
	out.Users = describeUsers(account(ctx), list)
	return out, err
}

// describeUsers is for lists, which leave tags and boundaries out.
func describeUsers(owner string, list []*user) []api.User {
	out := make([]api.User, 0, len(list))
	for _, v := range list {
		d := describeUser(owner, v)
		d.Tags, d.PermissionsBoundary = nil, nil
		out = append(out, *d)
	}
	return out
}

// updateUser moves or renames a user; his access keys follow.
func (r *iamRoom) updateUser(ctx context.Context, in *api.UpdateUserInput) (*api.UpdateUserOutput, error) {
	return &api.UpdateUserOutput{}, r.update(ctx, func(tx store.Tx) error {
		v, err := users.get(tx, account(ctx), text(in.UserName))
		if err != nil {
			return err
		}
		old := v.Name
		if err := r.rename(&v.base, in.NewUserName, in.NewPath); err != nil {
			return err
		}
		if v.Name == old {
			return users.put(tx, account(ctx), v)
		}
		if !strings.EqualFold(v.Name, old) {
			if err := users.create(tx, account(ctx), v); err != nil {
				return err
			}
			if err := users.remove(tx, account(ctx), old); err != nil {
				return err
			}
		} else if err := users.put(tx, account(ctx), v); err != nil {
			return err
		}
		return keysOf(tx, account(ctx), old, func(k *accessKey) error {
			k.User = v.Name
			return k.put(tx)
		})
	})
}

// rename checks a new name and path as if the record were new, and keeps the rest.
func (r *iamRoom) rename(b *base, name, path *string) error {
	if text(name) == "" {
		name = new(b.Name)
	}
	if text(path) == "" {
		path = new(b.Path)
	}
	fresh, err := r.newBase("", name, path, nil)
	b.Name, b.Path = fresh.Name, fresh.Path
	return err
}

func (r *iamRoom) deleteUser(ctx context.Context, in *api.DeleteUserInput) (*api.DeleteUserOutput, error) {
	return &api.DeleteUserOutput{}, r.update(ctx, func(tx store.Tx) error {
		v, err := users.get(tx, account(ctx), text(in.UserName))
		if err != nil {
			return err
		}
		if len(v.Groups) > 0 {
			return errDelete("Cannot delete entity, must remove users from group first.")
		}
		if err := v.empty(); err != nil {
			return err
		}
		err = keysOf(tx, account(ctx), v.Name, func(*accessKey) error {
			return errDelete("Cannot delete entity, must delete access keys first.")
		})
		if err != nil {
			return err
		}
		return users.remove(tx, account(ctx), v.Name)
	})
}

func (r *iamRoom) changeUser(ctx context.Context, name *string, f func(store.Tx, *user) error) error {
	return users.change(ctx, r, account(ctx), text(name), f)
}

func (r *iamRoom) putUserPermissionsBoundary(ctx context.Context, in *api.PutUserPermissionsBoundaryInput) (*api.PutUserPermissionsBoundaryOutput, error) {
	return &api.PutUserPermissionsBoundaryOutput{}, r.changeUser(ctx, in.UserName, func(tx store.Tx, v *user) error {
		v.Boundary = text(in.PermissionsBoundary)
		return r.attachable(tx, account(ctx), v.Boundary)
	})
}

func (r *iamRoom) deleteUserPermissionsBoundary(ctx context.Context, in *api.DeleteUserPermissionsBoundaryInput) (*api.DeleteUserPermissionsBoundaryOutput, error) {
	return &api.DeleteUserPermissionsBoundaryOutput{}, r.changeUser(ctx, in.UserName, func(_ store.Tx, v *user) error {
		v.Boundary = ""
		return nil
	})
}

func (r *iamRoom) tagUser(ctx context.Context, in *api.TagUserInput) (*api.TagUserOutput, error) {
	return &api.TagUserOutput{}, r.changeUser(ctx, in.UserName, func(_ store.Tx, v *user) error { return v.tag(in.Tags) })
}

func (r *iamRoom) untagUser(ctx context.Context, in *api.UntagUserInput) (*api.UntagUserOutput, error) {
	return &api.UntagUserOutput{}, r.changeUser(ctx, in.UserName, func(_ store.Tx, v *user) error {
		v.untag(in.TagKeys)
		return nil
	})
}

func (r *iamRoom) listUserTags(ctx context.Context, in *api.ListUserTagsInput) (*api.ListUserTagsOutput, error) {
	v, err := users.read(ctx, r, account(ctx), text(in.UserName))
	if err != nil {
		return nil, err
	}
	out := &api.ListUserTagsOutput{}
	out.Tags, out.IsTruncated, out.Marker, err = page(v.tagList(), tagKey, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) listGroupsForUser(ctx context.Context, in *api.ListGroupsForUserInput) (out *api.ListGroupsForUserOutput, err error) {
	v, err := users.read(ctx, r, account(ctx), text(in.UserName))
	if err != nil {
		return nil, err
	}
	all, err := groups.all(ctx, r, account(ctx), "")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(g *group) bool { return !slices.Contains(v.Groups, g.Name) })
	out = &api.ListGroupsForUserOutput{}
	all, out.IsTruncated, out.Marker, err = page(all, func(g *group) string { return strings.ToLower(g.Name) }, in.Marker, in.MaxItems)
	out.Groups = describeGroups(account(ctx), all)
	return out, err
}

func (r *iamRoom) putUserPolicy(ctx context.Context, in *api.PutUserPolicyInput) (*api.PutUserPolicyOutput, error) {
	return &api.PutUserPolicyOutput{}, putInline(ctx, r, users, in.UserName, in.PolicyName, in.PolicyDocument)
}

func (r *iamRoom) getUserPolicy(ctx context.Context, in *api.GetUserPolicyInput) (*api.GetUserPolicyOutput, error) {
	name, document, err := getInline(ctx, r, users, in.UserName, in.PolicyName)
	return &api.GetUserPolicyOutput{UserName: name, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

func (r *iamRoom) deleteUserPolicy(ctx context.Context, in *api.DeleteUserPolicyInput) (*api.DeleteUserPolicyOutput, error) {
	return &api.DeleteUserPolicyOutput{}, deleteInline(ctx, r, users, in.UserName, in.PolicyName)
}

func (r *iamRoom) listUserPolicies(ctx context.Context, in *api.ListUserPoliciesInput) (out *api.ListUserPoliciesOutput, err error) {
	out = &api.ListUserPoliciesOutput{}
	out.PolicyNames, out.IsTruncated, out.Marker, err = listInline(ctx, r, users, in.UserName, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) attachUserPolicy(ctx context.Context, in *api.AttachUserPolicyInput) (*api.AttachUserPolicyOutput, error) {
	return &api.AttachUserPolicyOutput{}, attach(ctx, r, users, in.UserName, in.PolicyArn)
}

func (r *iamRoom) detachUserPolicy(ctx context.Context, in *api.DetachUserPolicyInput) (*api.DetachUserPolicyOutput, error) {
	return &api.DetachUserPolicyOutput{}, detach(ctx, r, users, in.UserName, in.PolicyArn)
}

func (r *iamRoom) listAttachedUserPolicies(ctx context.Context, in *api.ListAttachedUserPoliciesInput) (out *api.ListAttachedUserPoliciesOutput, err error) {
	out = &api.ListAttachedUserPoliciesOutput{}
	out.AttachedPolicies, out.IsTruncated, out.Marker, err = listAttached(ctx, r, users, in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	return out, err
}
