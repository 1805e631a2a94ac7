package lambda

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"sundog/cloud"
	"sundog/services/room"
)

// functionProps are the properties of AWS::Lambda::Function that CreateFunction and UpdateFunctionConfiguration have under the same names.
var functionProps = []string{
	"Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "DeadLetterConfig", "Environment", "TracingConfig", "Layers",
	"SnapStart", "LoggingConfig", "FileSystemConfigs", "ImageConfig", "EphemeralStorage",
}

// shownProps are those that are only kept and shown: see NoEffect.
var shownProps = []string{"VpcConfig", "KmsKeyArn"}

// managedProps are those that have operations of their own.
var managedProps = []string{"ReservedConcurrentExecutions", "RecursiveLoop", "RuntimeManagementConfig"}

func (r *lambdaRoom) resources() []room.ResourceType {
	return []room.ResourceType{
		{
			Type: "AWS::Lambda::Function", Properties: slices.Concat([]string{"FunctionName", "Code", "Tags", "Architectures", "PackageType", "CodeSigningConfigArn"}, functionProps, managedProps),
			NoEffect: map[string]string{
				"VpcConfig": "the platform's functions reach what the machine reaches", "KmsKeyArn": "environment variables are kept as the platform keeps its data",
			},
			Attributes: []string{"Arn"}, Create: r.createFunctionResource, Update: r.updateFunctionResource, Delete: r.deleteNamed("DeleteFunction", "FunctionName"),
		},
		{
			Type: "AWS::Lambda::Version", Properties: []string{"FunctionName", "CodeSha256", "Description", "ProvisionedConcurrencyConfig", "RuntimePolicy"}, Attributes: []string{"FunctionArn", "Version"},
			Create: r.createVersionResource, Delete: r.deleteVersionResource,
		},
		{
			Type: "AWS::Lambda::Alias", Properties: []string{"FunctionName", "Name", "FunctionVersion", "Description", "RoutingConfig", "ProvisionedConcurrencyConfig"}, Attributes: []string{"AliasArn"},
			Create: r.createAliasResource, Update: r.updateAliasResource, Delete: r.deleteAliasResource,
		},
		{
			Type: "AWS::Lambda::Permission", Properties: []string{"Action", "FunctionName", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "PrincipalOrgID"},
			Attributes: []string{"Id"}, Create: r.createPermissionResource, Delete: r.deletePermissionResource,
		},
		{
			Type: "AWS::Lambda::EventSourceMapping", Properties: append([]string{"Tags"}, mappingProps...), Attributes: []string{"Id", "EventSourceMappingArn"},
			NoEffect: map[string]string{"KmsKeyArn": "filter criteria are kept as the platform keeps its data"},
			Create:   r.createMappingResource, Update: r.updateMappingResource, Delete: r.deleteMappingResource,
		},
		{
			Type: "AWS::Lambda::Url", Properties: []string{"TargetFunctionArn", "Qualifier", "AuthType", "Cors", "InvokeMode"}, Attributes: []string{"FunctionArn", "FunctionUrl"},
			Create: r.createURLResource, Update: r.updateURLResource, Delete: r.deleteURLResource,
		},
		{
			Type: "AWS::Lambda::EventInvokeConfig", Properties: []string{"FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"},
			Create: r.putEventResource, Update: r.putEventResource, Delete: r.deleteEventResource,
		},
		{
			Type: "AWS::Lambda::LayerVersion", Properties: []string{"LayerName", "Content", "Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo"},
			Attributes: []string{"LayerVersionArn"}, Create: r.createLayerResource, Delete: r.deleteLayerResource,
		},
		{
			Type: "AWS::Lambda::LayerVersionPermission", Properties: []string{"LayerVersionArn", "Action", "Principal", "OrganizationId"}, Attributes: []string{"Id"},
			Create: r.createLayerPermissionResource, Delete: r.deleteLayerPermissionResource,
		},
		r.signingType(),
		r.canaryType(),
	}
}

// pickProps makes an operation's input of properties that have the same names, and numbers that came as texts turned into numbers.
func pickProps(p room.Props, names ...string) map[string]any {
	in := map[string]any{}
	for _, n := range names {
		raw, ok := p[n]
		if !ok || string(raw) == "null" {
			continue
		}
		in[n] = scalar(n, raw)
	}
	return in
}

