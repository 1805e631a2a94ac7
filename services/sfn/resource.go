package sfn

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

func (r *sfnRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::StepFunctions::StateMachine",
			Properties: []string{"Definition", "DefinitionS3Location", "DefinitionString", "DefinitionSubstitutions", "EncryptionConfiguration",
				"LoggingConfiguration", "RoleArn", "StateMachineName", "StateMachineType", "Tags", "TracingConfiguration"},
			Attributes: []string{"Arn", "Name", "StateMachineRevisionId"},
			Create:     r.createMachineResource, Update: r.updateMachineResource, Delete: r.deleteMachineResource,
		},
		{
			Type: "AWS::StepFunctions::Activity", Properties: []string{"EncryptionConfiguration", "Name", "Tags"}, Attributes: []string{"Arn", "Name"},
			Create: r.createActivityResource, Update: r.updateActivityResource, Delete: r.deleteActivityResource,
		},
		{
			Type: "AWS::StepFunctions::StateMachineVersion", Properties: []string{"Description", "StateMachineArn", "StateMachineRevisionId"}, Attributes: []string{"Arn"},
			Create: r.createVersionResource, Delete: r.deleteVersionResource,
		},
		{
			Type: "AWS::StepFunctions::StateMachineAlias", Properties: []string{"DeploymentPreference", "Description", "Name", "RoutingConfiguration"}, Attributes: []string{"Arn"},
			Create: r.createAliasResource, Update: r.updateAliasResource, Delete: r.deleteAliasResource,
		},
	}
}

// definitionOf gives the definition of a template's state machine, with its substitutions made.
func (r *sfnRoom) definitionOf(ctx context.Context, p room.Props) (string, error) {
	text := p.Text("DefinitionString")
	var at struct{ Bucket, Key, Version string }
	inS3, err := p.Get("DefinitionS3Location", &at)
	if err != nil {
		return "", fmt.Errorf("DefinitionS3Location: %w", err)
	}
	switch {
	case text != "":
	case inS3:
		if text, err = r.fetch(ctx, at.Bucket, at.Key, at.Version); err != nil {
			return "", err
		}
	default:
		text = string(p["Definition"])
	}
	if text == "" || text == "null" {
		return "", errMissing("One of Definition, DefinitionString and DefinitionS3Location is required")
	}
	var subs map[string]json.RawMessage
	if _, err := p.Get("DefinitionSubstitutions", &subs); err != nil {
		return "", fmt.Errorf("DefinitionSubstitutions: %w", err)
	}
	var pairs []string
	for k := range subs {
		pairs = append(pairs, "${"+k+"}", room.Props(subs).Text(k))
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}

// fetch reads a definition from a bucket.
func (r *sfnRoom) fetch(ctx context.Context, bucket, key, version string) (string, error) {
	in := map[string]string{"Bucket": bucket, "Key": key}
	if version != "" {
		in["VersionId"] = version
	}
	reply, err := r.d.Caller.Call(ctx, cloud.CallFrom(ctx).Principal, "s3", "GetObject", rawJSON(in), nil)
	if err != nil {
		return "", err
	}
	if reply.Body == nil {
		return "", fmt.Errorf("sfn: GetObject of s3://%s/%s gave no body", bucket, key)
	}
	defer func() { _ = reply.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(reply.Body, maxFetched+1))
	if err == nil && len(b) > maxFetched {
		err = errDefinition("Invalid State Machine Definition: 'the definition is longer than 1 MB'")
	}
	return string(b), err
}

const maxFetched = 1 << 20

// configuration is what Create and Update have in common, by the names of the API.
func (r *sfnRoom) configuration(ctx context.Context, p room.Props) (map[string]any, error) {
	definition, err := r.definitionOf(ctx, p)
	if err != nil {
		return nil, err
	}
	in := map[string]any{"definition": definition, "roleArn": p.Text("RoleArn")}
	for prop, member := range map[string]string{"LoggingConfiguration": "loggingConfiguration", "TracingConfiguration": "tracingConfiguration", "EncryptionConfiguration": "encryptionConfiguration"} {
		var v any
		if found, err := p.Get(prop, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", prop, err)
		} else if found {
			in[member] = small(v)
		}
	}
	return in, nil
}

// small makes the API's member names of a template's: they differ in the first letter.
func small(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			if k != "" {
				k = strings.ToLower(k[:1]) + k[1:]
			}
			out[k] = small(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = small(e)
		}
		return out
	}
	return v
}

