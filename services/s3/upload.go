package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

const (
	maxParts = 10_000
	minPart  = 5 << 20 // bytes of every part but the last
)

// upload is the row of a multipart upload: what its object will be, and which checksum it will have.
type upload struct {
	ID        string `json:"-"`
	Object    object `json:"object"` // Time is when the upload began
	Key       string `json:"key"`
	Algorithm string `json:"algorithm,omitempty"` // "" when none was asked for: CRC64NVME of the whole
	Composite bool   `json:"composite,omitempty"`
	Initiator string `json:"initiator"`
}

// sum is the checksum that every part needs.
func (u *upload) sum() string {
	if u.Algorithm == "" {
		return algorithms[0]
	}
	return u.Algorithm
}

// part is the row of a part of an upload, and of a piece of an object.
type part struct {
	Number int32    `json:"n"`
	Offset int64    `json:"o,omitempty"` // in the object; pieces only
	Size   int64    `json:"s"`
	Blob   string   `json:"b"`
	ETag   string   `json:"e"`
	Time   int64    `json:"t"`
	Sum    checksum `json:"c,omitzero"` // of the upload's algorithm
	Shown  checksum `json:"d,omitzero"` // that the request stated, when it is of another
}

// checksumKind decides on the checksum of an upload (User Guide, "Checking object integrity", on multipart uploads).
func checksumKind(algorithm, kind *string) (a string, isComposite bool, err error) {
	if err := checkAlgorithm(algorithm); err != nil {
		return "", false, err
	}
	a = text(algorithm)
	if kind != nil && a == "" {
		return "", false, errRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	}
	if a == "" || a == "CRC64NVME" {
		if text(kind) == "COMPOSITE" {
			return "", false, errRequest("The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.")
		}
		return a, false, nil
	}
	switch text(kind) {
	case "", "COMPOSITE":
		return a, true, nil
	case "FULL_OBJECT":
		if a == "SHA1" || a == "SHA256" {
			return "", false, errRequest("The FULL_OBJECT checksum type cannot be used with the %s checksum algorithm.", lower(a))
		}
		return a, false, nil
	}
	return "", false, errRequest("Value for x-amz-checksum-type header is invalid.")
}

func (r *s3Room) createMultipartUpload(ctx context.Context, in *api.CreateMultipartUploadInput) (*api.CreateMultipartUploadOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
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
	u := &upload{Object: *o, Key: o.Key, Initiator: cloud.CallFrom(ctx).Principal.ARN}
	if u.Algorithm, u.Composite, err = checksumKind(in.ChecksumAlgorithm, in.ChecksumType); err != nil {
		return nil, err
	}
	u.Object.Time, u.Object.Seq = r.d.Clock.Now().UnixMilli(), r.tick(0)
	u.ID = newID(u.Object.Seq, r.d.IDs)
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		if b, err = readBucket(tx, b.Name); err != nil {
			return err
		}
		return put(tx, uploadKey(b.Name, u.Key, u.Object.Seq, u.ID), u)
	})
	if err != nil {
		return nil, err
	}
	out := &api.CreateMultipartUploadOutput{
		Bucket: &b.Name, Key: &u.Key, UploadId: &u.ID, ServerSideEncryption: o.Seal.algorithm(), SSEKMSKeyId: optional(o.Seal.Key),
		BucketKeyEnabled: o.Seal.bucketKey(), SSEKMSEncryptionContext: optional(o.Seal.Context), ChecksumAlgorithm: optional(u.Algorithm),
	}
	if u.Algorithm != "" {
		out.ChecksumType = u.kind()
	}
	out.AbortDate, out.AbortRuleId = abortOf(b, u)
	return out, nil
}

func (u *upload) kind() *string { return checksum{Value: "x", Composite: u.Composite}.kind() }

// openUpload reads an upload; errNoUpload when it is unknown, or of another key.
func openUpload(rd store.Reader, bucket string, key, id *string) (*upload, error) {
	seq, ok := seqOf(text(id))
	if !ok {
		return nil, errNoUpload(text(id))
	}
	v, err := rd.Get(uploadKey(bucket, text(key), seq, text(id)))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errNoUpload(text(id))
	}
	u := &upload{ID: *id}
	if err := json.Unmarshal(v, u); err != nil {
		return nil, err
	}
	u.Object.Key = u.Key
	return u, nil
}

