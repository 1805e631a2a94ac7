package iam

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	api "sundog/api/sts"
	"sundog/cloud"
	"sundog/engine/policy"
	"sundog/engine/store"
	"sundog/lang/policydoc"
)

const (
	minDuration   = 900
	chainedLimit  = 3600 // of a session that a session makes
	maxToken      = 129600
	defaultToken  = 43200
	packedLimit   = 2048
	maxPolicyARNs = 10
)

// sessionRow keeps the session policies of one session.
type sessionRow struct {
	Policy  string   `json:"policy,omitempty"`
	ARNs    []string `json:"arns,omitempty"`
	Expires int64    `json:"expires"` // Unix seconds, real time
}

func sessionKey(owner, accessKey string) store.Key { return tableKey("session", owner).Str(accessKey) }

func accessDenied(p cloud.Principal, resource string) *cloud.Error {
	return errDenied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", p.ARN, resource)
}

// assumeRole makes a session of a role. Whether the caller's own policies allow it is the gateway's question; whether the role trusts
// him is asked here, because within an account a resource policy alone is not needed elsewhere.
func (r *iamRoom) assumeRole(ctx context.Context, in *api.AssumeRoleInput) (*api.AssumeRoleOutput, error) {
	if err := checkAssume(in); err != nil {
		return nil, err
	}
	call := cloud.CallFrom(ctx)
	if call.Principal.Kind == cloud.Root {
		return nil, errDenied("Roles may not be assumed by root accounts.")
	}
	arn, err := cloud.ParseARN(text(in.RoleArn))
	if err != nil || arn.Service != "iam" || !strings.HasPrefix(arn.Resource, "role/") {
		return nil, errValidation("%s is invalid", text(in.RoleArn))
	}
	v, err := r.trusted(ctx, call, arn, in)
	if err != nil {
		return nil, err
	}
	seconds, err := duration(in.DurationSeconds, v, call.Principal)
	if err != nil {
		return nil, err
	}
	g := &grant{Kind: cloud.AssumedRole, Account: arn.Account, Role: arn.String(), ID: v.ID, Session: *in.RoleSessionName}
	flags := byte(0)
	if text(in.Policy) != "" || len(in.PolicyArns) > 0 {
		flags = flagPolicies
	}
	c, err := r.credentials(ctx, g, flags, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	out := &api.AssumeRoleOutput{
		Credentials:     stsCredentials(c),
		AssumedRoleUser: &api.AssumedRoleUser{AssumedRoleId: new(v.ID + ":" + g.Session), Arn: new(cloud.RoleSession(arn, g.Session).ARN)},
	}
	if flags&flagPolicies != 0 {
		packed, err := r.keepSession(ctx, arn.Account, c, in)
		if err != nil {
			return nil, err
		}
		out.PackedPolicySize = &packed
	}
	return out, nil
}

func stsCredentials(c cloud.Credentials) *api.Credentials {
	return &api.Credentials{AccessKeyId: &c.AccessKeyID, SecretAccessKey: &c.SecretAccessKey, SessionToken: &c.SessionToken, Expiration: &c.Expiration}
}

// checkAssume refuses what is not served and what is malformed.
func checkAssume(in *api.AssumeRoleInput) error {
	switch {
	case len(in.Tags) > 0 || len(in.TransitiveTagKeys) > 0:
		return cloud.NotImplementedf("AssumeRole: session tags (Tags, TransitiveTagKeys) are not served.")
	case in.SerialNumber != nil || in.TokenCode != nil:
		return cloud.NotImplementedf("AssumeRole: multi-factor authentication (SerialNumber, TokenCode) is not served.")
	case in.SourceIdentity != nil:
		return cloud.NotImplementedf("AssumeRole: SourceIdentity is not served.")
	case len(in.ProvidedContexts) > 0:
		return cloud.NotImplementedf("AssumeRole: ProvidedContexts is not served.")
	}
	name := text(in.RoleSessionName)
	if len(name) < 2 || len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return !nameRune(c) }) {
		return errValidation("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	if in.Policy != nil {
		if _, err := policydoc.Parse(*in.Policy, policydoc.Identity); err != nil {
			return err
		}
	}
	if len(in.PolicyArns) > maxPolicyARNs {
		return errPacked()
	}
	return nil
}

// trusted gives the role if its trust policy lets the caller in. An absent role looks like one that does not.
func (r *iamRoom) trusted(ctx context.Context, call cloud.Call, arn cloud.ARN, in *api.AssumeRoleInput) (*role, error) {
	var v *role
	err := r.d.Store.View(ctx, func(tx store.Reader) (err error) {
		v, err = roles.find(tx, arn.Account, lastPart(arn.Resource))
		return err
	})
	if err != nil {
		return nil, err
	}
	if v == nil || roles.arnOf(arn.Account, v) != arn.String() {
		return nil, accessDenied(call.Principal, arn.String())
	}
	trust, err := policydoc.Parse(v.Trust, policydoc.Trust)
	if err != nil {
		return nil, err
	}
	d := policy.Evaluate(policy.Request{
		Principal: call.Principal, Action: "sts:AssumeRole", Resource: arn, ResourceRequired: true,
		Keys: policy.WithKeys(assumeKeys(in), policy.GlobalKeys(call, r.d.Clock.Now())),
	}, cloud.PolicySet{Resource: trust, Identity: []*cloud.Policy{everything}})
	if !d.Allow {
		return nil, accessDenied(call.Principal, arn.String())
	}
	return v, nil
}

// everything stands for the caller's own policies, which the gateway has asked.
var everything = policydoc.MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, policydoc.Identity)

