package lambda

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/services/servicetest"
)

// prepared has a function f with version 1 and alias live.
func prepared(t *testing.T) *bench {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	b.publish(nil)
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	return b
}

// Operations that change or show what belongs to a whole function say so of versions and aliases.
func TestNamesWithQualifiers(t *testing.T) {
	b := prepared(t)
	const whole = "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."
	const newest = "Current operation does not support versions other than $LATEST"
	for _, q := range []string{"f:1", "f:live", "f:$LATEST"} {
		for name, call := range map[string]func() error{
			"put": func() error {
				_, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: &q, ReservedConcurrentExecutions: new(int32(1))})
				return err
			},
			"get": func() error {
				_, err := b.r.getConcurrency(b.ctx, &api.GetFunctionConcurrencyInput{FunctionName: &q})
				return err
			},
			"delete": func() error {
				_, err := b.r.deleteConcurrency(b.ctx, &api.DeleteFunctionConcurrencyInput{FunctionName: &q})
				return err
			},
		} {
			if err := call(); !cloud.IsCode(err, "InvalidParameterValueException") || cloud.AsError(err).Message != whole {
				t.Fatal(name, q, err)
			}
		}
		_, code := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: &q, ZipFile: zipped(t, map[string]string{"index.js": "2"})})
		_, configuration := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: &q, Timeout: new(int32(4))})
		for _, err := range []error{code, configuration} {
			if q == "f:$LATEST" {
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			wantError(t, err, "InvalidParameterValueException", newest)
		}
	}
}

// A reservation is the whole function's: versions and aliases do not show it.
func TestReservationShown(t *testing.T) {
	b := prepared(t)
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: new(int32(5))}); err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]bool{"f": true, "f:1": false, "f:live": false} {
		got, err := b.r.getFunction(b.ctx, &api.GetFunctionInput{FunctionName: &name})
		if err != nil || (got.Concurrency != nil) != shown {
			t.Fatal(name, got, err)
		}
	}
}

func TestMissingAliases(t *testing.T) {
	b := prepared(t)
	const want = "Cannot find alias arn: arn:aws:lambda:eu-west-1:000000000000:function:f:none"
	_, err := b.r.getAlias(b.ctx, &api.GetAliasInput{FunctionName: new("f"), Name: new("none")})
	wantError(t, err, "ResourceNotFoundException", want)
	_, err = b.r.addPermission(b.ctx, &api.AddPermissionInput{FunctionName: new("f:none"), StatementId: new("s"), Action: new("lambda:InvokeFunction"), Principal: new("*")})
	wantError(t, err, "ResourceNotFoundException", want)
	_, err = b.r.getPolicy(b.ctx, &api.GetPolicyInput{FunctionName: new("f"), Qualifier: new("none")})
	wantError(t, err, "ResourceNotFoundException", want)
	_, err = b.r.putProvisioned(b.ctx, &api.PutProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("none"), ProvisionedConcurrentExecutions: new(int32(1))})
	wantError(t, err, "ResourceNotFoundException", want)
	_, err = b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("none")})
	wantError(t, err, "ResourceNotFoundException", want)
	_, err = b.r.putProvisioned(b.ctx, &api.PutProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new(latest), ProvisionedConcurrentExecutions: new(int32(1))})
	wantError(t, err, "InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	_, err = b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new(latest)})
	wantError(t, err, "InvalidParameterValueException", "The function resource provided must be an alias or a published version.")
	_, err = b.r.deleteProvisioned(b.ctx, &api.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new(latest)})
	wantError(t, err, "InvalidParameterValueException", "The function resource provided must be an alias or a published version.")
	_, err = b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("9")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:f:9")
}

func TestPrincipals(t *testing.T) {
	b := prepared(t)
	b.Directory.Put(cloud.ARN{Partition: "aws", Service: "iam", Account: servicetest.Scope.Account, Resource: "user/ada"}, cloud.Description{Type: "AWS::IAM::User"}, nil)
	add := func(principal string, change ...func(*api.AddPermissionInput)) error {
		in := &api.AddPermissionInput{FunctionName: new("f"), StatementId: new(strings.ReplaceAll(b.Deps.IDs.UUID(), "-", "")), Action: new("lambda:InvokeFunction"), Principal: &principal}
		for _, c := range change {
			c(in)
		}
		_, err := b.r.addPermission(b.ctx, in)
		return err
	}
	own := "arn:aws:iam::" + servicetest.Scope.Account
	for _, p := range []string{"s3.amazonaws.com", "alexa-appkit.amazon.com", "*", "123456789012", own + ":root", own + ":user/ada", "arn:aws:iam::123456789012:user/somebody"} {
		if err := add(p); err != nil {
			t.Fatal(p, err)
		}
	}
	for _, p := range []string{"invalid.nonaws.com", "foo", own + ":user/nobody", own + ":role/none"} {
		wantError(t, add(p), "InvalidParameterValueException", "The provided principal was invalid. Please check the principal and try again.")
	}
	wantError(t, add("*", func(in *api.AddPermissionInput) { in.FunctionUrlAuthType = new(authNone) }), "InvalidParameterValueException", "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	remove := func(q string) error {
		_, err := b.r.removePermission(b.ctx, &api.RemovePermissionInput{FunctionName: new("f"), Qualifier: &q, StatementId: new("none")})
		return err
	}
	wantError(t, remove(""), "ResourceNotFoundException", "Statement none is not found in resource policy.")
	wantError(t, remove("live"), "ResourceNotFoundException", "No policy is associated with the given resource.")
}

