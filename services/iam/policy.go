package iam

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	api "sundog/api/iam"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

const (
	maxVersions    = 5
	managedQuota   = 6144
	managedAccount = "aws" // in the ARNs of AWS's own policies
)

// managed is a customer managed policy. Versions are in the order in which they were made.
type managed struct {
	base
	Description string          `json:"description,omitempty"`
	Versions    []policyVersion `json:"versions"`
	Default     int             `json:"default"`
	Last        int             `json:"last"`
	Updated     int64           `json:"updated"`
}

type policyVersion struct {
	Number   int    `json:"number"`
	Document string `json:"document"`
	Created  int64  `json:"created"`
}

func (v *policyVersion) id() string { return "v" + strconv.Itoa(v.Number) }

var policies = table[managed, *managed]{kind: "policy", title: "policy"}

func (m *managed) version(id string) *policyVersion {
	for i := range m.Versions {
		if m.Versions[i].id() == id {
			return &m.Versions[i]
		}
	}
	return nil
}

func (m *managed) document() string {
	if v := m.version("v" + strconv.Itoa(m.Default)); v != nil {
		return v.Document
	}
	return ""
}

// policyAt finds a managed policy, AWS's or an account's, by its ARN; nil when it is absent.
func (r *iamRoom) policyAt(tx store.Reader, arn string) (*managed, error) {
	if m := r.builtin[arn]; m != nil {
		return m, nil
	}
	path, name := splitPolicy(arn)
	a, err := cloud.ParseARN(arn)
	if err != nil || name == "" {
		return nil, nil //nolint:nilerr // a text that is no ARN names nothing
	}
	m, err := policies.find(tx, a.Account, name)
	if m == nil || m.Path != path {
		return nil, err
	}
	return m, nil
}

func errNoPolicy(arn string) *cloud.Error { return errNoEntity("Policy %s was not found.", arn) }

// attachable refuses ARNs that no policy has, and other accounts' policies.
func (r *iamRoom) attachable(tx store.Reader, owner, arn string) error {
	m, err := r.policyAt(tx, arn)
	if err != nil {
		return err
	}
	if a, _ := cloud.ParseARN(arn); m == nil || a.Account != owner && a.Account != managedAccount {
		return errNoEntity("Policy %s does not exist or is not attachable.", arn)
	}
	return nil
}

func checkManaged(document *string) error {
	if size(text(document)) > managedQuota {
		return errLimit("Cannot exceed quota for PolicySize: %d", managedQuota)
	}
	_, err := policydoc.Parse(text(document), policydoc.Identity)
	return err
}

func (r *iamRoom) createPolicy(ctx context.Context, in *api.CreatePolicyInput) (*api.CreatePolicyOutput, error) {
	b, err := r.newBase("ANPA", in.PolicyName, in.Path, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	m := &managed{base: b, Description: text(in.Description), Default: 1, Last: 1, Updated: b.Created,
		Versions: []policyVersion{{Number: 1, Document: *in.PolicyDocument, Created: b.Created}}}
	err = r.update(ctx, func(tx store.Tx) error {
		old, err := policies.find(tx, account(ctx), m.Name)
		if err == nil && old != nil {
			return errExists("A policy called %s already exists. Duplicate names are not allowed.", m.Name)
		}
		if err != nil {
			return err
		}
		return policies.put(tx, account(ctx), m)
	})
	return &api.CreatePolicyOutput{Policy: describePolicy(policies.arnOf(account(ctx), m), m, usage{})}, err
}

// usage counts who uses a managed policy.
type usage struct{ attached, boundary int32 }

// users counts the uses of every managed policy of an account.
func (r *iamRoom) usage(tx store.Reader, owner string) (map[string]usage, error) {
	out := map[string]usage{}
	count := func(g *grants, boundary string) {
		for _, a := range g.Attached {
			u := out[a]
			u.attached++
			out[a] = u
		}
		if boundary != "" {
			u := out[boundary]
			u.boundary++
			out[boundary] = u
		}
	}
	if err := roles.each(tx, owner, func(v *role) error { count(&v.grants, v.Boundary); return nil }); err != nil {
		return nil, err
	}
	if err := users.each(tx, owner, func(v *user) error { count(&v.grants, v.Boundary); return nil }); err != nil {
		return nil, err
	}
	return out, groups.each(tx, owner, func(v *group) error { count(&v.grants, ""); return nil })
}

func describePolicy(arn string, m *managed, u usage) *api.Policy {
	p := &api.Policy{
		PolicyName: &m.Name, PolicyId: &m.ID, Arn: &arn, Path: &m.Path, DefaultVersionId: new("v" + strconv.Itoa(m.Default)),
		AttachmentCount: &u.attached, PermissionsBoundaryUsageCount: &u.boundary, IsAttachable: new(true),
		CreateDate: m.created(), UpdateDate: new(time.Unix(m.Updated, 0).UTC()), Tags: m.tagList(),
	}
	if m.Description != "" {
		p.Description = &m.Description
	}
	return p
}

func (r *iamRoom) getPolicy(ctx context.Context, in *api.GetPolicyInput) (out *api.GetPolicyOutput, err error) {
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		m, err := r.policyAt(tx, text(in.PolicyArn))
		if err != nil {
			return err
		}
		if m == nil {
			return errNoPolicy(text(in.PolicyArn))
		}
		u, err := r.usage(tx, account(ctx))
		out = &api.GetPolicyOutput{Policy: describePolicy(*in.PolicyArn, m, u[*in.PolicyArn])}
		return err
	})
	return out, err
}

