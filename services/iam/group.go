package iam

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/iam"
	"sundog/engine/store"
)

// group is a group of users; who is in it is written in the users' records.
type group struct {
	base
	grants
}

var groups = table[group, *group]{kind: "group", title: "group"}

// maxGroups is the quota of groups that one user can be in.
const maxGroups = 10

func (r *iamRoom) createGroup(ctx context.Context, in *api.CreateGroupInput) (*api.CreateGroupOutput, error) {
	b, err := r.newBase("AGPA", in.GroupName, in.Path, nil)
	if err != nil {
		return nil, err
	}
	v := &group{base: b}
	err = r.update(ctx, func(tx store.Tx) error { return groups.create(tx, account(ctx), v) })
	return &api.CreateGroupOutput{Group: describeGroup(account(ctx), v)}, err
}

func describeGroup(owner string, v *group) *api.Group {
	return &api.Group{Path: &v.Path, GroupName: &v.Name, GroupId: &v.ID, Arn: new(groups.arnOf(owner, v)), CreateDate: v.created()}
}

func describeGroups(owner string, list []*group) []api.Group {
	out := make([]api.Group, 0, len(list))
	for _, v := range list {
		out = append(out, *describeGroup(owner, v))
	}
	return out
}

func (r *iamRoom) getGroup(ctx context.Context, in *api.GetGroupInput) (*api.GetGroupOutput, error) {
	v, err := groups.read(ctx, r, account(ctx), text(in.GroupName))
	if err != nil {
		return nil, err
	}
	members, err := users.all(ctx, r, account(ctx), "")
	if err != nil {
		return nil, err
	}
	members = slices.DeleteFunc(members, func(u *user) bool { return !slices.Contains(u.Groups, v.Name) })
	out := &api.GetGroupOutput{Group: describeGroup(account(ctx), v)}
	members, out.IsTruncated, out.Marker, err = page(members, func(u *user) string { return strings.ToLower(u.Name) }, in.Marker, in.MaxItems)
	out.Users = describeUsers(account(ctx), members)
	return out, err
}

func (r *iamRoom) listGroups(ctx context.Context, in *api.ListGroupsInput) (*api.ListGroupsOutput, error) {
	list, err := groups.all(ctx, r, account(ctx), text(in.PathPrefix))
	if err != nil {
		return nil, err
	}
	out := &api.ListGroupsOutput{}
	list, out.IsTruncated, out.Marker, err = page(list, func(v *group) string { return strings.ToLower(v.Name) }, in.Marker, in.MaxItems)
	out.Groups = describeGroups(account(ctx), list)
	return out, err
}

// members calls f with every user of a group, which may change and write him.
func members(tx store.Tx, owner, name string, f func(*user) error) error {
	var found []*user
	err := users.each(tx, owner, func(u *user) error {
		if slices.Contains(u.Groups, name) {
			found = append(found, u)
		}
		return nil
	})
	for _, u := range found {
		if err == nil {
			err = f(u)
		}
	}
	return err
}

func (r *iamRoom) updateGroup(ctx context.Context, in *api.UpdateGroupInput) (*api.UpdateGroupOutput, error) {
	return &api.UpdateGroupOutput{}, r.update(ctx, func(tx store.Tx) error {
		v, err := groups.get(tx, account(ctx), text(in.GroupName))
		if err != nil {
			return err
		}
		old := v.Name
		if err := r.rename(&v.base, in.NewGroupName, in.NewPath); err != nil {
			return err
		}
		if strings.EqualFold(v.Name, old) {
			err = groups.put(tx, account(ctx), v)
		} else if err = groups.create(tx, account(ctx), v); err == nil {
			err = groups.remove(tx, account(ctx), old)
		}
		if err != nil {
			return err
		}
		return members(tx, account(ctx), old, func(u *user) error {
			u.Groups[slices.Index(u.Groups, old)] = v.Name
			return users.put(tx, account(ctx), u)
		})
	})
}