// numeric are the properties that templates may write as texts.
const numeric = " Timeout MemorySize BatchSize MaximumBatchingWindowInSeconds ParallelizationFactor MaximumRecordAgeInSeconds MaximumRetryAttempts MaximumEventAgeInSeconds TumblingWindowInSeconds ReservedConcurrentExecutions ProvisionedConcurrentExecutions Enabled BisectBatchOnFunctionError InvokedViaFunctionUrl "

func scalar(name string, raw json.RawMessage) json.RawMessage {
	var s string
	if strings.Contains(numeric, " "+name+" ") && json.Unmarshal(raw, &s) == nil && json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return raw
}

// rename gives an input's member the API's spelling.
func rename(in map[string]any, from, to string) {
	if v, ok := in[from]; ok {
		delete(in, from)
		in[to] = v
	}
}

// functionInput makes an input of a function's properties; environment variables may be numbers and booleans in a template.
func (r *lambdaRoom) functionInput(p room.Props) (map[string]any, error) {
	if err := refuseSnapStart(p); err != nil {
		return nil, err
	}
	in := pickProps(p, append(slices.Clone(functionProps), shownProps...)...)
	rename(in, "KmsKeyArn", "KMSKeyArn")
	var env struct{ Variables map[string]any }
	if ok, err := p.Get("Environment", &env); err != nil {
		return nil, err
	} else if ok {
		vars := map[string]string{}
		for k := range env.Variables {
			raw, err := json.Marshal(env.Variables[k])
			if err != nil {
				return nil, err
			}
			vars[k] = room.Props{k: raw}.Text(k)
		}
		in["Environment"] = map[string]any{"Variables": vars}
	}
	return in, nil
}

// codeInput makes the API's code of a template's: ZipFile there is a text of source code, which becomes index.js or index.py in a package.
func (r *lambdaRoom) codeInput(p room.Props) (map[string]any, error) {
	var c map[string]json.RawMessage
	if ok, err := p.Get("Code", &c); err != nil || !ok {
		return nil, orParameter(err, "Code is missing")
	}
	in := map[string]any{}
	for k, v := range c {
		in[k] = v
	}
	var text string
	if raw, ok := c["ZipFile"]; ok {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		name := "index.js"
		if strings.HasPrefix(p.Text("Runtime"), "python") {
			name = "index.py"
		}
		z, err := zipOf(name, text)
		if err != nil {
			return nil, err
		}
		in["ZipFile"] = z
	}
	return in, nil
}

func orParameter(err error, text string) error {
	if err != nil {
		return err
	}
	return errParameter("%s", text)
}

func (r *lambdaRoom) createFunctionResource(ctx context.Context, req room.Request) (room.Result, error) {
	in, err := r.functionInput(req.New)
	if err != nil {
		return room.Result{}, err
	}
	name := req.New.Text("FunctionName")
	if name == "" {
		name = req.Name(64)
	}
	if in["Code"], err = r.codeInput(req.New); err != nil {
		return room.Result{}, err
	}
	if in["Tags"], err = req.MergedTags(req.New); err != nil {
		return room.Result{}, err
	}
	in["FunctionName"] = name
	for k, v := range pickProps(req.New, "Architectures", "PackageType", "CodeSigningConfigArn") {
		in[k] = v
	}
	res := functionResult(ctx, name)
	if err := r.d.Do(ctx, service, "CreateFunction", in, nil); err != nil {
		return room.Result{}, err
	}
	return res, r.manageResource(ctx, req, name)
}

func functionResult(ctx context.Context, name string) room.Result {
	f := ref{Scope: cloud.CallFrom(ctx).Scope, name: name}
	return room.Result{Physical: name, Attributes: map[string]any{"Arn": f.arn().String()}}
}

// reserve applies ReservedConcurrentExecutions.
func (r *lambdaRoom) reserve(ctx context.Context, req room.Request, name string) error {
	if !req.Changed("ReservedConcurrentExecutions") {
		return nil
	}
	in := pickProps(req.New, "ReservedConcurrentExecutions")
	in["FunctionName"] = name
	if len(in) == 1 {
		return r.d.Do(ctx, service, "DeleteFunctionConcurrency", in, nil)
	}
	return r.d.Do(ctx, service, "PutFunctionConcurrency", in, nil)
}

