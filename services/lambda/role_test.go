package lambda

import (
	"context"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute"
	"sundog/engine/store"
	"sundog/services/servicetest"
)

// A role that is there must let Lambda assume it, and may send to the dead letter target.
func TestRolesOfFunctions(t *testing.T) {
	var denied string
	b := open(t, (&machine{}).on(nil), func(k *servicetest.Kit) {
		k.Directory.Put(cloud.ARN{Partition: "aws", Service: "iam", Account: servicetest.Scope.Account, Resource: "role/r"}, cloud.Description{Type: "AWS::IAM::Role"}, nil)
		k.Authorise = func(_ context.Context, d bus.Delivery, action string) error {
			if action == denied && (d.As.Service == principal || d.As.Role.String() == role) {
				return cloud.Errorf(cloud.Denied, "AccessDenied", "no")
			}
			return nil
		}
	})
	const invalid = "InvalidParameterValueException"
	create := func(name string, change ...func(*api.CreateFunctionInput)) error {
		in := &api.CreateFunctionInput{FunctionName: &name, Runtime: new("nodejs20.x"), Handler: new("index.handler"), Role: new(role), Code: &api.FunctionCode{ZipFile: zipped(t, map[string]string{"index.js": "1"})}}
		for _, c := range change {
			c(in)
		}
		_, err := b.r.createFunction(b.ctx, in)
		return err
	}
	update := func(in api.UpdateFunctionConfigurationInput) error {
		in.FunctionName = new("f")
		_, err := b.r.updateConfiguration(b.ctx, &in)
		return err
	}
	queue := &api.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:000000000000:dead")}
	topic := &api.DeadLetterConfig{TargetArn: new("arn:aws:sns:eu-west-1:000000000000:dead")}
	if err := create("f"); err != nil {
		t.Fatal(err)
	}
	if err := create("missing", func(in *api.CreateFunctionInput) { in.Role = new("arn:aws:iam::000000000000:role/none") }); err != nil {
		t.Fatal("a role that does not exist:", err)
	}
	wantError(t, create("g", func(in *api.CreateFunctionInput) { in.Role = new("arn:aws:iam::123456789012:role/r") }), "AccessDeniedException", "Cross-account pass role is not allowed.")

	denied = "sts:AssumeRole"
	wantError(t, create("g"), invalid, "The role defined for the function cannot be assumed by Lambda.")
	wantError(t, update(api.UpdateFunctionConfigurationInput{Role: new(role)}), invalid, "The role defined for the function cannot be assumed by Lambda.")
	if err := update(api.UpdateFunctionConfigurationInput{Timeout: new(int32(9))}); err != nil {
		t.Fatal("what leaves the role as it is:", err)
	}
	denied = "sqs:SendMessage"
	wantError(t, create("g", func(in *api.CreateFunctionInput) { in.DeadLetterConfig = queue }), invalid, "The provided execution role does not have permissions to call SendMessage on SQS")
	if err := update(api.UpdateFunctionConfigurationInput{DeadLetterConfig: topic}); err != nil {
		t.Fatal(err)
	}
	denied = "sns:Publish"
	wantError(t, update(api.UpdateFunctionConfigurationInput{DeadLetterConfig: topic}), invalid, "The provided execution role does not have permissions to call Publish on SNS")
	wantError(t, update(api.UpdateFunctionConfigurationInput{Role: new(role)}), invalid, "The provided execution role does not have permissions to call Publish on SNS")
	if err := update(api.UpdateFunctionConfigurationInput{DeadLetterConfig: &api.DeadLetterConfig{TargetArn: new("")}}); err != nil {
		t.Fatal(err)
	}
	for to, action := range map[string]string{
		"arn:aws:sqs:eu-west-1:000000000000:q": "sqs:SendMessage", "arn:aws:sns:eu-west-1:000000000000:t": "sns:Publish", "arn:aws:lambda:eu-west-1:000000000000:function:missing": "lambda:InvokeFunction",
		"arn:aws:events:eu-west-1:000000000000:event-bus/b": "events:PutEvents", "arn:aws:s3:::b": "s3:PutObject",
	} {
		in := &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), DestinationConfig: &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: &to}}}
		denied = action
		_, verb, _ := strings.Cut(action, ":")
		_, err := b.r.putEventConfig(b.ctx, in)
		wantError(t, err, invalid, "The function's execution role does not have permissions to call "+verb+" on "+to)
		denied = ""
		if _, err := b.r.putEventConfig(b.ctx, in); err != nil {
			t.Fatal(to, err)
		}
	}
}