func assumeKeys(in *api.AssumeRoleInput) map[string][]string {
	keys := map[string][]string{"sts:rolesessionname": {text(in.RoleSessionName)}}
	if in.ExternalId != nil {
		keys["sts:externalid"] = []string{*in.ExternalId}
	}
	return keys
}

func duration(asked *int32, v *role, caller cloud.Principal) (int32, error) {
	seconds := int32(defaultSession)
	if asked != nil {
		seconds = *asked
	}
	switch {
	case seconds < minDuration || seconds > maxSession:
		return 0, errValidation("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d", seconds, minDuration, maxSession)
	case caller.Kind == cloud.AssumedRole && seconds > chainedLimit:
		return 0, errValidation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case seconds > v.MaxSession:
		return 0, errValidation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return seconds, nil
}

// keepSession stores the session policies and forgets some whose sessions have ended.
func (r *iamRoom) keepSession(ctx context.Context, owner string, c cloud.Credentials, in *api.AssumeRoleInput) (packed int32, err error) {
	row := sessionRow{Policy: text(in.Policy), Expires: c.Expiration.Unix()}
	used := size(row.Policy)
	for _, p := range in.PolicyArns {
		row.ARNs = append(row.ARNs, text(p.Arn))
		used += len(text(p.Arn))
	}
	if used > packedLimit {
		return 0, errPacked()
	}
	raw, err := json.Marshal(row)
	if err != nil {
		return 0, err
	}
	err = r.update(ctx, func(tx store.Tx) error {
		for _, arn := range row.ARNs {
			if err := r.attachable(tx, owner, arn); err != nil {
				return err
			}
		}
		if err := r.sweep(tx, owner); err != nil {
			return err
		}
		if err := tx.Put(tableKey("sessiondue", owner).U64(uint64(row.Expires)).Str(c.AccessKeyID), nil); err != nil {
			return err
		}
		return tx.Put(sessionKey(owner, c.AccessKeyID), raw)
	})
	return int32(100 * used / packedLimit), err
}

// sweep deletes at most a few ended sessions, so that each new one pays for the old ones. It looks no further than the present, so it
// does not conflict with the sessions that begin meanwhile.
func (r *iamRoom) sweep(tx store.Tx, owner string) error {
	const atOnce = 20
	lo := tableKey("sessiondue", owner)
	hi := lo.Clone().U64(uint64(r.d.Clock.Wall().Unix()))
	var ended [][]byte
	it := tx.Scan(store.ScanOptions{Lo: lo, Hi: hi, KeysOnly: true})
	for len(ended) < atOnce && it.Next() {
		ended = append(ended, append([]byte(nil), it.Key()...))
	}
	if err := joinClose(it, it.Err()); err != nil {
		return err
	}
	for _, k := range ended {
		id, _, err := store.CutStr(k[len(lo)+8:])
		if err != nil {
			return err
		}
		if err := tx.Delete(sessionKey(owner, id)); err != nil {
			return err
		}
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// sessionPolicies reads a session's policies. A row that is gone leaves a session that may do nothing.
func (i *identity) sessionPolicies(tx store.Reader, owner, accessKey string) ([]*cloud.Policy, error) {
	raw, err := tx.Get(sessionKey(owner, accessKey))
	if err != nil || raw == nil {
		return []*cloud.Policy{nothing()}, err
	}
	var row sessionRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return nil, err
	}
	g := grants{Attached: row.ARNs}
	if row.Policy != "" {
		g.Inline = map[string]string{"": row.Policy}
	}
	return i.granted(tx, nil, &g)
}

func (r *iamRoom) getCallerIdentity(ctx context.Context, _ *api.GetCallerIdentityInput) (*api.GetCallerIdentityOutput, error) {
	p := cloud.CallFrom(ctx).Principal
	if p.Kind == cloud.Anonymous || p.Kind == cloud.Service {
		return nil, failure(cloud.Denied, 403, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	return &api.GetCallerIdentityOutput{UserId: &p.ID, Account: &p.Account, Arn: &p.ARN}, nil
}

func (r *iamRoom) getSessionToken(ctx context.Context, in *api.GetSessionTokenInput) (*api.GetSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, cloud.NotImplementedf("GetSessionToken: multi-factor authentication (SerialNumber, TokenCode) is not served.")
	}
	p := cloud.CallFrom(ctx).Principal
	if p.Kind != cloud.User && p.Kind != cloud.Root || strings.HasPrefix(p.AccessKey, prefixSession) {
		return nil, errDenied("Cannot call GetSessionToken with session credentials")
	}
	seconds := int32(defaultToken)
	if in.DurationSeconds != nil {
		if seconds = *in.DurationSeconds; seconds < minDuration || seconds > maxToken {
			return nil, errValidation("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d", seconds, minDuration, maxToken)
		}
	}
	if p.Kind == cloud.Root { // IAM gives the root no more than an hour
		seconds = min(seconds, defaultSession)
	}
	c, err := r.credentials(ctx, &grant{Kind: p.Kind, Account: p.Account, ARN: p.ARN, ID: p.ID}, 0, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return &api.GetSessionTokenOutput{Credentials: stsCredentials(c)}, nil
}

func (r *iamRoom) getAccessKeyInfo(_ context.Context, in *api.GetAccessKeyInfoInput) (*api.GetAccessKeyInfoOutput, error) {
	if r.roots != nil {
		if _, owner, ok := r.roots(text(in.AccessKeyId)); ok {
			return &api.GetAccessKeyInfoOutput{Account: &owner}, nil
		}
	}
	owner, _, ok := keyAccount(text(in.AccessKeyId))
	if !ok {
		return nil, errValidation("Invalid AccessKeyId: %s", text(in.AccessKeyId))
	}
	return &api.GetAccessKeyInfoOutput{Account: &owner}, nil
}