func (r *lambdaRoom) updateFunctionResource(ctx context.Context, req room.Request) (room.Result, error) {
	if req.Changed("FunctionName", "PackageType") {
		return r.createFunctionResource(ctx, req)
	}
	name := req.Physical
	f := ref{Scope: cloud.CallFrom(ctx).Scope, name: name}
	p, err := r.plan(ctx, f)
	if err != nil {
		return room.Result{}, err
	}
	back := req.Reverts && p.fn.Canary != nil && p.fn.Canary.Before != nil
	switch {
	case canaried(req):
		if err := r.hold(ctx, f); err != nil {
			return room.Result{}, err
		}
	case p.fn.Canary != nil:
		if err := r.letGo(ctx, f, back); err != nil {
			return room.Result{}, err
		}
	}
	if !back {
		if err := r.updateFunctionParts(ctx, req, name); err != nil {
			return room.Result{}, err
		}
	}
	if err := r.manageResource(ctx, req, name); err != nil {
		return room.Result{}, err
	}
	return functionResult(ctx, name), r.retag(ctx, req, f.arn().String())
}

// updateFunctionParts changes a function's configuration and code.
func (r *lambdaRoom) updateFunctionParts(ctx context.Context, req room.Request, name string) error {
	if err := r.signResource(ctx, req, name); err != nil {
		return err
	}
	if err := r.freeRuntime(ctx, req, name); err != nil {
		return err
	}
	if req.Changed(functionProps...) || req.Changed(shownProps...) {
		in, err := r.functionInput(req.New)
		if err != nil {
			return err
		}
		for prop, empty := range map[string]any{
			"Environment": map[string]any{"Variables": map[string]string{}}, "Layers": []string{}, "DeadLetterConfig": map[string]string{"TargetArn": ""}, "Description": "",
			"Timeout": 3, "MemorySize": 128, "TracingConfig": map[string]string{"Mode": "PassThrough"}, "EphemeralStorage": map[string]int{"Size": 512},
			"VpcConfig": map[string]any{"SubnetIds": []string{}, "SecurityGroupIds": []string{}}, "SnapStart": map[string]string{"ApplyOn": snapNone},
			"LoggingConfig": map[string]string{"LogFormat": "Text", "LogGroup": "/aws/lambda/" + name},
		} {
			if _, had := req.Old[prop]; had && in[prop] == nil {
				in[prop] = empty
			}
		}
		in["FunctionName"] = name
		if err := r.d.Do(ctx, service, "UpdateFunctionConfiguration", in, nil); err != nil {
			return err
		}
	}
	if req.Changed("Code", "Architectures") {
		in, err := r.codeInput(req.New)
		if err != nil {
			return err
		}
		for k, v := range pickProps(req.New, "Architectures") {
			in[k] = v
		}
		in["FunctionName"] = name
		if err := r.d.Do(ctx, service, "UpdateFunctionCode", in, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *lambdaRoom) retag(ctx context.Context, req room.Request, arn string) error {
	tags, err := req.MergedTags(req.New)
	if err != nil {
		return err
	}
	old, err := req.MergedTags(req.Old)
	if err != nil {
		return err
	}
	var gone []string
	for k := range old {
		if _, ok := tags[k]; !ok {
			gone = append(gone, k)
		}
	}
	if len(gone) > 0 {
		if err := r.d.Do(ctx, service, "UntagResource", map[string]any{"Resource": arn, "TagKeys": gone}, nil); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return r.d.Do(ctx, service, "TagResource", map[string]any{"Resource": arn, "Tags": tags}, nil)
}

// gone passes over what is not there any more.
func gone(err error) error {
	if cloud.IsCode(err, "ResourceNotFoundException") {
		return nil
	}
	return err
}

func (r *lambdaRoom) deleteNamed(op, member string) func(context.Context, room.Request) error {
	return func(ctx context.Context, req room.Request) error {
		return gone(r.d.Do(ctx, service, op, map[string]any{member: req.Physical}, nil))
	}
}
