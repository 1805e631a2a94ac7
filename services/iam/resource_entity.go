package iam

import (
	"context"
	"encoding/json"

	"sundog/cloud"
	"sundog/services/room"
)

// entityType makes roles, users and groups: their operations differ in the noun only.
type entityType struct {
	r       *iamRoom
	noun    string   // "Role"
	members []string // properties that Create takes as they are
}

func (t entityType) name() string { return t.noun + "Name" }

// described is what the API says of a role, user or group.
type described struct {
	Arn, RoleId string
	Tags        []struct{ Key, Value string }
}

func (t entityType) get(ctx context.Context, name string) (described, error) {
	var out map[string]json.RawMessage
	var d described
	if err := t.r.call(ctx, "Get"+t.noun, input{t.name(): name}, &out); err != nil {
		return d, err
	}
	return d, json.Unmarshal(out[t.noun], &d)
}

func (t entityType) result(ctx context.Context, name string) (room.Result, error) {
	d, err := t.get(ctx, name)
	res := room.Result{Physical: name, Attributes: map[string]any{"Arn": d.Arn}}
	if t.noun == "Role" {
		res.Attributes["RoleId"] = d.RoleId
	}
	return res, err
}

func (t entityType) create(ctx context.Context, q room.Request) (room.Result, error) {
	name := nameFor(q, t.name(), 64)
	in := copyProps(input{t.name(): name}, q.New, t.members...)
	if t.noun == "Role" {
		in["AssumeRolePolicyDocument"] = document(q.New["AssumeRolePolicyDocument"])
	}
	if t.noun != "Group" {
		in["Tags"] = tags(q)
	}
	err := t.r.call(ctx, "Create"+t.noun, in, nil)
	if cloud.IsCode(err, "EntityAlreadyExists") && t.ours(ctx, name, q) {
		err = nil
	}
	if err != nil {
		return room.Result{}, err
	}
	if err := t.sync(ctx, name, nil, q.New); err != nil {
		return room.Result{Physical: name}, err
	}
	return t.result(ctx, name)
}

// ours tells whether a record that exists already was made by an earlier run of the same step.
func (t entityType) ours(ctx context.Context, name string, q room.Request) bool {
	if str(q.New, t.name()) == "" {
		return true // the name holds the token's hash
	}
	d, err := t.get(ctx, name)
	if err != nil {
		return false
	}
	for _, tag := range d.Tags {
		if tag.Key == "aws:cloudformation:stack-id" && tag.Value != q.StackID || tag.Key == "aws:cloudformation:logical-id" && tag.Value != q.LogicalID {
			return false
		}
	}
	return len(d.Tags) > 0
}

func (t entityType) update(ctx context.Context, q room.Request) (room.Result, error) {
	if changed(q, t.name()) || changed(q, "Path") {
		if name := str(q.New, t.name()); name != "" && name == q.Physical {
			return room.Result{}, errValidation("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", name)
		}
		return t.create(ctx, q)
	}
	if err := t.change(ctx, q); err != nil {
		return room.Result{}, err
	}
	if err := t.sync(ctx, q.Physical, q.Old, q.New); err != nil {
		return room.Result{}, err
	}
	return t.result(ctx, q.Physical)
}

// change applies what is neither a policy nor a group.
func (t entityType) change(ctx context.Context, q room.Request) error {
	if t.noun == "Role" {
		if err := t.changeRole(ctx, q); err != nil {
			return err
		}
	}
	if changed(q, "PermissionsBoundary") {
		in, op := input{t.name(): q.Physical}, "Delete"+t.noun+"PermissionsBoundary"
		if b := str(q.New, "PermissionsBoundary"); b != "" {
			in["PermissionsBoundary"], op = b, "Put"+t.noun+"PermissionsBoundary"
		}
		if err := t.r.call(ctx, op, in, nil); err != nil {
			return err
		}
	}
	if t.noun == "Group" || !changed(q, "Tags") {
		return nil
	}
	var old []struct{ Key string }
	keys := []string{}
	if raw, ok := q.Old["Tags"]; ok && json.Unmarshal(raw, &old) == nil {
		for _, o := range old {
			keys = append(keys, o.Key)
		}
	}
	if err := t.r.call(ctx, "Untag"+t.noun, input{t.name(): q.Physical, "TagKeys": keys}, nil); err != nil {
		return err
	}
	return t.r.call(ctx, "Tag"+t.noun, input{t.name(): q.Physical, "Tags": tags(q)}, nil)
}

