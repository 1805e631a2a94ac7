package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/services/room"
)

// createProps are the properties of AWS::DynamoDB::Table that are members of CreateTable under the same name.
var createProps = []string{"AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "DeletionProtectionEnabled",
	"BillingMode", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput", "TableClass"}

func (s *service) resources() []room.ResourceType {
	const described = "kept and described; there is no throttling and no bill"
	return []room.ResourceType{{
		Type: "AWS::DynamoDB::Table",
		Properties: []string{"TableName", "AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "StreamSpecification",
			"TimeToLiveSpecification", "Tags", "DeletionProtectionEnabled", "ResourcePolicy"},
		NoEffect: map[string]string{
			"BillingMode": described, "ProvisionedThroughput": described, "OnDemandThroughput": described, "WarmThroughput": described, "TableClass": described,
			"SSESpecification":                 "kept and described; data at rest is as safe as the platform's disk",
			"PointInTimeRecoverySpecification": "tables are backed up with the platform's data, not one by one",
			"ContributorInsightsSpecification": "CloudWatch Contributor Insights is not collected",
		},
		Attributes: []string{"Arn", "StreamArn"},
		Create:     s.createResource, Update: s.updateResource, Delete: s.deleteResource,
	}}
}

const maxTableName = 255

// The tags by which a table is known to be of a stack's resource, so that a step that runs again finds its own.
const (
	stackTag   = "aws:cloudformation:stack-id"
	logicalTag = "aws:cloudformation:logical-id"
)

func (s *service) createResource(ctx context.Context, r room.Request) (room.Result, error) {
	name := r.New.Text("TableName")
	if name == "" {
		name = r.Name(maxTableName)
	}
	in, err := createInput(r, name)
	if err != nil {
		return room.Result{}, err
	}
	err = s.deps.Do(ctx, roomName, "CreateTable", in, nil)
	if cloud.IsCode(err, "ResourceInUseException") {
		if mine, tagErr := s.own(ctx, r, name); tagErr == nil && mine {
			err = nil
		}
	}
	if err != nil {
		return room.Result{}, err
	}
	if err := s.setExpiry(ctx, name, nil, r.New); err != nil {
		return room.Result{}, err
	}
	res, err := s.settled(ctx, name)
	if err != nil {
		return room.Result{}, err
	}
	return res, s.setStreamPolicy(ctx, res, r)
}

// createInput makes the input of CreateTable.
func createInput(r room.Request, name string) (map[string]any, error) {
	in := map[string]any{"TableName": name}
	if err := getExpiry(r.New, &expirySpec{}); err != nil { // before anything is made
		return nil, err
	}
	for _, p := range createProps {
		if raw, ok := r.New[p]; ok {
			in[p] = raw
		}
	}
	if _, err := indexes(r.New, "LocalSecondaryIndexes", indexMembers[:3]); err != nil {
		return nil, err
	}
	global, err := globalIndexes(r.New)
	if err != nil {
		return nil, err
	}
	if len(global) > 0 {
		in["GlobalSecondaryIndexes"] = global
	}
	if in["StreamSpecification"], err = streamSpec(r.New); err != nil {
		return nil, err
	}
	if sse, err := sseSpec(r.New); err != nil || sse != nil {
		if err != nil {
			return nil, err
		}
		in["SSESpecification"] = sse
	}
	if policy, err := policyText(r.New["ResourcePolicy"]); err != nil || policy != "" {
		if err != nil {
			return nil, err
		}
		in["ResourcePolicy"] = policy
	}
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return nil, err
	}
	tags[stackTag], tags[logicalTag] = r.StackID, r.LogicalID
	in["Tags"] = tagList(tags)
	for k, v := range in {
		if v == nil {
			delete(in, k)
		}
	}
	return in, nil
}

func tagList(tags map[string]string) []map[string]string {
	out := make([]map[string]string, 0, len(tags))
	for k, v := range tags {
		out = append(out, map[string]string{"Key": k, "Value": v})
	}
	slices.SortFunc(out, func(a, b map[string]string) int { return strings.Compare(a["Key"], b["Key"]) })
	return out
}

// get decodes a property of which every member must be known; false when it is absent.
func get(p room.Props, name string, v any) (bool, error) {
	raw, ok := p[name]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return false, errValidation("AWS::DynamoDB::Table: property %s: %v", name, err)
	}
	return true, nil
}

