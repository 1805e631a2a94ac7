package s3

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/timer"
)

// sweepBatch is how many rows a step of a sweep looks at, and changes in one transaction.
const sweepBatch = 500

// sweep applies a bucket's lifecycle rules to all that is in it, then sets the timer for the next day.
func (r *s3Room) sweep(ctx context.Context, t timer.Timer) error {
	name := t.ID
	b, err := r.bucket(ctx, &name, nil)
	if err != nil || len(b.Lifecycle) == 0 {
		if err != nil && cloud.AsError(err).Kind != cloud.NotFound {
			return err
		}
		return nil
	}
	ctx = cloud.WithCall(ctx, cloud.Call{Principal: actor(b), Scope: b.scope(), RequestID: r.d.IDs.UUID(), Trace: cloud.NewTrace(r.d.Clock.Now(), r.d.IDs)})
	now := r.d.Clock.Now()
	if now.Before(t.Due) {
		now = t.Due
	}
	for _, step := range []func(context.Context, string, time.Time) error{r.expireCurrent, r.expireVersions, r.expireUploads} {
		if err := step(ctx, name, now); err != nil {
			return err
		}
	}
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := readBucket(tx, name)
		if err != nil || len(b.Lifecycle) == 0 {
			if err != nil && cloud.AsError(err).Kind != cloud.NotFound {
				return err
			}
			return nil
		}
		return r.setTimer(tx, name)
	})
}

