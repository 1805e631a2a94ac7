package s3

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

func (r *s3Room) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::S3::Bucket",
			Properties: []string{
				"BucketName", "NotificationConfiguration", "VersioningConfiguration", "Tags", "LifecycleConfiguration", "PublicAccessBlockConfiguration",
				"OwnershipControls", "AccessControl", "BucketEncryption",
			},
			NoEffect: map[string]string{
				"AccelerateConfiguration":          edges,
				"AnalyticsConfigurations":          reporting,
				"MetricsConfigurations":            reporting,
				"IntelligentTieringConfigurations": tiers,
			},
			Attributes: []string{"Arn", "DomainName", "RegionalDomainName", "DualStackDomainName", "WebsiteURL"},
			Create:     r.createBucketResource, Update: r.updateBucketResource, Delete: r.deleteBucketResource,
		},
		{
			Type: "AWS::S3::BucketPolicy", Properties: []string{"Bucket", "PolicyDocument"},
			Create: r.putPolicyResource, Update: r.putPolicyResource, Delete: r.deletePolicyResource,
		},
	}
}

// do calls an operation of this service as the stack's principal.
func (r *s3Room) do(ctx context.Context, op string, in map[string]any) error {
	return r.d.Do(ctx, service, op, in, nil)
}

// bucketSetting is a property that is a configuration of its own: op sets it, drop takes it away.
type bucketSetting struct {
	property, op, drop string
	// input makes the operation's input, without the bucket's name, from the property.
	input func(raw json.RawMessage) (map[string]any, error)
}

// settings are in the order in which they are set: what a notification needs comes last.
var settings = []bucketSetting{
	{"PublicAccessBlockConfiguration", "PutPublicAccessBlock", "DeletePublicAccessBlock", asIs("PublicAccessBlockConfiguration")},
	{"OwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls", asIs("OwnershipControls")},
	{"BucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption", encryptionInput},
	{"VersioningConfiguration", "PutBucketVersioning", "", asIs("VersioningConfiguration")},
	{"LifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle", lifecycleInput},
	{"AccessControl", "PutBucketAcl", "", cannedInput},
	{"NotificationConfiguration", "PutBucketNotificationConfiguration", "PutBucketNotificationConfiguration", notificationInput},
}

// asIs passes a property on whose form is that of the operation's member. CloudFormation's numbers and booleans may be texts.
func asIs(member string) func(json.RawMessage) (map[string]any, error) {
	return func(raw json.RawMessage) (map[string]any, error) {
		var v any
		err := json.Unmarshal(raw, &v)
		return map[string]any{member: scalars(v)}, err
	}
}

// scalars turns the texts "true" and "false" into booleans.
func scalars(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = scalars(v[k])
		}
	case []any:
		for i := range v {
			v[i] = scalars(v[i])
		}
	case string:
		if v == "true" || v == "false" {
			return v == "true"
		}
	}
	return v
}

var cannedLists = map[string]string{"Private": "private", "BucketOwnerFullControl": "bucket-owner-full-control"}

func cannedInput(raw json.RawMessage) (map[string]any, error) {
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return nil, err
	}
	canned, ok := cannedLists[name]
	if !ok {
		return nil, cloud.NotImplementedf("The property AccessControl of AWS::S3::Bucket is served for Private only, not for %s; use a bucket policy.", name)
	}
	return map[string]any{"ACL": canned}, nil
}

