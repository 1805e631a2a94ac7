package iam

import (
	"context"
	"slices"
	"strings"

	api "sundog/api/iam"
	"sundog/engine/store"
)

// profile is an instance profile. Roles has at most one role's name, as the API allows no more.
type profile struct {
	base
	Roles []string `json:"roles,omitempty"`
}

var profiles = table[profile, *profile]{kind: "profile", arn: "instance-profile", title: "instance profile"}

func (p *profile) has(role string) bool {
	return slices.ContainsFunc(p.Roles, func(s string) bool { return strings.EqualFold(s, role) })
}

func (r *iamRoom) createInstanceProfile(ctx context.Context, in *api.CreateInstanceProfileInput) (*api.CreateInstanceProfileOutput, error) {
	b, err := r.newBase("AIPA", in.InstanceProfileName, in.Path, in.Tags)
	if err != nil {
		return nil, err
	}
	v := &profile{base: b}
	if err := r.update(ctx, func(tx store.Tx) error { return profiles.create(tx, account(ctx), v) }); err != nil {
		return nil, err
	}
	return &api.CreateInstanceProfileOutput{InstanceProfile: describeProfile(account(ctx), v, nil)}, nil
}

func describeProfile(owner string, v *profile, byName map[string]*role) *api.InstanceProfile {
	out := &api.InstanceProfile{
		Path: &v.Path, InstanceProfileName: &v.Name, InstanceProfileId: &v.ID, Arn: new(profiles.arnOf(owner, v)),
		CreateDate: v.created(), Roles: []api.Role{}, Tags: v.tagList(),
	}
	for _, name := range v.Roles {
		if m := byName[strings.ToLower(name)]; m != nil {
			out.Roles = append(out.Roles, *describeRole(owner, m))
		}
	}
	return out
}

// describeProfiles gives the profiles that keep holds for, by name.
func (r *iamRoom) describeProfiles(ctx context.Context, keep func(*profile) bool) (out []api.InstanceProfile, err error) {
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		out = nil
		byName := map[string]*role{}
		if err := roles.each(tx, account(ctx), func(v *role) error { byName[strings.ToLower(v.Name)] = v; return nil }); err != nil {
			return err
		}
		return profiles.each(tx, account(ctx), func(v *profile) error {
			if keep(v) {
				out = append(out, *describeProfile(account(ctx), v, byName))
			}
			return nil
		})
	})
	return out, err
}

func (r *iamRoom) getInstanceProfile(ctx context.Context, in *api.GetInstanceProfileInput) (*api.GetInstanceProfileOutput, error) {
	list, err := r.describeProfiles(ctx, func(v *profile) bool { return strings.EqualFold(v.Name, text(in.InstanceProfileName)) })
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errNoEntity("Instance Profile %s cannot be found.", text(in.InstanceProfileName))
	}
	return &api.GetInstanceProfileOutput{InstanceProfile: &list[0]}, nil
}

func profileKey(p api.InstanceProfile) string { return strings.ToLower(*p.InstanceProfileName) }

func (r *iamRoom) listInstanceProfiles(ctx context.Context, in *api.ListInstanceProfilesInput) (*api.ListInstanceProfilesOutput, error) {
	list, err := r.describeProfiles(ctx, func(v *profile) bool { return strings.HasPrefix(v.Path, text(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	out := &api.ListInstanceProfilesOutput{}
	out.InstanceProfiles, out.IsTruncated, out.Marker, err = page(list, profileKey, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) listInstanceProfilesForRole(ctx context.Context, in *api.ListInstanceProfilesForRoleInput) (*api.ListInstanceProfilesForRoleOutput, error) {
	v, err := roles.read(ctx, r, account(ctx), text(in.RoleName))
	if err != nil {
		return nil, err
	}
	list, err := r.describeProfiles(ctx, func(p *profile) bool { return p.has(v.Name) })
	if err != nil {
		return nil, err
	}
	out := &api.ListInstanceProfilesForRoleOutput{}
	out.InstanceProfiles, out.IsTruncated, out.Marker, err = page(list, profileKey, in.Marker, in.MaxItems)
	return out, err
}

func (r *iamRoom) deleteInstanceProfile(ctx context.Context, in *api.DeleteInstanceProfileInput) (*api.DeleteInstanceProfileOutput, error) {
	return &api.DeleteInstanceProfileOutput{}, r.update(ctx, func(tx store.Tx) error {
		v, err := profiles.get(tx, account(ctx), text(in.InstanceProfileName))
		if err != nil {
			return err
		}
		if len(v.Roles) > 0 {
			return errDelete("Cannot delete entity, must remove roles from instance profile first.")
		}
		return profiles.remove(tx, account(ctx), v.Name)
	})
}

func (r *iamRoom) changeProfile(ctx context.Context, name *string, f func(store.Tx, *profile) error) error {
	return profiles.change(ctx, r, account(ctx), text(name), f)
}

func (r *iamRoom) addRoleToInstanceProfile(ctx context.Context, in *api.AddRoleToInstanceProfileInput) (*api.AddRoleToInstanceProfileOutput, error) {
	return &api.AddRoleToInstanceProfileOutput{}, r.changeProfile(ctx, in.InstanceProfileName, func(tx store.Tx, v *profile) error {
		m, err := roles.get(tx, account(ctx), text(in.RoleName))
		if err != nil {
			return err
		}
		if len(v.Roles) > 0 {
			return errLimit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		v.Roles = []string{m.Name}
		return nil
	})
}

func (r *iamRoom) removeRoleFromInstanceProfile(ctx context.Context, in *api.RemoveRoleFromInstanceProfileInput) (*api.RemoveRoleFromInstanceProfileOutput, error) {
	return &api.RemoveRoleFromInstanceProfileOutput{}, r.changeProfile(ctx, in.InstanceProfileName, func(_ store.Tx, v *profile) error {
		if !v.has(text(in.RoleName)) {
			return roles.missing(text(in.RoleName))
		}
		v.Roles = nil
		return nil
	})
}

func (r *iamRoom) tagInstanceProfile(ctx context.Context, in *api.TagInstanceProfileInput) (*api.TagInstanceProfileOutput, error) {
	return &api.TagInstanceProfileOutput{}, r.changeProfile(ctx, in.InstanceProfileName, func(_ store.Tx, v *profile) error { return v.tag(in.Tags) })
}

func (r *iamRoom) untagInstanceProfile(ctx context.Context, in *api.UntagInstanceProfileInput) (*api.UntagInstanceProfileOutput, error) {
	return &api.UntagInstanceProfileOutput{}, r.changeProfile(ctx, in.InstanceProfileName, func(_ store.Tx, v *profile) error {
		v.untag(in.TagKeys)
		return nil
	})
}

func (r *iamRoom) listInstanceProfileTags(ctx context.Context, in *api.ListInstanceProfileTagsInput) (*api.ListInstanceProfileTagsOutput, error) {
	v, err := profiles.read(ctx, r, account(ctx), text(in.InstanceProfileName))
	if err != nil {
		return nil, err
	}
	out := &api.ListInstanceProfileTagsOutput{}
	out.Tags, out.IsTruncated, out.Marker, err = page(v.tagList(), tagKey, in.Marker, in.MaxItems)
	return out, err
}
