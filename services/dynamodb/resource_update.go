package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

func (s *service) updateResource(ctx context.Context, r room.Request) (room.Result, error) {
	if r.Changed("TableName", "KeySchema", "LocalSecondaryIndexes") {
		if name := r.New.Text("TableName"); name != "" && name == r.Physical {
			return room.Result{}, errValidation("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", name)
		}
		return s.createResource(ctx, r)
	}
	if err := s.updateIndexes(ctx, r); err != nil {
		return room.Result{}, err
	}
	if err := s.updateOptions(ctx, r); err != nil {
		return room.Result{}, err
	}
	if err := s.updateStream(ctx, r); err != nil {
		return room.Result{}, err
	}
	if err := s.setExpiry(ctx, r.Physical, r.Old, r.New); err != nil {
		return room.Result{}, err
	}
	res, err := s.settled(ctx, r.Physical)
	if err != nil {
		return res, err
	}
	if err := s.updateTags(ctx, r, res.Attributes["Arn"]); err != nil {
		return res, err
	}
	if err := s.updatePolicy(ctx, r, res.Attributes["Arn"]); err != nil {
		return res, err
	}
	return res, s.setStreamPolicy(ctx, res, r)
}

// updateIndexes drops, makes and changes global indexes, one call each as the service wants it.
func (s *service) updateIndexes(ctx context.Context, r room.Request) error {
	old, err := globalIndexes(r.Old)
	if err != nil {
		return err
	}
	now, err := globalIndexes(r.New)
	if err != nil {
		return err
	}
	find := func(list []map[string]json.RawMessage, name json.RawMessage) map[string]json.RawMessage {
		for _, ix := range list {
			if bytes.Equal(ix["IndexName"], name) {
				return ix
			}
		}
		return nil
	}
	same := func(a, b map[string]json.RawMessage) bool {
		return b != nil && bytes.Equal(a["KeySchema"], b["KeySchema"]) && bytes.Equal(a["Projection"], b["Projection"])
	}
	for _, ix := range old {
		if !same(ix, find(now, ix["IndexName"])) {
			err := s.updateIndex(ctx, r, map[string]any{"Delete": map[string]any{"IndexName": ix["IndexName"]}})
			if err != nil && !isMissing(err) {
				return err
			}
		}
	}
	for _, ix := range now {
		was := find(old, ix["IndexName"])
		switch {
		case was == nil || !same(ix, was):
			if has, err := s.hasIndex(ctx, r.Physical, ix["IndexName"]); err != nil || has {
				if err != nil {
					return err
				}
				continue // made by this step before it ran again
			}
			if err := s.updateIndex(ctx, r, map[string]any{"Create": ix}); err != nil {
				return err
			}
		case !bytes.Equal(was["ProvisionedThroughput"], ix["ProvisionedThroughput"]) && ix["ProvisionedThroughput"] != nil:
			change := map[string]any{"IndexName": ix["IndexName"], "ProvisionedThroughput": ix["ProvisionedThroughput"]}
			if err := s.updateIndex(ctx, r, map[string]any{"Update": change}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *service) hasIndex(ctx context.Context, table string, name json.RawMessage) (bool, error) {
	var out struct {
		Table struct {
			GlobalSecondaryIndexes []struct{ IndexName json.RawMessage }
		}
	}
	if err := s.deps.Do(ctx, roomName, "DescribeTable", map[string]any{"TableName": table}, &out); err != nil {
		return false, err
	}
	for _, ix := range out.Table.GlobalSecondaryIndexes {
		if bytes.Equal(ix.IndexName, name) {
			return true, nil
		}
	}
	return false, nil
}

func (s *service) updateIndex(ctx context.Context, r room.Request, change map[string]any) error {
	in := map[string]any{"TableName": r.Physical, "AttributeDefinitions": r.New["AttributeDefinitions"], "GlobalSecondaryIndexUpdates": []any{change}}
	if err := s.deps.Do(ctx, roomName, "UpdateTable", in, nil); err != nil {
		return err
	}
	_, err := s.settled(ctx, r.Physical)
	return err
}

func (s *service) updateOptions(ctx context.Context, r room.Request) error {
	in := map[string]any{}
	for _, p := range []string{"BillingMode", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput", "TableClass", "DeletionProtectionEnabled"} {
		if raw, ok := r.New[p]; ok && r.Changed(p) {
			in[p] = raw
		}
	}
	if _, ok := r.New["DeletionProtectionEnabled"]; !ok && r.Changed("DeletionProtectionEnabled") {
		in["DeletionProtectionEnabled"] = false
	}
	if r.Changed("SSESpecification") {
		sse, err := sseSpec(r.New)
		if err != nil {
			return err
		}
		if in["SSESpecification"] = sse; sse == nil {
			in["SSESpecification"] = map[string]any{"Enabled": false}
		}
	}
	if len(in) == 0 {
		return nil
	}
	in["TableName"] = r.Physical
	return s.deps.Do(ctx, roomName, "UpdateTable", in, nil)
}

func (s *service) updateStream(ctx context.Context, r room.Request) error {
	was, err := streamSpec(r.Old)
	if err != nil {
		return err
	}
	now, err := streamSpec(r.New)
	if err != nil {
		return err
	}
	a, _ := json.Marshal(was)
	b, _ := json.Marshal(now)
	if bytes.Equal(a, b) {
		return nil
	}
	set := func(spec any) error {
		return s.deps.Do(ctx, roomName, "UpdateTable", map[string]any{"TableName": r.Physical, "StreamSpecification": spec}, nil)
	}
	if was != nil {
		if err := set(map[string]any{"StreamEnabled": false}); err != nil && !cloud.IsCode(err, "ValidationException") {
			return err
		}
	}
	if now == nil {
		return nil
	}
	if err := set(now); err != nil && !cloud.IsCode(err, "ResourceInUseException") {
		return err
	}
	return nil
}

type expirySpec struct {
	AttributeName string
	Enabled       bool
}

// setExpiry brings TimeToLiveSpecification up to date.
func (s *service) setExpiry(ctx context.Context, table string, old, new room.Props) error {
	var was, now expirySpec
	for p, to := range map[*expirySpec]room.Props{&was: old, &now: new} {
		if err := getExpiry(to, p); err != nil {
			return err
		}
	}
	if was == now {
		return nil
	}
	set := func(spec expirySpec) error {
		err := s.deps.Do(ctx, roomName, "UpdateTimeToLive", map[string]any{"TableName": table, "TimeToLiveSpecification": spec}, nil)
		if cloud.IsCode(err, "ValidationException") && strings.HasPrefix(messageOf(err), "TimeToLive is already") {
			return nil
		}
		return err
	}
	if was.Enabled {
		if err := set(expirySpec{was.AttributeName, false}); err != nil {
			return err
		}
	}
	if now.Enabled {
		return set(now)
	}
	return nil
}

func getExpiry(p room.Props, to *expirySpec) error {
	_, err := get(p, "TimeToLiveSpecification", to)
	return err
}

func (s *service) updateTags(ctx context.Context, r room.Request, arn any) error {
	now, err := r.MergedTags(r.New)
	if err != nil {
		return err
	}
	old, err := r.MergedTags(r.Old)
	if err != nil {
		return err
	}
	var gone []string
	for k := range old {
		if _, ok := now[k]; !ok {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		if err := s.deps.Do(ctx, roomName, "UntagResource", map[string]any{"ResourceArn": arn, "TagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(now) == 0 {
		return nil
	}
	return s.deps.Do(ctx, roomName, "TagResource", map[string]any{"ResourceArn": arn, "Tags": tagList(now)}, nil)
}

func (s *service) updatePolicy(ctx context.Context, r room.Request, arn any) error {
	if !r.Changed("ResourcePolicy") {
		return nil
	}
	return s.putPolicy(ctx, r.New["ResourcePolicy"], arn)
}

func (s *service) putPolicy(ctx context.Context, property json.RawMessage, arn any) error {
	text, err := policyText(property)
	if err != nil {
		return err
	}
	if text == "" {
		return s.deps.Do(ctx, roomName, "DeleteResourcePolicy", map[string]any{"ResourceArn": arn}, nil)
	}
	return s.deps.Do(ctx, roomName, "PutResourcePolicy", map[string]any{"ResourceArn": arn, "Policy": text}, nil)
}

// setStreamPolicy brings the ResourcePolicy of StreamSpecification up to date.
func (s *service) setStreamPolicy(ctx context.Context, res room.Result, r room.Request) error {
	var was, now struct{ ResourcePolicy json.RawMessage }
	if _, err := r.Old.Get("StreamSpecification", &was); err != nil {
		return err
	}
	if _, err := r.New.Get("StreamSpecification", &now); err != nil {
		return err
	}
	if bytes.Equal(was.ResourcePolicy, now.ResourcePolicy) || res.Attributes["StreamArn"] == nil {
		return nil
	}
	return s.putPolicy(ctx, now.ResourcePolicy, res.Attributes["StreamArn"])
}
