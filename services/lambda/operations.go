package lambda

import (
	"context"
	"slices"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/cloud/schema"
)

func op[I, O any](s *schema.Operation, call func(context.Context, *I) (*O, error), access func(context.Context, *I) ([]cloud.Access, error)) cloud.Operation {
	return cloud.Op(service, s, call, access)
}

func (r *lambdaRoom) operations() []cloud.Operation {
	ops := slices.Concat(r.functionOperations(), r.eventOperations(), r.urlOperations(), r.managementOperations())
	for i := range ops {
		name := ops[i].Name
		switch name {
		case "CreateFunction", "UpdateFunctionCode", "PublishLayerVersion":
			ops[i].BodyLimit = maxRequest
		case "Invoke", "InvokeAsync", "InvokeWithResponseStream":
			ops[i].BodyLimit = maxSync
		}
		if name == "Invoke" {
			name = "InvokeFunction" // the service's own name for it
		}
		ops[i].TooLarge = func(limit int64) *cloud.Error {
			return errTooLarge("Request must be smaller than %d bytes for the %s operation", limit, name)
		}
	}
	return ops
}

func (r *lambdaRoom) functionOperations() []cloud.Operation {
	return []cloud.Operation{
		op(api.CreateFunctionOp, r.createFunction, passing(on("CreateFunction", func(in *api.CreateFunctionInput) (*string, *string) { return in.FunctionName, nil }), func(in *api.CreateFunctionInput) *string { return in.Role })),
		op(api.GetFunctionOp, r.getFunction, on("GetFunction", func(in *api.GetFunctionInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.GetFunctionConfigurationOp, r.getConfiguration, on("GetFunctionConfiguration", func(in *api.GetFunctionConfigurationInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.UpdateFunctionCodeOp, r.updateCode, on("UpdateFunctionCode", func(in *api.UpdateFunctionCodeInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.UpdateFunctionConfigurationOp, r.updateConfiguration, passing(on("UpdateFunctionConfiguration", func(in *api.UpdateFunctionConfigurationInput) (*string, *string) { return in.FunctionName, nil }), func(in *api.UpdateFunctionConfigurationInput) *string { return in.Role })),
		op(api.DeleteFunctionOp, r.deleteFunction, on("DeleteFunction", func(in *api.DeleteFunctionInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.ListFunctionsOp, r.listFunctions, everywhere[api.ListFunctionsInput]("ListFunctions")),
		op(api.PublishVersionOp, r.publishVersion, on("PublishVersion", func(in *api.PublishVersionInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.ListVersionsByFunctionOp, r.listVersions, on("ListVersionsByFunction", func(in *api.ListVersionsByFunctionInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.CreateAliasOp, r.createAlias, on("CreateAlias", func(in *api.CreateAliasInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.GetAliasOp, r.getAlias, on("GetAlias", func(in *api.GetAliasInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.UpdateAliasOp, r.updateAlias, on("UpdateAlias", func(in *api.UpdateAliasInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.DeleteAliasOp, r.deleteAlias, on("DeleteAlias", func(in *api.DeleteAliasInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.ListAliasesOp, r.listAliases, on("ListAliases", func(in *api.ListAliasesInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.AddPermissionOp, r.addPermission, on("AddPermission", func(in *api.AddPermissionInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.RemovePermissionOp, r.removePermission, on("RemovePermission", func(in *api.RemovePermissionInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.GetPolicyOp, r.getPolicy, on("GetPolicy", func(in *api.GetPolicyInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.InvokeOp, r.invokeOperation, on("InvokeFunction", func(in *api.InvokeInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.PutFunctionConcurrencyOp, r.putConcurrency, on("PutFunctionConcurrency", func(in *api.PutFunctionConcurrencyInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.GetFunctionConcurrencyOp, r.getConcurrency, on("GetFunctionConcurrency", func(in *api.GetFunctionConcurrencyInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.DeleteFunctionConcurrencyOp, r.deleteConcurrency, on("DeleteFunctionConcurrency", func(in *api.DeleteFunctionConcurrencyInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.GetAccountSettingsOp, r.accountSettings, everywhere[api.GetAccountSettingsInput]("GetAccountSettings")),
		op(api.ListTagsOp, r.listTags, onResource("ListTags", func(in *api.ListTagsInput) *string { return in.Resource })),
		op(api.TagResourceOp, r.tagResource, onResource("TagResource", func(in *api.TagResourceInput) *string { return in.Resource })),
		op(api.UntagResourceOp, r.untagResource, onResource("UntagResource", func(in *api.UntagResourceInput) *string { return in.Resource })),
	}
}

func (r *lambdaRoom) urlOperations() []cloud.Operation {
	return []cloud.Operation{
		op(api.InvokeWithResponseStreamOp, r.invokeStream, on("InvokeFunction", func(in *api.InvokeWithResponseStreamInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.CreateFunctionUrlConfigOp, r.createURL, on("CreateFunctionUrlConfig", func(in *api.CreateFunctionUrlConfigInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.GetFunctionUrlConfigOp, r.getURL, on("GetFunctionUrlConfig", func(in *api.GetFunctionUrlConfigInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.UpdateFunctionUrlConfigOp, r.updateURL, on("UpdateFunctionUrlConfig", func(in *api.UpdateFunctionUrlConfigInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.DeleteFunctionUrlConfigOp, r.deleteURL, on("DeleteFunctionUrlConfig", func(in *api.DeleteFunctionUrlConfigInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.ListFunctionUrlConfigsOp, r.listURLs, on("ListFunctionUrlConfigs", func(in *api.ListFunctionUrlConfigsInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.PutProvisionedConcurrencyConfigOp, r.putProvisioned, on("PutProvisionedConcurrencyConfig", func(in *api.PutProvisionedConcurrencyConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.GetProvisionedConcurrencyConfigOp, r.getProvisioned, on("GetProvisionedConcurrencyConfig", func(in *api.GetProvisionedConcurrencyConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.DeleteProvisionedConcurrencyConfigOp, r.deleteProvisioned, on("DeleteProvisionedConcurrencyConfig", func(in *api.DeleteProvisionedConcurrencyConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.ListProvisionedConcurrencyConfigsOp, r.listProvisioned, on("ListProvisionedConcurrencyConfigs", func(in *api.ListProvisionedConcurrencyConfigsInput) (*string, *string) {
			return in.FunctionName, nil
		})),
	}
}

func (r *lambdaRoom) eventOperations() []cloud.Operation {
	return []cloud.Operation{
		op(api.PutFunctionEventInvokeConfigOp, r.putEventConfig, on("PutFunctionEventInvokeConfig", func(in *api.PutFunctionEventInvokeConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.UpdateFunctionEventInvokeConfigOp, r.updateEventConfig, on("UpdateFunctionEventInvokeConfig", func(in *api.UpdateFunctionEventInvokeConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.GetFunctionEventInvokeConfigOp, r.getEventConfig, on("GetFunctionEventInvokeConfig", func(in *api.GetFunctionEventInvokeConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.DeleteFunctionEventInvokeConfigOp, r.deleteEventConfig, on("DeleteFunctionEventInvokeConfig", func(in *api.DeleteFunctionEventInvokeConfigInput) (*string, *string) {
			return in.FunctionName, in.Qualifier
		})),
		op(api.ListFunctionEventInvokeConfigsOp, r.listEventConfigs, on("ListFunctionEventInvokeConfigs", func(in *api.ListFunctionEventInvokeConfigsInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.CreateEventSourceMappingOp, r.createMapping, everywhere[api.CreateEventSourceMappingInput]("CreateEventSourceMapping")),
		op(api.GetEventSourceMappingOp, r.getMapping, onMapping("GetEventSourceMapping", func(in *api.GetEventSourceMappingInput) *string { return in.UUID })),
		op(api.UpdateEventSourceMappingOp, r.updateMapping, onMapping("UpdateEventSourceMapping", func(in *api.UpdateEventSourceMappingInput) *string { return in.UUID })),
		op(api.DeleteEventSourceMappingOp, r.deleteMapping, onMapping("DeleteEventSourceMapping", func(in *api.DeleteEventSourceMappingInput) *string { return in.UUID })),
		op(api.ListEventSourceMappingsOp, r.listMappings, everywhere[api.ListEventSourceMappingsInput]("ListEventSourceMappings")),
		op(api.PublishLayerVersionOp, r.publishLayer, onLayer("PublishLayerVersion", func(in *api.PublishLayerVersionInput) *string { return in.LayerName })),
		op(api.GetLayerVersionOp, r.getLayer, onLayerVersion("GetLayerVersion", func(in *api.GetLayerVersionInput) (*string, *int64) {
			return in.LayerName, in.VersionNumber
		})),
		op(api.GetLayerVersionByArnOp, r.getLayerByARN, onResource("GetLayerVersion", func(in *api.GetLayerVersionByArnInput) *string { return in.Arn })),
		op(api.DeleteLayerVersionOp, r.deleteLayer, onLayerVersion("DeleteLayerVersion", func(in *api.DeleteLayerVersionInput) (*string, *int64) {
			return in.LayerName, in.VersionNumber
		})),
		op(api.ListLayersOp, r.listLayers, everywhere[api.ListLayersInput]("ListLayers")),
		op(api.ListLayerVersionsOp, r.listLayerVersions, onLayer("ListLayerVersions", func(in *api.ListLayerVersionsInput) *string { return in.LayerName })),
		op(api.AddLayerVersionPermissionOp, r.addLayerPermission, onLayerVersion("AddLayerVersionPermission", func(in *api.AddLayerVersionPermissionInput) (*string, *int64) {
			return in.LayerName, in.VersionNumber
		})),
		op(api.RemoveLayerVersionPermissionOp, r.removeLayerPermission, onLayerVersion("RemoveLayerVersionPermission", func(in *api.RemoveLayerVersionPermissionInput) (*string, *int64) {
			return in.LayerName, in.VersionNumber
		})),
		op(api.GetLayerVersionPolicyOp, r.getLayerPolicy, onLayerVersion("GetLayerVersionPolicy", func(in *api.GetLayerVersionPolicyInput) (*string, *int64) {
			return in.LayerName, in.VersionNumber
		})),
	}
}

// managementOperations are those on how functions are run and what code they may have.
func (r *lambdaRoom) managementOperations() []cloud.Operation {
	return []cloud.Operation{
		op(api.PutFunctionRecursionConfigOp, r.putRecursion, on("PutFunctionRecursionConfig", func(in *api.PutFunctionRecursionConfigInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.GetFunctionRecursionConfigOp, r.getRecursion, on("GetFunctionRecursionConfig", func(in *api.GetFunctionRecursionConfigInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.PutRuntimeManagementConfigOp, r.putManagement, on("PutRuntimeManagementConfig", func(in *api.PutRuntimeManagementConfigInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.GetRuntimeManagementConfigOp, r.getManagement, on("GetRuntimeManagementConfig", func(in *api.GetRuntimeManagementConfigInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.InvokeAsyncOp, r.invokeAsync, on("InvokeAsync", func(in *api.InvokeAsyncInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.PutResourcePolicyOp, r.putResourcePolicy, onResource("PutResourcePolicy", func(in *api.PutResourcePolicyInput) *string { return in.ResourceArn })),
		op(api.GetResourcePolicyOp, r.getResourcePolicy, onResource("GetResourcePolicy", func(in *api.GetResourcePolicyInput) *string { return in.ResourceArn })),
		op(api.DeleteResourcePolicyOp, r.deleteResourcePolicy, onResource("DeleteResourcePolicy", func(in *api.DeleteResourcePolicyInput) *string { return in.ResourceArn })),
		op(api.CreateCodeSigningConfigOp, r.createSigning, everywhere[api.CreateCodeSigningConfigInput]("CreateCodeSigningConfig")),
		op(api.GetCodeSigningConfigOp, r.getSigning, onResource("GetCodeSigningConfig", func(in *api.GetCodeSigningConfigInput) *string { return in.CodeSigningConfigArn })),
		op(api.UpdateCodeSigningConfigOp, r.updateSigning, onResource("UpdateCodeSigningConfig", func(in *api.UpdateCodeSigningConfigInput) *string { return in.CodeSigningConfigArn })),
		op(api.DeleteCodeSigningConfigOp, r.deleteSigning, onResource("DeleteCodeSigningConfig", func(in *api.DeleteCodeSigningConfigInput) *string { return in.CodeSigningConfigArn })),
		op(api.ListCodeSigningConfigsOp, r.listSigning, everywhere[api.ListCodeSigningConfigsInput]("ListCodeSigningConfigs")),
		op(api.ListFunctionsByCodeSigningConfigOp, r.listSigned, onResource("ListFunctionsByCodeSigningConfig", func(in *api.ListFunctionsByCodeSigningConfigInput) *string { return in.CodeSigningConfigArn })),
		op(api.PutFunctionCodeSigningConfigOp, r.putFunctionSigning, on("PutFunctionCodeSigningConfig", func(in *api.PutFunctionCodeSigningConfigInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.GetFunctionCodeSigningConfigOp, r.getFunctionSigning, on("GetFunctionCodeSigningConfig", func(in *api.GetFunctionCodeSigningConfigInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.DeleteFunctionCodeSigningConfigOp, r.deleteFunctionSigning, on("DeleteFunctionCodeSigningConfig", func(in *api.DeleteFunctionCodeSigningConfigInput) (*string, *string) { return in.FunctionName, nil })),
	}
}

// on is the access of operations on a function.
func on[I any](action string, pick func(*I) (name, qualifier *string)) func(context.Context, *I) ([]cloud.Access, error) {
	action = "lambda:" + action
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		name, qualifier := pick(in)
		f, err := parseRef(ctx, name, qualifier)
		return []cloud.Access{{Action: action, Resource: f.qualified()}}, err
	}
}

func everywhere[I any](action string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(context.Context, *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "lambda:" + action}}, nil
	}
}

func onResource[I any](action string, pick func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		a, _ := cloud.ParseARN(str(pick(in))) // the operation itself tells what is wrong with it
		return []cloud.Access{{Action: "lambda:" + action, Resource: a}}, nil
	}
}

func onMapping[I any](action string, pick func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "lambda:" + action, Resource: mappingARN(cloud.CallFrom(ctx).Scope, str(pick(in)))}}, nil
	}
}

func onLayer[I any](action string, pick func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "lambda:" + action, Resource: layerARN(layerNamed(ctx, pick(in)))}}, nil
	}
}

// onLayerVersion is the access of operations on one version of a layer.
func onLayerVersion[I any](action string, pick func(*I) (*string, *int64)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		text, n := pick(in)
		sc, name := layerNamed(ctx, text)
		return []cloud.Access{{Action: "lambda:" + action, Resource: layerVersionOf(sc, name, val(n, 0))}}, nil
	}
}

// refused names the operations that are not served, with the reason.
func refused() map[string]string {
	all := map[string]string{}
	for why, names := range map[string][]string{
		"capacity providers are fleets of EC2 instances; functions run on the platform's own machine": {
			"CreateCapacityProvider", "GetCapacityProvider", "UpdateCapacityProvider", "DeleteCapacityProvider", "ListCapacityProviders",
			"ListFunctionVersionsByCapacityProvider", "PutFunctionScalingConfig", "GetFunctionScalingConfig",
		},
		"durable executions need a runtime client that replays steps, which the platform's runtimes are not; Step Functions is served": {
			"CheckpointDurableExecution", "DeleteDurableExecution", "GetDurableExecution", "GetDurableExecutionHistory", "GetDurableExecutionState",
			"ListDurableExecutionsByFunction", "SendDurableExecutionCallbackFailure", "SendDurableExecutionCallbackHeartbeat",
			"SendDurableExecutionCallbackSuccess", "StopDurableExecution", "PauseDurableExecution", "ResumeDurableExecution",
		},
	} {
		for _, n := range names {
			all[n] = why
		}
	}
	return all
}
