package iam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"

	"sundog/cloud"
	"sundog/services/room"
)

// resources are the AWS::IAM types (CloudFormation Template Reference, "AWS Identity and Access Management").
func (r *iamRoom) resources() []room.ResourceType {
	role := entityType{r, "Role", []string{"Description", "MaxSessionDuration", "Path", "PermissionsBoundary"}}
	user := entityType{r, "User", []string{"Path", "PermissionsBoundary"}}
	group := entityType{r, "Group", []string{"Path"}}
	return []room.ResourceType{
		{Type: "AWS::IAM::Role", Properties: []string{"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path", "PermissionsBoundary", "Policies", "RoleName", "Tags"},
			Attributes: []string{"Arn", "RoleId"}, Create: role.create, Update: role.update, Delete: role.delete},
		{Type: "AWS::IAM::User", Properties: []string{"Groups", "ManagedPolicyArns", "Path", "PermissionsBoundary", "Policies", "Tags", "UserName"},
			Attributes: []string{"Arn"}, Create: user.create, Update: user.update, Delete: user.delete},
		{Type: "AWS::IAM::Group", Properties: []string{"GroupName", "ManagedPolicyArns", "Path", "Policies"},
			Attributes: []string{"Arn"}, Create: group.create, Update: group.update, Delete: group.delete},
		{Type: "AWS::IAM::Policy", Properties: []string{"Groups", "PolicyDocument", "PolicyName", "Roles", "Users"},
			Attributes: []string{"Id"}, Create: r.createInlineResource, Update: r.updateInlineResource, Delete: r.deleteInlineResource},
		{Type: "AWS::IAM::ManagedPolicy", Properties: []string{"Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"},
			Attributes: []string{"PolicyArn", "PolicyId"}, Create: r.createPolicyResource, Update: r.updatePolicyResource, Delete: r.deletePolicyResource},
		{Type: "AWS::IAM::AccessKey", Properties: []string{"Serial", "Status", "UserName"},
			Attributes: []string{"SecretAccessKey"}, Create: r.createKeyResource, Update: r.updateKeyResource, Delete: r.deleteKeyResource},
		{Type: "AWS::IAM::InstanceProfile", Properties: []string{"InstanceProfileName", "Path", "Roles"},
			Attributes: []string{"Arn"}, Create: r.createProfileResource, Update: r.updateProfileResource, Delete: r.deleteProfileResource},
	}
}

// input is an operation's input by the model's names.
type input map[string]any

// call calls an operation of the room as the stack's principal. out may be nil.
func (r *iamRoom) call(ctx context.Context, op string, in input, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	reply, err := r.d.Caller.Call(ctx, cloud.CallFrom(ctx).Principal, "iam", op, raw, nil)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(reply.Out, out)
}

// gone passes over what is absent already, so that a step can run again.
func gone(err error) error {
	if cloud.IsCode(err, "NoSuchEntity") {
		return nil
	}
	return err
}

// str gives a property that is a text, or "".
func str(p room.Props, name string) string {
	var s string
	if json.Unmarshal(p[name], &s) != nil {
		return ""
	}
	return s
}

// list gives a property that is a list of texts.
func list(p room.Props, name string) []string {
	var l []string
	if json.Unmarshal(p[name], &l) != nil {
		return nil
	}
	return l
}

// document gives a policy document, which may be an object or a text, as text.
func document(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// nameFor gives the property's name, or one made of stack, logical id and token: the same when a step runs again.
func nameFor(q room.Request, property string, limit int) string {
	if s := str(q.New, property); s != "" {
		return s
	}
	sum := sha256.Sum256([]byte(q.Token))
	suffix := "-" + base32.StdEncoding.EncodeToString(sum[:])[:12]
	name := q.StackName + "-" + q.LogicalID
	return name[:min(len(name), limit-len(suffix))] + suffix
}

// copyProps copies properties that keep their name and form in the API.
func copyProps(in input, p room.Props, names ...string) input {
	for _, n := range names {
		if v, ok := p[n]; ok {
			in[n] = v
		}
	}
	return in
}

// tags gives a resource's tags with the stack's and those by which a later run knows its own work.
func tags(q room.Request) []map[string]string {
	all := map[string]string{}
	for k, v := range q.Tags {
		all[k] = v
	}
	var own []struct{ Key, Value string }
	if raw, ok := q.New["Tags"]; ok && json.Unmarshal(raw, &own) == nil {
		for _, t := range own {
			all[t.Key] = t.Value
		}
	}
	all["aws:cloudformation:stack-id"], all["aws:cloudformation:stack-name"], all["aws:cloudformation:logical-id"] = q.StackID, q.StackName, q.LogicalID
	out := make([]map[string]string, 0, len(all))
	for k, v := range all {
		out = append(out, map[string]string{"Key": k, "Value": v})
	}
	slices.SortFunc(out, func(a, b map[string]string) int { return bytes.Compare([]byte(a["Key"]), []byte(b["Key"])) })
	return out
}

// changed tells whether a property differs between the old and the new state.
func changed(q room.Request, name string) bool {
	var a, b bytes.Buffer
	_ = json.Compact(&a, q.Old[name]) // an absent property stays empty
	_ = json.Compact(&b, q.New[name])
	return !bytes.Equal(a.Bytes(), b.Bytes())
}

// without gives what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