func encryptionInput(raw json.RawMessage) (map[string]any, error) {
	var p struct {
		Rules []struct {
			Default   map[string]any `json:"ServerSideEncryptionByDefault"`
			BucketKey any            `json:"BucketKeyEnabled"`
		} `json:"ServerSideEncryptionConfiguration"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	rules := []any{}
	for _, r := range p.Rules {
		rule := map[string]any{"ApplyServerSideEncryptionByDefault": r.Default}
		if r.BucketKey != nil {
			rule["BucketKeyEnabled"] = scalars(r.BucketKey)
		}
		rules = append(rules, rule)
	}
	return map[string]any{"ServerSideEncryptionConfiguration": map[string]any{"Rules": rules}}, nil
}

// applied writes what a bucket's properties say, those only that differ from old.
func (r *s3Room) applied(ctx context.Context, bucket string, req room.Request) error {
	for _, s := range settings {
		if req.Old != nil && !req.Changed(s.property) {
			continue
		}
		raw, ok := req.New[s.property]
		if !ok || string(raw) == "null" {
			if _, had := req.Old[s.property]; had {
				if err := r.unset(ctx, bucket, s); err != nil {
					return err
				}
			}
			continue
		}
		in, err := s.input(raw)
		if err != nil {
			return err
		}
		in["Bucket"] = bucket
		if err := r.do(ctx, s.op, in); err != nil {
			return err
		}
	}
	return r.applyTags(ctx, bucket, req)
}

func (r *s3Room) unset(ctx context.Context, bucket string, s bucketSetting) error {
	in := map[string]any{"Bucket": bucket}
	switch s.property {
	case "VersioningConfiguration":
		s.drop, in["VersioningConfiguration"] = s.op, map[string]any{"Status": "Suspended"}
	case "NotificationConfiguration":
		in["NotificationConfiguration"] = map[string]any{}
	case "AccessControl":
		return nil
	}
	return r.do(ctx, s.drop, in)
}

func (r *s3Room) applyTags(ctx context.Context, bucket string, req room.Request) error {
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return err
	}
	list := []map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, map[string]string{"Key": k, "Value": tags[k]})
	}
	if len(list) == 0 {
		if req.Old == nil {
			return nil
		}
		return r.do(ctx, "DeleteBucketTagging", map[string]any{"Bucket": bucket})
	}
	return r.do(ctx, "PutBucketTagging", map[string]any{"Bucket": bucket, "Tagging": map[string]any{"TagSet": list}})
}

func (r *s3Room) createBucketResource(ctx context.Context, req room.Request) (room.Result, error) {
	name := req.New.Text("BucketName")
	if name == "" {
		name = strings.Trim(strings.ToLower(req.Name(63)), "-")
	}
	region := cloud.CallFrom(ctx).Scope.Region
	in := map[string]any{"Bucket": name}
	if region != usEast {
		in["CreateBucketConfiguration"] = map[string]any{"LocationConstraint": region}
	}
	if err := r.claim(ctx, name, req.Token); err != nil {
		return room.Result{}, err
	}
	if err := r.do(ctx, "CreateBucket", in); err != nil && !cloud.IsCode(err, "BucketAlreadyOwnedByYou") {
		return room.Result{}, err
	}
	if err := r.applied(ctx, name, room.Request{New: req.New, Tags: req.Tags}); err != nil {
		return room.Result{Physical: name}, err
	}
	return bucketResult(name, region), nil
}

// claim notes before a bucket is made which step makes it: the same step may find its own bucket after a crash, but no other step takes over a
// bucket that exists.
func (r *s3Room) claim(ctx context.Context, name, token string) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		k := table(name, "claim")
		there, err := tx.Get(bucketKey(name))
		if err != nil {
			return err
		}
		by, err := tx.Get(k)
		if err != nil {
			return err
		}
		if there != nil && string(by) != token {
			return fault(409, "BucketAlreadyExists", "%s already exists", name).With("BucketName", name)
		}
		return tx.Put(k, []byte(token))
	})
}

func bucketResult(name, region string) room.Result {
	return room.Result{Physical: name, Attributes: map[string]any{
		"Arn": bucketARN(name).String(), "DomainName": name + ".s3.amazonaws.com", "RegionalDomainName": name + ".s3." + region + ".amazonaws.com",
		"DualStackDomainName": name + ".s3.dualstack." + region + ".amazonaws.com", "WebsiteURL": "http://" + name + ".s3-website-" + region + ".amazonaws.com",
	}}
}

func (r *s3Room) updateBucketResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("BucketName") {
		return r.createBucketResource(ctx, room.Request{
			StackName: req.StackName, StackID: req.StackID, LogicalID: req.LogicalID, New: req.New, Token: req.Token, Tags: req.Tags,
		})
	}
	if err := r.applied(ctx, req.Physical, req); err != nil {
		return room.Result{}, err
	}
	return bucketResult(req.Physical, cloud.CallFrom(ctx).Scope.Region), nil
}

// deleteBucketResource fails for a bucket that is not empty, as CloudFormation does.
func (r *s3Room) deleteBucketResource(ctx context.Context, req room.Request) error {
	return ignoreAbsent(r.do(ctx, "DeleteBucket", map[string]any{"Bucket": req.Physical}))
}

func ignoreAbsent(err error) error {
	if err != nil && cloud.AsError(err).Kind == cloud.NotFound {
		return nil
	}
	return err
}

func (r *s3Room) putPolicyResource(ctx context.Context, req room.Request) (room.Result, error) {
	name := req.New.Text("Bucket")
	in := map[string]any{"Bucket": name, "Policy": req.New.Text("PolicyDocument")}
	return room.Result{Physical: name}, r.do(ctx, "PutBucketPolicy", in)
}

func (r *s3Room) deletePolicyResource(ctx context.Context, req room.Request) error {
	return ignoreAbsent(r.do(ctx, "DeleteBucketPolicy", map[string]any{"Bucket": req.Physical}))
}
