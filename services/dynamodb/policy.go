package dynamodb

import (
	"context"
	"strconv"
	"strings"

	api "sundog/api/dynamodb"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

// Resource-based policies, of tables (and with them their indexes) and of streams.

const maxPolicy = 20 << 10

func checkPolicy(text string) error {
	if len(text) > maxPolicy {
		return errValidation("Resource policy size exceeds the limit of 20 KB")
	}
	if _, err := policydoc.Parse(text, policydoc.Resource); err != nil {
		return errValidation("Invalid policy document: %s", messageOf(err))
	}
	return nil
}

func isMissing(err error) bool { return cloud.IsCode(err, "ResourceNotFoundException") }

// revision makes a policy's revision id: digits, as the service's.
func (s *service) revision() string {
	return strconv.FormatInt(s.deps.Clock.Now().UnixMilli(), 10)
}

// policyPlace gives where the record keeps the policy of an ARN: the table's, or its current stream's.
func policyPlace(t *table, a cloud.ARN) (text, revision *string, err error) {
	_, label, ok := cutStream(a)
	if !ok {
		return &t.Policy, &t.Revision.Table, nil
	}
	if t.Stream == nil || t.Stream.Label != label {
		return nil, nil, errNoResource(a.String())
	}
	return &t.StreamPolicy, &t.Revision.Stream, nil
}

// forgetPolicies drops what is cached of the policies of a table and its stream once tx is committed.
func (s *service) forgetPolicies(tx store.Tx, t *table) {
	tx.AfterCommit(func(store.Stamp) {
		s.policies.Forget(t.arn())
		if t.Stream != nil {
			s.policies.Forget(cloud.NewARN(roomName, t.Scope, "table/"+t.Name+"/stream/"+t.Stream.Label))
		}
	})
}

func policyARN(s *string) (cloud.ARN, ref, error) {
	at, err := resourceRef(s)
	if err != nil {
		return cloud.ARN{}, at, err
	}
	a, err := cloud.ParseARN(*s)
	return a, at, err
}

// putResourcePolicy serves PutResourcePolicy.
func (s *service) putResourcePolicy(ctx context.Context, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	a, at, err := policyARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if in.Policy == nil {
		return nil, errNull("policy")
	}
	if err := checkPolicy(*in.Policy); err != nil {
		return nil, err
	}
	out := &api.PutResourcePolicyOutput{}
	err = s.changePolicy(ctx, a, at, in.ExpectedRevisionId, func(text, revision *string) error {
		if *text != *in.Policy {
			*text, *revision = *in.Policy, s.revision()
		}
		r := *revision
		out.RevisionId = &r
		return nil
	})
	return out, asResource(err, in.ResourceArn)
}

// deleteResourcePolicy serves DeleteResourcePolicy.
func (s *service) deleteResourcePolicy(ctx context.Context, in *api.DeleteResourcePolicyInput) (*api.DeleteResourcePolicyOutput, error) {
	a, at, err := policyARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteResourcePolicyOutput{}
	err = s.changePolicy(ctx, a, at, in.ExpectedRevisionId, func(text, revision *string) error {
		out.RevisionId = nil
		if *revision != "" {
			r := *revision
			out.RevisionId = &r
		}
		*text, *revision = "", ""
		return nil
	})
	return out, asResource(err, in.ResourceArn)
}

func (s *service) changePolicy(ctx context.Context, a cloud.ARN, at ref, expected *string, f func(text, revision *string) error) error {
	_, err := s.change(ctx, at, func(tx store.Tx, t *table) error {
		text, revision, err := policyPlace(t, a)
		if err != nil {
			return err
		}
		if expected != nil {
			want := *expected
			if want == "NO_POLICY" {
				want = ""
			}
			if want != *revision {
				return errNoPolicy(a.String())
			}
		}
		tx.AfterCommit(func(store.Stamp) { s.policies.Forget(policyKey(a)) })
		return f(text, revision)
	})
	return err
}

// getResourcePolicy serves GetResourcePolicy.
func (s *service) getResourcePolicy(ctx context.Context, in *api.GetResourcePolicyInput) (*api.GetResourcePolicyOutput, error) {
	a, at, err := policyARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.GetResourcePolicyOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		t, err := s.find(r, at)
		if err != nil {
			return err
		}
		text, revision, err := policyPlace(t, a)
		if err != nil {
			return err
		}
		if *text == "" {
			return errNoPolicy(a.String())
		}
		out.Policy, out.RevisionId = text, revision
		return nil
	})
	return out, asResource(err, in.ResourceArn)
}

// policyKey gives the resource whose policy holds for an ARN: an index's is its table's.
func policyKey(a cloud.ARN) cloud.ARN {
	if i := strings.Index(a.Resource, "/index/"); i >= 0 {
		a.Resource = a.Resource[:i]
	}
	return a
}

// resourcePolicy reads the policy that holds for an ARN; nil when there is none.
func (s *service) resourcePolicy(ctx context.Context, a cloud.ARN) (doc *cloud.Policy, err error) {
	at, err := refOfARN(a.String())
	if err != nil {
		return nil, nil // wildcards such as table/*/stream/*: no one resource's policy
	}
	err = s.view(ctx, func(r store.Reader) error {
		t, err := s.find(r, at)
		if err != nil {
			return err
		}
		text, _, err := policyPlace(t, a)
		if err != nil {
			return err
		}
		if doc = nil; *text == "" {
			return nil
		}
		doc, err = policydoc.Parse(*text, policydoc.Resource)
		return err
	})
	return doc, err
}
