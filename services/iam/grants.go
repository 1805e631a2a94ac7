package iam

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	api "sundog/api/iam"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

// holder is a record that policies are granted to: a role, user or group.
type holder[T any] interface {
	record[T]
	granted() *grants
}

// maxAttached is the quota of managed policies for one role, user or group.
const maxAttached = 10

// inlineQuota is what all inline policies of a record may have together, in characters that are not blank.
var inlineQuota = map[string]int{"role": 10240, "user": 2048, "group": 5120}

// size counts a document as the quotas do: without white space.
func size(document string) int {
	n := 0
	for _, c := range document {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			n++
		}
	}
	return n
}

// encoded gives a document as the API returns it: percent-encoded (RFC 3986).
func encoded(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

func putInline[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, policy, document *string) error {
	if _, err := policydoc.Parse(text(document), policydoc.Identity); err != nil {
		return err
	}
	if n := text(policy); n == "" || len(n) > 128 || strings.ContainsFunc(n, func(c rune) bool { return !nameRune(c) }) {
		return errValidation("The specified value for policyName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	}
	return t.change(ctx, r, account(ctx), text(name), func(_ store.Tx, v P) error {
		g := v.granted()
		if g.Inline == nil {
			g.Inline = map[string]string{}
		}
		g.Inline[*policy] = *document
		total := 0
		for _, d := range g.Inline {
			total += size(d)
		}
		if limit := inlineQuota[t.kind]; total > limit {
			return errLimit("Maximum policy size of %d bytes exceeded for %s %s", limit, t.kind, v.common().Name)
		}
		return nil
	})
}

func getInline[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, policy *string) (owner, document *string, err error) {
	v, err := t.read(ctx, r, account(ctx), text(name))
	if err != nil {
		return nil, nil, err
	}
	d, ok := v.granted().Inline[text(policy)]
	if !ok {
		return nil, nil, errNoEntity("The %s policy with name %s cannot be found.", t.title, text(policy))
	}
	return &v.common().Name, encoded(d), nil
}

func deleteInline[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, policy *string) error {
	return t.change(ctx, r, account(ctx), text(name), func(_ store.Tx, v P) error {
		if _, ok := v.granted().Inline[text(policy)]; !ok {
			return errNoEntity("The %s policy with name %s cannot be found.", t.title, text(policy))
		}
		delete(v.granted().Inline, text(policy))
		return nil
	})
}

func listInline[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, marker *string, limit *int32) (names []string, more *bool, next *string, err error) {
	v, err := t.read(ctx, r, account(ctx), text(name))
	if err != nil {
		return nil, nil, nil, err
	}
	return page(slices.Sorted(maps.Keys(v.granted().Inline)), func(s string) string { return s }, marker, limit)
}

func attach[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, policy *string) error {
	return t.change(ctx, r, account(ctx), text(name), func(tx store.Tx, v P) error {
		if err := r.attachable(tx, account(ctx), text(policy)); err != nil {
			return err
		}
		g := v.granted()
		if slices.Contains(g.Attached, *policy) {
			return nil
		}
		if len(g.Attached) == maxAttached {
			return errLimit("Cannot exceed quota for PoliciesPer%s: %d", strings.ToUpper(t.kind[:1])+t.kind[1:], maxAttached)
		}
		g.Attached = append(g.Attached, *policy)
		return nil
	})
}

func detach[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, policy *string) error {
	return t.change(ctx, r, account(ctx), text(name), func(_ store.Tx, v P) error {
		g := v.granted()
		i := slices.Index(g.Attached, text(policy))
		if i < 0 {
			return errNoEntity("Policy %s was not found.", text(policy))
		}
		g.Attached = slices.Delete(g.Attached, i, i+1)
		return nil
	})
}

func listAttached[T any, P holder[T]](ctx context.Context, r *iamRoom, t table[T, P], name, prefix, marker *string, limit *int32) (list []api.AttachedPolicy, more *bool, next *string, err error) {
	v, err := t.read(ctx, r, account(ctx), text(name))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, a := range v.granted().Attached {
		path, base := splitPolicy(a)
		if strings.HasPrefix(path, text(prefix)) {
			list = append(list, api.AttachedPolicy{PolicyName: new(base), PolicyArn: new(a)})
		}
	}
	key := func(p api.AttachedPolicy) string { return *p.PolicyName + *p.PolicyArn }
	slices.SortFunc(list, func(a, b api.AttachedPolicy) int { return strings.Compare(key(a), key(b)) })
	return page(list, key, marker, limit)
}

// empty tells whether a record can be deleted: IAM wants its policies gone first.
func (g *grants) empty() error {
	if len(g.Attached) > 0 {
		return errDelete("Cannot delete entity, must detach all policies first.")
	}
	if len(g.Inline) > 0 {
		return errDelete("Cannot delete entity, must delete policies first.")
	}
	return nil
}

// splitPolicy gives path and name of a managed policy's ARN; both are "" for any other text.
func splitPolicy(arn string) (path, name string) {
	a, err := cloud.ParseARN(arn)
	rest, ok := strings.CutPrefix(a.Resource, "policy/")
	if err != nil || !ok || a.Service != "iam" {
		return "", ""
	}
	i := strings.LastIndexByte(rest, '/')
	return "/" + rest[:i+1], rest[i+1:]
}

// boundaryOf gives a boundary as the API returns it.
func boundaryOf(arn string) *api.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &api.AttachedPermissionsBoundary{PermissionsBoundaryType: new("Policy"), PermissionsBoundaryArn: &arn}
}