func (t entityType) changeRole(ctx context.Context, q room.Request) error {
	if changed(q, "AssumeRolePolicyDocument") {
		in := input{"RoleName": q.Physical, "PolicyDocument": document(q.New["AssumeRolePolicyDocument"])}
		if err := t.r.call(ctx, "UpdateAssumeRolePolicy", in, nil); err != nil {
			return err
		}
	}
	if !changed(q, "Description") && !changed(q, "MaxSessionDuration") {
		return nil
	}
	in := copyProps(input{"RoleName": q.Physical, "Description": ""}, q.New, "Description", "MaxSessionDuration")
	return t.r.call(ctx, "UpdateRole", in, nil)
}

// inline gives the inline policies of a Policies property by name.
func inline(p room.Props) (map[string]string, error) {
	out := map[string]string{}
	raw, ok := p["Policies"]
	if !ok {
		return out, nil
	}
	var all []struct {
		PolicyName     string
		PolicyDocument json.RawMessage
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, errValidation("Policies must be a list of PolicyName and PolicyDocument.")
	}
	for _, one := range all {
		out[one.PolicyName] = document(one.PolicyDocument)
	}
	return out, nil
}

// sync brings inline policies, attached policies and groups from the old to the new state. Every step may have been done before.
func (t entityType) sync(ctx context.Context, name string, old, new room.Props) error {
	was, err := inline(old)
	if err != nil {
		return err
	}
	is, err := inline(new)
	if err != nil {
		return err
	}
	for n := range was {
		if _, keep := is[n]; !keep {
			if err := gone(t.r.call(ctx, "Delete"+t.noun+"Policy", input{t.name(): name, "PolicyName": n}, nil)); err != nil {
				return err
			}
		}
	}
	for n, d := range is {
		if err := t.r.call(ctx, "Put"+t.noun+"Policy", input{t.name(): name, "PolicyName": n, "PolicyDocument": d}, nil); err != nil {
			return err
		}
	}
	if err := t.each(ctx, "Detach"+t.noun+"Policy", name, "PolicyArn", without(list(old, "ManagedPolicyArns"), list(new, "ManagedPolicyArns"))); err != nil {
		return err
	}
	if err := t.each(ctx, "Attach"+t.noun+"Policy", name, "PolicyArn", list(new, "ManagedPolicyArns")); err != nil {
		return err
	}
	if t.noun != "User" {
		return nil
	}
	if err := t.each(ctx, "RemoveUserFromGroup", name, "GroupName", without(list(old, "Groups"), list(new, "Groups"))); err != nil {
		return err
	}
	return t.each(ctx, "AddUserToGroup", name, "GroupName", list(new, "Groups"))
}

// each calls an operation with each of several values. When it takes something away, what is absent is no error.
func (t entityType) each(ctx context.Context, op, name, member string, values []string) error {
	for _, v := range values {
		err := t.r.call(ctx, op, input{t.name(): name, member: v}, nil)
		if op[0] == 'D' || op[0] == 'R' {
			err = gone(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t entityType) delete(ctx context.Context, q room.Request) error {
	if err := gone(t.sync(ctx, q.Physical, q.Old, nil)); err != nil {
		return err
	}
	return gone(t.r.call(ctx, "Delete"+t.noun, input{t.name(): q.Physical}, nil))
}
