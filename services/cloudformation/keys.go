package cloudformation

import (
	"context"
	"encoding/json"
	"fmt"

	"sundog/cloud"
	"sundog/engine/store"
)

const name = "cloudformation"

func shardOf(sc cloud.Scope) store.Shard { return store.ShardOf(name, sc.Account, sc.Region) }

func table(sc cloud.Scope, t string) store.Key {
	return store.K(shardOf(sc), name, t).Str(sc.Account).Str(sc.Region)
}

func stackKey(sc cloud.Scope, id string) store.Key { return table(sc, "stack").Str(id) }
func nameKey(sc cloud.Scope, n string) store.Key   { return table(sc, "name").Str(n) }
func templateKey(sc cloud.Scope, id, version string) store.Key {
	return table(sc, "template").Str(id).Str(version)
}
func resourcePrefix(sc cloud.Scope, id string) store.Key { return table(sc, "resource").Str(id) }
func eventPrefix(sc cloud.Scope, id string) store.Key    { return table(sc, "event").Str(id) }
func changePrefix(sc cloud.Scope, id string) store.Key   { return table(sc, "change").Str(id) }
func exportKey(sc cloud.Scope, n string) store.Key       { return table(sc, "export").Str(n) }
func importKey(sc cloud.Scope, n, stack string) store.Key {
	return table(sc, "import").Str(n).Str(stack)
}
func opKey(sc cloud.Scope, id string) store.Key { return table(sc, "op").Str(id) }

// load reads a JSON row; false when it is absent.
func load(r store.Reader, key []byte, into any) (bool, error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return false, fmt.Errorf("cloudformation: row %q: %w", key, err)
	}
	return true, nil
}

func save(tx store.Tx, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(key, b)
}

// each reads all JSON rows under a prefix.
func each[T any](r store.Reader, prefix []byte, f func(key []byte, v *T) error) error {
	it := r.Scan(store.Prefix(prefix))
	defer it.Close()
	for it.Next() {
		v := new(T)
		if err := json.Unmarshal(it.Value(), v); err != nil {
			return fmt.Errorf("cloudformation: row %q: %w", it.Key(), err)
		}
		if err := f(it.Key(), v); err != nil {
			return err
		}
	}
	return it.Err()
}

func scope(ctx context.Context) cloud.Scope { return cloud.CallFrom(ctx).Scope }
