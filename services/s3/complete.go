package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's entity tags are MD5
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
)

func lower(s string) string { return strings.ToLower(s) }

func (r *s3Room) completeMultipartUpload(ctx context.Context, in *api.CompleteMultipartUploadInput) (*api.CompleteMultipartUploadOutput, error) {
	want := writeCondition{match: in.IfMatch, noneMatch: in.IfNoneMatch}
	if err := first(want.check(), (refusals{customerKey: in.SSECustomerAlgorithm}).check()); err != nil {
		return nil, err
	}
	var b *bucket
	var o *object
	var w waste
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		w = waste{}
		var err error
		if b, err = open(tx, in.Bucket, in.ExpectedBucketOwner); err != nil {
			return err
		}
		u, err := openUpload(tx, b.Name, in.Key, in.UploadId)
		if err != nil {
			return err
		}
		if o, err = assemble(tx, b, u, in, &w); err != nil {
			return err
		}
		if err := overtaken(tx, b.Name, u, want); err != nil {
			return err
		}
		if err := tx.Delete(uploadKey(b.Name, u.Key, u.Object.Seq, u.ID)); err != nil {
			return err
		}
		if err := r.place(tx, b, o, want, &w); err != nil {
			return err
		}
		return r.notify(ctx, tx, b, happening{event: "ObjectCreated:CompleteMultipartUpload", object: o})
	})
	if err != nil {
		return nil, err
	}
	r.throw(w)
	s := o.Sum.sums()
	return &api.CompleteMultipartUploadOutput{
		Location: new(cloud.CallFrom(ctx).Endpoint + "/" + b.Name + "/" + (&url.URL{Path: o.Key}).EscapedPath()), Bucket: &b.Name, Key: &o.Key, ETag: o.etag(),
		ChecksumCRC32: s.CRC32, ChecksumCRC32C: s.CRC32C, ChecksumCRC64NVME: s.CRC64NVME, ChecksumSHA1: s.SHA1, ChecksumSHA256: s.SHA256, ChecksumType: o.Sum.kind(),
		ServerSideEncryption: o.Seal.algorithm(), SSEKMSKeyId: optional(o.Seal.Key), BucketKeyEnabled: o.Seal.bucketKey(), VersionId: o.shown(),
		Expiration: expirationOf(b, o),
	}, nil
}

// overtaken gives an error when the object that If-Match names was written after the upload began.
func overtaken(rd store.Reader, bucket string, u *upload, want writeCondition) error {
	if want.match == nil {
		return nil
	}
	old, err := current(rd, bucket, u.Key)
	if err == nil && old != nil && matches(*want.match, old.ETag) && old.Seq > u.Object.Seq {
		err = fault(409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.").
			With("Condition", "If-Match").With("Key", u.Key)
	}
	return err
}

// assemble makes the object of an upload's parts: their rows become pieces, those that are left out go.
func assemble(tx store.Tx, b *bucket, u *upload, in *api.CompleteMultipartUploadInput, w *waste) (*object, error) {
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, errRequest("You must specify at least one part")
	}
	there, err := parts(tx, b.Name, u.ID)
	if err != nil {
		return nil, err
	}
	chosen, err := choose(u, there, in.MultipartUpload.Parts)
	if err != nil {
		return nil, err
	}
	o := u.Object
	o.Upload, o.Parts = u.ID, int32(len(chosen))
	tags := md5.New() //nolint:gosec // S3's entity tags are MD5
	for _, p := range chosen {
		sum, err := hex.DecodeString(p.ETag)
		if err != nil {
			return nil, err
		}
		_, _ = tags.Write(sum)
		p.Offset = o.Size
		o.Size += p.Size
		if err := put(tx, piecesKey(b.Name, u.ID).U64(uint64(p.Offset)), p); err != nil {
			return nil, err
		}
		delete(there, p.Number)
	}
	for _, p := range there {
		w.blobs = append(w.blobs, p.Blob)
	}
	o.ETag = hex.EncodeToString(tags.Sum(nil)) + "-" + fmt.Sprint(len(chosen))
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return nil, errRequest("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, o.Size)
	}
	if o.Sum, err = u.total(chosen, in); err != nil {
		return nil, err
	}
	base := partsKey(b.Name, u.ID)
	return &o, tx.DeleteRange(base, base.End())
}