// upload reads a bucket and an upload for a request.
func (r *s3Room) upload(ctx context.Context, name, owner, key, id *string) (b *bucket, u *upload, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		if b, err = open(rd, name, owner); err != nil {
			return err
		}
		u, err = openUpload(rd, b.Name, key, id)
		return err
	})
	return b, u, err
}

func checkNumber(n *int32) error {
	if n == nil || *n < 1 || *n > maxParts {
		return errArgument("partNumber", number(n), "Part number must be an integer between 1 and 10000, inclusive")
	}
	return nil
}

func number(n *int32) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

func (r *s3Room) uploadPart(ctx context.Context, in *api.UploadPartInput) (*api.UploadPartOutput, error) {
	if err := first(checkNumber(in.PartNumber), (refusals{customerKey: in.SSECustomerAlgorithm}).check()); err != nil {
		return nil, err
	}
	b, u, err := r.upload(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	i := integrity{
		sums: sums{in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256},
		MD5:  in.ContentMD5, Algorithm: in.ChecksumAlgorithm, more: u.sum(), limit: maxBody,
	}
	stated, err := i.given()
	if err != nil {
		return nil, err
	}
	if a := stated.Algorithm; a != "" && u.Algorithm != "" && a != u.Algorithm {
		return nil, errRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", lower(u.Algorithm), lower(a))
	}
	if in.ChecksumAlgorithm == nil && u.Algorithm != "" {
		i.Algorithm = &u.Algorithm
	}
	id, d, err := r.stream(ctx, in.Body, i)
	if err != nil {
		return nil, err
	}
	p := part{Number: *in.PartNumber, Size: d.size, Blob: id, ETag: d.etag(), Sum: d.more}
	if d.chosen.Algorithm != d.more.Algorithm {
		p.Shown = d.chosen
	}
	if err := r.addPart(ctx, b.Name, u, p); err != nil {
		return nil, err
	}
	s := d.chosen.sums()
	return &api.UploadPartOutput{
		ETag: new(`"` + p.ETag + `"`), ChecksumCRC32: s.CRC32, ChecksumCRC32C: s.CRC32C, ChecksumCRC64NVME: s.CRC64NVME, ChecksumSHA1: s.SHA1, ChecksumSHA256: s.SHA256,
		ServerSideEncryption: u.Object.Seal.algorithm(), SSEKMSKeyId: optional(u.Object.Seal.Key), BucketKeyEnabled: u.Object.Seal.bucketKey(),
	}, nil
}

// addPart commits a part; one that it replaces goes. When it fails, the part's blob goes.
func (r *s3Room) addPart(ctx context.Context, bucket string, u *upload, p part) error {
	p.Time = r.d.Clock.Now().UnixMilli()
	var w waste
	k := partKey(bucket, u.ID, p.Number)
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		w = waste{}
		if _, err := openUpload(tx, bucket, &u.Key, &u.ID); err != nil {
			return err
		}
		v, err := tx.Get(k)
		if err != nil {
			return err
		}
		if v != nil {
			var old part
			if err := json.Unmarshal(v, &old); err != nil {
				return err
			}
			w.blobs = append(w.blobs, old.Blob)
		}
		return put(tx, k, p)
	})
	if err != nil {
		w = waste{blobs: []string{p.Blob}}
	}
	r.throw(w)
	return err
}

var sourceRange = pattern.New(`^bytes=([0-9]+)-([0-9]+)$`)

