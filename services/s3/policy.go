package s3

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

const maxPolicy = 20 << 10 // bytes

func errPolicy(message string) error { return fault(400, "MalformedPolicy", "%s", message) }

// parsePolicy reads a bucket policy: its resources are the bucket and what is in it.
func parsePolicy(bucket, doc string) (*cloud.Policy, error) {
	if len(doc) > maxPolicy {
		return nil, fault(400, "PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
	}
	if !json.Valid([]byte(doc)) || !strings.HasPrefix(strings.TrimSpace(doc), "{") {
		return nil, errPolicy("This policy contains invalid Json")
	}
	p, err := policydoc.Parse(doc, policydoc.Resource)
	if err != nil {
		return nil, errPolicy(cloud.AsError(err).Message)
	}
	for _, s := range p.Statements {
		for _, r := range s.Resources {
			a, err := cloud.ParseARN(r)
			if r != "*" && (err != nil || a.Service != service || bucketOf(a) != bucket && !strings.ContainsAny(bucketOf(a), "*?$")) {
				return nil, errPolicy("Policy has invalid resource")
			}
		}
		for _, a := range s.Actions {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") {
				return nil, errPolicy("Policy has invalid action")
			}
		}
	}
	return p, nil
}

// fixedKeys are the condition keys that, with fixed values, keep a statement from being public (User Guide, "The meaning of public").
var fixedKeys = []string{
	"aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:sourcearn", "aws:sourceaccount", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce",
	"aws:sourceowner", "aws:userid", "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
}

func public(s cloud.Statement) bool {
	if !s.Allow || s.NotPrincipal {
		return s.Allow
	}
	if !slices.ContainsFunc(s.Principals, func(p cloud.PolicyPrincipal) bool { return p.Type == "AWS" && p.Value == "*" }) {
		return false
	}
	return !slices.ContainsFunc(s.Conditions, func(c cloud.Condition) bool {
		return slices.Contains(fixedKeys, strings.ToLower(c.Key)) && !strings.Contains(strings.ToLower(c.Operator), "not") &&
			!slices.ContainsFunc(c.Values, func(v string) bool { return v == "*" || v == "0.0.0.0/0" || v == "::/0" })
	})
}

func isPublic(p *cloud.Policy) bool { return slices.ContainsFunc(p.Statements, public) }

// restrict leaves of a public policy what RestrictPublicBuckets leaves: services, and the owner's account.
func restrict(p *cloud.Policy, account string) *cloud.Policy {
	out := *p
	out.Statements = nil
	for _, s := range p.Statements {
		if s.Allow {
			s.Principals = within(s, account)
			s.NotPrincipal = false
			if len(s.Principals) == 0 {
				continue
			}
		}
		out.Statements = append(out.Statements, s)
	}
	return &out
}

// within are the principals of a statement that are services or of an account.
func within(s cloud.Statement, account string) []cloud.PolicyPrincipal {
	own := cloud.PolicyPrincipal{Type: "AWS", Value: account}
	if s.NotPrincipal {
		return []cloud.PolicyPrincipal{own}
	}
	var out []cloud.PolicyPrincipal
	for _, p := range s.Principals {
		switch {
		case p.Type == "AWS" && p.Value == "*":
			out = append(out, own)
		case p.Type == "Service" || p.Value == account || strings.Contains(p.Value, ":"+account+":"):
			out = append(out, p)
		}
	}
	return out
}

func (r *s3Room) putBucketPolicy(ctx context.Context, in *api.PutBucketPolicyInput) (*api.PutBucketPolicyOutput, error) {
	return &api.PutBucketPolicyOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		p, err := parsePolicy(b.Name, text(in.Policy))
		if err != nil {
			return err
		}
		if b.PublicAccess != nil && is(b.PublicAccess.BlockPublicPolicy) && isPublic(p) {
			return fault(403, "AccessDenied", "User is not authorized to perform: s3:PutBucketPolicy on resource: %q because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.", bucketARN(b.Name).String())
		}
		b.Policy = text(in.Policy)
		return nil
	})
}

func (r *s3Room) getBucketPolicy(ctx context.Context, in *api.GetBucketPolicyInput) (*api.GetBucketPolicyOutput, error) {
	b, err := r.policed(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &api.GetBucketPolicyOutput{Policy: &b.Policy}, nil
}

// policed reads a bucket that has a policy.
func (r *s3Room) policed(ctx context.Context, name, owner *string) (*bucket, error) {
	b, err := r.bucket(ctx, name, owner)
	if err == nil && b.Policy == "" {
		err = fault(404, "NoSuchBucketPolicy", "The bucket policy does not exist").With("BucketName", b.Name)
	}
	return b, err
}

func (r *s3Room) getBucketPolicyStatus(ctx context.Context, in *api.GetBucketPolicyStatusInput) (*api.GetBucketPolicyStatusOutput, error) {
	b, err := r.policed(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	p, err := parsePolicy(b.Name, b.Policy)
	if err != nil {
		return nil, err
	}
	return &api.GetBucketPolicyStatusOutput{PolicyStatus: &api.PolicyStatus{IsPublic: new(isPublic(p))}}, nil
}

func (r *s3Room) deleteBucketPolicy(ctx context.Context, in *api.DeleteBucketPolicyInput) (*api.DeleteBucketPolicyOutput, error) {
	return &api.DeleteBucketPolicyOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		b.Policy = ""
		return nil
	})
}

// readPolicy gives the policy of a bucket, as it applies to the bucket and all in it.
func (r *s3Room) readPolicy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	b, err := r.bucket(ctx, new(bucketOf(a)), nil)
	if err != nil || b.Policy == "" {
		return nil, err
	}
	p, err := policydoc.Parse(b.Policy, policydoc.Resource)
	if err != nil {
		return nil, err
	}
	if b.PublicAccess != nil && is(b.PublicAccess.RestrictPublicBuckets) && isPublic(p) {
		p = restrict(p, b.Owner)
	}
	return p, nil
}

// forget drops what is cached of a bucket.
func (r *s3Room) forget(bucket string) { r.policies.Forget(bucketARN(bucket)) }

// describe answers other rooms.
func (r *s3Room) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	b, err := r.bucket(ctx, new(bucketOf(a)), nil)
	if err != nil {
		return cloud.Description{}, err
	}
	tags := map[string]string{}
	for _, t := range b.Tags {
		tags[text(t.Key)] = text(t.Value)
	}
	return cloud.Description{Type: "AWS::S3::Bucket", Name: b.Name, Attributes: map[string]string{
		"Region": b.Region, "Owner": b.Owner, "Versioning": b.Versioning,
	}, Tags: tags}, nil
}
