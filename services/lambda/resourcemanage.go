package lambda

import (
	"context"
	"encoding/json"

	"sundog/cloud"
	"sundog/services/room"
)

// manageResource applies the properties of a function that have operations of their own; what a template does not say any more is as at the start.
func (r *lambdaRoom) manageResource(ctx context.Context, req room.Request, name string) error {
	if err := r.reserve(ctx, req, name); err != nil {
		return err
	}
	if req.Changed("RecursiveLoop") {
		in := map[string]any{"FunctionName": name, "RecursiveLoop": loopTerminate}
		if mode := req.New.Text("RecursiveLoop"); mode != "" {
			in["RecursiveLoop"] = mode
		}
		if err := r.d.Do(ctx, service, "PutFunctionRecursionConfig", in, nil); err != nil {
			return err
		}
	}
	return r.manageRuntime(ctx, req, "RuntimeManagementConfig", map[string]any{"FunctionName": name})
}

// manageRuntime applies the property that says how the runtime of a function or version is managed.
func (r *lambdaRoom) manageRuntime(ctx context.Context, req room.Request, prop string, in map[string]any) error {
	if !req.Changed(prop) {
		return nil
	}
	var c struct{ UpdateRuntimeOn, RuntimeVersionArn string }
	if _, err := req.New.Get(prop, &c); err != nil {
		return err
	}
	in["UpdateRuntimeOn"] = manageAuto
	if c.UpdateRuntimeOn != "" {
		in["UpdateRuntimeOn"] = c.UpdateRuntimeOn
	}
	if c.RuntimeVersionArn != "" {
		in["RuntimeVersionArn"] = c.RuntimeVersionArn
	}
	return r.d.Do(ctx, service, "PutRuntimeManagementConfig", in, nil)
}

// freeRuntime lets go of a runtime version that was named manually when a template names another runtime, and says how that one is managed.
func (r *lambdaRoom) freeRuntime(ctx context.Context, req room.Request, name string) error {
	if !req.Changed("Runtime") || !req.Changed("RuntimeManagementConfig") {
		return nil
	}
	return r.d.Do(ctx, service, "PutRuntimeManagementConfig", map[string]any{"FunctionName": name, "UpdateRuntimeOn": manageAuto}, nil)
}

// signResource gives a function the code signing configuration of its template, before it gets its code.
func (r *lambdaRoom) signResource(ctx context.Context, req room.Request, name string) error {
	if !req.Changed("CodeSigningConfigArn") {
		return nil
	}
	in := map[string]any{"FunctionName": name}
	arn := req.New.Text("CodeSigningConfigArn")
	if arn == "" {
		return r.d.Do(ctx, service, "DeleteFunctionCodeSigningConfig", in, nil)
	}
	in["CodeSigningConfigArn"] = arn
	return r.d.Do(ctx, service, "PutFunctionCodeSigningConfig", in, nil)
}

func (r *lambdaRoom) signingType() room.ResourceType {
	return room.ResourceType{
		Type: "AWS::Lambda::CodeSigningConfig", Properties: []string{"AllowedPublishers", "CodeSigningPolicies", "Description", "Tags"},
		Attributes: []string{"CodeSigningConfigArn", "CodeSigningConfigId"}, Create: r.createSigningResource, Update: r.updateSigningResource,
		Delete: r.deleteNamed("DeleteCodeSigningConfig", "CodeSigningConfigArn"),
	}
}

func signingResult(raw json.RawMessage) (room.Result, error) {
	var out struct{ CodeSigningConfigArn, CodeSigningConfigId string } //nolint:revive // the API's spelling
	err := json.Unmarshal(raw, &out)
	return room.Result{Physical: out.CodeSigningConfigArn, Attributes: map[string]any{
		"CodeSigningConfigArn": out.CodeSigningConfigArn, "CodeSigningConfigId": out.CodeSigningConfigId,
	}}, err
}

func (r *lambdaRoom) createSigningResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := pickProps(req.New, "AllowedPublishers", "CodeSigningPolicies", "Description")
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return room.Result{}, err
	}
	in["Tags"] = tags
	var out struct{ CodeSigningConfig json.RawMessage }
	if err := r.d.Do(ctx, service, "CreateCodeSigningConfig", in, &out); err != nil {
		return room.Result{}, err
	}
	return signingResult(out.CodeSigningConfig)
}

func (r *lambdaRoom) updateSigningResource(ctx context.Context, req room.Request) (room.Result, error) {
	in := pickProps(req.New, "AllowedPublishers", "CodeSigningPolicies", "Description")
	for prop, empty := range map[string]any{"Description": "", "CodeSigningPolicies": map[string]string{"UntrustedArtifactOnDeployment": signingWarn}} {
		if _, had := req.Old[prop]; had && in[prop] == nil {
			in[prop] = empty
		}
	}
	in["CodeSigningConfigArn"] = req.Physical
	var out struct{ CodeSigningConfig json.RawMessage }
	if err := r.d.Do(ctx, service, "UpdateCodeSigningConfig", in, &out); err != nil {
		return room.Result{}, err
	}
	res, err := signingResult(out.CodeSigningConfig)
	if err != nil {
		return res, err
	}
	return res, r.retag(ctx, req, req.Physical)
}

// refuseSnapStart refuses a template that wants snapshots, before anything of it is made.
func refuseSnapStart(p room.Props) error {
	var s struct{ ApplyOn string }
	if _, err := p.Get("SnapStart", &s); err != nil {
		return err
	}
	if s.ApplyOn == snapVersions {
		return errSnapStart()
	}
	return nil
}

func errSnapStart() error {
	return cloud.NotImplementedf("SnapStart (ApplyOn PublishedVersions) is not implemented on this platform: versions of such a function cannot be published.")
}