// walk looks at a table's rows in batches, each in a view; act changes what look has picked of one. The rows' bytes are valid during look only.
func (r *s3Room) walk(ctx context.Context, base store.Key, look func(key, value []byte) error, act func() error) error {
	from := base
	for more := true; more; {
		more = false
		err := r.d.Store.View(ctx, func(rd store.Reader) error {
			it := rd.Scan(store.ScanOptions{Lo: from, Hi: base.End()})
			defer func() { _ = it.Close() }()
			for n := 0; it.Next(); n++ {
				if n == sweepBatch {
					from, more = append(store.Key(nil), it.Key()...), true
					break
				}
				if err := look(it.Key()[len(base):], it.Value()); err != nil {
					return err
				}
			}
			return it.Err()
		})
		if err != nil {
			return err
		}
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// expireAll removes what was picked, in one transaction; still tells whether a pick still holds.
func (r *s3Room) expireAll(ctx context.Context, bucketName string, picked []removal, still func(store.Tx, *bucket, removal) (bool, error)) error {
	if len(picked) == 0 {
		return nil
	}
	var w waste
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		w = waste{}
		b, err := readBucket(tx, bucketName)
		if err != nil {
			return err
		}
		for _, q := range picked {
			ok, err := still(tx, b, q)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if _, err := r.remove(ctx, tx, b, q, &w); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		r.throw(w)
	}
	return err
}

// expireCurrent removes current versions that have expired.
func (r *s3Room) expireCurrent(ctx context.Context, name string, now time.Time) error {
	b, err := r.bucket(ctx, &name, nil)
	if err != nil {
		return err
	}
	var picked []removal
	expired := func(b *bucket, o *object) bool {
		at, _, ok := expiry(b, o)
		return ok && !at.After(now)
	}
	return r.walk(ctx, table(name, "object"), func(key, v []byte) error {
		k, _, err := store.CutStr(key)
		if err != nil {
			return err
		}
		o, err := decodeObject(k, v)
		if err == nil && expired(b, o) {
			picked = append(picked, removal{key: k, event: expiredEvents})
		}
		return err
	}, func() error {
		err := r.expireAll(ctx, name, picked, func(tx store.Tx, b *bucket, q removal) (bool, error) {
			o, err := current(tx, name, q.key)
			return o != nil && expired(b, o), err
		})
		picked = nil
		return err
	})
}

// expireVersions removes noncurrent versions that have expired, and delete markers under which there is nothing any more.
func (r *s3Room) expireVersions(ctx context.Context, name string, now time.Time) error {
	b, err := r.bucket(ctx, &name, nil)
	if err != nil || !b.versioned() {
		return err
	}
	var picked []removal
	key, newer := "", 0 // how many noncurrent versions of the key came before
	err = r.walk(ctx, table(name, "version"), func(row, v []byte) error {
		k, _, err := store.CutStr(row)
		if err != nil {
			return err
		}
		o, err := decodeObject(k, v)
		if err != nil {
			return err
		}
		if k != key {
			key, newer = k, 0
		}
		if o.Retired == 0 { // a delete marker that is current
			return nil
		}
		if stale(b, o, newer, now) {
			picked = append(picked, removal{key: k, version: new(o.name()), event: expiredEvents})
		}
		newer++
		return nil
	}, func() error {
		err := r.expireAll(ctx, name, picked, func(store.Tx, *bucket, removal) (bool, error) { return true, nil })
		picked = nil
		return err
	})
	if err != nil {
		return err
	}
	return r.expireMarkers(ctx, name)
}

// stale tells whether a rule removes a noncurrent version of which so many are newer.
func stale(b *bucket, o *object, newer int, now time.Time) bool {
	for _, rule := range b.Lifecycle {
		n := rule.NoncurrentVersionExpiration
		if text(rule.Status) != "Enabled" || n == nil || !selectorOf(rule).picks(o) {
			continue
		}
		if n.NewerNoncurrentVersions != nil && newer < int(*n.NewerNoncurrentVersions) {
			continue
		}
		if !due(time.UnixMilli(o.Retired), *n.NoncurrentDays).After(now) {
			return true
		}
	}
	return false
}

// expireMarkers removes delete markers that are all that is left of their key, where a rule asks for it.
func (r *s3Room) expireMarkers(ctx context.Context, name string) error {
	b, err := r.bucket(ctx, &name, nil)
	if err != nil {
		return err
	}
	var picked []removal
	return r.walk(ctx, table(name, "version"), func(row, v []byte) error {
		k, _, err := store.CutStr(row)
		if err != nil {
			return err
		}
		o, err := decodeObject(k, v)
		if err == nil && o.Marker && clearsMarkers(b, o) {
			picked = append(picked, removal{key: k, version: new(o.name()), event: expiredEvents})
		}
		return err
	}, func() error {
		err := r.expireAll(ctx, name, picked, func(tx store.Tx, _ *bucket, q removal) (bool, error) { return alone(tx, name, q.key) })
		picked = nil
		return err
	})
}

func clearsMarkers(b *bucket, o *object) bool {
	for _, rule := range b.Lifecycle {
		e := rule.Expiration
		if text(rule.Status) == "Enabled" && e != nil && (is(e.ExpiredObjectDeleteMarker) || e.Days != nil) && strings.HasPrefix(o.Key, selectorOf(rule).prefix) {
			return true
		}
	}
	return false
}

// alone tells whether a key has one version only.
func alone(rd store.Reader, bucket, key string) (bool, error) {
	o, err := current(rd, bucket, key)
	if err != nil || o != nil {
		return false, err
	}
	n := 0
	err = each(rd, versionsKey(bucket, key), func(_, _ []byte) error { n++; return nil })
	return n == 1, err
}

// expireUploads ends uploads that were begun too long ago.
func (r *s3Room) expireUploads(ctx context.Context, name string, now time.Time) error {
	b, err := r.bucket(ctx, &name, nil)
	if err != nil {
		return err
	}
	var picked []*upload
	ended := false
	err = r.walk(ctx, table(name, "upload"), func(row, v []byte) error {
		u, err := decodeUpload(row, v)
		if err != nil {
			return err
		}
		if at, _ := abortOf(b, u); at != nil && !at.After(now) {
			picked = append(picked, u)
		}
		return nil
	}, func() error {
		ended = ended || len(picked) > 0
		err := r.d.Store.Update(ctx, func(tx store.Tx) error {
			for _, u := range picked {
				if _, err := openUpload(tx, name, &u.Key, &u.ID); cloud.IsCode(err, "NoSuchUpload") {
					continue
				} else if err != nil {
					return err
				}
				if err := giveUp(tx, name, u); err != nil {
					return err
				}
			}
			return nil
		})
		picked = nil
		return err
	})
	if ended {
		r.clean(name)
	}
	return err
}

// blobs calls fn for every blob that a row names, as of one moment: a completed upload's blobs move from parts to pieces.
func (r *s3Room) blobs(ctx context.Context, fn func(id string) error) error {
	return r.d.Store.View(ctx, func(rd store.Reader) error {
		for s := range 256 {
			for _, t := range []string{"object", "version", "part", "piece"} {
				err := each(rd, store.K(store.Shard(s), service, t), func(_, v []byte) error {
					var row struct {
						Blob string `json:"b"`
					}
					if err := json.Unmarshal(v, &row); err != nil || row.Blob == "" {
						return err
					}
					return fn(row.Blob)
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}
