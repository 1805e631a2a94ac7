package events

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

func (s *service) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type:       "AWS::Events::Rule",
			Properties: []string{"Name", "Description", "EventBusName", "EventPattern", "ScheduleExpression", "State", "RoleArn", "Targets", "Tags"},
			Attributes: []string{"Arn"}, Create: s.createRuleResource, Update: s.updateRuleResource, Delete: s.deleteRuleResource,
		},
		{
			Type: "AWS::Events::EventBus", Properties: []string{"Name", "Description", "Policy", "Tags"},
			NoEffect:   map[string]string{"KmsKeyIdentifier": "data is not encrypted at rest with keys of your own"},
			Attributes: []string{"Arn", "Name", "Policy"}, Create: s.createBusResource, Update: s.updateBusResource, Delete: s.deleteBusResource,
		},
		{
			Type: "AWS::Events::EventBusPolicy", Properties: []string{"EventBusName", "StatementId", "Statement", "Action", "Principal", "Condition"},
			Create: s.putPolicyResource, Update: s.updatePolicyResource, Delete: s.deletePolicyResource,
		},
	}
}

// physicalRule is what Ref gives of a rule: its name, on a custom bus "bus|name".
func physicalRule(bus, n string) string {
	if bus == "" || bus == defaultBus {
		return n
	}
	return bus + "|" + n
}

func partsOf(physical string) (bus, n string) {
	if i := strings.LastIndexByte(physical, '|'); i >= 0 {
		return physical[:i], physical[i+1:]
	}
	return defaultBus, physical
}

func (s *service) createRuleResource(ctx context.Context, r room.Request) (room.Result, error) {
	n := r.New.Text("Name")
	if n == "" {
		n = r.Name(64)
	}
	_, bus := busOf(ctx, text(r.New.Text("EventBusName")))
	return s.applyRule(ctx, r, bus, n)
}

func (s *service) updateRuleResource(ctx context.Context, r room.Request) (room.Result, error) {
	if r.Changed("Name", "EventBusName") {
		return s.createRuleResource(ctx, r)
	}
	bus, n := partsOf(r.Physical)
	return s.applyRule(ctx, r, bus, n)
}

// applyRule makes a rule and its targets what the properties say.
func (s *service) applyRule(ctx context.Context, r room.Request, bus, n string) (room.Result, error) {
	in := map[string]any{"Name": n, "EventBusName": bus}
	for _, p := range []string{"Description", "ScheduleExpression", "State", "RoleArn"} {
		if v := r.New.Text(p); v != "" {
			in[p] = v
		}
	}
	if raw, ok := r.New["EventPattern"]; ok {
		pattern, err := document(raw)
		if err != nil {
			return room.Result{}, err
		}
		in["EventPattern"] = pattern
	}
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return room.Result{}, err
	}
	if len(tags) > 0 {
		in["Tags"] = tagList(tags)
	}
	var made struct{ RuleArn string }
	if err := s.d.Do(ctx, name, "PutRule", in, &made); err != nil {
		return room.Result{}, err
	}
	res := room.Result{Physical: physicalRule(bus, n), Attributes: map[string]any{"Arn": made.RuleArn}}
	return res, s.applyTargets(ctx, r, bus, n)
}

// document gives a JSON document's text; it may come as an object or as a text.
func document(raw json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.String(), err
}

func tagList(tags map[string]string) []map[string]string {
	var out []map[string]string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, map[string]string{"Key": k, "Value": tags[k]})
	}
	return out
}

// targetsOf reads the Targets property: API's own targets, whose numbers may be texts.
func targetsOf(p room.Props) (ids []string, list []map[string]any, err error) {
	if _, err = p.Get("Targets", &list); err != nil {
		return nil, nil, errValidation("Invalid Targets: %v", err)
	}
	for _, t := range list {
		id, _ := t["Id"].(string)
		ids = append(ids, id)
		policy, _ := t["RetryPolicy"].(map[string]any)
		for k, v := range policy {
			if s, ok := v.(string); ok {
				if policy[k], err = strconv.Atoi(s); err != nil {
					return nil, nil, errValidation("Invalid RetryPolicy of target %s: %q is not a number", id, s)
				}
			}
		}
	}
	return ids, list, nil
}