func (r *iamRoom) deleteGroup(ctx context.Context, in *api.DeleteGroupInput) (*api.DeleteGroupOutput, error) {
	return &api.DeleteGroupOutput{}, r.update(ctx, func(tx store.Tx) error {
		v, err := groups.get(tx, account(ctx), text(in.GroupName))
		if err != nil {
			return err
		}
		if err := v.empty(); err != nil {
			return err
		}
		err = members(tx, account(ctx), v.Name, func(*user) error {
			return errDelete("Cannot delete entity, must remove users from group first.")
		})
		if err != nil {
			return err
		}
		return groups.remove(tx, account(ctx), v.Name)
	})
}

func (r *iamRoom) addUserToGroup(ctx context.Context, in *api.AddUserToGroupInput) (*api.AddUserToGroupOutput, error) {
	return &api.AddUserToGroupOutput{}, r.changeUser(ctx, in.UserName, func(tx store.Tx, u *user) error {
		g, err := groups.get(tx, account(ctx), text(in.GroupName))
		if err != nil || slices.Contains(u.Groups, g.Name) {
			return err
		}
		if len(u.Groups) == maxGroups {
			return errLimit("Cannot exceed quota for GroupsPerUser: %d", maxGroups)
		}
		u.Groups = append(u.Groups, g.Name)
		return nil
	})
}

func (r *iamRoom) removeUserFromGroup(ctx context.Context, in *api.RemoveUserFromGroupInput) (*api.RemoveUserFromGroupOutput, error) {
	return &api.RemoveUserFromGroupOutput{}, r.changeUser(ctx, in.UserName, func(tx store.Tx, u *user) error {
		g, err := groups.get(tx, account(ctx), text(in.GroupName))
		if err != nil {
			return err
		}
		i := slices.Index(u.Groups, g.Name)
		if i < 0 {
			return errNoEntity("User %s not in group %s", u.Name, g.Name)
		}
		u.Groups = slices.Delete(u.Groups, i, i+1)
		return nil
	})
}

func (r *iamRoom) putGroupPolicy(ctx context.Context, in *api.PutGroupPolicyInput) (*api.PutGroupPolicyOutput, error) {
	return &api.PutGroupPolicyOutput{}, putInline(ctx, r, groups, in.GroupName, in.PolicyName, in.PolicyDocument)
}

func (r *iamRoom) getGroupPolicy(ctx context.Context, in *api.GetGroupPolicyInput) (*api.GetGroupPolicyOutput, error) {
	name, document, err := getInline(ctx, r, groups, in.GroupName, in.PolicyName)
	return &api.GetGroupPolicyOutput{GroupName: name, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

func (r *iamRoom) deleteGroupPolicy(ctx context.Context, in *api.DeleteGroupPolicyInput) (*api.DeleteGroupPolicyOutput, error) {
	return &api.DeleteGroupPolicyOutput{}, deleteInline(ctx, r, groups, in.GroupName, in.PolicyName)
}

func (r *iamRoom) listGroupPolicies(ctx context.Context, in *api.ListGroupPoliciesInput) (out *api.ListGroupPoliciesOutput, err error) {
	out = &api.ListGroupPoliciesOutput{}
	out.PolicyNames, out.IsTruncated, out.Marker, err = listInline(ctx, r, groups, in.GroupName, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) attachGroupPolicy(ctx context.Context, in *api.AttachGroupPolicyInput) (*api.AttachGroupPolicyOutput, error) {
	return &api.AttachGroupPolicyOutput{}, attach(ctx, r, groups, in.GroupName, in.PolicyArn)
}

func (r *iamRoom) detachGroupPolicy(ctx context.Context, in *api.DetachGroupPolicyInput) (*api.DetachGroupPolicyOutput, error) {
	return &api.DetachGroupPolicyOutput{}, detach(ctx, r, groups, in.GroupName, in.PolicyArn)
}

func (r *iamRoom) listAttachedGroupPolicies(ctx context.Context, in *api.ListAttachedGroupPoliciesInput) (out *api.ListAttachedGroupPoliciesOutput, err error) {
	out = &api.ListAttachedGroupPoliciesOutput{}
	out.AttachedPolicies, out.IsTruncated, out.Marker, err = listAttached(ctx, r, groups, in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
	return out, err
}
