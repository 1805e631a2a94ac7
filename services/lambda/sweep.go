package lambda

import (
	"context"
	"encoding/json"
	"errors"

	"sundog/cloud"
	"sundog/engine/store"
)

// packages are what the room's rows name: blobs, and the folders of what they unpack to.
type packages struct {
	blobs map[string]bool
	sums  map[[32]byte]bool
}

func (p *packages) add(blob, hash string) {
	p.blobs[blob] = true
	if sum, ok := sumOf(hash); ok {
		p.sums[sum] = true
	}
}

// anywhere calls fn with every row of a table in all accounts and regions.
func anywhere[T any](rd store.Reader, table string, fn func(cloud.Scope, T)) error {
	for s := range 256 {
		if err := inShard(rd, store.K(store.Shard(s), service, table), fn); err != nil {
			return err
		}
	}
	return nil
}

func inShard[T any](rd store.Reader, prefix store.Key, fn func(cloud.Scope, T)) error {
	it := rd.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	for it.Next() {
		var sc cloud.Scope
		var v T
		rest := it.Key()[len(prefix):]
		var err error
		for _, part := range []*string{&sc.Account, &sc.Region} {
			if *part, rest, err = store.CutStr(rest); err != nil {
				return err
			}
		}
		if err := json.Unmarshal(it.Value(), &v); err != nil {
			return err
		}
		fn(sc, v)
	}
	return it.Err()
}

// layerAt is a layer version with where it is.
type layerAt struct {
	cloud.Scope
	layer
}

// needed finds the packages that functions, versions and layers have. A layer that was deleted counts while a function has it; those that none has
// are unused.
func needed(rd store.Reader) (p packages, unused []layerAt, err error) {
	p = packages{blobs: map[string]bool{}, sums: map[[32]byte]bool{}}
	layers := map[string]bool{}
	note := func(b *build) {
		p.add(b.Blob, str(b.Config.CodeSha256))
		for _, l := range b.Config.Layers {
			layers[str(l.Arn)] = true
		}
	}
	if err := anywhere(rd, "function", func(_ cloud.Scope, fn function) { note(&fn.Latest) }); err != nil {
		return p, nil, err
	}
	if err := anywhere(rd, "version", func(_ cloud.Scope, b build) { note(&b) }); err != nil {
		return p, nil, err
	}
	err = anywhere(rd, "layer", func(sc cloud.Scope, l layer) {
		if l.Gone && !layers[l.arn(sc)] {
			unused = append(unused, layerAt{sc, l})
		} else {
			p.add(l.Blob, l.Hash)
		}
	})
	return p, unused, err
}

// blobs calls fn for every package that a row names.
func (r *lambdaRoom) blobs(ctx context.Context, fn func(id string) error) error {
	var p packages
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) { p, _, err = needed(rd); return err })
	if err != nil {
		return err
	}
	for id := range p.blobs {
		if err := fn(id); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes packages that nothing uses any more: those of builds that are gone, and of deleted layers that no function has. Folders in use go
// when the last call that uses them is over. Trouble is only logged: what stays goes another time.
func (r *lambdaRoom) sweep(ctx context.Context, gone ...build) {
	if err := r.sweepPackages(context.WithoutCancel(ctx), gone); err != nil {
		r.d.Log.Warn("packages that are no longer used stay", "error", err)
	}
}

func (r *lambdaRoom) sweepPackages(ctx context.Context, dead []build) error {
	var p packages
	var unused []layerAt
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) { p, unused, err = needed(rd); return err })
	if err != nil {
		return err
	}
	var gone []pack
	for _, b := range dead {
		gone = append(gone, pack{blob: b.Blob, hash: str(b.Config.CodeSha256)})
	}
	for _, l := range unused {
		gone = append(gone, pack{blob: l.Blob, hash: l.Hash})
	}
	if len(unused) > 0 {
		err := r.d.Store.Update(ctx, func(tx store.Tx) error {
			for _, l := range unused {
				if err := tx.Delete(layerKey(l.Scope, l.Name, l.Number)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, l := range unused {
		r.storage.forget(l.Scope)
	}
	return r.removePackages(ctx, gone, p)
}

func (r *lambdaRoom) removePackages(ctx context.Context, gone []pack, needed packages) error {
	var all error
	for _, g := range gone {
		if !needed.blobs[g.blob] {
			all = errors.Join(all, r.d.Blob.Delete(ctx, g.blob))
		}
		if sum, ok := sumOf(g.hash); ok && !needed.sums[sum] {
			all = errors.Join(all, r.code.remove(sum))
		}
	}
	return all
}

// sweepFolders removes what was left behind when the platform last ended.
func (r *lambdaRoom) sweepFolders(ctx context.Context) {
	var p packages
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) { p, _, err = needed(rd); return err })
	if err == nil {
		err = r.code.sweep(p.sums)
	}
	if err != nil {
		r.d.Log.Warn("unpacked packages that are no longer used stay", "error", err)
	}
}