func (r *iamRoom) listPolicies(ctx context.Context, in *api.ListPoliciesInput) (out *api.ListPoliciesOutput, err error) {
	var list []api.Policy
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		list = nil
		used, err := r.usage(tx, account(ctx))
		if err != nil {
			return err
		}
		take := func(arn string, m *managed) {
			u := used[arn]
			if !strings.HasPrefix(m.Path, text(in.PathPrefix)) || in.OnlyAttached != nil && *in.OnlyAttached && u.attached == 0 ||
				text(in.PolicyUsageFilter) == "PermissionsBoundary" && u.boundary == 0 {
				return
			}
			list = append(list, *describePolicy(arn, m, u))
		}
		if text(in.Scope) != "Local" {
			for arn, m := range r.builtin {
				take(arn, m)
			}
		}
		if text(in.Scope) == "AWS" {
			return nil
		}
		return policies.each(tx, account(ctx), func(m *managed) error { take(policies.arnOf(account(ctx), m), m); return nil })
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b api.Policy) int { return strings.Compare(*a.Arn, *b.Arn) })
	out = &api.ListPoliciesOutput{}
	out.Policies, out.IsTruncated, out.Marker, err = page(list, func(p api.Policy) string { return *p.Arn }, in.Marker, in.MaxItems)
	return out, err
}

// changePolicy changes a policy of the caller's account.
func (r *iamRoom) changePolicy(ctx context.Context, arn *string, f func(tx store.Tx, m *managed) error) error {
	return r.update(ctx, func(tx store.Tx) error {
		if r.builtin[text(arn)] != nil {
			return errDenied("User: %s is not authorized to change the AWS managed policy %s", cloud.CallFrom(ctx).Principal.ARN, text(arn))
		}
		m, err := r.policyAt(tx, text(arn))
		if err != nil {
			return err
		}
		if a, _ := cloud.ParseARN(text(arn)); m == nil || a.Account != account(ctx) {
			return errNoPolicy(text(arn))
		}
		if err := f(tx, m); err != nil {
			return err
		}
		return policies.put(tx, account(ctx), m)
	})
}

