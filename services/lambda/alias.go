package lambda

import (
	"context"
	"maps"
	"slices"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

func errNoAlias(f ref, name string) error {
	return errNotFound("Alias not found: %s", ref{Scope: f.Scope, name: f.name, qualifier: name}.qualified())
}

func (r *lambdaRoom) createAlias(ctx context.Context, in *api.CreateAliasInput) (*api.CreateAliasOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	f := p.ref
	name := str(in.Name)
	a := alias{Config: api.AliasConfiguration{
		AliasArn: new(ref{Scope: f.Scope, name: f.name, qualifier: name}.qualified().String()), Name: &name, FunctionVersion: in.FunctionVersion,
		Description: new(str(in.Description)), RoutingConfig: routing(in.RoutingConfig), RevisionId: new(r.d.IDs.UUID()),
	}}
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		if b, err := tx.Get(aliasKey(f, name)); err != nil || b != nil {
			if err != nil {
				return err
			}
			return errConflict("Alias already exists: %s", str(a.Config.AliasArn))
		}
		if err := checkRouting(tx, f, fn, &a); err != nil {
			return err
		}
		return save(tx, aliasKey(f, name), &a)
	})
	if err != nil {
		return nil, err
	}
	return (*api.CreateAliasOutput)(&a.Config), nil
}

// orNoAlias words what is said of an alias that is not there, where an alias is looked for.
func (f ref) orNoAlias(err error) error {
	if cloud.IsCode(err, "ResourceNotFoundException") && aliasName.MatchString(f.qualifier) {
		return errNotFound("Cannot find alias arn: %s", f.qualified())
	}
	return err
}

// routing keeps no empty configuration.
func routing(c *api.AliasRoutingConfiguration) *api.AliasRoutingConfiguration {
	if c == nil || len(c.AdditionalVersionWeights) == 0 {
		return nil
	}
	return c
}

// checkRouting checks that an alias's versions exist and that its weights can be applied.
func checkRouting(rd store.Reader, f ref, fn *function, a *alias) error {
	at := ref{Scope: f.Scope, name: f.name, qualifier: str(a.Config.FunctionVersion)}
	if _, err := readVersion(rd, at, fn, at.qualifier); err != nil {
		return err
	}
	if a.Config.RoutingConfig == nil {
		return nil
	}
	weights := a.Config.RoutingConfig.AdditionalVersionWeights
	if len(weights) > 1 {
		return errParameter("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for _, number := range slices.Sorted(maps.Keys(weights)) {
		if number == latest || at.qualifier == latest {
			return errParameter("$LATEST is not supported for an alias pointing to more than 1 version")
		}
		if number == at.qualifier {
			return errParameter("Invalid function version %s. Function version %s is already included in routing configuration.", number, number)
		}
		if _, err := readVersion(rd, ref{Scope: f.Scope, name: f.name, qualifier: number}, fn, number); err != nil {
			return err
		}
	}
	return nil
}

func (r *lambdaRoom) getAlias(ctx context.Context, in *api.GetAliasInput) (*api.GetAliasOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var a alias
	err = r.d.Store.View(ctx, func(rd store.Reader) error { return loadAlias(rd, f, str(in.Name), &a) })
	if err != nil {
		return nil, ref{Scope: f.Scope, name: f.name, qualifier: str(in.Name)}.orNoAlias(err)
	}
	return (*api.GetAliasOutput)(&a.Config), nil
}

func loadAlias(rd store.Reader, f ref, name string, a *alias) error {
	ok, err := load(rd, aliasKey(f, name), a)
	if err == nil && !ok {
		return errNoAlias(f, name)
	}
	return err
}

func (r *lambdaRoom) updateAlias(ctx context.Context, in *api.UpdateAliasInput) (*api.UpdateAliasOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	before, _ := r.plan(ctx, ref{Scope: f.Scope, name: f.name, qualifier: str(in.Name)}) // nil: the change says what is missing
	f.qualifier = ""
	var a alias
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		a = alias{}
		if err := loadAlias(tx, f, str(in.Name), &a); err != nil {
			return err
		}
		if in.RevisionId != nil && *in.RevisionId != str(a.Config.RevisionId) {
			return errPrecondition("GetFunction/GetAlias")
		}
		set(&a.Config.FunctionVersion, in.FunctionVersion)
		set(&a.Config.Description, in.Description)
		if in.RoutingConfig != nil {
			a.Config.RoutingConfig = routing(in.RoutingConfig)
		}
		if err := checkRouting(tx, f, fn, &a); err != nil {
			return err
		}
		a.Config.RevisionId = new(r.d.IDs.UUID())
		return save(tx, aliasKey(f, str(in.Name)), &a)
	})
	if err != nil {
		return nil, err
	}
	r.moved(ctx, ref{Scope: f.Scope, name: f.name, qualifier: str(in.Name)}, before)
	return (*api.UpdateAliasOutput)(&a.Config), nil
}

func (r *lambdaRoom) deleteAlias(ctx context.Context, in *api.DeleteAliasInput) (*api.DeleteAliasOutput, error) {
	f, err := parseRef(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f.qualifier = ""
	err = r.change(ctx, f, func(tx store.Tx, fn *function) error {
		fn.forget(str(in.Name))
		return tx.Delete(aliasKey(f, str(in.Name))) // an alias that is not there is no error
	})
	r.gates.forget(f.Scope)
	return &api.DeleteAliasOutput{}, err
}

func (r *lambdaRoom) listAliases(ctx context.Context, in *api.ListAliasesInput) (*api.ListAliasesOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	f := p.ref
	all := []api.AliasConfiguration{}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		return each(rd, key(f.Scope, "alias").Str(f.name), func(a alias) (bool, error) {
			if in.FunctionVersion == nil || *in.FunctionVersion == str(a.Config.FunctionVersion) {
				all = append(all, a.Config)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, 50)
	return &api.ListAliasesOutput{Aliases: page, NextMarker: next}, err
}
