package lambda

import (
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/services/servicetest"
)

// Operations that are given an ARN of another region do not reach there, whatever the ARN names.
func TestResourcesOfOtherRegions(t *testing.T) {
	b := prepared(t)
	code := &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"a": "b"})}
	there := cloud.WithCall(b.ctx, cloud.Call{Scope: cloud.Scope{Account: servicetest.Scope.Account, Region: "us-east-1"}})
	if _, err := b.r.publishLayer(there, &api.PublishLayerVersionInput{LayerName: new("l"), Content: code}); err != nil {
		t.Fatal(err)
	}
	const far = "arn:aws:lambda:us-east-1:000000000000:"
	const gone = "The resource you requested does not exist."
	layer := new(far + "layer:l")
	for resource, want := range map[string]string{
		far + "function:f": "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
		*layer:             gone,
		far + "event-source-mapping:00000000-0000-0000-0000-000000000000": gone,
		far + "code-signing-config:csc-aaaaaaaaaaaaaaaaa":                 gone,
	} {
		_, err := b.r.listTags(b.ctx, &api.ListTagsInput{Resource: &resource})
		wantError(t, err, "ResourceNotFoundException", want)
		_, err = b.r.tagResource(b.ctx, &api.TagResourceInput{Resource: &resource, Tags: map[string]string{"a": "1"}})
		wantError(t, err, "ResourceNotFoundException", want)
		_, err = b.r.untagResource(b.ctx, &api.UntagResourceInput{Resource: &resource, TagKeys: []string{"a"}})
		wantError(t, err, "ResourceNotFoundException", want)
	}
	_, err := b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: layer, Content: code})
	wantError(t, err, "ResourceNotFoundException", gone)
	_, err = b.r.listLayerVersions(b.ctx, &api.ListLayerVersionsInput{LayerName: layer})
	wantError(t, err, "ResourceNotFoundException", gone)
	_, err = b.r.getLayerByARN(b.ctx, &api.GetLayerVersionByArnInput{Arn: new(*layer + ":1")})
	wantError(t, err, "ResourceNotFoundException", gone)
	if got, err := b.r.listLayerVersions(there, &api.ListLayerVersionsInput{LayerName: layer}); err != nil || len(got.LayerVersions) != 1 {
		t.Fatal(got, err)
	}
}

// Packages come out of buckets of the function's region, and functions of another are no destinations.
func TestFarBucketsAndDestinations(t *testing.T) {
	b := prepared(t)
	b.Directory.Put(cloud.ARN{Partition: "aws", Service: "s3", Resource: "far"}, cloud.Description{Type: "AWS::S3::Bucket", Attributes: map[string]string{"Region": "us-east-1"}}, nil)
	const want = "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this region: us-east-1. Please use this region to retry the request"
	_, err := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), S3Bucket: new("far"), S3Key: new("k")})
	wantError(t, err, "InvalidParameterValueException", want)
	_, err = b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{S3Bucket: new("far"), S3Key: new("k")}})
	wantError(t, err, "InvalidParameterValueException", want)
	there := cloud.WithCall(b.ctx, cloud.Call{Scope: cloud.Scope{Account: servicetest.Scope.Account, Region: "us-east-1"}})
	if _, err := b.r.createFunction(there, &api.CreateFunctionInput{
		FunctionName: new("g"), Runtime: new("nodejs20.x"), Handler: new("x.y"), Role: new(role), Code: &api.FunctionCode{ZipFile: zipped(t, map[string]string{"a": "b"})},
	}); err != nil {
		t.Fatal(err)
	}
	to := "arn:aws:lambda:us-east-1:000000000000:function:g"
	_, err = b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), DestinationConfig: &api.DestinationConfig{OnSuccess: &api.OnSuccess{Destination: &to}}})
	wantError(t, err, "InvalidParameterValueException", "The destination ARN "+to+" is invalid.")
}

// The three operations on provisioned concurrency say the same of what is not there.
func TestProvisioningWhatIsNotThere(t *testing.T) {
	b := prepared(t)
	const at = "arn:aws:lambda:eu-west-1:000000000000:function:"
	for _, c := range []struct{ name, qualifier, want string }{
		{"f", "none", "Cannot find alias arn: " + at + "f:none"},
		{"f", "99", "Function not found: " + at + "f:99"},
		{"none", "live", "Cannot find alias arn: " + at + "none:live"},
		{"none", "1", "Function not found: " + at + "none:1"},
	} {
		_, err := b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: &c.name, Qualifier: &c.qualifier})
		wantError(t, err, "ResourceNotFoundException", c.want)
		_, err = b.r.putProvisioned(b.ctx, &api.PutProvisionedConcurrencyConfigInput{FunctionName: &c.name, Qualifier: &c.qualifier, ProvisionedConcurrentExecutions: new(int32(1))})
		wantError(t, err, "ResourceNotFoundException", c.want)
		_, err = b.r.deleteProvisioned(b.ctx, &api.DeleteProvisionedConcurrencyConfigInput{FunctionName: &c.name, Qualifier: &c.qualifier})
		wantError(t, err, "ResourceNotFoundException", c.want)
	}
	if _, err := b.r.deleteProvisioned(b.ctx, &api.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("live")}); err != nil {
		t.Fatal(err) // there, with nothing provisioned
	}
}

// A network that was given once stays to be seen, and empty when it was taken away; a function that never had one shows none.
func TestNetworkTakenAway(t *testing.T) {
	b := prepared(t)
	if got := b.configurationOf("f", "").VpcConfig; got != nil {
		t.Fatal(got)
	}
	set := func(v api.VpcConfig) *api.VpcConfigResponse {
		if _, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), VpcConfig: &v}); err != nil {
			t.Fatal(err)
		}
		return b.configurationOf("f", "").VpcConfig
	}
	if got := set(api.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}); len(got.SubnetIds) != 1 || len(got.SecurityGroupIds) != 1 || *got.Ipv6AllowedForDualStack {
		t.Fatalf("%+v", got)
	}
	if got := set(api.VpcConfig{}); got == nil || got.SubnetIds == nil || len(got.SubnetIds)+len(got.SecurityGroupIds) > 0 || *got.VpcId != "" || *got.Ipv6AllowedForDualStack {
		t.Fatalf("%+v", got)
	}
}

// A runtime version that was named manually holds the function to its runtime. A template that names another one lets go of it first.
func TestRuntimeHeldManually(t *testing.T) {
	b, _, _ := templates(t)
	function := func(more string) string {
		return `{"FunctionName":"f","Handler":"index.h","Role":"` + role + `","Code":{"ZipFile":"exports.h = 1"},` + more + `}`
	}
	version := b.r.runtimeVersion(servicetest.Scope.Region, "nodejs20.x")
	held := function(`"Runtime":"nodejs20.x","RuntimeManagementConfig":{"UpdateRuntimeOn":"Manual","RuntimeVersionArn":"` + version + `"}`)
	b.put("Function", "", "", held)
	change := func(runtime string) error {
		_, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Runtime: &runtime})
		return err
	}
	wantError(t, change("python3.12"), "InvalidParameterValueException", "Cannot change runtime identifier when runtime management configuration is set to 'Manual'. Change the runtime management configuration to 'Auto' or 'FunctionUpdate', then retry.")
	if err := change("nodejs20.x"); err != nil {
		t.Fatal(err)
	}
	b.put("Function", "f", held, function(`"Runtime":"python3.12"`))
	if got := *b.configurationOf("f", "").Runtime; got != "python3.12" {
		t.Fatal(got)
	}
}