// copyExtent reads x-amz-copy-source-range.
func copyExtent(header *string, size int64) (span, error) {
	if header == nil {
		return span{n: size}, nil
	}
	m := sourceRange.FindStringSubmatch(*header)
	if m == nil {
		return span{}, errArgument("x-amz-copy-source-range", *header, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	from, err := strconv.ParseInt(m[1], 10, 64)
	to, err2 := strconv.ParseInt(m[2], 10, 64)
	switch {
	case first(err, err2) != nil || from > to:
		return span{}, errArgument("x-amz-copy-source-range", *header, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	case from >= size:
		return span{}, errRequest("The specified copy range is invalid for the source object size")
	case to >= size:
		return span{}, errArgument("x-amz-copy-source-range", *header, "Range specified is not valid for source object of size: %d", size)
	}
	return span{off: from, n: to - from + 1, partial: true}, nil
}

func (r *s3Room) uploadPartCopy(ctx context.Context, in *api.UploadPartCopyInput) (*api.UploadPartCopyOutput, error) {
	if err := first(checkNumber(in.PartNumber), (refusals{customerKey: in.SSECustomerAlgorithm}).check(), (refusals{customerKey: in.CopySourceSSECustomerAlgorithm}).check()); err != nil {
		return nil, err
	}
	s, err := parseSource(in.CopySource)
	if err != nil {
		return nil, err
	}
	b, u, err := r.upload(ctx, in.Bucket, in.ExpectedBucketOwner, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	c := readCondition{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince}
	f, id, d, err := r.transfer(ctx, func() (f origin, part span, i integrity, err error) {
		if f, err = r.origin(ctx, s, in.ExpectedSourceBucketOwner, c); err == nil {
			part, err = copyExtent(in.CopySourceRange, f.object.Size)
		}
		return f, part, integrity{Algorithm: new(u.sum()), more: u.sum(), limit: maxBody}, err
	})
	if err != nil {
		return nil, err
	}
	p := part{Number: *in.PartNumber, Size: d.size, Blob: id, ETag: d.etag(), Sum: d.more}
	if err := r.addPart(ctx, b.Name, u, p); err != nil {
		return nil, err
	}
	out := &api.UploadPartCopyOutput{
		CopyPartResult:       &api.CopyPartResult{ETag: new(`"` + p.ETag + `"`), LastModified: new(r.d.Clock.Now().UTC().Truncate(time.Millisecond))},
		ServerSideEncryption: u.Object.Seal.algorithm(), SSEKMSKeyId: optional(u.Object.Seal.Key), BucketKeyEnabled: u.Object.Seal.bucketKey(),
		CopySourceVersionId: optional(f.object.Version),
	}
	if u.Algorithm != "" {
		sum, to := p.Sum.sums(), out.CopyPartResult
		to.ChecksumCRC32, to.ChecksumCRC32C, to.ChecksumCRC64NVME, to.ChecksumSHA1, to.ChecksumSHA256 = sum.CRC32, sum.CRC32C, sum.CRC64NVME, sum.SHA1, sum.SHA256
	}
	return out, nil
}

func (r *s3Room) abortMultipartUpload(ctx context.Context, in *api.AbortMultipartUploadInput) (*api.AbortMultipartUploadOutput, error) {
	if in.IfMatchInitiatedTime != nil {
		return nil, cloud.NotImplementedf("The condition x-amz-if-match-initiated-time is that of directory buckets, which this platform does not serve.")
	}
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := open(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		u, err := openUpload(tx, b.Name, in.Key, in.UploadId)
		if err != nil {
			return err
		}
		return giveUp(tx, b.Name, u)
	})
	if err != nil {
		return nil, err
	}
	r.clean(text(in.Bucket))
	return &api.AbortMultipartUploadOutput{}, nil
}

// giveUp ends an upload; its parts are removed later.
func giveUp(tx store.Tx, bucket string, u *upload) error {
	return first(tx.Delete(uploadKey(bucket, u.Key, u.Object.Seq, u.ID)), tx.Put(goneKey(bucket, u.ID), nil))
}

// abandon ends all uploads of a bucket.
func abandon(tx store.Tx, bucket string) error {
	var all []*upload
	base := table(bucket, "upload")
	err := each(tx, base, func(key, v []byte) error {
		u, err := decodeUpload(key[len(base):], v)
		all = append(all, u)
		return err
	})
	for _, u := range all {
		err = first(err, giveUp(tx, bucket, u))
	}
	return err
}

// decodeUpload reads an upload from the rest of its key and its value.
func decodeUpload(key, v []byte) (*upload, error) {
	_, rest, err := store.CutStr(key)
	if err != nil {
		return nil, err
	}
	_, rest, err = store.CutU64(rest)
	if err != nil {
		return nil, err
	}
	id, _, err := store.CutStr(rest)
	if err != nil {
		return nil, err
	}
	u := &upload{ID: id}
	return u, json.Unmarshal(v, u)
}
