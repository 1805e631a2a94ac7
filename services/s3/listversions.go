package s3

import (
	"context"

	api "sundog/api/s3"
	"sundog/engine/store"
)

// versions walks over all versions of a bucket, by key, and newest first within a key: two tables, merged.
type versions struct {
	listing
	now, old         store.Iterator // over "object" and "version"
	nowBase, oldBase store.Key
	nowKey, oldKey   string
	hasNow, hasOld   bool
	latest           string // the key whose latest version has been given
	some             bool   // latest is valid
	err              error
}

func newVersions(rd store.Reader, bucket string, l listing) *versions {
	v := &versions{listing: l, nowBase: table(bucket, "object"), oldBase: table(bucket, "version")}
	v.now = rd.Scan(store.Prefix(textPrefix(v.nowBase.Clone(), l.prefix)))
	v.old = rd.Scan(store.Prefix(textPrefix(v.oldBase.Clone(), l.prefix)))
	return v
}

func (v *versions) close() {
	_ = v.now.Close()
	_ = v.old.Close()
}

// start puts both tables at their beginning: behind a key, or behind a version of it.
func (v *versions) start(rd store.Reader, bucket, version string) error {
	v.begin(v.now, v.nowBase)
	v.begin(v.old, v.oldBase)
	if version != "" && v.after != "" {
		seq, err := v.markerSeq(rd, bucket, version)
		if err != nil {
			return err
		}
		v.old.Seek(append(v.oldBase.Clone().Str(v.after).U64(^seq), 0))
		v.latest, v.some = v.after, true
	}
	v.step(true)
	v.step(false)
	return v.err
}

func (v *versions) markerSeq(rd store.Reader, bucket, version string) (uint64, error) {
	if version != null {
		seq, ok := seqOf(version)
		if !ok {
			return 0, errArgument("version-id-marker", version, "Invalid version id specified")
		}
		return seq, nil
	}
	o, err := current(rd, bucket, v.after)
	if err != nil {
		return 0, err
	}
	if o != nil && o.Version == "" {
		return o.Seq, nil
	}
	seq, _, err := placeOf(rd, bucket, v.after, null)
	return seq, err
}

// step moves one of the tables on.
func (v *versions) step(now bool) {
	it, base := v.old, v.oldBase
	if now {
		it, base = v.now, v.nowBase
	}
	has, key := it.Next(), ""
	if has {
		var err error
		if key, _, err = store.CutStr(it.Key()[len(base):]); err != nil {
			v.err, has = err, false
		}
	} else if err := it.Err(); err != nil {
		v.err = err
	}
	if now {
		v.hasNow, v.nowKey = has, key
	} else {
		v.hasOld, v.oldKey = has, key
	}
}

// key is the next key; false at the end.
func (v *versions) key() (string, bool) {
	if v.hasNow && (!v.hasOld || v.nowKey <= v.oldKey) {
		return v.nowKey, true
	}
	return v.oldKey, v.hasOld
}

// take gives the next version, and moves on.
func (v *versions) take() (o *object, isLatest bool, err error) {
	key, _ := v.key()
	now := v.hasNow && v.nowKey == key
	it := v.old
	if now {
		it = v.now
	}
	o, err = decodeObject(key, it.Value())
	isLatest = !v.some || v.latest != key
	v.latest, v.some = key, true
	v.step(now)
	return o, isLatest, err
}

// skip passes over all keys with a prefix.
func (v *versions) skip(prefix string) {
	v.pass(v.now, v.nowBase, prefix)
	v.pass(v.old, v.oldBase, prefix)
	v.step(true)
	v.step(false)
}

func (r *s3Room) listObjectVersions(ctx context.Context, in *api.ListObjectVersionsInput) (*api.ListObjectVersionsOutput, error) {
	code, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("max-keys", in.MaxKeys)
	if err != nil {
		return nil, err
	}
	if text(in.VersionIdMarker) != "" && text(in.KeyMarker) == "" {
		return nil, errArgument("version-id-marker", *in.VersionIdMarker, "A version-id marker cannot be specified without a key marker.")
	}
	l := listing{text(in.Prefix), text(in.Delimiter), text(in.KeyMarker), limit}
	var out *api.ListObjectVersionsOutput
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		b, err := open(rd, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		out = &api.ListObjectVersionsOutput{
			Name: &b.Name, Prefix: code(text(in.Prefix)), KeyMarker: code(text(in.KeyMarker)), VersionIdMarker: new(text(in.VersionIdMarker)),
			Delimiter: coded(in.Delimiter, code), MaxKeys: new(int32(limit)), EncodingType: in.EncodingType, IsTruncated: new(false),
		}
		if limit == 0 {
			return nil
		}
		v := newVersions(rd, b.Name, l)
		defer v.close()
		if err := v.start(rd, b.Name, text(in.VersionIdMarker)); err != nil {
			return err
		}
		return v.fill(out, code, ownerOf(b.Owner))
	})
	return out, err
}

// fill puts a page into out.
func (v *versions) fill(out *api.ListObjectVersionsOutput, code func(string) *string, owner *api.Owner) error {
	var lastKey string
	var lastVersion *string
	var prefixes []string
	for n := 0; ; n++ {
		key, ok := v.key()
		if !ok || v.err != nil {
			break
		}
		if n == v.limit {
			out.IsTruncated, out.NextKeyMarker, out.NextVersionIdMarker = new(true), code(lastKey), lastVersion
			break
		}
		if g, ok := v.group(key); ok {
			prefixes, lastKey, lastVersion = append(prefixes, g), g, nil
			v.skip(g)
			continue
		}
		o, isLatest, err := v.take()
		if err != nil {
			return err
		}
		lastKey, lastVersion = key, new(o.name())
		if o.Marker {
			out.DeleteMarkers = append(out.DeleteMarkers, api.DeleteMarkerEntry{
				Owner: owner, Key: code(key), VersionId: lastVersion, IsLatest: &isLatest, LastModified: new(o.modified()),
			})
			continue
		}
		out.Versions = append(out.Versions, api.ObjectVersion{
			ETag: o.etag(), ChecksumAlgorithm: o.Sum.algorithms(), ChecksumType: o.Sum.kind(), Size: &o.Size, StorageClass: new(o.class()), Key: code(key),
			VersionId: lastVersion, IsLatest: &isLatest, LastModified: new(o.modified()), Owner: owner,
		})
	}
	out.CommonPrefixes = commonPrefixes(prefixes, code)
	return v.err
}
