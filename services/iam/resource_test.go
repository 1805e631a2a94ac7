package iam

import (
	"encoding/json"
	"strings"
	"testing"

	"sundog/cloud"
	"sundog/services/room"
)

func props(t testing.TB, text string) room.Props {
	t.Helper()
	if text == "" {
		return nil
	}
	var p room.Props
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *house) kind(t testing.TB, name string) room.ResourceType {
	t.Helper()
	for _, k := range h.room.Resources {
		if k.Type == name {
			return k
		}
	}
	t.Fatal(name)
	return room.ResourceType{}
}

func step(t testing.TB, physical, old, new string) room.Request {
	return room.Request{
		StackName: "shop", StackID: "arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/1", LogicalID: "Thing", Physical: physical,
		Old: props(t, old), New: props(t, new), Token: "token" + physical + new, Tags: map[string]string{"STAGE": "dev"},
	}
}

// TestResources creates, repeats, updates, and deletes (twice) a resource of every type.
func TestResources(t *testing.T) {
	const doc = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`
	const doc2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sqs:*","Resource":"*"}]}`
	for _, c := range []struct{ kind, create, update, attribute string }{
		{"AWS::IAM::Role",
			`{"AssumeRolePolicyDocument":` + lambdaTrust + `,"Policies":[{"PolicyName":"a","PolicyDocument":` + doc + `}],"ManagedPolicyArns":["arn:aws:iam::aws:policy/AmazonSQSFullAccess"],"Tags":[{"Key":"k","Value":"v"}]}`,
			`{"AssumeRolePolicyDocument":` + lambdaTrust + `,"Description":"d","MaxSessionDuration":7200,"Policies":[{"PolicyName":"b","PolicyDocument":` + doc2 + `}],"ManagedPolicyArns":["arn:aws:iam::aws:policy/AmazonS3FullAccess"],"PermissionsBoundary":"arn:aws:iam::aws:policy/PowerUserAccess","Tags":[{"Key":"l","Value":"v"}]}`, "RoleId"},
		{"AWS::IAM::User", `{"Groups":["g"],"Policies":[{"PolicyName":"a","PolicyDocument":` + doc + `}]}`, `{"ManagedPolicyArns":["arn:aws:iam::aws:policy/AmazonS3FullAccess"]}`, "Arn"},
		{"AWS::IAM::Group", `{"Policies":[{"PolicyName":"a","PolicyDocument":` + doc + `}]}`, `{"Policies":[{"PolicyName":"a","PolicyDocument":` + doc2 + `}]}`, "Arn"},
		{"AWS::IAM::Policy", `{"PolicyName":"p","PolicyDocument":` + doc + `,"Roles":["r"],"Groups":["g"]}`, `{"PolicyName":"p2","PolicyDocument":` + doc2 + `,"Roles":["r"]}`, "Id"},
		{"AWS::IAM::ManagedPolicy", `{"PolicyDocument":` + doc + `,"Roles":["r"]}`, `{"PolicyDocument":` + doc2 + `,"Groups":["g"]}`, "PolicyId"},
		{"AWS::IAM::InstanceProfile", `{"Roles":["r"]}`, `{"Roles":["r2"]}`, "Arn"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			h := newHouse(t)
			h.do(t, "CreateGroup", input{"GroupName": "g"})
			h.do(t, "CreateRole", input{"RoleName": "r", "AssumeRolePolicyDocument": lambdaTrust})
			h.do(t, "CreateRole", input{"RoleName": "r2", "AssumeRolePolicyDocument": lambdaTrust})
			ctx, k := h.ctx(cloud.RootOf(owner)), h.kind(t, c.kind)
			first, err := k.Create(ctx, step(t, "", "", c.create))
			if err != nil || first.Attributes[c.attribute] == "" || first.Attributes[c.attribute] == nil || !strings.Contains(first.Physical, "shop-Thing-") {
				t.Fatal(first, err)
			}
			again, err := k.Create(ctx, step(t, "", "", c.create))
			if err != nil || again.Physical != first.Physical || again.Attributes[c.attribute] != first.Attributes[c.attribute] {
				t.Fatal(again, err)
			}
			for range 2 {
				updated, err := k.Update(ctx, step(t, first.Physical, c.create, c.update))
				if err != nil || updated.Physical != first.Physical || updated.Attributes[c.attribute] != first.Attributes[c.attribute] {
					t.Fatal(updated, err)
				}
			}
			for range 2 {
				if err := k.Delete(ctx, step(t, first.Physical, c.update, "")); err != nil {
					t.Fatal(err)
				}
			}
			h.do(t, "DeleteRole", input{"RoleName": "r"})
			h.do(t, "DeleteRole", input{"RoleName": "r2"})
			h.do(t, "DeleteGroup", input{"GroupName": "g"})
		})
	}
}

func TestRoleResourceIsApplied(t *testing.T) {
	h := newHouse(t)
	ctx, k := h.ctx(cloud.RootOf(owner)), h.kind(t, "AWS::IAM::Role")
	create := `{"RoleName":"fn","AssumeRolePolicyDocument":` + lambdaTrust + `,"Policies":[{"PolicyName":"a","PolicyDocument":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}]}`
	if _, err := k.Create(ctx, step(t, "", "", create)); err != nil {
		t.Fatal(err)
	}
	other := step(t, "", "", create)
	other.LogicalID = "Other"
	if _, err := k.Create(ctx, other); !cloud.IsCode(err, "EntityAlreadyExists") {
		t.Error("another resource took the name:", err)
	}
	moved := strings.Replace(create, `"RoleName":"fn"`, `"RoleName":"fn","Path":"/x/"`, 1)
	if _, err := k.Update(ctx, step(t, "fn", create, moved)); !cloud.IsCode(err, "ValidationError") {
		t.Error(err)
	}
	renamed, err := k.Update(ctx, step(t, "fn", create, strings.Replace(create, `"fn"`, `"fn2"`, 1)))
	if err != nil || renamed.Physical != "fn2" {
		t.Error(renamed, err)
	}
	out := string(h.do(t, "ListRoleTags", input{"RoleName": "fn2"}))
	if !strings.Contains(out, `"STAGE"`) || !strings.Contains(out, `"aws:cloudformation:logical-id"`) {
		t.Error(out)
	}
}

func TestAccessKeyResource(t *testing.T) {
	h := newHouse(t)
	h.do(t, "CreateUser", input{"UserName": "ann"})
	ctx, k := h.ctx(cloud.RootOf(owner)), h.kind(t, "AWS::IAM::AccessKey")
	res, err := k.Create(ctx, step(t, "", "", `{"UserName":"ann","Status":"Inactive"}`))
	if err != nil || res.Attributes["SecretAccessKey"] == "" {
		t.Fatal(res, err)
	}
	if _, _, _, err := h.id.Secret(ctx, res.Physical, ""); !cloud.IsCode(err, "InvalidClientTokenId") {
		t.Error("inactive:", err)
	}
	updated, err := k.Update(ctx, step(t, res.Physical, `{"UserName":"ann","Status":"Inactive"}`, `{"UserName":"ann"}`))
	if err != nil || updated.Attributes["SecretAccessKey"] != res.Attributes["SecretAccessKey"] {
		t.Fatal(updated, err)
	}
	if secret, _, _, err := h.id.Secret(ctx, res.Physical, ""); err != nil || secret != res.Attributes["SecretAccessKey"] {
		t.Error(err)
	}
	for range 2 {
		if err := k.Delete(ctx, step(t, res.Physical, `{"UserName":"ann"}`, "")); err != nil {
			t.Error(err)
		}
	}
}
