package s3

import (
	"context"
	"io"
	"slices"
	"strings"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
)

const (
	maxBody = 5 << 30 // bytes of one upload
	maxKey  = 1024    // bytes
	maxMeta = 2 << 10 // bytes of user metadata
)

func checkKey(key string) error {
	switch {
	case key == "":
		return errArgument("key", "", "A key must be specified")
	case len(key) > maxKey:
		return fault(400, "KeyTooLongError", "Your key is too long").With("MaxSizeAllowed", maxKey).With("Size", len(key))
	}
	return nil
}

// classes are the storage classes that objects may have. All of them are read at once.
var classes = []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}

func checkClass(class *string) (string, error) {
	switch c := text(class); {
	case class == nil || c == "STANDARD":
		return "", nil
	case slices.Contains(classes, c):
		return c, nil
	case c == "GLACIER" || c == "DEEP_ARCHIVE":
		return "", cloud.NotImplementedf("The storage class %s, which needs RestoreObject, is not served by this platform.", c)
	default:
		return "", fault(400, "InvalidStorageClass", "The storage class you specified is not valid").With("StorageClassRequested", c)
	}
}

// refusals are request headers that ask for what is not served.
type refusals struct {
	customerKey, lockMode, legalHold, eventHold *string
	offset                                      *int64
}

func (f refusals) check() error {
	switch {
	case f.customerKey != nil:
		return cloud.NotImplementedf("Server-side encryption with customer-provided keys (x-amz-server-side-encryption-customer-algorithm) is not served by this platform.")
	case f.lockMode != nil || f.legalHold != nil || f.eventHold != nil:
		return cloud.NotImplementedf("Object lock (x-amz-object-lock-mode, x-amz-object-lock-legal-hold) is not served by this platform.")
	case f.offset != nil:
		return cloud.NotImplementedf("Appending to objects (x-amz-write-offset-bytes) is not served by this platform.")
	}
	return nil
}

// newSeal gives the encryption that an object states: the request's, else the bucket's default.
func newSeal(b *bucket, algorithm, key *string, bucketKey *bool, encryption *string) (seal, error) {
	if algorithm == nil {
		s := seal{}
		if b.Encryption != nil && len(b.Encryption.Rules) > 0 {
			rule := b.Encryption.Rules[0]
			if d := rule.ApplyServerSideEncryptionByDefault; d != nil && text(d.SSEAlgorithm) != "AES256" {
				s.Algorithm, s.Key, s.BucketKey = text(d.SSEAlgorithm), text(d.KMSMasterKeyID), is(rule.BucketKeyEnabled)
			}
		}
		return s, nil
	}
	if !slices.Contains([]string{"AES256", "aws:kms", "aws:kms:dsse"}, *algorithm) {
		return seal{}, errArgument("x-amz-server-side-encryption", *algorithm, "The encryption method specified is not supported")
	}
	if *algorithm == "AES256" {
		if key != nil {
			return seal{}, errArgument("x-amz-server-side-encryption", *algorithm, "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
		return seal{}, nil
	}
	return seal{Algorithm: *algorithm, Key: text(key), BucketKey: is(bucketKey), Context: text(encryption)}, nil
}

// contentEncoding takes "aws-chunked" out, which is the transfer's, not the object's.
func contentEncoding(p *string) string {
	var out []string
	for part := range strings.SplitSeq(text(p), ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			out = append(out, part)
		}
	}
	return strings.Join(out, ",")
}

func checkMeta(meta map[string]string) error {
	n := 0
	for k, v := range meta {
		n += len(k) + len(v)
	}
	if n > maxMeta {
		return fault(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").With("MaxSizeAllowed", maxMeta).With("Size", n)
	}
	return nil
}

// putObject stores the body first, then commits the object with everything that follows from it.
func (r *s3Room) putObject(ctx context.Context, in *api.PutObjectInput) (*api.PutObjectOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	o, err := newObject(b, in)
	if err != nil {
		return nil, err
	}
	want := writeCondition{match: in.IfMatch, noneMatch: in.IfNoneMatch}
	if err := want.check(); err != nil {
		return nil, err
	}
	d, err := r.keep(ctx, o, in.Body, integrity{
		sums: sums{in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256},
		MD5:  in.ContentMD5, Algorithm: in.ChecksumAlgorithm, limit: maxBody,
	})
	if err != nil {
		return nil, err
	}
	o.Sum = d.chosen
	if b, err = r.commit(ctx, in.Bucket, o, want, "ObjectCreated:Put"); err != nil {
		return nil, err
	}
	s := o.Sum.sums()
	return &api.PutObjectOutput{
		ETag: o.etag(), ChecksumCRC32: s.CRC32, ChecksumCRC32C: s.CRC32C, ChecksumCRC64NVME: s.CRC64NVME, ChecksumSHA1: s.SHA1, ChecksumSHA256: s.SHA256,
		ChecksumType: o.Sum.kind(), ServerSideEncryption: o.Seal.algorithm(), SSEKMSKeyId: optional(o.Seal.Key), BucketKeyEnabled: o.Seal.bucketKey(),
		SSEKMSEncryptionContext: optional(o.Seal.Context), VersionId: o.shown(), Expiration: expirationOf(b, o),
	}, nil
}

// shown is a new object's version id as the answer to its upload shows it: "null" is not shown.
func (o *object) shown() *string { return optional(o.Version) }

func newObject(b *bucket, in *api.PutObjectInput) (*object, error) {
	f := refusals{in.SSECustomerAlgorithm, in.ObjectLockMode, in.ObjectLockLegalHoldStatus, in.ObjectLockEventHold, in.WriteOffsetBytes}
	if err := f.check(); err != nil {
		return nil, err
	}
	o := &object{Key: text(in.Key), Meta: in.Metadata, Head: headers{
		Type: text(in.ContentType), Cache: text(in.CacheControl), Disposition: text(in.ContentDisposition), Encoding: contentEncoding(in.ContentEncoding),
		Language: text(in.ContentLanguage), Expires: text(in.Expires), Redirect: text(in.WebsiteRedirectLocation),
	}}
	if err := first(checkKey(o.Key), checkMeta(o.Meta), checkObjectACL(b, in.ACL, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWriteACP)); err != nil {
		return nil, err
	}
	var err error
	if o.Class, err = checkClass(in.StorageClass); err != nil {
		return nil, err
	}
	if o.Seal, err = newSeal(b, in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled, in.SSEKMSEncryptionContext); err != nil {
		return nil, err
	}
	o.Tags, err = parseTagging(in.Tagging)
	return o, err
}

// first gives the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// keep writes a body into a blob and notes in o what it is.
func (r *s3Room) keep(ctx context.Context, o *object, body io.Reader, i integrity) (digests, error) {
	blob, d, err := r.stream(ctx, body, i)
	if err != nil {
		return d, err
	}
	o.Blob, o.Size, o.ETag = blob, d.size, d.etag()
	return d, nil
}

// stream writes a body into a blob.
func (r *s3Room) stream(ctx context.Context, body io.Reader, i integrity) (blob string, d digests, err error) {
	w, err := r.d.Blob.Create(ctx)
	if err != nil {
		return "", d, err
	}
	defer w.Abort()
	if d, err = i.take(w, body); err != nil {
		return "", d, err
	}
	blob, err = w.Commit()
	return blob, d, err
}

// commit makes o the current version of its key, in one transaction with the deliveries that follow. When it fails, o's blob goes.
func (r *s3Room) commit(ctx context.Context, bucketName *string, o *object, want writeCondition, event string) (b *bucket, err error) {
	var w waste
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		w = waste{}
		if b, err = readBucket(tx, text(bucketName)); err != nil {
			return err
		}
		if err := r.place(tx, b, o, want, &w); err != nil {
			return err
		}
		return r.notify(ctx, tx, b, happening{event: event, object: o})
	})
	if err != nil {
		r.throw(waste{blobs: []string{o.Blob}})
		return nil, err
	}
	r.throw(w)
	return b, nil
}