func (r *iamRoom) deletePolicy(ctx context.Context, in *api.DeletePolicyInput) (*api.DeletePolicyOutput, error) {
	return &api.DeletePolicyOutput{}, r.update(ctx, func(tx store.Tx) error {
		m, err := r.policyAt(tx, text(in.PolicyArn))
		if err != nil {
			return err
		}
		if a, _ := cloud.ParseARN(text(in.PolicyArn)); m == nil || a.Account != account(ctx) {
			return errNoPolicy(text(in.PolicyArn))
		}
		u, err := r.usage(tx, account(ctx))
		if err != nil {
			return err
		}
		if used := u[*in.PolicyArn]; used.attached > 0 || used.boundary > 0 {
			return errDelete("Cannot delete a policy attached to entities.")
		}
		if len(m.Versions) > 1 {
			return errDelete("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return policies.remove(tx, account(ctx), m.Name)
	})
}

func (r *iamRoom) createPolicyVersion(ctx context.Context, in *api.CreatePolicyVersionInput) (out *api.CreatePolicyVersionOutput, err error) {
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	err = r.changePolicy(ctx, in.PolicyArn, func(_ store.Tx, m *managed) error {
		if len(m.Versions) == maxVersions {
			return errLimit("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		m.Last++
		m.Updated = r.d.Clock.Now().Unix()
		m.Versions = append(m.Versions, policyVersion{Number: m.Last, Document: *in.PolicyDocument, Created: m.Updated})
		if in.SetAsDefault != nil && *in.SetAsDefault {
			m.Default = m.Last
		}
		out = &api.CreatePolicyVersionOutput{PolicyVersion: describeVersion(m, m.version(fmt.Sprint("v", m.Last)), false)}
		return nil
	})
	return out, err
}

func describeVersion(m *managed, v *policyVersion, document bool) *api.PolicyVersion {
	p := &api.PolicyVersion{VersionId: new(v.id()), IsDefaultVersion: new(v.Number == m.Default), CreateDate: new(time.Unix(v.Created, 0).UTC())}
	if document {
		p.Document = encoded(v.Document)
	}
	return p
}

// readPolicy gives a policy by its own View; an absent one is NoSuchEntity.
func (r *iamRoom) readPolicy(ctx context.Context, arn *string) (m *managed, err error) {
	err = r.d.Store.View(ctx, func(tx store.Reader) error {
		m, err = r.policyAt(tx, text(arn))
		return err
	})
	if err == nil && m == nil {
		return nil, errNoPolicy(text(arn))
	}
	return m, err
}

func errNoVersion(arn, id string) *cloud.Error {
	return errNoEntity("Policy %s version %s does not exist or is not attachable.", arn, id)
}

func (r *iamRoom) getPolicyVersion(ctx context.Context, in *api.GetPolicyVersionInput) (*api.GetPolicyVersionOutput, error) {
	m, err := r.readPolicy(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	v := m.version(text(in.VersionId))
	if v == nil {
		return nil, errNoVersion(*in.PolicyArn, text(in.VersionId))
	}
	return &api.GetPolicyVersionOutput{PolicyVersion: describeVersion(m, v, true)}, nil
}

func (r *iamRoom) listPolicyVersions(ctx context.Context, in *api.ListPolicyVersionsInput) (*api.ListPolicyVersionsOutput, error) {
	m, err := r.readPolicy(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := &api.ListPolicyVersionsOutput{IsTruncated: new(false)}
	for i := len(m.Versions) - 1; i >= 0; i-- {
		out.Versions = append(out.Versions, *describeVersion(m, &m.Versions[i], false))
	}
	return out, nil
}

func (r *iamRoom) deletePolicyVersion(ctx context.Context, in *api.DeletePolicyVersionInput) (*api.DeletePolicyVersionOutput, error) {
	return &api.DeletePolicyVersionOutput{}, r.changePolicy(ctx, in.PolicyArn, func(_ store.Tx, m *managed) error {
		v := m.version(text(in.VersionId))
		if v == nil {
			return errNoVersion(*in.PolicyArn, text(in.VersionId))
		}
		if v.Number == m.Default {
			return errDelete("Cannot delete the default version of a policy.")
		}
		number := v.Number
		m.Versions = slices.DeleteFunc(m.Versions, func(v policyVersion) bool { return v.Number == number })
		return nil
	})
}

func (r *iamRoom) setDefaultPolicyVersion(ctx context.Context, in *api.SetDefaultPolicyVersionInput) (*api.SetDefaultPolicyVersionOutput, error) {
	return &api.SetDefaultPolicyVersionOutput{}, r.changePolicy(ctx, in.PolicyArn, func(_ store.Tx, m *managed) error {
		v := m.version(text(in.VersionId))
		if v == nil {
			return errNoVersion(*in.PolicyArn, text(in.VersionId))
		}
		m.Default, m.Updated = v.Number, r.d.Clock.Now().Unix()
		return nil
	})
}

func (r *iamRoom) tagPolicy(ctx context.Context, in *api.TagPolicyInput) (*api.TagPolicyOutput, error) {
	return &api.TagPolicyOutput{}, r.changePolicy(ctx, in.PolicyArn, func(_ store.Tx, m *managed) error { return m.tag(in.Tags) })
}

func (r *iamRoom) untagPolicy(ctx context.Context, in *api.UntagPolicyInput) (*api.UntagPolicyOutput, error) {
	return &api.UntagPolicyOutput{}, r.changePolicy(ctx, in.PolicyArn, func(_ store.Tx, m *managed) error {
		m.untag(in.TagKeys)
		return nil
	})
}

func (r *iamRoom) listPolicyTags(ctx context.Context, in *api.ListPolicyTagsInput) (*api.ListPolicyTagsOutput, error) {
	m, err := r.readPolicy(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := &api.ListPolicyTagsOutput{}
	out.Tags, out.IsTruncated, out.Marker, err = page(m.tagList(), tagKey, in.Marker, in.MaxItems)
	return out, err
}

func tagKey(t api.Tag) string { return *t.Key }
