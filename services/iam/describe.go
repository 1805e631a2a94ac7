package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	api "sundog/api/iam"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

// describe is room.Room's Describe for roles, users, groups, managed policies and instance profiles.
func (r *iamRoom) describe(ctx context.Context, a cloud.ARN) (d cloud.Description, err error) {
	kind, _ := a.ResourceType()
	name := lastPart(a.Resource)
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		d = cloud.Description{Name: name, Attributes: map[string]string{"Arn": a.String()}}
		var b *base
		switch kind {
		case "role":
			v, err := roles.get(tx, a.Account, name)
			if err != nil {
				return err
			}
			d.Type, b = "AWS::IAM::Role", &v.base
			d.Attributes["MaxSessionDuration"] = strconv.Itoa(int(v.MaxSession))
		case "user":
			v, err := users.get(tx, a.Account, name)
			if err != nil {
				return err
			}
			d.Type, b = "AWS::IAM::User", &v.base
		case "group":
			v, err := groups.get(tx, a.Account, name)
			if err != nil {
				return err
			}
			d.Type, b = "AWS::IAM::Group", &v.base
		case "instance-profile":
			v, err := profiles.get(tx, a.Account, name)
			if err != nil {
				return err
			}
			d.Type, b = "AWS::IAM::InstanceProfile", &v.base
		case "policy":
			v, err := r.policyAt(tx, a.String())
			if err != nil {
				return err
			}
			if v == nil {
				return errNoPolicy(a.String())
			}
			d.Type, b = "AWS::IAM::ManagedPolicy", &v.base
		default:
			return errNoEntity("%s cannot be found.", a)
		}
		if kind != "policy" && arnOf(a.Account, kind, b.Path, b.Name) != a {
			return errNoEntity("%s cannot be found.", a)
		}
		d.Attributes["Id"], d.Attributes["Path"], d.Tags = b.ID, b.Path, b.Tags
		return nil
	})
	return d, err
}

// resourcePolicy gives a role's trust policy.
func (r *iamRoom) resourcePolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	if kind, _ := a.ResourceType(); kind != "role" {
		return nil, nil
	}
	var v *role
	err := r.d.Store.View(ctx, func(tx store.Reader) (err error) {
		v, err = roles.find(tx, a.Account, lastPart(a.Resource))
		return err
	})
	if err != nil || v == nil || roles.arnOf(a.Account, v) != a.String() {
		return nil, err
	}
	return policydoc.Parse(v.Trust, policydoc.Trust)
}

// entity is one who uses a managed policy, with where to put him in the answer.
type entity struct {
	key string
	add func(*api.ListEntitiesForPolicyOutput)
}

func (r *iamRoom) listEntitiesForPolicy(ctx context.Context, in *api.ListEntitiesForPolicyInput) (*api.ListEntitiesForPolicyOutput, error) {
	if _, err := r.readPolicy(ctx, in.PolicyArn); err != nil {
		return nil, err
	}
	var found []entity
	uses := func(kind string, b *base, g *grants, boundary string) bool {
		as := slices.Contains(g.Attached, *in.PolicyArn) && text(in.PolicyUsageFilter) != "PermissionsBoundary" ||
			boundary == *in.PolicyArn && text(in.PolicyUsageFilter) != "PermissionsPolicy"
		return as && strings.HasPrefix(b.Path, text(in.PathPrefix)) && (text(in.EntityFilter) == "" || *in.EntityFilter == kind)
	}
	type output = api.ListEntitiesForPolicyOutput
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		found = nil
		err := groups.each(tx, account(ctx), func(v *group) error {
			if uses("Group", &v.base, &v.grants, "") {
				found = append(found, entity{"group/" + v.Name, func(o *output) {
					o.PolicyGroups = append(o.PolicyGroups, api.PolicyGroup{GroupName: &v.Name, GroupId: &v.ID})
				}})
			}
			return nil
		})
		if err != nil {
			return err
		}
		err = roles.each(tx, account(ctx), func(v *role) error {
			if uses("Role", &v.base, &v.grants, v.Boundary) {
				found = append(found, entity{"role/" + v.Name, func(o *output) {
					o.PolicyRoles = append(o.PolicyRoles, api.PolicyRole{RoleName: &v.Name, RoleId: &v.ID})
				}})
			}
			return nil
		})
		if err != nil {
			return err
		}
		return users.each(tx, account(ctx), func(v *user) error {
			if uses("User", &v.base, &v.grants, v.Boundary) {
				found = append(found, entity{"user/" + v.Name, func(o *output) {
					o.PolicyUsers = append(o.PolicyUsers, api.PolicyUser{UserName: &v.Name, UserId: &v.ID})
				}})
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b entity) int { return strings.Compare(a.key, b.key) })
	out := &output{}
	found, out.IsTruncated, out.Marker, err = page(found, func(e entity) string { return e.key }, in.Marker, in.MaxItems)
	for _, e := range found {
		e.add(out)
	}
	return out, err
}