func apiTags(m map[string]string) []map[string]string {
	out := []map[string]string{}
	for k, v := range m {
		out = append(out, map[string]string{"key": k, "value": v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i]["key"] < out[j]["key"] })
	return out
}

func (r *sfnRoom) createMachineResource(ctx context.Context, req room.Request) (room.Result, error) {
	in, err := r.configuration(ctx, req.New)
	if err != nil {
		return room.Result{}, err
	}
	n := req.New.Text("StateMachineName")
	if n == "" {
		n = req.Name(80)
	}
	in["name"] = n
	if t := req.New.Text("StateMachineType"); t != "" {
		in["type"] = t
	}
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	in["tags"] = apiTags(tags)
	var out struct {
		StateMachineArn string `json:"stateMachineArn"`
	}
	if err := r.d.Do(ctx, service, "CreateStateMachine", in, &out); err != nil {
		return room.Result{}, err
	}
	return machineResult(out.StateMachineArn, n, "INITIAL"), nil
}

func machineResult(arn, n, revision string) room.Result {
	return room.Result{Physical: arn, Attributes: map[string]any{"Arn": arn, "Name": n, "StateMachineRevisionId": revision}}
}

func (r *sfnRoom) updateMachineResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("StateMachineName", "StateMachineType") {
		return r.createMachineResource(ctx, req) // replacement
	}
	q, err := parseMachine(req.Physical)
	if err != nil {
		return room.Result{}, err
	}
	in, err := r.configuration(ctx, req.New)
	if err != nil {
		return room.Result{}, err
	}
	in["stateMachineArn"] = req.Physical
	for _, member := range []string{"TracingConfiguration", "LoggingConfiguration"} { // gone from the template: back to the default
		if _, had := req.Old[member]; had && req.New[member] == nil {
			in[strings.ToLower(member[:1])+member[1:]] = map[string]any{}
		}
	}
	var out struct {
		RevisionID string `json:"revisionId"`
	}
	if err := r.d.Do(ctx, service, "UpdateStateMachine", in, &out); err != nil {
		return room.Result{}, err
	}
	return machineResult(req.Physical, q.Name, out.RevisionID), r.retag(ctx, req)
}

func (r *sfnRoom) retag(ctx context.Context, req room.Request) error {
	now, err := req.MergedTags(req.New)
	if err != nil {
		return err
	}
	old, err := req.MergedTags(req.Old)
	if err != nil {
		return err
	}
	var gone []string
	for k := range old {
		if _, stays := now[k]; !stays {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		sort.Strings(gone)
		if err := r.d.Do(ctx, service, "UntagResource", map[string]any{"resourceArn": req.Physical, "tagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(now) == 0 {
		return nil
	}
	return r.d.Do(ctx, service, "TagResource", map[string]any{"resourceArn": req.Physical, "tags": apiTags(now)}, nil)
}

func (r *sfnRoom) deleteMachineResource(ctx context.Context, req room.Request) error {
	return r.d.Do(ctx, service, "DeleteStateMachine", map[string]any{"stateMachineArn": req.Physical}, nil)
}

func (r *sfnRoom) createActivityResource(ctx context.Context, req room.Request) (room.Result, error) {
	n := req.New.Text("Name")
	if n == "" {
		n = req.Name(80)
	}
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	in := map[string]any{"name": n, "tags": apiTags(tags)}
	var encryption any
	if found, err := req.New.Get("EncryptionConfiguration", &encryption); err != nil {
		return room.Result{}, err
	} else if found {
		in["encryptionConfiguration"] = small(encryption)
	}
	var out struct {
		ActivityArn string `json:"activityArn"`
	}
	if err := r.d.Do(ctx, service, "CreateActivity", in, &out); err != nil {
		return room.Result{}, err
	}
	return room.Result{Physical: out.ActivityArn, Attributes: map[string]any{"Arn": out.ActivityArn, "Name": n}}, nil
}

func (r *sfnRoom) updateActivityResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("Name", "EncryptionConfiguration") {
		return r.createActivityResource(ctx, req) // replacement
	}
	n, err := parseTyped(req.Physical, "activity")
	if err != nil {
		return room.Result{}, err
	}
	return room.Result{Physical: req.Physical, Attributes: map[string]any{"Arn": req.Physical, "Name": n.Name}}, r.retag(ctx, req)
}

func (r *sfnRoom) deleteActivityResource(ctx context.Context, req room.Request) error {
	return r.d.Do(ctx, service, "DeleteActivity", map[string]any{"activityArn": req.Physical}, nil)
}
