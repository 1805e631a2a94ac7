package s3

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	api "sundog/api/s3"
	"sundog/engine/store"
)

var attributeNames = []string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}

func (r *s3Room) getObjectAttributes(ctx context.Context, in *api.GetObjectAttributesInput) (*api.GetObjectAttributesOutput, error) {
	for _, a := range in.ObjectAttributes {
		if !slices.Contains(attributeNames, a) {
			return nil, errArgument("x-amz-object-attributes", a, "Invalid attribute name specified.")
		}
	}
	limit, err := pageSize("max-parts", in.MaxParts)
	if err != nil {
		return nil, err
	}
	after, err := markerOf(in.PartNumberMarker)
	if err != nil {
		return nil, err
	}
	b, o, _, err := r.resolve(ctx, asked{
		bucket: in.Bucket, owner: in.ExpectedBucketOwner, key: in.Key, version: in.VersionId, customerKey: in.SSECustomerAlgorithm, method: "GET",
	})
	if err != nil {
		return nil, err
	}
	has := func(name string) bool { return slices.Contains(in.ObjectAttributes, name) }
	out := &api.GetObjectAttributesOutput{LastModified: new(o.modified()), VersionId: o.named(b)}
	if has("ETag") {
		out.ETag = &o.ETag
	}
	if has("ObjectSize") {
		out.ObjectSize = &o.Size
	}
	if has("StorageClass") {
		out.StorageClass = new(o.class())
	}
	if has("Checksum") && o.Sum.Value != "" {
		sum := o.Sum
		sum.Value, _, _ = strings.Cut(sum.Value, "-") // without the number of parts
		s := sum.sums()
		out.Checksum = &api.Checksum{
			ChecksumCRC32: s.CRC32, ChecksumCRC32C: s.CRC32C, ChecksumCRC64NVME: s.CRC64NVME, ChecksumSHA1: s.SHA1, ChecksumSHA256: s.SHA256, ChecksumType: o.Sum.kind(),
		}
	}
	if has("ObjectParts") && o.Upload != "" {
		out.ObjectParts, err = r.objectParts(ctx, b.Name, o, limit, after)
	}
	return out, err
}

// objectParts lists an object's parts; only composite checksums have more to say than how many there are.
func (r *s3Room) objectParts(ctx context.Context, bucket string, o *object, limit int, after int32) (*api.GetObjectAttributesParts, error) {
	out := &api.GetObjectAttributesParts{TotalPartsCount: &o.Parts}
	if !o.Sum.Composite {
		return out, nil
	}
	out.MaxParts, out.PartNumberMarker, out.NextPartNumberMarker, out.IsTruncated = new(int32(limit)), &after, new(int32(0)), new(false)
	return out, r.d.Store.View(ctx, func(rd store.Reader) error {
		out.Parts, out.IsTruncated = nil, new(false)
		return each(rd, piecesKey(bucket, o.Upload), func(_, v []byte) error {
			var p part
			if err := json.Unmarshal(v, &p); err != nil || p.Number <= after {
				return err
			}
			if len(out.Parts) == limit {
				out.IsTruncated = new(true)
				return nil
			}
			s := p.Sum.sums()
			out.Parts = append(out.Parts, api.ObjectPart{
				PartNumber: &p.Number, Size: &p.Size,
				ChecksumCRC32: s.CRC32, ChecksumCRC32C: s.CRC32C, ChecksumCRC64NVME: s.CRC64NVME, ChecksumSHA1: s.SHA1, ChecksumSHA256: s.SHA256,
			})
			out.NextPartNumberMarker = &p.Number
			return nil
		})
	})
}
