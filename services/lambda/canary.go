package lambda

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	api "sundog/api/lambda"
	"sundog/engine/store"
	"sundog/services/room"
)

// canaryAlias is the alias that calls by the function's bare name go through while a canary deployment is on.
const canaryAlias = "canary"

// canary is what a function keeps while a deployment shifts calls to its new version step by step. The update of the function's resource begins
// it; the end of the shift, or the resource's roll-back, ends it.
type canary struct {
	Before  *build            `json:",omitempty"` // $LATEST before the deployment: a roll-back puts exactly this back
	Aliases map[string]string // the aliases that are shifted, with the version that each stays with until the end
}

// canaried tells whether a resource's template asks for its change to be shifted.
func canaried(req room.Request) bool {
	var m struct {
		Canary bool `json:"Sundog::Canary"`
	}
	return req.Metadata != "" && json.Unmarshal([]byte(req.Metadata), &m) == nil && m.Canary && !req.Reverts
}

// hold keeps calls by the bare name with the code and configuration that they run now, whatever becomes of $LATEST.
func (r *lambdaRoom) hold(ctx context.Context, f ref) error {
	return r.change(ctx, f, func(tx store.Tx, fn *function) error {
		if fn.Canary != nil && fn.Canary.Aliases[canaryAlias] != "" {
			return nil // the same step ran before
		}
		at := ref{Scope: f.Scope, name: f.name, qualifier: canaryAlias}
		if b, err := tx.Get(aliasKey(f, canaryAlias)); err != nil || b != nil {
			if err != nil {
				return err
			}
			return errConflict("The function %s has an alias named %s of its own; a canary deployment needs that name for itself.", f.name, canaryAlias)
		}
		from, err := r.published(tx, f, fn)
		if err != nil {
			return err
		}
		before := fn.Latest
		fn.shifting(canaryAlias, str(from.Config.Version)).Before = &before
		return save(tx, aliasKey(f, canaryAlias), &alias{Config: api.AliasConfiguration{
			AliasArn: new(at.qualified().String()), Name: new(canaryAlias), FunctionVersion: from.Config.Version,
			Description: new("calls by the function's name, while a canary deployment is on"), RevisionId: new(r.d.IDs.UUID()),
		}})
	})
}

// shifting notes that an alias is being shifted from a version.
func (fn *function) shifting(name, from string) *canary {
	if fn.Canary == nil {
		fn.Canary = &canary{Aliases: map[string]string{}}
	}
	fn.Canary.Aliases[name] = from
	return fn.Canary
}

// published gives a version with the code and configuration of $LATEST: one that there is, or a new one.
func (r *lambdaRoom) published(tx store.Tx, f ref, fn *function) (*build, error) {
	var same *build
	err := each(tx, key(f.Scope, "version").Str(f.name), func(b build) (bool, error) {
		if b.Tag == fn.Latest.Tag {
			same = &b
		}
		return same == nil, nil
	})
	if err != nil || same != nil {
		return same, err
	}
	return r.publish(tx, f, fn, nil)
}

// letGo ends a function's canary: calls by its name run $LATEST again, which is first put back to what it was if the deployment failed.
func (r *lambdaRoom) letGo(ctx context.Context, f ref, back bool) error {
	var dead *build
	err := r.change(ctx, f, func(tx store.Tx, fn *function) error {
		dead = nil
		if fn.Canary == nil {
			return nil
		}
		if b := fn.Canary.Before; b != nil && back {
			old := fn.Latest
			dead, fn.Latest = &old, *b
			fn.Latest.Config.RevisionId = new(r.d.IDs.UUID())
		}
		fn.Canary = nil
		fn.forget(canaryAlias)
		return tx.Delete(aliasKey(f, canaryAlias))
	})
	if err == nil && dead != nil {
		r.retire(ctx, f, *dead)
	}
	return err
}

// holdAlias begins an alias's move to another version as a shift: none of its calls goes there yet.
func (r *lambdaRoom) holdAlias(ctx context.Context, req room.Request) error {
	p, err := r.existing(ctx, new(req.New.Text("FunctionName")))
	if err != nil {
		return err
	}
	f := p.ref
	name, to := req.New.Text("Name"), req.New.Text("FunctionVersion")
	return r.change(ctx, f, func(tx store.Tx, fn *function) error {
		var a alias
		if err := loadAlias(tx, f, name, &a); err != nil {
			return err
		}
		from := str(a.Config.FunctionVersion)
		if from == to {
			return nil
		}
		fn.shifting(name, from)
		a.Config.RevisionId = new(r.d.IDs.UUID())
		a.Config.RoutingConfig = &api.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{to: 0}}
		if err := checkRouting(tx, f, fn, &a); err != nil {
			return err
		}
		return save(tx, aliasKey(f, name), &a)
	})
}

// tally counts the calls that ran a version while its canary was on.
type tally struct{ calls, errors atomic.Int64 }

// tallies are by function and version. The zero value is ready.
type tallies struct{ by sync.Map }

func (t *tallies) of(f ref, version string) *tally {
	k := ref{Scope: f.Scope, name: f.name, qualifier: version}
	if x, ok := t.by.Load(k); ok {
		return x.(*tally)
	}
	x, _ := t.by.LoadOrStore(k, new(tally))
	return x.(*tally)
}

// forget drops what was counted of a version.
func (t *tallies) forget(f ref, version string) {
	t.by.Delete(ref{Scope: f.Scope, name: f.name, qualifier: version})
}

// count counts a call, if its function's canary is on.
func (t *tallies) count(p *plan, b *build, failed bool) {
	if p.fn.Canary == nil || p.through() == nil {
		return
	}
	x := t.of(p.ref, str(b.Config.Version))
	x.calls.Add(1)
	if failed {
		x.errors.Add(1)
	}
}
