package lambda

import (
	"context"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

const timeFormat = "2006-01-02T15:04:05.000+0000"

func (r *lambdaRoom) createFunction(ctx context.Context, in *api.CreateFunctionInput) (*api.CreateFunctionOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f.qualifier = ""
	b, err := r.newBuild(ctx, f, in)
	if err != nil {
		return nil, err
	}
	fn := function{Name: f.name, Latest: b, Next: 1, Tags: in.Tags, Signing: str(in.CodeSigningConfigArn)}
	out := b.Config
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		if err := absent(tx, f); err != nil {
			return err
		}
		rec := fn
		if val(in.Publish, false) {
			v, err := r.publish(tx, f, &rec, nil)
			if err != nil {
				return err
			}
			out = v.Config
		}
		return save(tx, functionKey(f), &rec)
	})
	r.forget(f)
	if err != nil {
		r.sweep(ctx, b)
		return nil, err
	}
	r.storage.add(f.Scope, *b.Config.CodeSize*copies(in.Publish))
	return (*api.CreateFunctionOutput)(r.creating(out)), nil
}

// newBuild checks all that a new function is made of, in AWS's order, and takes its package in.
func (r *lambdaRoom) newBuild(ctx context.Context, f ref, in *api.CreateFunctionInput) (b build, err error) {
	if err := f.checkNew(); err != nil {
		return b, err
	}
	if err := refuseCreate(in); err != nil {
		return b, err
	}
	if len(in.Tags) > maxTags {
		return b, errManyTags()
	}
	if err := checkTags(in.Tags); err != nil {
		return b, err
	}
	if in.Runtime == nil || in.Handler == nil {
		return b, errParameter("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	b = build{Config: r.defaults(f), Tag: r.d.IDs.Hex(8)}
	b.Config.Description, b.Config.Architectures = new(str(in.Description)), in.Architectures
	if len(in.Architectures) == 0 {
		b.Config.Architectures = []string{"x86_64"}
	}
	s := settings{
		Role: in.Role, Handler: in.Handler, Runtime: in.Runtime, Timeout: in.Timeout, MemorySize: in.MemorySize, VpcConfig: in.VpcConfig,
		Environment: in.Environment, DeadLetterConfig: in.DeadLetterConfig, KMSKeyArn: in.KMSKeyArn, TracingConfig: in.TracingConfig,
		Layers: in.Layers, EphemeralStorage: in.EphemeralStorage, SnapStart: in.SnapStart, LoggingConfig: in.LoggingConfig,
	}
	if err := r.apply(ctx, f, &b.Config, s); err != nil {
		return b, err
	}
	if err := r.checkArchitecture(&b.Config, in.Architectures); err != nil {
		return b, err
	}
	if err := r.d.Store.View(ctx, func(rd store.Reader) error { return absent(rd, f) }); err != nil {
		return b, err
	}
	if err := r.checkRole(ctx, f, &b.Config, s); err != nil {
		return b, err
	}
	if err := r.checkSigned(ctx, f, str(in.CodeSigningConfigArn)); err != nil {
		return b, err
	}
	code := val(in.Code, api.FunctionCode{}) // without one, fetch says what is missing
	p, err := r.fetch(ctx, source{zip: code.ZipFile, bucket: code.S3Bucket, key: code.S3Key, version: code.S3ObjectVersion, image: code.ImageUri})
	if err != nil {
		return b, err
	}
	b.setCode(p)
	if err = r.fit(ctx, b.Config.Layers, p, true); err != nil {
		r.sweep(ctx, b)
	}
	return b, err
}

// creating is how a new function or version answers. It is there by the time that anyone can ask; becoming so is a revision of its own, as on Lambda.
func (r *lambdaRoom) creating(c api.FunctionConfiguration) *api.FunctionConfiguration {
	c.RevisionId = new(r.d.IDs.UUID())
	c.State, c.StateReason, c.StateReasonCode, c.LastUpdateStatus = new("Pending"), new("The function is being created."), new("Creating"), nil
	return &c
}

// listed is a configuration as lists show it: without what is only known of one.
func listed(c api.FunctionConfiguration) api.FunctionConfiguration {
	c.State, c.StateReason, c.StateReasonCode, c.RuntimeVersionConfig = nil, nil, nil, nil
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = nil, nil, nil
	return c
}

func absent(rd store.Reader, f ref) error {
	b, err := rd.Get(functionKey(f))
	if err == nil && b != nil {
		return errConflict("Function already exist: %s", f.name)
	}
	return err
}

// refuseCreate refuses by name what functions cannot be here.
func refuseCreate(in *api.CreateFunctionInput) error {
	for name, given := range map[string]bool{
		"PackageType Image": str(in.PackageType) == "Image", "ImageConfig": in.ImageConfig != nil, "FileSystemConfigs": len(in.FileSystemConfigs) > 0,
		"TenancyConfig": in.TenancyConfig != nil, "CapacityProviderConfig": in.CapacityProviderConfig != nil,
		"DurableConfig": in.DurableConfig != nil, "AcceleratorConfig": in.AcceleratorConfig != nil, "RuntimeConfig": in.RuntimeConfig != nil, "PublishTo": in.PublishTo != nil,
		"Code.S3ObjectStorageMode REFERENCE": in.Code != nil && str(in.Code.S3ObjectStorageMode) == "REFERENCE", "Code.SourceKMSKeyArn": in.Code != nil && in.Code.SourceKMSKeyArn != nil,
	} {
		if given {
			return cloud.NotImplementedf("CreateFunction: %s is not implemented on this platform.", name)
		}
	}
	return nil
}

// defaults is the configuration of a new function before its own settings.
func (r *lambdaRoom) defaults(f ref) api.FunctionConfiguration {
	return api.FunctionConfiguration{
		FunctionName: &f.name, FunctionArn: new(f.arn().String()), Version: new(latest), PackageType: new("Zip"), Timeout: new(int32(3)),
		MemorySize: new(int32(128)), EphemeralStorage: &api.EphemeralStorage{Size: new(int32(512))}, TracingConfig: &api.TracingConfigResponse{Mode: new("PassThrough")},
		SnapStart:     &api.SnapStartResponse{ApplyOn: new("None"), OptimizationStatus: new("Off")},
		LoggingConfig: &api.LoggingConfig{LogFormat: new("Text"), LogGroup: new("/aws/lambda/" + f.name)},
		State:         new("Active"), LastUpdateStatus: new("Successful"), LastModified: new(r.stamp()), RevisionId: new(r.d.IDs.UUID()),
	}
}

func (r *lambdaRoom) stamp() string { return r.d.Clock.Now().UTC().Format(timeFormat) }

func (b *build) setCode(p pack) {
	b.Blob, b.Config.CodeSha256, b.Config.CodeSize = p.blob, &p.hash, &p.size
}

// touch marks a build as changed.
func (r *lambdaRoom) touch(b *build) {
	b.Tag = r.d.IDs.Hex(8)
	b.Config.LastModified, b.Config.RevisionId = new(r.stamp()), new(r.d.IDs.UUID())
}

// updating is how a change answers: the configuration with its update under way. It is done by the time that anyone can ask, with the revision that
// follows the one that is answered.
func (r *lambdaRoom) updating(c api.FunctionConfiguration) *api.FunctionConfiguration {
	c.RevisionId = new(r.d.IDs.UUID())
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = new("InProgress"), new("The function is being created."), new("Creating")
	return &c
}

func (r *lambdaRoom) getFunction(ctx context.Context, in *api.GetFunctionInput) (*api.GetFunctionOutput, error) {
	p, c, err := r.configuration(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &api.GetFunctionOutput{Configuration: c, Code: &api.FunctionCodeLocation{RepositoryType: new("S3"), Location: r.codeLocation(ctx, p.main.Blob)}, Tags: p.fn.Tags}
	if len(out.Tags) == 0 {
		out.Tags = nil
	}
	if p.fn.Reserved != nil && p.ref.qualifier == "" { // it belongs to the function as a whole
		out.Concurrency = &api.Concurrency{ReservedConcurrentExecutions: p.fn.Reserved}
	}
	return out, nil
}

// configuration gives what a name and qualifier mean, with the ARN that was asked for.
func (r *lambdaRoom) configuration(ctx context.Context, name, qualifier *string) (*plan, *api.FunctionConfiguration, error) {
	f, err := parseRef(ctx, name, qualifier)
	if err != nil {
		return nil, nil, err
	}
	p, err := r.plan(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	c := p.main.Config
	c.FunctionArn = new(f.qualified().String())
	c.RuntimeVersionConfig = &api.RuntimeVersionConfig{RuntimeVersionArn: new(r.runtimeVersion(f.Region, str(c.Runtime)))} // an interpreter that was replaced since shows
	return p, &c, nil
}

func (r *lambdaRoom) getConfiguration(ctx context.Context, in *api.GetFunctionConfigurationInput) (*api.GetFunctionConfigurationOutput, error) {
	_, c, err := r.configuration(ctx, in.FunctionName, in.Qualifier)
	return (*api.GetFunctionConfigurationOutput)(c), err
}

func (r *lambdaRoom) deleteFunction(ctx context.Context, in *api.DeleteFunctionInput) (*api.DeleteFunctionOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f.qualifier == latest {
		return nil, errParameter("$LATEST version cannot be deleted without deleting the function.")
	}
	if aliasName.MatchString(f.qualifier) {
		return nil, errParameter("Deletion of aliases is not currently supported.")
	}
	var dead []build
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		dead = nil
		fn, err := read(tx, ref{Scope: f.Scope, name: f.name})
		if err != nil {
			return err
		}
		if f.qualifier != "" {
			return deleteVersion(tx, f, fn, &dead)
		}
		return deleteAll(tx, f, fn, &dead)
	})
	r.forget(f)
	if err != nil {
		return nil, err
	}
	for _, b := range dead {
		r.drop(f, b)
	}
	r.sweep(ctx, dead...)
	r.storage.forget(f.Scope)
	r.gates.forget(f.Scope)
	if f.qualifier == "" {
		r.mounts.remove(f.arn())
	}
	return &api.DeleteFunctionOutput{StatusCode: new(int32(204))}, nil
}

func deleteVersion(tx store.Tx, f ref, fn *function, dead *[]build) error {
	b, err := readVersion(tx, f, fn, f.qualifier)
	if err != nil {
		return nil // AWS deletes a version that is not there without a word
	}
	var users []string
	err = each(tx, key(f.Scope, "alias").Str(f.name), func(a alias) (bool, error) {
		if a.reaches(f.qualifier) {
			users = append(users, str(a.Config.Name))
		}
		return true, nil
	})
	if err == nil && len(users) > 0 {
		err = errConflict("Unable to delete version because the following aliases reference it: [%s]", strings.Join(users, ", "))
	}
	if err != nil {
		return err
	}
	*dead = append(*dead, *b)
	n, err := parseNumber(f.qualifier)
	if err != nil {
		return err
	}
	fn.forget(f.qualifier)
	if err := save(tx, functionKey(f), fn); err != nil {
		return err
	}
	return tx.Delete(versionKey(f, n))
}

func deleteAll(tx store.Tx, f ref, fn *function, dead *[]build) error {
	*dead = append(*dead, fn.Latest)
	for _, u := range fn.URLs {
		if err := tx.Delete(urlKey(u.ID)); err != nil {
			return err
		}
	}
	versions, aliases := key(f.Scope, "version").Str(f.name), key(f.Scope, "alias").Str(f.name)
	if err := each(tx, versions, func(b build) (bool, error) { *dead = append(*dead, b); return true, nil }); err != nil {
		return err
	}
	if err := tx.DeleteRange(versions, versions.End()); err != nil {
		return err
	}
	if err := tx.DeleteRange(aliases, aliases.End()); err != nil {
		return err
	}
	return tx.Delete(functionKey(f))
}

func (r *lambdaRoom) listFunctions(ctx context.Context, in *api.ListFunctionsInput) (*api.ListFunctionsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	switch master := str(in.MasterRegion); {
	case master != "" && str(in.FunctionVersion) != "ALL":
		return nil, errParameter("FunctionVersion must be ALL when MasterRegion is given.") // ours: the wording has no public source
	case master != "" && master != "ALL":
		return &api.ListFunctionsOutput{Functions: []api.FunctionConfiguration{}}, nil // copies of another region's functions: nothing runs at an edge here
	}
	var all []api.FunctionConfiguration
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, key(sc, "function"), func(fn function) (bool, error) {
			c := fn.Latest.Config
			c.FunctionArn = new(ref{Scope: sc, name: fn.Name, qualifier: latest}.qualified().String())
			if str(in.FunctionVersion) != "ALL" {
				c.FunctionArn = new(ref{Scope: sc, name: fn.Name}.arn().String())
			}
			all = append(all, listed(c))
			if str(in.FunctionVersion) != "ALL" {
				return true, nil
			}
			return true, each(rd, key(sc, "version").Str(fn.Name), func(b build) (bool, error) { all = append(all, listed(b.Config)); return true, nil })
		})
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListFunctionsOutput{Functions: page, NextMarker: next}, err
}
