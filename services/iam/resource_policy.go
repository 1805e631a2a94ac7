package iam

import (
	"context"
	"encoding/json"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

var nouns = []string{"Role", "User", "Group"}

// eachTarget calls an operation for every role, user and group of a policy resource that keep holds for.
func (r *iamRoom) eachTarget(ctx context.Context, verb string, of, except room.Props, in input) error {
	for _, noun := range nouns {
		for _, name := range without(list(of, noun+"s"), list(except, noun+"s")) {
			one := input{noun + "Name": name}
			for k, v := range in {
				one[k] = v
			}
			err := r.call(ctx, verb+noun+"Policy", one, nil)
			if verb == "Delete" || verb == "Detach" {
				err = gone(err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *iamRoom) createInlineResource(ctx context.Context, q room.Request) (room.Result, error) {
	if len(list(q.New, "Roles"))+len(list(q.New, "Users"))+len(list(q.New, "Groups")) == 0 {
		return room.Result{}, errValidation("At least one of [Groups,Roles,Users] must be non-empty.")
	}
	in := input{"PolicyName": str(q.New, "PolicyName"), "PolicyDocument": document(q.New["PolicyDocument"])}
	id := nameFor(room.Request{StackName: q.StackName, LogicalID: q.LogicalID, Token: q.StackID + q.LogicalID}, "", 64)
	return room.Result{Physical: id, Attributes: map[string]any{"Id": id}}, r.eachTarget(ctx, "Put", q.New, nil, in)
}

func (r *iamRoom) updateInlineResource(ctx context.Context, q room.Request) (room.Result, error) {
	res, err := r.createInlineResource(ctx, q)
	if err != nil {
		return res, err
	}
	res.Physical = q.Physical
	res.Attributes["Id"] = q.Physical
	except := q.New
	if changed(q, "PolicyName") {
		except = nil
	}
	return res, r.eachTarget(ctx, "Delete", q.Old, except, input{"PolicyName": str(q.Old, "PolicyName")})
}

func (r *iamRoom) deleteInlineResource(ctx context.Context, q room.Request) error {
	return r.eachTarget(ctx, "Delete", q.Old, nil, input{"PolicyName": str(q.Old, "PolicyName")})
}

func (r *iamRoom) createPolicyResource(ctx context.Context, q room.Request) (room.Result, error) {
	name := nameFor(q, "ManagedPolicyName", 128)
	in := copyProps(input{"PolicyName": name, "PolicyDocument": document(q.New["PolicyDocument"]), "Tags": tags(q)}, q.New, "Description", "Path")
	var out struct {
		Policy struct{ Arn, PolicyId string }
	}
	err := r.call(ctx, "CreatePolicy", in, &out)
	if cloud.IsCode(err, "EntityAlreadyExists") {
		path := str(q.New, "Path")
		if path == "" {
			path = "/"
		}
		arn := arnOf(account(ctx), "policy", path, name)
		d, derr := r.describe(ctx, arn)
		if derr == nil && d.Tags["aws:cloudformation:stack-id"] == q.StackID && d.Tags["aws:cloudformation:logical-id"] == q.LogicalID {
			out.Policy.Arn, out.Policy.PolicyId, err = arn.String(), d.Attributes["Id"], nil
		}
	}
	if err != nil {
		return room.Result{}, err
	}
	res := room.Result{Physical: out.Policy.Arn, Attributes: map[string]any{"PolicyArn": out.Policy.Arn, "PolicyId": out.Policy.PolicyId}}
	return res, r.eachTarget(ctx, "Attach", q.New, nil, input{"PolicyArn": out.Policy.Arn})
}

// updatePolicyResource makes a new default version; the oldest ones make room for it.
func (r *iamRoom) updatePolicyResource(ctx context.Context, q room.Request) (room.Result, error) {
	if changed(q, "ManagedPolicyName") || changed(q, "Path") || changed(q, "Description") {
		return r.createPolicyResource(ctx, q)
	}
	arn := input{"PolicyArn": q.Physical}
	if changed(q, "PolicyDocument") {
		var out struct {
			Versions []struct {
				VersionId        string
				IsDefaultVersion bool
			}
		}
		if err := r.call(ctx, "ListPolicyVersions", arn, &out); err != nil {
			return room.Result{}, err
		}
		for i := len(out.Versions) - 1; i >= 0 && len(out.Versions) == maxVersions; i-- {
			if !out.Versions[i].IsDefaultVersion {
				if err := gone(r.call(ctx, "DeletePolicyVersion", input{"PolicyArn": q.Physical, "VersionId": out.Versions[i].VersionId}, nil)); err != nil {
					return room.Result{}, err
				}
				break
			}
		}
		in := input{"PolicyArn": q.Physical, "PolicyDocument": document(q.New["PolicyDocument"]), "SetAsDefault": true}
		if err := r.call(ctx, "CreatePolicyVersion", in, nil); err != nil {
			return room.Result{}, err
		}
	}
	if err := r.eachTarget(ctx, "Attach", q.New, nil, arn); err != nil {
		return room.Result{}, err
	}
	if err := r.eachTarget(ctx, "Detach", q.Old, q.New, arn); err != nil {
		return room.Result{}, err
	}
	var out struct{ Policy struct{ PolicyId string } }
	err := r.call(ctx, "GetPolicy", arn, &out)
	return room.Result{Physical: q.Physical, Attributes: map[string]any{"PolicyArn": q.Physical, "PolicyId": out.Policy.PolicyId}}, err
}

func (r *iamRoom) deletePolicyResource(ctx context.Context, q room.Request) error {
	arn := input{"PolicyArn": q.Physical}
	if err := r.eachTarget(ctx, "Detach", q.Old, nil, arn); err != nil {
		return err
	}
	var out struct {
		Versions []struct {
			VersionId        string
			IsDefaultVersion bool
		}
	}
	if err := r.call(ctx, "ListPolicyVersions", arn, &out); err != nil {
		return gone(err)
	}
	for _, v := range out.Versions {
		if !v.IsDefaultVersion {
			if err := gone(r.call(ctx, "DeletePolicyVersion", input{"PolicyArn": q.Physical, "VersionId": v.VersionId}, nil)); err != nil {
				return err
			}
		}
	}
	return gone(r.call(ctx, "DeletePolicy", arn, nil))
}

// createKeyResource makes an access key. A key's id cannot be chosen, so a run that ended between the key and its record leaves one
// more key, which the quota of two bounds.
func (r *iamRoom) createKeyResource(ctx context.Context, q room.Request) (room.Result, error) {
	var out struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	if err := r.call(ctx, "CreateAccessKey", copyProps(input{}, q.New, "UserName"), &out); err != nil {
		return room.Result{}, err
	}
	k := out.AccessKey
	res := room.Result{Physical: k.AccessKeyId, Attributes: map[string]any{"SecretAccessKey": k.SecretAccessKey}}
	if s := str(q.New, "Status"); s != "" && s != active {
		return res, r.call(ctx, "UpdateAccessKey", input{"UserName": str(q.New, "UserName"), "AccessKeyId": k.AccessKeyId, "Status": s}, nil)
	}
	return res, nil
}

func (r *iamRoom) updateKeyResource(ctx context.Context, q room.Request) (room.Result, error) {
	if changed(q, "UserName") || changed(q, "Serial") {
		return r.createKeyResource(ctx, q)
	}
	s := str(q.New, "Status")
	if s == "" {
		s = active
	}
	if err := r.call(ctx, "UpdateAccessKey", input{"UserName": str(q.New, "UserName"), "AccessKeyId": q.Physical, "Status": s}, nil); err != nil {
		return room.Result{}, err
	}
	// The API shows a secret once, but the stack keeps it as an attribute.
	var k accessKey
	err := r.d.Store.View(ctx, func(tx store.Reader) error {
		raw, err := tx.Get(accessKeyKey(account(ctx), q.Physical))
		if err != nil || raw == nil {
			return err
		}
		return json.Unmarshal(raw, &k)
	})
	return room.Result{Physical: q.Physical, Attributes: map[string]any{"SecretAccessKey": k.Secret}}, err
}

func (r *iamRoom) deleteKeyResource(ctx context.Context, q room.Request) error {
	return gone(r.call(ctx, "DeleteAccessKey", input{"UserName": str(q.Old, "UserName"), "AccessKeyId": q.Physical}, nil))
}

func (r *iamRoom) createProfileResource(ctx context.Context, q room.Request) (room.Result, error) {
	name := nameFor(q, "InstanceProfileName", 128)
	in := copyProps(input{"InstanceProfileName": name, "Tags": tags(q)}, q.New, "Path")
	if err := r.call(ctx, "CreateInstanceProfile", in, nil); err != nil {
		d, derr := r.describe(ctx, arnOf(account(ctx), "instance-profile", "/", name))
		if derr != nil || !cloud.IsCode(err, "EntityAlreadyExists") || d.Tags["aws:cloudformation:stack-id"] != q.StackID {
			return room.Result{}, err
		}
	}
	return r.syncProfile(ctx, name, nil, q.New)
}

func (r *iamRoom) syncProfile(ctx context.Context, name string, old, new room.Props) (room.Result, error) {
	for _, n := range without(list(old, "Roles"), list(new, "Roles")) {
		if err := gone(r.call(ctx, "RemoveRoleFromInstanceProfile", input{"InstanceProfileName": name, "RoleName": n}, nil)); err != nil {
			return room.Result{}, err
		}
	}
	for _, n := range without(list(new, "Roles"), list(old, "Roles")) {
		err := r.call(ctx, "AddRoleToInstanceProfile", input{"InstanceProfileName": name, "RoleName": n}, nil)
		if err != nil && !cloud.IsCode(err, "LimitExceeded") {
			return room.Result{Physical: name}, err
		}
	}
	var out struct {
		InstanceProfile struct {
			Arn   string
			Roles []struct{ RoleName string }
		}
	}
	err := r.call(ctx, "GetInstanceProfile", input{"InstanceProfileName": name}, &out)
	if want := list(new, "Roles"); err == nil && len(want) == 1 && (len(out.InstanceProfile.Roles) != 1 || out.InstanceProfile.Roles[0].RoleName != want[0]) {
		err = errLimit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	return room.Result{Physical: name, Attributes: map[string]any{"Arn": out.InstanceProfile.Arn}}, err
}

func (r *iamRoom) updateProfileResource(ctx context.Context, q room.Request) (room.Result, error) {
	if changed(q, "InstanceProfileName") || changed(q, "Path") {
		return r.createProfileResource(ctx, q)
	}
	return r.syncProfile(ctx, q.Physical, q.Old, q.New)
}

func (r *iamRoom) deleteProfileResource(ctx context.Context, q room.Request) error {
	for _, n := range list(q.Old, "Roles") {
		if err := gone(r.call(ctx, "RemoveRoleFromInstanceProfile", input{"InstanceProfileName": q.Physical, "RoleName": n}, nil)); err != nil {
			return err
		}
	}
	return gone(r.call(ctx, "DeleteInstanceProfile", input{"InstanceProfileName": q.Physical}, nil))
}