// indexMembers are the members of GlobalSecondaryIndexes and, but for the last four, of LocalSecondaryIndexes.
var indexMembers = []string{"IndexName", "KeySchema", "Projection", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput", "ContributorInsightsSpecification"}

// indexes gives the indexes of a property without what only CloudFormation knows.
func indexes(p room.Props, name string, members []string) ([]map[string]json.RawMessage, error) {
	var list []map[string]json.RawMessage
	if _, err := p.Get(name, &list); err != nil {
		return nil, err
	}
	for _, ix := range list {
		for k := range ix {
			if !slices.Contains(members, k) {
				return nil, cloud.NotImplementedf("AWS::DynamoDB::Table: property %s.%s is not served", name, k)
			}
		}
		delete(ix, "ContributorInsightsSpecification")
	}
	return list, nil
}

func globalIndexes(p room.Props) ([]map[string]json.RawMessage, error) {
	return indexes(p, "GlobalSecondaryIndexes", indexMembers)
}

func streamSpec(p room.Props) (any, error) {
	var spec struct {
		StreamViewType string
		ResourcePolicy json.RawMessage
	}
	ok, err := get(p, "StreamSpecification", &spec)
	if err != nil || !ok {
		return nil, err
	}
	return map[string]any{"StreamEnabled": true, "StreamViewType": spec.StreamViewType}, nil
}

// sseSpec gives the API's form of SSESpecification; nil when encryption with a key of one's own is not asked for.
func sseSpec(p room.Props) (map[string]any, error) {
	var spec struct {
		SSEEnabled              bool
		SSEType, KMSMasterKeyId string
	}
	if ok, err := get(p, "SSESpecification", &spec); err != nil || !ok || !spec.SSEEnabled {
		return nil, err
	}
	out := map[string]any{"Enabled": true, "SSEType": "KMS"}
	if spec.KMSMasterKeyId != "" {
		out["KMSMasterKeyId"] = spec.KMSMasterKeyId
	}
	return out, nil
}

// policyText gives the PolicyDocument of a ResourcePolicy property; "" when there is none.
func policyText(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var p struct{ PolicyDocument json.RawMessage }
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	return string(p.PolicyDocument), nil
}

// own tells whether a table that is there already was made by this very resource.
func (s *service) own(ctx context.Context, r room.Request, name string) (bool, error) {
	in := map[string]any{"ResourceArn": cloud.NewARN(roomName, cloud.CallFrom(ctx).Scope, "table/"+name)}
	tags := map[string]string{}
	for {
		var page struct {
			Tags      []struct{ Key, Value string }
			NextToken string
		}
		if err := s.deps.Do(ctx, roomName, "ListTagsOfResource", in, &page); err != nil {
			return false, err
		}
		for _, t := range page.Tags {
			tags[t.Key] = t.Value
		}
		if page.NextToken == "" {
			return tags[stackTag] == r.StackID && tags[logicalTag] == r.LogicalID, nil
		}
		in["NextToken"] = page.NextToken
	}
}

const settlePoll = 20 * time.Millisecond

// settled waits until the table and its indexes are active and gives the resource's result.
func (s *service) settled(ctx context.Context, name string) (room.Result, error) {
	for {
		var out struct {
			Table struct {
				TableStatus, TableArn, LatestStreamArn string
				StreamSpecification                    *struct{}
			}
		}
		if err := s.deps.Do(ctx, roomName, "DescribeTable", map[string]any{"TableName": name}, &out); err != nil {
			return room.Result{}, err
		}
		if out.Table.TableStatus == "ACTIVE" {
			attrs := map[string]any{"Arn": out.Table.TableArn}
			if out.Table.StreamSpecification != nil {
				attrs["StreamArn"] = out.Table.LatestStreamArn
			}
			return room.Result{Physical: name, Attributes: attrs}, nil
		}
		if err := pause(ctx, settlePoll); err != nil {
			return room.Result{}, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *service) deleteResource(ctx context.Context, r room.Request) error {
	err := s.deps.Do(ctx, roomName, "DeleteTable", map[string]any{"TableName": r.Physical}, nil)
	if isMissing(err) {
		return nil
	}
	return err
}
