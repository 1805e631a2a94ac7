package s3

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/blob"
	"sundog/engine/store"
)

// copySource is what x-amz-copy-source names.
type copySource struct {
	bucket, key string
	version     *string
}

// parseSource reads x-amz-copy-source: [/]bucket/key[?versionId=id], percent-encoded.
func parseSource(p *string) (s copySource, err error) {
	raw, query, _ := strings.Cut(text(p), "?")
	if v, ok := strings.CutPrefix(query, "versionId="); ok {
		s.version = &v
	}
	raw, err = url.PathUnescape(raw)
	if err != nil {
		return s, errArgument("x-amz-copy-source", text(p), "Invalid copy source encoding.")
	}
	if strings.HasPrefix(raw, "arn:") {
		return s, cloud.NotImplementedf("Access points as x-amz-copy-source are not served by this platform.")
	}
	s.bucket, s.key, _ = strings.Cut(strings.TrimPrefix(raw, "/"), "/")
	if s.bucket == "" {
		return s, errArgument("x-amz-copy-source", text(p), "Invalid copy source bucket name")
	}
	if s.key == "" {
		return s, errArgument("x-amz-copy-source", text(p), "Invalid copy source object key")
	}
	return s, nil
}

// origin is the source of a copy, found.
type origin struct {
	bucket *bucket
	object *object
}

func (r *s3Room) origin(ctx context.Context, s copySource, owner *string, c readCondition) (f origin, err error) {
	f.bucket, f.object, _, err = r.resolve(ctx, asked{bucket: &s.bucket, owner: owner, key: &s.key, version: s.version, method: "GET"})
	if cloud.IsCode(err, "MethodNotAllowed") {
		return f, errRequest("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	if err != nil {
		return f, err
	}
	return f, c.source(f.object, r.d.Clock.Now())
}

// transfer stores the part of an object that find gives as a new blob. A source that is replaced meanwhile is found again.
func (r *s3Room) transfer(ctx context.Context, find func() (origin, span, integrity, error)) (f origin, id string, d digests, err error) {
	for range tries {
		var s span
		var i integrity
		if f, s, i, err = find(); err != nil {
			return f, "", d, err
		}
		var body io.ReadCloser
		if body, err = r.read(ctx, f.bucket, f.object, s); err == nil {
			id, d, err = r.stream(ctx, body, i)
			err = errors.Join(err, body.Close())
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return f, id, d, err
		}
	}
	return f, "", d, err
}

func (r *s3Room) copyObject(ctx context.Context, in *api.CopyObjectInput) (*api.CopyObjectOutput, error) {
	s, err := parseSource(in.CopySource)
	if err != nil {
		return nil, err
	}
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := first(checkDirectives(in), checkAlgorithm(in.ChecksumAlgorithm), (refusals{customerKey: in.CopySourceSSECustomerAlgorithm}).check()); err != nil {
		return nil, err
	}
	want := writeCondition{match: in.IfMatch, noneMatch: in.IfNoneMatch}
	if err := want.check(); err != nil {
		return nil, err
	}
	if err := r.early(ctx, b.Name, text(in.Key), want); err != nil {
		return nil, err
	}
	var o *object
	c := readCondition{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince}
	f, id, d, err := r.transfer(ctx, func() (f origin, part span, i integrity, err error) {
		if f, err = r.origin(ctx, s, in.ExpectedSourceBucketOwner, c); err != nil {
			return f, part, i, err
		}
		if f.object.Size > maxBody {
			return f, part, i, errRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxBody))
		}
		o, err = copied(b, in, s, f.object)
		return f, span{n: f.object.Size}, integrity{Algorithm: copiedAlgorithm(in, f.object), limit: maxBody}, err
	})
	if err != nil {
		return nil, err
	}
	o.Blob, o.Size, o.ETag, o.Sum = id, d.size, d.etag(), d.chosen
	if b, err = r.commit(ctx, in.Bucket, o, want, "ObjectCreated:Copy"); err != nil {
		return nil, err
	}
	sum := o.Sum.sums()
	out := &api.CopyObjectOutput{
		CopyObjectResult: &api.CopyObjectResult{
			ETag: o.etag(), LastModified: new(o.modified()), ChecksumType: o.Sum.kind(),
			ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
		},
		ServerSideEncryption: o.Seal.algorithm(), SSEKMSKeyId: optional(o.Seal.Key), BucketKeyEnabled: o.Seal.bucketKey(),
		SSEKMSEncryptionContext: optional(o.Seal.Context), VersionId: o.named(b), Expiration: expirationOf(b, o),
	}
	out.CopySourceVersionId = optional(f.object.Version)
	return out, nil
}