func TestOrderedDestinations(t *testing.T) {
	b := prepared(t)
	for _, to := range []string{"arn:aws:sqs:eu-west-1:000000000000:q.fifo", "arn:aws:sns:eu-west-1:000000000000:t.fifo"} {
		_, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), DestinationConfig: &api.DestinationConfig{OnSuccess: &api.OnSuccess{Destination: &to}}})
		wantError(t, err, "InvalidParameterValueException", "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="+to+"), onFailure=null) is invalid.")
	}
}

// Whoever gives a function a role must be allowed to pass it to Lambda.
func TestPassingRoles(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	for _, o := range b.r.functionOperations() {
		in := map[string]any{"CreateFunction": &api.CreateFunctionInput{FunctionName: new("f"), Role: new(role)}, "UpdateFunctionConfiguration": &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Role: new(role)}}[o.Name]
		if in == nil {
			continue
		}
		access, err := o.Access(b.ctx, in)
		if err != nil || len(access) != 2 || access[1].Action != "iam:PassRole" || access[1].Resource.String() != role || access[1].Keys["iam:passedtoservice"][0] != principal {
			t.Fatal(o.Name, access, err)
		}
	}
}

// What AWS has retired is refused, also where the machine could run it; what it only no longer supports is not.
func TestRetiredRuntimes(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("old", "1")
	known := map[string]compute.Runtime{}
	for _, name := range []string{"nodejs14.x", "nodejs18.x", "go1.x", "provided", "provided.al2", "python3.7", "python3.8"} {
		known[name] = compute.Runtime{Name: name, Interpreter: "/bin/true"}
	}
	b.r.runtimes = func() map[string]compute.Runtime { return known }
	const retired = " is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
	for name, taken := range map[string]bool{
		"nodejs14.x": false, "go1.x": false, "provided": false, "python3.7": false, "ruby2.7": false, "dotnetcore3.1": false, "dotnet6": false, "nodejs18.x": true, "provided.al2": true, "python3.8": true,
	} {
		_, err := b.r.createFunction(b.ctx, &api.CreateFunctionInput{
			FunctionName: new(strings.ReplaceAll(name, ".", "-")), Runtime: &name, Handler: new("index.handler"), Role: new(role), Code: &api.FunctionCode{ZipFile: zipped(t, map[string]string{"index.js": "1"})},
		})
		if !taken {
			wantError(t, err, "InvalidParameterValueException", "The runtime parameter of "+name+retired)
		} else if err != nil {
			t.Fatal(name, err)
		}
	}
	// One that was made before its runtime was retired runs; it changes only together with its runtime.
	f := ref{Scope: servicetest.Scope, name: "old"}
	if err := b.r.change(b.ctx, f, func(_ store.Tx, fn *function) error { fn.Latest.Config.Runtime = new("go1.x"); return nil }); err != nil {
		t.Fatal(err)
	}
	b.answers("old", `{"a":1}`, `{"a":1}`)
	_, code := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("old"), ZipFile: zipped(t, map[string]string{"index.js": "2"})})
	_, settings := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("old"), Timeout: new(int32(9))})
	for _, err := range []error{code, settings} {
		wantError(t, err, "InvalidParameterValueException", "The runtime parameter of go1.x"+retired)
	}
	if _, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("old"), Runtime: new("provided.al2")}); err != nil {
		t.Fatal(err)
	}
}

// What is given empty is as if it had never been given.
func TestEmptySettings(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) {
		in.KMSKeyArn, in.TracingConfig = new("arn:aws:kms:eu-west-1:000000000000:key/k"), &api.TracingConfig{Mode: new("Active")}
	})
	got, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), KMSKeyArn: new(""), TracingConfig: &api.TracingConfig{}})
	if err != nil || got.KMSKeyArn != nil || *got.TracingConfig.Mode != "Active" {
		t.Fatalf("%+v %v", got, err)
	}
}

// Copies of functions at an edge are listed by the region of the original: there are none.
func TestListOfEdgeFunctions(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	for region, n := range map[string]int{"ALL": 1, "us-east-1": 0} {
		got, err := b.r.listFunctions(b.ctx, &api.ListFunctionsInput{MasterRegion: &region, FunctionVersion: new("ALL")})
		if err != nil || len(got.Functions) != n {
			t.Fatal(region, got, err)
		}
	}
	_, err := b.r.listFunctions(b.ctx, &api.ListFunctionsInput{MasterRegion: new("ALL")})
	wantError(t, err, "InvalidParameterValueException", "FunctionVersion must be ALL")
}