// place writes o as the current version of its key: what it replaces goes to w, or becomes noncurrent where versions are kept.
func (r *s3Room) place(tx store.Tx, b *bucket, o *object, want writeCondition, w *waste) error {
	old, err := r.displace(tx, b, o, w)
	if err != nil {
		return err
	}
	if err := want.judge(o.Key, old); err != nil {
		return err
	}
	return put(tx, objectKey(b.Name, o.Key), o)
}

// displace makes room for a new version o (or delete marker), gives it seq, time and version id, and gives the version that was current.
func (r *s3Room) displace(tx store.Tx, b *bucket, o *object, w *waste) (old *object, err error) {
	if old, err = current(tx, b.Name, o.Key); err != nil {
		return nil, err
	}
	last := uint64(0)
	if old != nil {
		last = old.Seq
	} else if b.versioned() {
		n, err := newest(tx, b.Name, o.Key)
		if err != nil {
			return nil, err
		}
		if n != nil {
			last = n.Seq
			n.Retired = r.d.Clock.Now().UnixMilli()
			if err := put(tx, versionKey(b.Name, o.Key, n.Seq), n); err != nil {
				return nil, err
			}
		}
	}
	o.Seq, o.Time, o.Version = r.tick(last), r.d.Clock.Now().UnixMilli(), ""
	if b.enabled() {
		o.Version = newID(o.Seq, r.d.IDs)
	}
	if old != nil && b.versioned() && (b.enabled() || old.Version != "") {
		retired := *old
		retired.Retired = o.Time
		return old, first(retire(tx, b.Name, &retired), r.dropNull(tx, b, o, w))
	}
	if old != nil {
		return old, discard(tx, b.Name, old, w)
	}
	return nil, r.dropNull(tx, b, o, w)
}

// dropNull removes the noncurrent version "null" when o takes its place.
func (r *s3Room) dropNull(tx store.Tx, b *bucket, o *object, w *waste) error {
	if !b.versioned() || o.Version != "" {
		return nil
	}
	seq, ok, err := placeOf(tx, b.Name, o.Key, null)
	if err != nil || !ok {
		return err
	}
	v, err := tx.Get(versionKey(b.Name, o.Key, seq))
	if err != nil || v == nil {
		return err
	}
	gone, err := decodeObject(o.Key, v)
	if err != nil {
		return err
	}
	return first(unretire(tx, b.Name, gone), discard(tx, b.Name, gone, w))
}
