package apigateway

import (
	"context"
	"encoding/json"

	"sundog/cloud"
	"sundog/engine/store"
)

// The kinds of things that an API has.
const (
	kindAPI         = "api"
	kindRoute       = "route"
	kindIntegration = "integration"
	kindStage       = "stage"
	kindAuthorizer  = "authorizer"
)

// ref names one API.
type ref struct {
	cloud.Scope
	API string
}

func (a ref) shard() store.Shard { return store.ShardOf("apigateway", a.Account, a.Region, a.API) }

func (a ref) key(kind string) store.Key {
	return store.K(a.shard(), "apigateway", kind).Str(a.Account).Str(a.Region).Str(a.API)
}

func listKey(sc cloud.Scope) store.Key {
	return store.K(store.ShardOf("apigateway", sc.Account, sc.Region), "apigateway", "list").Str(sc.Account).Str(sc.Region)
}

// document is a thing's row: the members of the output that describes it, by name.
type document map[string]json.RawMessage

// documentOf takes the members of v that are present.
func documentOf(v any) (document, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := document{}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, err
	}
	for k, raw := range d {
		if string(raw) == "null" {
			delete(d, k)
		}
	}
	return d, nil
}

func (d document) set(name string, v any) error {
	b, err := json.Marshal(v)
	d[name] = b
	return err
}

// into fills an output; members that the output does not have are passed over.
func (d document) into(out any) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

func read(rd store.Reader, k []byte) (document, error) {
	b, err := rd.Get(k)
	if err != nil || b == nil {
		return nil, err
	}
	d := document{}
	return d, json.Unmarshal(b, &d)
}

func write(tx store.Tx, k []byte, d document) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return tx.Put(k, b)
}

func (r *gatewayRoom) ref(ctx context.Context, api *string) ref {
	return ref{cloud.CallFrom(ctx).Scope, text(api)}
}

// put makes or replaces a thing of an API that must exist, and forgets the compiled copy.
func (r *gatewayRoom) put(ctx context.Context, a ref, kind, id string, d document) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		api, err := read(tx, a.key(kindAPI))
		if err != nil {
			return err
		}
		if api == nil && kind != kindAPI {
			return errNotFound("API", a.API)
		}
		tx.AfterCommit(func(store.Stamp) { r.fronts.forget(a) })
		k := a.key(kind)
		if kind != kindAPI {
			k = k.Str(id)
		}
		return write(tx, k, d)
	})
}

// fetch reads a thing into out.
func (r *gatewayRoom) fetch(ctx context.Context, a ref, kind, id string, out any) error {
	return r.d.Store.View(ctx, func(rd store.Reader) error {
		d, err := thing(rd, a, kind, id)
		if err != nil {
			return err
		}
		return d.into(out)
	})
}

func thing(rd store.Reader, a ref, kind, id string) (document, error) {
	k := a.key(kind)
	if kind != kindAPI {
		k = k.Str(id)
	}
	d, err := read(rd, k)
	if err == nil && d == nil {
		err = errNotFound(names[kind], id)
	}
	return d, err
}

var names = map[string]string{kindAPI: "API", kindRoute: "Route", kindIntegration: "Integration", kindStage: "Stage", kindAuthorizer: "Authorizer"}

// update merges the members of in that are present over a thing, checks it, and fills out.
func (r *gatewayRoom) update(ctx context.Context, a ref, kind, id string, in any, check func(document) error, out any) error {
	change, err := documentOf(in)
	if err != nil {
		return err
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		d, err := thing(tx, a, kind, id)
		if err != nil {
			return err
		}
		for k, v := range change {
			d[k] = v
		}
		if err := check(d); err != nil {
			return err
		}
		tx.AfterCommit(func(store.Stamp) { r.fronts.forget(a) })
		k := a.key(kind)
		if kind != kindAPI {
			k = k.Str(id)
		}
		if err := write(tx, k, d); err != nil {
			return err
		}
		return d.into(out)
	})
}

// remove deletes a thing, which must exist.
func (r *gatewayRoom) remove(ctx context.Context, a ref, kind, id string) error {
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := thing(tx, a, kind, id); err != nil {
			return err
		}
		tx.AfterCommit(func(store.Stamp) { r.fronts.forget(a) })
		return tx.Delete(a.key(kind).Str(id))
	})
}

// things reads all of a kind as a list.
func things[T any](rd store.Reader, a ref, kind string) (out []T, err error) {
	it := rd.Scan(store.Prefix(a.key(kind)))
	defer func() { _ = it.Close() }()
	for it.Next() {
		var v T
		if err := json.Unmarshal(it.Value(), &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, it.Err()
}

// list is things for an operation: the API must exist.
func list[T any](ctx context.Context, r *gatewayRoom, api *string, kind string) (out []T, err error) {
	a := r.ref(ctx, api)
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		if _, err := thing(rd, a, kindAPI, a.API); err != nil {
			return err
		}
		out, err = things[T](rd, a, kind)
		return err
	})
	if out == nil {
		out = []T{}
	}
	return out, err
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
