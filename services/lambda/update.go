package lambda

import (
	"context"
	"slices"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

func (r *lambdaRoom) updateCode(ctx context.Context, in *api.UpdateFunctionCodeInput) (*api.UpdateFunctionCodeOutput, error) {
	pl, err := r.unpublished(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := refuseCode(in); err != nil {
		return nil, err
	}
	f := pl.ref
	if err := takesUpdates(&pl.main.Config); err != nil {
		return nil, err
	}
	if err := r.checkArchitecture(&pl.main.Config, in.Architectures); err != nil {
		return nil, err
	}
	if err := r.checkSigned(ctx, f, pl.fn.Signing); err != nil {
		return nil, err
	}
	p, err := r.fetch(ctx, source{zip: in.ZipFile, bucket: in.S3Bucket, key: in.S3Key, version: in.S3ObjectVersion})
	if err != nil {
		return nil, err
	}
	if err := r.fit(ctx, pl.main.Config.Layers, p, true); err != nil {
		r.sweep(ctx, p.build())
		return nil, err
	}
	if val(in.DryRun, false) {
		defer r.sweep(ctx, p.build())
		c := pl.main.Config
		c.CodeSha256, c.CodeSize = &p.hash, &p.size
		return (*api.UpdateFunctionCodeOutput)(&c), pl.main.revision(in.RevisionId)
	}
	var s swapped
	err = r.change(ctx, f, func(tx store.Tx, fn *function) (err error) { s, err = r.swapCode(tx, f, fn, in, p); return err })
	if err != nil {
		r.sweep(ctx, p.build())
		return nil, err
	}
	r.retire(ctx, f, s.old)
	r.storage.add(f.Scope, p.size*(1+s.made)-*s.old.Config.CodeSize)
	switch {
	case s.made > 0:
		return (*api.UpdateFunctionCodeOutput)(r.creating(s.out)), nil
	case val(in.Publish, false):
		return (*api.UpdateFunctionCodeOutput)(&s.out), nil
	}
	return (*api.UpdateFunctionCodeOutput)(r.updating(s.out)), nil
}

// swapped is what became of a function's code: the build that it had, what the caller is shown, and how many versions were made.
type swapped struct {
	old  build
	out  api.FunctionConfiguration
	made int64
}

// swapCode puts a package in the place of a function's code, and publishes it if that was asked for.
func (r *lambdaRoom) swapCode(tx store.Tx, f ref, fn *function, in *api.UpdateFunctionCodeInput, p pack) (s swapped, err error) {
	if err := fn.Latest.revision(in.RevisionId); err != nil {
		return s, err
	}
	s.old = fn.Latest
	fn.Latest.setCode(p)
	if len(in.Architectures) > 0 {
		fn.Latest.Config.Architectures = in.Architectures
	}
	r.touch(&fn.Latest)
	s.out = fn.Latest.Config
	if !val(in.Publish, false) {
		return s, nil
	}
	next := fn.Next
	v, err := r.publish(tx, f, fn, nil)
	if err == nil {
		s.out, s.made = v.Config, fn.Next-next
	}
	return s, err
}

// refuseCode refuses by name what code cannot be here.
func refuseCode(in *api.UpdateFunctionCodeInput) error {
	switch {
	case in.ImageUri != nil:
		return errParameter("Please don't provide ImageUri when updating a function with packageType Zip.")
	case in.PublishTo != nil:
		return errPublishTo("UpdateFunctionCode")
	case str(in.S3ObjectStorageMode) == "REFERENCE":
		return cloud.NotImplementedf("UpdateFunctionCode: S3ObjectStorageMode REFERENCE is not implemented on this platform: packages are copied.")
	case in.SourceKMSKeyArn != nil:
		return cloud.NotImplementedf("UpdateFunctionCode: SourceKMSKeyArn is not implemented on this platform.")
	}
	return nil
}

// existing gives the function of a name, whatever qualifier the name carries. Its error says that there is none.
func (r *lambdaRoom) existing(ctx context.Context, name *string) (*plan, error) {
	f, err := parseRef(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	f.qualifier = ""
	return r.plan(ctx, f)
}

// unpublished gives the function of a name that may name $LATEST besides, and nothing else.
func (r *lambdaRoom) unpublished(ctx context.Context, name *string) (*plan, error) {
	f, err := parseRef(ctx, name, nil)
	if err == nil && f.qualifier != "" && f.qualifier != latest {
		err = errParameter("Current operation does not support versions other than $LATEST")
	}
	if err != nil {
		return nil, err
	}
	f.qualifier = ""
	return r.plan(ctx, f)
}

// whole gives the function of a name that has no qualifier.
func (r *lambdaRoom) whole(ctx context.Context, name *string) (*plan, error) {
	f, err := parseRef(ctx, name, nil)
	if err == nil && f.qualifier != "" {
		err = errParameter("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	if err != nil {
		return nil, err
	}
	return r.plan(ctx, f)
}

func (b *build) revision(want *string) error {
	if want != nil && *want != str(b.Config.RevisionId) {
		return errPrecondition("GetFunction/GetAlias")
	}
	return nil
}

// retire ends the environments of an unpublished build that was replaced, and removes its package unless something else uses it.
func (r *lambdaRoom) retire(ctx context.Context, f ref, old build) {
	r.drop(f, old)
	r.sweep(ctx, old)
}

// drop ends the environments of a build.
func (r *lambdaRoom) drop(f ref, b build) {
	for _, id := range r.pools.take(environmentID(f, str(b.Config.Version), b.Tag)) {
		r.d.Compute.Drop(id)
	}
}

func (r *lambdaRoom) updateConfiguration(ctx context.Context, in *api.UpdateFunctionConfigurationInput) (*api.UpdateFunctionConfigurationOutput, error) {
	p, err := r.unpublished(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	f := p.ref
	if in.ImageConfig != nil || len(in.FileSystemConfigs) > 0 || in.CapacityProviderConfig != nil || in.DurableConfig != nil || in.AcceleratorConfig != nil || in.RuntimeConfig != nil {
		return nil, cloud.NotImplementedf("UpdateFunctionConfiguration: images, file systems, capacity providers, durable executions and accelerators are not implemented on this platform.")
	}
	s := settings{
		Role: in.Role, Handler: in.Handler, Runtime: in.Runtime, Timeout: in.Timeout, MemorySize: in.MemorySize, VpcConfig: in.VpcConfig,
		Environment: in.Environment, DeadLetterConfig: in.DeadLetterConfig, KMSKeyArn: in.KMSKeyArn, TracingConfig: in.TracingConfig,
		Layers: in.Layers, EphemeralStorage: in.EphemeralStorage, SnapStart: in.SnapStart, LoggingConfig: in.LoggingConfig, Description: in.Description,
	}
	if len(in.Layers) > 0 {
		if err := r.checkSigned(ctx, f, p.fn.Signing); err != nil {
			return nil, err
		}
	}
	checked := p.main.Config // layers and targets are looked up outside the transaction
	if err := r.apply(ctx, f, &checked, s); err != nil {
		return nil, err
	}
	if err := takesUpdates(&checked); err != nil {
		return nil, err
	}
	if err := p.mayChangeRuntime(in.Runtime); err != nil {
		return nil, err
	}
	if err := r.checkRole(ctx, f, &checked, s); err != nil {
		return nil, err
	}
	if s.Layers != nil {
		if err := r.fit(ctx, checked.Layers, pack{blob: p.main.Blob, hash: str(checked.CodeSha256)}, false); err != nil {
			return nil, err
		}
	}
	if slices.Contains(checked.Architectures, "arm64") { // asked for when the function was made
		if err := r.checkArchitecture(&checked, checked.Architectures); err != nil {
			return nil, err
		}
	}
	var out api.FunctionConfiguration
	var old build
	err = r.change(ctx, f, func(_ store.Tx, fn *function) error {
		if err := fn.Latest.revision(in.RevisionId); err != nil {
			return err
		}
		old = fn.Latest
		merged := s
		merged.Layers = nil
		if err := r.apply(ctx, f, &fn.Latest.Config, merged); err != nil {
			return err
		}
		if s.Layers != nil {
			fn.Latest.Config.Layers = checked.Layers
		}
		r.touch(&fn.Latest)
		out = fn.Latest.Config
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.Layers != nil {
		r.retire(ctx, f, old)
	} else {
		r.drop(f, old) // its packages are still in use
	}
	return (*api.UpdateFunctionConfigurationOutput)(r.updating(out)), nil
}
