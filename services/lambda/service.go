package lambda

import (
	"context"
	"sync"
	"sync/atomic"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/engine/compute"
	"sundog/services/room"
)

const service = "lambda"

// Options are what the room needs besides Deps.
type Options struct {
	Dir      string // where packages are unpacked
	Endpoint string // the platform's endpoint as functions reach it
}

// lambdaRoom is the room.
type lambdaRoom struct {
	d        room.Deps
	o        Options
	policies room.Policies
	cache    cache
	code     codeStore
	gates    gates
	mounts   mounts
	pools    pools
	ready    readiness
	pollers  pollers
	tallies  tallies
	secret   string // signs the locations of packages
	runtimes func() map[string]compute.Runtime
}

// New makes the room and what the platform's own commands need of it.
func New(d room.Deps, o Options) (room.Room, *Admin) {
	r := &lambdaRoom{d: d, o: o, secret: d.IDs.Hex(32)}
	r.code.dir = o.Dir
	r.runtimes = sync.OnceValue(r.knownRuntimes)
	r.pollers.r = r
	return room.Room{
		Service:        service,
		Operations:     r.operations(),
		Refused:        refused(),
		Resources:      r.resources(),
		Front:          front{r},
		Target:         target{r},
		Describe:       r.describe,
		ResourcePolicy: r.policies.Lookup(r.readPolicy),
		Blobs:          r.blobs,
		Start:          r.start,
		Close:          r.close,
	}, &Admin{r: r}
}

func (r *lambdaRoom) start(ctx context.Context) error {
	r.sweepFolders(ctx)
	r.ready.start()
	if err := r.provisionAll(ctx); err != nil {
		return err
	}
	return r.pollers.start(ctx)
}

func (r *lambdaRoom) close() error {
	r.ready.close()
	return r.pollers.close()
}

func (r *lambdaRoom) knownRuntimes() map[string]compute.Runtime {
	all := map[string]compute.Runtime{}
	for _, rt := range r.d.Compute.Runtimes(context.Background()) {
		all[rt.Name] = rt
	}
	return all
}

func op[I, O any](s *schema.Operation, call func(context.Context, *I) (*O, error), access func(context.Context, *I) ([]cloud.Access, error)) cloud.Operation {
	return cloud.Op(service, s, call, access)
}

func (r *lambdaRoom) operations() []cloud.Operation {
	ops := append(r.functionOperations(), r.eventOperations()...)
	ops = append(ops, r.urlOperations()...)
	for i := range ops {
		switch ops[i].Name {
		case "CreateFunction", "UpdateFunctionCode", "PublishLayerVersion":
			ops[i].BodyLimit = maxZipped/3*4 + 1<<20 // base64
		}
	}
	return ops
}

func (r *lambdaRoom) functionOperations() []cloud.Operation {
	return []cloud.Operation{
		op(api.CreateFunctionOp, r.createFunction, on("CreateFunction", func(in *api.CreateFunctionInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.GetFunctionOp, r.getFunction, on("GetFunction", func(in *api.GetFunctionInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.GetFunctionConfigurationOp, r.getConfiguration, on("GetFunctionConfiguration", func(in *api.GetFunctionConfigurationInput) (*string, *string) { return in.FunctionName, in.Qualifier })),
		op(api.UpdateFunctionCodeOp, r.updateCode, on("UpdateFunctionCode", func(in *api.UpdateFunctionCodeInput) (*string, *string) { return in.FunctionName, nil })),
		op(api.UpdateFunctionConfigurationOp, r.updateConfiguration, on("UpdateFunctionConfiguration", func(in *api.UpdateFunctionConfigurationInput) (*string, *string) { return in.FunctionName, nil })),
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
		op(api.GetLayerVersionOp, r.getLayer, onLayer("GetLayerVersion", func(in *api.GetLayerVersionInput) *string { return in.LayerName })),
		op(api.GetLayerVersionByArnOp, r.getLayerByARN, onResource("GetLayerVersion", func(in *api.GetLayerVersionByArnInput) *string { return in.Arn })),
		op(api.DeleteLayerVersionOp, r.deleteLayer, onLayer("DeleteLayerVersion", func(in *api.DeleteLayerVersionInput) *string { return in.LayerName })),
		op(api.ListLayersOp, r.listLayers, everywhere[api.ListLayersInput]("ListLayers")),
		op(api.ListLayerVersionsOp, r.listLayerVersions, onLayer("ListLayerVersions", func(in *api.ListLayerVersionsInput) *string { return in.LayerName })),
		op(api.AddLayerVersionPermissionOp, r.addLayerPermission, onLayer("AddLayerVersionPermission", func(in *api.AddLayerVersionPermissionInput) *string { return in.LayerName })),
		op(api.RemoveLayerVersionPermissionOp, r.removeLayerPermission, onLayer("RemoveLayerVersionPermission", func(in *api.RemoveLayerVersionPermissionInput) *string { return in.LayerName })),
		op(api.GetLayerVersionPolicyOp, r.getLayerPolicy, onLayer("GetLayerVersionPolicy", func(in *api.GetLayerVersionPolicyInput) *string { return in.LayerName })),
	}
}

// on is the access of operations on a function.
func on[I any](action string, pick func(*I) (name, qualifier *string)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(ctx context.Context, in *I) ([]cloud.Access, error) {
		name, qualifier := pick(in)
		f, err := parseRef(ctx, name, qualifier)
		return []cloud.Access{{Action: "lambda:" + action, Resource: f.qualified()}}, err
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
		return []cloud.Access{{Action: "lambda:" + action, Resource: layerARN(cloud.CallFrom(ctx).Scope, layerName(str(pick(in))))}}, nil
	}
}

// refused names the operations that are not served, with the reason.
func refused() map[string]string {
	all := map[string]string{}
	for why, names := range map[string][]string{
		"scaling belongs to capacity providers, which are not served": {"PutFunctionScalingConfig", "GetFunctionScalingConfig"},
		"code signing is not checked": {
			"CreateCodeSigningConfig", "GetCodeSigningConfig", "UpdateCodeSigningConfig", "DeleteCodeSigningConfig", "ListCodeSigningConfigs",
			"PutFunctionCodeSigningConfig", "GetFunctionCodeSigningConfig", "DeleteFunctionCodeSigningConfig", "ListFunctionsByCodeSigningConfig",
		},
		"runtimes are those of the machine":                               {"PutRuntimeManagementConfig", "GetRuntimeManagementConfig"},
		"recursive loops are not detected":                                {"PutFunctionRecursionConfig", "GetFunctionRecursionConfig"},
		"deprecated by AWS in favour of Invoke with InvocationType Event": {"InvokeAsync"},
	} {
		for _, n := range names {
			all[n] = why
		}
	}
	return all
}

// gates count running invocations, for reserved concurrency and the account's limit.
type gates struct {
	account sync.Map // cloud.Scope -> *atomic.Int64
	name    sync.Map // cloud.ARN -> *atomic.Int64
}

func counter(m *sync.Map, k any) *atomic.Int64 {
	if c, ok := m.Load(k); ok {
		return c.(*atomic.Int64)
	}
	c, _ := m.LoadOrStore(k, new(atomic.Int64))
	return c.(*atomic.Int64)
}