func parts(rd store.Reader, bucket, id string) (map[int32]part, error) {
	out := map[int32]part{}
	return out, each(rd, partsKey(bucket, id), func(_, v []byte) error {
		var p part
		err := json.Unmarshal(v, &p)
		out[p.Number] = p
		return err
	})
}

// choose finds the parts that a CompleteMultipartUpload lists, and checks them.
func choose(u *upload, there map[int32]part, list []api.CompletedPart) ([]part, error) {
	if err := ascending(u, list); err != nil {
		return nil, err
	}
	var out []part
	for i, c := range list {
		n := *c.PartNumber
		p, ok := there[n]
		etag := strings.Trim(text(c.ETag), `"`)
		if !ok || etag != p.ETag {
			return nil, errPart().With("UploadId", u.ID).With("PartNumber", n).With("ETag", etag)
		}
		if err := u.checkSum(p, c); err != nil {
			return nil, err
		}
		if i < len(list)-1 && p.Size < minPart {
			return nil, fault(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
				With("ETag", p.ETag).With("MinSizeAllowed", minPart).With("PartNumber", n).With("ProposedSize", p.Size)
		}
		out = append(out, p)
	}
	return out, nil
}

// ascending checks the order of a list of parts.
func ascending(u *upload, list []api.CompletedPart) error {
	last := int32(0)
	for _, c := range list {
		if err := checkNumber(c.PartNumber); err != nil {
			return err
		}
		if *c.PartNumber <= last {
			return fault(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.").With("UploadId", u.ID)
		}
		last = *c.PartNumber
	}
	return nil
}

// checkSum compares the checksum that the list has of a part; composite checksums need one for each.
func (u *upload) checkSum(p part, c api.CompletedPart) error {
	s := sums{c.ChecksumCRC32, c.ChecksumCRC32C, c.ChecksumCRC64NVME, c.ChecksumSHA1, c.ChecksumSHA256}
	stated, err := s.given()
	if err != nil {
		return err
	}
	if stated.Algorithm == "" {
		if u.Composite {
			return errRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", lower(u.Algorithm), p.Number)
		}
		return nil
	}
	for _, known := range []checksum{p.Sum, p.Shown} {
		if known.Algorithm == stated.Algorithm && known.Value != stated.Value {
			return errPart().With("UploadId", u.ID).With("PartNumber", p.Number).With("ETag", p.ETag)
		}
	}
	return nil
}

// total computes the object's checksum, and compares it with the one that the request states.
func (u *upload) total(chosen []part, in *api.CompleteMultipartUploadInput) (c checksum, err error) {
	var values []string
	var sizes []int64
	for _, p := range chosen {
		values, sizes = append(values, p.Sum.Value), append(sizes, p.Size)
	}
	c.Algorithm = u.sum()
	if u.Composite {
		c, err = composite(u.sum(), values)
	} else {
		c.Value, err = joinSums(u.sum(), values, sizes)
	}
	if err != nil {
		return c, err
	}
	if in.ChecksumType != nil && *in.ChecksumType != *u.kind() {
		return c, errRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", *u.kind())
	}
	s := sums{in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256}
	for _, a := range algorithms {
		stated := *s.slot(a)
		if stated == nil {
			continue
		}
		if a != c.Algorithm {
			return c, fault(400, "BadDigest", "The %s you specified did not match the calculated checksum.", lower(a))
		}
		value, _, _ := strings.Cut(c.Value, "-")
		if *stated != c.Value && *stated != value {
			return c, fault(400, "BadDigest", "The %s you specified did not match the calculated checksum.", lower(a))
		}
	}
	return c, nil
}
