package lambda

import (
	"encoding/json"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

func shardOf(sc cloud.Scope) store.Shard { return store.ShardOf(service, sc.Account, sc.Region) }

// key is a table of a scope.
func key(sc cloud.Scope, table string) store.Key {
	return store.K(shardOf(sc), service, table).Str(sc.Account).Str(sc.Region)
}

func given(sc cloud.Scope) room.Once {
	return room.Once{Rows: key(sc, "given"), Due: key(sc, "givendue")}
}

// load reads a JSON row into v; false when it is absent.
func load(r store.Reader, k []byte, v any) (bool, error) {
	b, err := r.Get(k)
	if err != nil || b == nil {
		return false, err
	}
	return true, json.Unmarshal(b, v)
}

func save(tx store.Tx, k []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(k, b)
}

// each calls fn with every row below a prefix, in order, until fn says stop.
func each[T any](r store.Reader, prefix []byte, fn func(T) (more bool, err error)) error {
	it := r.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	for it.Next() {
		var v T
		if err := json.Unmarshal(it.Value(), &v); err != nil {
			return err
		}
		if more, err := fn(v); err != nil || !more {
			return err
		}
	}
	return it.Err()
}