func TestTagRules(t *testing.T) {
	b := prepared(t)
	if _, err := b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"a": "b"})}}); err != nil {
		t.Fatal(err)
	}
	tag := func(resource string, tags map[string]string) error {
		_, err := b.r.tagResource(b.ctx, &api.TagResourceInput{Resource: &resource, Tags: tags})
		return err
	}
	tags := func(resource string) map[string]string {
		got, err := b.r.listTags(b.ctx, &api.ListTagsInput{Resource: &resource})
		if err != nil {
			t.Fatal(err)
		}
		return got.Tags
	}
	const at = "arn:aws:lambda:eu-west-1:000000000000:"
	for _, resource := range []string{at + "function:f", at + "layer:l"} {
		wantError(t, tag(resource, nil), "InvalidParameterValueException", "An error occurred and the request cannot be processed.")
		wantError(t, tag(resource, map[string]string{"aws:x": "1"}), "InvalidParameterValueException", "reserved") // ours
		if err := tag(resource, map[string]string{"a": "1", "b": "2"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.r.untagResource(b.ctx, &api.UntagResourceInput{Resource: &resource, TagKeys: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
		if got := tags(resource); !maps.Equal(got, map[string]string{"b": "2"}) {
			t.Fatal(resource, got)
		}
	}
	if _, err := b.r.deleteLayer(b.ctx, &api.DeleteLayerVersionInput{LayerName: new("l"), VersionNumber: new(int64(1))}); err != nil {
		t.Fatal(err)
	}
	wantError(t, tag(at+"layer:l", map[string]string{"a": "1"}), "ResourceNotFoundException", "The resource you requested does not exist.")
	wantError(t, tag(at+"layer:none", map[string]string{"a": "1"}), "ResourceNotFoundException", "The resource you requested does not exist.")
	_, err := b.r.createMapping(b.ctx, &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(queueARN.String()), Tags: map[string]string{"aws:x": "1"}})
	wantError(t, err, "InvalidParameterValueException", "reserved")
}

func TestVpcOfTwoKinds(t *testing.T) {
	b := prepared(t)
	for _, v := range []*api.VpcConfig{{SubnetIds: []string{"subnet-1"}}, {SecurityGroupIds: []string{"sg-1"}}} {
		_, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), VpcConfig: v})
		wantError(t, err, "InvalidParameterValueException", "SubnetIds and SecurityIds must coexist or be both empty list.")
	}
}

// Another account's layer is that account's to give, by the policy of the version.
func TestLayersOfOthers(t *testing.T) {
	b := prepared(t)
	var asked []string
	b.Authorise = func(_ context.Context, d bus.Delivery, action string) error {
		asked = append(asked, action+" "+d.Target.String())
		p, err := b.r.policies.Lookup(b.r.readPolicy)(b.ctx, d.Target)
		if err == nil && p == nil {
			err = cloud.Errorf(cloud.Denied, "AccessDenied", "no resource-based policy allows it")
		}
		return err
	}
	theirs := cloud.WithCall(b.ctx, cloud.Call{Scope: cloud.Scope{Account: "000000000002", Region: servicetest.Scope.Region}})
	l, err := b.r.publishLayer(theirs, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"a": "b"})}})
	if err != nil {
		t.Fatal(err)
	}
	use := func(more ...string) error {
		_, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Layers: append(more, *l.LayerVersionArn)})
		return err
	}
	wantError(t, use("arn:aws:lambda:eu-west-1:000000000002:layer:none:1"), "AccessDeniedException", "no resource-based policy allows it") // as if it were there
	asked = nil
	wantError(t, use(), "AccessDeniedException", "no resource-based policy allows it")
	if _, err := b.r.addLayerPermission(theirs, &api.AddLayerVersionPermissionInput{LayerName: new("l"), VersionNumber: l.Version, StatementId: new("all"), Action: new("lambda:GetLayerVersion"), Principal: new("*")}); err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil; n++ {
		sid := strings.Repeat("s", 90) + strconv.Itoa(n)
		_, err = b.r.addLayerPermission(theirs, &api.AddLayerVersionPermissionInput{LayerName: new("l"), VersionNumber: l.Version, StatementId: &sid, Action: new("lambda:GetLayerVersion"), Principal: new("*")})
	}
	wantError(t, err, "PolicyLengthExceededException", "is bigger than the limit (20480)")
	if err := use(); err != nil || asked[0] != "lambda:GetLayerVersion "+*l.LayerVersionArn {
		t.Fatal(err, asked)
	}
	if got, err := b.r.getLayer(b.ctx, &api.GetLayerVersionInput{LayerName: l.LayerArn, VersionNumber: l.Version}); err != nil || *got.LayerVersionArn != *l.LayerVersionArn {
		t.Fatal(got, err)
	}
	_, err = b.r.getLayer(b.ctx, &api.GetLayerVersionInput{LayerName: new("arn:aws:lambda:us-east-1:000000000002:layer:l"), VersionNumber: l.Version})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	access, err := onLayerVersion("GetLayerVersion", func(in *api.GetLayerVersionInput) (*string, *int64) { return in.LayerName, in.VersionNumber })(b.ctx, &api.GetLayerVersionInput{LayerName: l.LayerArn, VersionNumber: l.Version})
	if err != nil || access[0].Resource.String() != *l.LayerVersionArn {
		t.Fatal(access, err)
	}
}

// A name with points is looked for, though no function has one.
func TestNamesWithPoints(t *testing.T) {
	b := prepared(t)
	for name, want := range map[string]string{"a.b": "function:a.b", "f:$LATEST.PUBLISHED": "function:f:$LATEST.PUBLISHED"} {
		_, err := b.r.getConfiguration(b.ctx, &api.GetFunctionConfigurationInput{FunctionName: &name})
		wantError(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:000000000000:"+want)
	}
}
