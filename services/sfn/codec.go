package sfn

import (
	"bytes"
	"encoding/json"

	"sundog/engine/store"
)

// load reads a JSON row; false when it is absent.
func load(r store.Reader, key store.Key, v any) (bool, error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	return true, json.Unmarshal(b, v)
}

// save writes a JSON row.
func save(tx store.Tx, key store.Key, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return tx.Put(key, b)
}

// scan calls f with every row of a prefix until it gives false. f's key is what follows the prefix.
func scan(r store.Reader, o store.ScanOptions, prefix int, f func(key, value []byte) (bool, error)) (err error) {
	it := r.Scan(o)
	defer func() {
		if e := it.Close(); err == nil {
			err = e
		}
	}()
	for it.Next() {
		more, err := f(it.Key()[prefix:], it.Value())
		if err != nil || !more {
			return err
		}
	}
	return it.Err()
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func ptr[T any](v T) *T { return &v }

// some gives nil for the zero value.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func decode[T any](b []byte) (*T, error) {
	v := new(T)
	return v, json.Unmarshal(b, v)
}

// encode writes JSON without the escapes that only HTML needs, so that large documents stay within a row.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
