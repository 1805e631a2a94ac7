package lambda

import (
	"fmt"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/services/room"
)

func TestManagedFunctionResource(t *testing.T) {
	b, g, _ := templates(t)
	signing := b.put("CodeSigningConfig", "", "", `{"AllowedPublishers":{"SigningProfileVersionArns":["arn:aws:signer:eu-west-1:000000000000:/signing-profiles/p/1"]},"Description":"d"}`)
	b.put("CodeSigningConfig", signing.Physical, `{"Description":"d"}`, `{"AllowedPublishers":{"SigningProfileVersionArns":["arn:aws:signer:eu-west-1:000000000000:/signing-profiles/q/1"]}}`)
	first := fmt.Sprintf(functionTemplate, `,"RecursiveLoop":"Allow","RuntimeManagementConfig":{"UpdateRuntimeOn":"FunctionUpdate"},"CodeSigningConfigArn":"`+signing.Physical+`"`)
	b.put("Function", "", "", first)
	p, err := b.r.existing(b.ctx, new("f"))
	if err != nil || p.fn.Loops != loopAllow || p.fn.managed(latest).Mode != manageUpdate || p.fn.Signing != signing.Physical {
		t.Fatalf("%+v %v", p, err)
	}
	v := b.put("Version", "", "", `{"FunctionName":"f","RuntimePolicy":{"UpdateRuntimeOn":"FunctionUpdate"}}`)
	b.put("Function", "f", first, fmt.Sprintf(functionTemplate, ""))
	if p, err = b.r.existing(b.ctx, new("f")); err != nil || p.fn.Loops != loopTerminate || p.fn.managed(latest).Mode != manageAuto || p.fn.managed("1").Mode != manageUpdate || p.fn.Signing != "" {
		t.Fatalf("%+v %v", p.fn, err)
	}
	b.remove("CodeSigningConfig", signing.Physical, `{}`)
	b.remove("Version", v.Physical, `{}`)
	if calls := strings.Join(g.log(), "\n"); !strings.Contains(calls, "lambda:DeleteFunctionCodeSigningConfig") {
		t.Fatal(calls)
	}
}

// SnapStart means nothing before a version is published: the API refuses that, a template is refused as a whole.
func TestSnapStart(t *testing.T) {
	b, _, _ := templates(t)
	asked := `,"SnapStart":{"ApplyOn":"PublishedVersions"}`
	req := room.Request{StackName: "s", LogicalID: "F", New: props(t, fmt.Sprintf(functionTemplate, asked)), Token: "abcdef"}
	_, err := b.typ("Function").Create(b.ctx, req)
	wantError(t, err, "NotImplemented", "SnapStart")
	snap := &api.SnapStart{ApplyOn: new(snapVersions)}
	b.create("f", "1")
	_, err = b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), SnapStart: snap})
	wantError(t, err, "InvalidParameterValueException", "nodejs20.x is not supported for SnapStart enabled functions.")
	out, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Runtime: new("python3.12"), SnapStart: snap})
	if err != nil || *out.SnapStart.ApplyOn != snapVersions || *out.SnapStart.OptimizationStatus != "Off" {
		t.Fatal(out, err)
	}
	_, err = b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")})
	wantError(t, err, "NotImplemented", "versions of such a function cannot be published")
}
