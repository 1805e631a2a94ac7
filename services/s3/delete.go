package s3

import (
	"context"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
)

// removal is one deletion that is asked for.
type removal struct {
	key     string
	version *string
	want    deleteCondition
	event   string // "ObjectRemoved" or "LifecycleExpiration"
}

// deleteCondition are the conditions of a delete; size and time are those of directory buckets.
type deleteCondition struct{ match *string }

// removed is what a deletion did.
type removed struct {
	marker  bool   // a delete marker was made or removed
	version string // that was made or removed; "" without versions
}

func (r *s3Room) deleteObject(ctx context.Context, in *api.DeleteObjectInput) (*api.DeleteObjectOutput, error) {
	if in.IfMatchLastModifiedTime != nil || in.IfMatchSize != nil {
		return nil, cloud.NotImplementedf("Conditions on time and size (x-amz-if-match-last-modified-time, x-amz-if-match-size) are those of directory buckets, which this platform does not serve.")
	}
	q := removal{key: text(in.Key), version: in.VersionId, want: deleteCondition{in.IfMatch}, event: removedEvents}
	if err := first(checkKey(q.key), checkVersionID(q.version)); err != nil {
		return nil, err
	}
	var done removed
	var w waste
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		w = waste{}
		b, err := open(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		done, err = r.remove(ctx, tx, b, q, &w)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.throw(w)
	out := &api.DeleteObjectOutput{VersionId: optional(done.version)}
	if done.marker {
		out.DeleteMarker = new(true)
	}
	return out, nil
}

// checkVersionID refuses what cannot be a version's id.
func checkVersionID(version *string) error {
	if version == nil || *version == null {
		return nil
	}
	if _, ok := seqOf(*version); !ok {
		return errArgument("versionId", *version, "Invalid version id specified")
	}
	return nil
}

const (
	removedEvents = "ObjectRemoved"
	expiredEvents = "LifecycleExpiration"
)

// remove deletes a version, or the current one: for good, or by a delete marker where versions are kept. What is absent is no error.
func (r *s3Room) remove(ctx context.Context, tx store.Tx, b *bucket, q removal, w *waste) (removed, error) {
	if q.want.match != nil {
		old, err := current(tx, b.Name, q.key)
		if err != nil {
			return removed{}, err
		}
		if err := (writeCondition{match: q.want.match}).judgeDelete(old); err != nil {
			return removed{}, err
		}
	}
	switch {
	case q.version != nil:
		return r.removeVersion(ctx, tx, b, q, w)
	case b.versioned():
		return r.mark(ctx, tx, b, q, w)
	}
	old, err := current(tx, b.Name, q.key)
	if err != nil || old == nil {
		return removed{}, err
	}
	old.Seq = r.tick(old.Seq)
	err = first(tx.Delete(objectKey(b.Name, q.key)), discard(tx, b.Name, old, w), r.notify(ctx, tx, b, happening{event: q.event + ":Delete", object: old}))
	return removed{}, err
}

// judgeDelete is judge for deletions, of which "*" is a condition too.
func (c writeCondition) judgeDelete(old *object) error {
	if old == nil || !matches(*c.match, old.ETag) {
		return errPrecondition("If-Match")
	}
	return nil
}

// mark puts a delete marker on top of a key's versions.
func (r *s3Room) mark(ctx context.Context, tx store.Tx, b *bucket, q removal, w *waste) (removed, error) {
	m := &object{Key: q.key, Marker: true}
	old, err := r.displace(tx, b, m, w)
	if err != nil {
		return removed{}, err
	}
	if old != nil {
		if err := tx.Delete(objectKey(b.Name, q.key)); err != nil {
			return removed{}, err
		}
	}
	if err := retire(tx, b.Name, m); err != nil {
		return removed{}, err
	}
	return removed{marker: true, version: m.name()}, r.notify(ctx, tx, b, happening{event: q.event + ":DeleteMarkerCreated", object: m})
}

// removeVersion deletes one version for good. The version below it becomes current if it was.
func (r *s3Room) removeVersion(ctx context.Context, tx store.Tx, b *bucket, q removal, w *waste) (removed, error) {
	done := removed{version: *q.version}
	if !b.versioned() && *q.version == null {
		done.version = ""
	}
	o, isCurrent, err := find(tx, b, q.key, *q.version)
	if err != nil || o == nil {
		return done, err
	}
	if b.versioned() {
		done.marker, done.version = o.Marker, o.name()
	}
	if isCurrent {
		err = first(tx.Delete(objectKey(b.Name, q.key)), promote(tx, b.Name, q.key))
	} else {
		if err = unretire(tx, b.Name, o); err == nil {
			err = r.uncover(tx, b, o)
		}
	}
	if err != nil {
		return done, err
	}
	o.Seq = r.tick(o.Seq)
	return done, first(discard(tx, b.Name, o, w), r.notify(ctx, tx, b, happening{event: q.event + ":Delete", object: o}))
}

// uncover makes the version below a removed delete marker current, if the marker was on top.
func (r *s3Room) uncover(tx store.Tx, b *bucket, gone *object) error {
	if !gone.Marker {
		return nil
	}
	cur, err := current(tx, b.Name, gone.Key)
	if err != nil || cur != nil {
		return err
	}
	return promote(tx, b.Name, gone.Key)
}

const (
	maxDelete   = 1000 // keys of one DeleteObjects
	deleteBatch = 200  // that share a transaction
)

func (r *s3Room) deleteObjects(ctx context.Context, in *api.DeleteObjectsInput) (*api.DeleteObjectsOutput, error) {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > maxDelete {
		return nil, errXML()
	}
	if _, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	out := &api.DeleteObjectsOutput{}
	list := in.Delete.Objects
	for len(list) > 0 {
		n := min(len(list), deleteBatch)
		deleted, failed, err := r.deleteSome(ctx, in.Bucket, list[:n])
		if err != nil {
			return nil, err
		}
		if !is(in.Delete.Quiet) {
			out.Deleted = append(out.Deleted, deleted...)
		}
		out.Errors = append(out.Errors, failed...)
		list = list[n:]
	}
	return out, nil
}

// deleteSome deletes some objects in one transaction. What is wrong with one of them is an entry of failed.
func (r *s3Room) deleteSome(ctx context.Context, bucket *string, list []api.ObjectIdentifier) (deleted []api.DeletedObject, failed []api.Error, err error) {
	var w waste
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		w, deleted, failed = waste{}, nil, nil
		b, err := readBucket(tx, text(bucket))
		if err != nil {
			return err
		}
		for _, id := range list {
			done, err := r.deleteOne(ctx, tx, b, id, &w)
			e := cloud.AsError(err)
			switch {
			case err == nil:
				deleted = append(deleted, done)
			case e.Kind == cloud.Internal:
				return err
			default:
				failed = append(failed, api.Error{Key: id.Key, VersionId: id.VersionId, Code: &e.Code, Message: &e.Message})
			}
		}
		return nil
	})
	if err == nil {
		r.throw(w)
	}
	return deleted, failed, err
}

func (r *s3Room) deleteOne(ctx context.Context, tx store.Tx, b *bucket, id api.ObjectIdentifier, w *waste) (api.DeletedObject, error) {
	out := api.DeletedObject{Key: id.Key, VersionId: id.VersionId}
	if id.LastModifiedTime != nil || id.Size != nil {
		return out, cloud.NotImplementedf("Conditions on time and size are those of directory buckets, which this platform does not serve.")
	}
	if err := checkKey(text(id.Key)); err != nil {
		return out, err
	}
	if checkVersionID(id.VersionId) != nil {
		return out, errNoVersion(text(id.Key), text(id.VersionId))
	}
	done, err := r.remove(ctx, tx, b, removal{key: text(id.Key), version: id.VersionId, want: deleteCondition{id.ETag}, event: removedEvents}, w)
	if done.marker {
		out.DeleteMarker, out.DeleteMarkerVersionId = new(true), &done.version
	}
	return out, err
}
