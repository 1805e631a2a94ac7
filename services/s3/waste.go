package s3

import (
	"context"
	"encoding/json"
	"sync"

	"sundog/engine/store"
)

// waste is what a transaction has made useless. It is removed after the commit.
type waste struct {
	bucket  string
	blobs   []string
	uploads bool // the bucket has rows in "gone"
}

// discard notes that nothing names a version's bytes any more.
func discard(tx store.Tx, bucket string, o *object, w *waste) error {
	w.bucket = bucket
	if o.Blob != "" {
		w.blobs = append(w.blobs, o.Blob)
	}
	if o.Upload == "" {
		return nil
	}
	w.uploads = true
	return tx.Put(goneKey(bucket, o.Upload), nil)
}

// throw deletes blobs. What cannot be deleted is logged: it is found again by the sweep of blobs that no row names.
func (r *s3Room) throw(w waste) {
	for _, id := range w.blobs {
		if id == "" {
			continue
		}
		if err := r.d.Blob.Delete(r.work.Context(), id); err != nil && r.work.Context().Err() == nil {
			r.d.Log.Error("s3: deleting a blob failed", "blob", id, "error", err)
		}
	}
	if w.uploads {
		r.clean(w.bucket)
	}
}

// pins count the readers of objects that are made of pieces: their pieces stay until the last reader is done. The zero value is ready.
type pins struct {
	mu    sync.Mutex
	held  map[string]int
	later map[string]string // upload -> bucket, to be cleaned when the last reader is done
}

func (p *pins) hold(upload string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held, p.later = map[string]int{}, map[string]string{}
	}
	p.held[upload]++
}

// release gives the bucket whose gone uploads can be cleaned now, or "".
func (p *pins) release(upload string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[upload]--; p.held[upload] > 0 {
		return ""
	}
	bucket := p.later[upload]
	delete(p.held, upload)
	delete(p.later, upload)
	return bucket
}

// busy tells whether an upload's pieces are read; if so its bucket is cleaned later.
func (p *pins) busy(bucket, upload string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[upload] == 0 {
		return false
	}
	p.later[upload] = bucket
	return true
}

// clean removes, in the background, the parts and pieces of a bucket's uploads that are gone.
func (r *s3Room) clean(bucket string) {
	r.work.Start("s3 removing parts", func(ctx context.Context) {
		if err := r.removeGone(ctx, bucket); err != nil && ctx.Err() == nil {
			r.d.Log.Error("s3: removing parts failed, it is taken up again at the next start", "bucket", bucket, "error", err)
		}
	})
}

func (r *s3Room) removeGone(ctx context.Context, bucket string) error {
	var ids []string
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		ids = ids[:0]
		base := table(bucket, "gone")
		return each(rd, base, func(key, _ []byte) error {
			id, _, err := store.CutStr(key[len(base):])
			ids = append(ids, id)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if r.pins.busy(bucket, id) {
			continue
		}
		if err := r.removeUpload(ctx, bucket, id); err != nil {
			return err
		}
	}
	return nil
}

// removeUpload deletes the blobs of an upload, then the rows that name them.
func (r *s3Room) removeUpload(ctx context.Context, bucket, id string) error {
	var blobs []string
	prefixes := []store.Key{partsKey(bucket, id), piecesKey(bucket, id)}
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		blobs = blobs[:0]
		for _, p := range prefixes {
			err := each(rd, p, func(_, v []byte) error {
				var row part
				err := json.Unmarshal(v, &row)
				blobs = append(blobs, row.Blob)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if err := r.d.Blob.Delete(ctx, b); err != nil {
			return err
		}
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		for _, p := range prefixes {
			if err := tx.DeleteRange(p, p.End()); err != nil {
				return err
			}
		}
		return tx.Delete(goneKey(bucket, id))
	})
}

// each calls fn for every row with a prefix. The bytes are valid during the call only.
func each(rd store.Reader, prefix store.Key, fn func(key, value []byte) error) error {
	it := rd.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	for it.Next() {
		if err := fn(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}