// early judges the conditions of a write before its work is done; they are judged again when it is committed.
func (r *s3Room) early(ctx context.Context, bucket, key string, want writeCondition) error {
	if want == (writeCondition{}) {
		return nil
	}
	return r.d.Store.View(ctx, func(rd store.Reader) error {
		old, err := current(rd, bucket, key)
		if err != nil {
			return err
		}
		return want.judge(key, old)
	})
}

func checkDirectives(in *api.CopyObjectInput) error {
	directives := []string{"COPY", "REPLACE"}
	if in.MetadataDirective != nil && !slices.Contains(directives, *in.MetadataDirective) {
		return errArgument("x-amz-metadata-directive", *in.MetadataDirective, "Unknown metadata directive.")
	}
	if in.TaggingDirective != nil && !slices.Contains(directives, *in.TaggingDirective) {
		return errArgument("x-amz-tagging-directive", *in.TaggingDirective, "Unknown tagging directive.")
	}
	return nil
}

// copiedAlgorithm is the checksum that a copy has: the one asked for, else the source's.
func copiedAlgorithm(in *api.CopyObjectInput, source *object) *string {
	if in.ChecksumAlgorithm != nil {
		return in.ChecksumAlgorithm
	}
	return optional(source.Sum.Algorithm)
}

// copied makes the object that a copy of source becomes, but for its bytes.
func copied(b *bucket, in *api.CopyObjectInput, s copySource, source *object) (*object, error) {
	same := s.bucket == b.Name && s.key == text(in.Key) && s.version == nil
	if same && text(in.MetadataDirective) != "REPLACE" && in.StorageClass == nil && in.WebsiteRedirectLocation == nil && in.ServerSideEncryption == nil &&
		in.ChecksumAlgorithm == nil && in.BucketKeyEnabled == nil {
		return nil, errRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	o, err := newObject(b, &api.PutObjectInput{
		Key: in.Key, ACL: in.ACL, GrantFullControl: in.GrantFullControl, GrantRead: in.GrantRead, GrantReadACP: in.GrantReadACP, GrantWriteACP: in.GrantWriteACP,
		CacheControl: in.CacheControl, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding, ContentLanguage: in.ContentLanguage,
		ContentType: in.ContentType, Expires: in.Expires, Metadata: in.Metadata, WebsiteRedirectLocation: in.WebsiteRedirectLocation, StorageClass: in.StorageClass,
		ServerSideEncryption: in.ServerSideEncryption, SSEKMSKeyId: in.SSEKMSKeyId, BucketKeyEnabled: in.BucketKeyEnabled, SSEKMSEncryptionContext: in.SSEKMSEncryptionContext,
		SSECustomerAlgorithm: in.SSECustomerAlgorithm, ObjectLockMode: in.ObjectLockMode, ObjectLockLegalHoldStatus: in.ObjectLockLegalHoldStatus,
		ObjectLockEventHold: in.ObjectLockEventHold, Tagging: in.Tagging,
	})
	if err != nil {
		return nil, err
	}
	if text(in.MetadataDirective) != "REPLACE" {
		redirect := o.Head.Redirect
		o.Head, o.Meta = source.Head, source.Meta
		o.Head.Redirect = redirect
	}
	if text(in.TaggingDirective) != "REPLACE" {
		o.Tags = source.Tags
	}
	return o, nil
}