func (s *service) applyTargets(ctx context.Context, r room.Request, bus, n string) error {
	ids, list, err := targetsOf(r.New)
	if err != nil {
		return err
	}
	before, _, err := targetsOf(r.Old)
	if err != nil {
		return err
	}
	if r.Physical == physicalRule(bus, n) {
		gone := slices.DeleteFunc(before, func(id string) bool { return slices.Contains(ids, id) })
		if len(gone) > 0 {
			if err := s.d.Do(ctx, name, "RemoveTargets", map[string]any{"Rule": n, "EventBusName": bus, "Ids": gone}, nil); err != nil {
				return err
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.d.Do(ctx, name, "PutTargets", map[string]any{"Rule": n, "EventBusName": bus, "Targets": list}, nil)
}

func (s *service) deleteRuleResource(ctx context.Context, r room.Request) error {
	bus, n := partsOf(r.Physical)
	var out struct{ Targets []struct{ Id string } }
	err := s.d.Do(ctx, name, "ListTargetsByRule", map[string]any{"Rule": n, "EventBusName": bus}, &out)
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return nil
	}
	if err != nil {
		return err
	}
	var ids []string
	for _, t := range out.Targets {
		ids = append(ids, t.Id)
	}
	if len(ids) > 0 {
		if err := s.d.Do(ctx, name, "RemoveTargets", map[string]any{"Rule": n, "EventBusName": bus, "Ids": ids}, nil); err != nil {
			return err
		}
	}
	return s.d.Do(ctx, name, "DeleteRule", map[string]any{"Name": n, "EventBusName": bus}, nil)
}

func (s *service) createBusResource(ctx context.Context, r room.Request) (room.Result, error) {
	n := r.New.Text("Name")
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return room.Result{}, err
	}
	if len(tags) == 0 {
		tags = map[string]string{}
	}
	mark := map[string]string{"aws:cloudformation:token": r.Token} // tells a creation that runs again from another's bus
	maps.Copy(mark, tags)
	in := map[string]any{"Name": n, "Tags": tagList(mark)}
	if d := r.New.Text("Description"); d != "" {
		in["Description"] = d
	}
	err = s.d.Do(ctx, name, "CreateEventBus", in, nil)
	if cloud.IsCode(err, "ResourceAlreadyExistsException") && s.own(ctx, n, r.Token) {
		err = nil
	}
	if err != nil {
		return room.Result{}, err
	}
	return s.applyBusPolicy(ctx, r, n)
}

// own tells whether a bus was made by the step with the token.
func (s *service) own(ctx context.Context, bus, token string) bool {
	var out struct{ Tags []struct{ Key, Value string } }
	err := s.d.Do(ctx, name, "ListTagsForResource", map[string]any{"ResourceARN": busARN(cloud.CallFrom(ctx).Scope, bus).String()}, &out)
	for _, t := range out.Tags {
		if err == nil && t.Key == "aws:cloudformation:token" && t.Value == token {
			return true
		}
	}
	return false
}

func (s *service) applyBusPolicy(ctx context.Context, r room.Request, n string) (room.Result, error) {
	res := room.Result{Physical: n, Attributes: map[string]any{"Arn": busARN(cloud.CallFrom(ctx).Scope, n).String(), "Name": n, "Policy": ""}}
	raw, ok := r.New["Policy"]
	if !ok {
		if _, had := r.Old["Policy"]; had {
			return res, s.d.Do(ctx, name, "RemovePermission", map[string]any{"EventBusName": n, "RemoveAllPermissions": true}, nil)
		}
		return res, nil
	}
	policy, err := document(raw)
	if err != nil {
		return res, err
	}
	res.Attributes["Policy"] = policy
	return res, s.d.Do(ctx, name, "PutPermission", map[string]any{"EventBusName": n, "Policy": policy}, nil)
}

func (s *service) updateBusResource(ctx context.Context, r room.Request) (room.Result, error) {
	if r.Changed("Name") {
		return s.createBusResource(ctx, r)
	}
	if r.Changed("Description") {
		if err := s.d.Do(ctx, name, "UpdateEventBus", map[string]any{"Name": r.Physical, "Description": r.New.Text("Description")}, nil); err != nil {
			return room.Result{}, err
		}
	}
	tags, err := r.MergedTags(r.New)
	if err != nil {
		return room.Result{}, err
	}
	old, err := r.MergedTags(r.Old)
	if err != nil {
		return room.Result{}, err
	}
	arn := busARN(cloud.CallFrom(ctx).Scope, r.Physical).String()
	var gone []string
	for _, k := range slices.Sorted(maps.Keys(old)) {
		if _, stays := tags[k]; !stays {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		if err := s.d.Do(ctx, name, "UntagResource", map[string]any{"ResourceARN": arn, "TagKeys": gone}, nil); err != nil {
			return room.Result{}, err
		}
	}
	if len(tags) > 0 {
		if err := s.d.Do(ctx, name, "TagResource", map[string]any{"ResourceARN": arn, "Tags": tagList(tags)}, nil); err != nil {
			return room.Result{}, err
		}
	}
	return s.applyBusPolicy(ctx, r, r.Physical)
}

func (s *service) deleteBusResource(ctx context.Context, r room.Request) error {
	return s.d.Do(ctx, name, "DeleteEventBus", map[string]any{"Name": r.Physical}, nil)
}

func (s *service) updatePolicyResource(ctx context.Context, r room.Request) (room.Result, error) {
	return s.putPolicyResource(ctx, r)
}

// putPolicyResource puts one statement into a bus's policy. Its physical id is "bus|statement".
func (s *service) putPolicyResource(ctx context.Context, r room.Request) (room.Result, error) {
	_, bus := busOf(ctx, text(r.New.Text("EventBusName")))
	sid := r.New.Text("StatementId")
	res := room.Result{Physical: bus + "|" + sid}
	raw, whole := r.New["Statement"]
	if !whole {
		in := map[string]any{"EventBusName": bus, "StatementId": sid, "Action": r.New.Text("Action"), "Principal": r.New.Text("Principal")}
		if c, ok := r.New["Condition"]; ok {
			in["Condition"] = c
		}
		return res, s.d.Do(ctx, name, "PutPermission", in, nil)
	}
	var statement map[string]any
	if err := json.Unmarshal(raw, &statement); err != nil {
		return res, errValidation("Invalid Statement: %v", err)
	}
	statement["Sid"] = sid
	s.policyMu.Lock() // two statements of a stack are put at once, and each rewrites the whole policy
	defer s.policyMu.Unlock()
	var now struct{ Policy string }
	if err := s.d.Do(ctx, name, "DescribeEventBus", map[string]any{"Name": bus}, &now); err != nil {
		return res, err
	}
	st, err := room.ParseStatements(now.Policy)
	if err != nil {
		return res, err
	}
	if i := st.Find(sid); i >= 0 {
		st.Remove(i)
	}
	if st.Version == "" {
		st.Version = "2012-10-17"
	}
	if err := st.Add(statement); err != nil {
		return res, err
	}
	policy, err := st.Text()
	if err != nil {
		return res, err
	}
	return res, s.d.Do(ctx, name, "PutPermission", map[string]any{"EventBusName": bus, "Policy": policy}, nil)
}

func (s *service) deletePolicyResource(ctx context.Context, r room.Request) error {
	bus, sid := partsOf(r.Physical)
	err := s.d.Do(ctx, name, "RemovePermission", map[string]any{"EventBusName": bus, "StatementId": sid}, nil)
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return nil
	}
	return err
}
