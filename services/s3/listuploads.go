package s3

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	api "sundog/api/s3"
	"sundog/engine/store"
)

// markerOf reads part-number-marker and such.
func markerOf(n *int32) (int32, error) {
	if n == nil {
		return 0, nil
	}
	if *n < 0 {
		return 0, errArgument("part-number-marker", number(n), "Argument part-number-marker must be an integer between 0 and 2147483647")
	}
	return *n, nil
}

func (r *s3Room) listParts(ctx context.Context, in *api.ListPartsInput) (*api.ListPartsOutput, error) {
	limit, err := pageSize("max-parts", in.MaxParts)
	if err != nil {
		return nil, err
	}
	after, err := markerOf(in.PartNumberMarker)
	if err != nil {
		return nil, err
	}
	var out *api.ListPartsOutput
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		b, err := open(rd, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		u, err := openUpload(rd, b.Name, in.Key, in.UploadId)
		if err != nil {
			return err
		}
		out = &api.ListPartsOutput{
			Bucket: &b.Name, Key: &u.Key, UploadId: &u.ID, PartNumberMarker: &after, NextPartNumberMarker: new(int32(0)), MaxParts: new(int32(limit)),
			IsTruncated: new(false), Initiator: u.initiator(b), Owner: ownerOf(b.Owner), StorageClass: new(u.Object.class()), ChecksumAlgorithm: optional(u.Algorithm),
		}
		if u.Algorithm != "" {
			out.ChecksumType = u.kind()
		}
		out.AbortDate, out.AbortRuleId = abortOf(b, u)
		base := partsKey(b.Name, u.ID)
		it := rd.Scan(store.ScanOptions{Lo: base.Clone().U64(uint64(after) + 1), Hi: base.End()})
		defer func() { _ = it.Close() }()
		for it.Next() {
			if len(out.Parts) == limit {
				out.IsTruncated = new(true)
				break
			}
			var p part
			if err := json.Unmarshal(it.Value(), &p); err != nil {
				return err
			}
			out.Parts = append(out.Parts, p.listed(u))
			out.NextPartNumberMarker = &p.Number
		}
		return it.Err()
	})
	return out, err
}

// listed is a part as ListParts shows it.
func (p part) listed(u *upload) api.Part {
	out := api.Part{PartNumber: &p.Number, LastModified: new(time.UnixMilli(p.Time).UTC()), ETag: new(`"` + p.ETag + `"`), Size: &p.Size}
	if u.Algorithm != "" {
		s := p.Sum.sums()
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = s.CRC32, s.CRC32C, s.CRC64NVME, s.SHA1, s.SHA256
	}
	return out
}

func (u *upload) initiator(b *bucket) *api.Initiator {
	return &api.Initiator{ID: new(u.Initiator), DisplayName: new(b.Owner)}
}

func (r *s3Room) listMultipartUploads(ctx context.Context, in *api.ListMultipartUploadsInput) (*api.ListMultipartUploadsOutput, error) {
	code, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize("max-uploads", in.MaxUploads)
	if err != nil {
		return nil, err
	}
	l := listing{text(in.Prefix), text(in.Delimiter), text(in.KeyMarker), limit}
	var out *api.ListMultipartUploadsOutput
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		b, err := open(rd, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		out = &api.ListMultipartUploadsOutput{
			Bucket: &b.Name, KeyMarker: code(text(in.KeyMarker)), UploadIdMarker: new(text(in.UploadIdMarker)), Prefix: coded(in.Prefix, code),
			Delimiter: coded(in.Delimiter, code), MaxUploads: new(int32(limit)), EncodingType: in.EncodingType, IsTruncated: new(false),
			NextKeyMarker: new(""), NextUploadIdMarker: new(""),
		}
		if limit == 0 {
			return nil
		}
		return listUploads(rd, b, l, text(in.UploadIdMarker), out, code)
	})
	return out, err
}

func listUploads(rd store.Reader, b *bucket, l listing, idMarker string, out *api.ListMultipartUploadsOutput, code func(string) *string) error {
	base := table(b.Name, "upload")
	it := rd.Scan(store.Prefix(textPrefix(base.Clone(), l.prefix)))
	defer func() { _ = it.Close() }()
	switch seq, ok := seqOf(idMarker); {
	case ok && l.after != "":
		it.Seek(append(base.Clone().Str(l.after).U64(seq).Str(idMarker), 0))
	case l.after != "" && strings.HasPrefix(l.after, l.prefix):
		if g, under := l.group(l.after); under {
			l.pass(it, base, g)
		} else {
			it.Seek(base.Clone().Str(l.after).End())
		}
	}
	var prefixes []string
	lastKey, lastID := "", ""
	for it.Next() {
		key, _, err := store.CutStr(it.Key()[len(base):])
		if err != nil {
			return err
		}
		if len(out.Uploads)+len(prefixes) == l.limit {
			out.IsTruncated = new(true)
			break
		}
		if g, ok := l.group(key); ok {
			prefixes, lastKey, lastID = append(prefixes, g), g, ""
			l.pass(it, base, g)
			continue
		}
		u, err := decodeUpload(slices.Clone(it.Key()[len(base):]), it.Value())
		if err != nil {
			return err
		}
		lastKey, lastID = key, u.ID
		entry := api.MultipartUpload{
			UploadId: &u.ID, Key: code(key), Initiated: new(u.Object.modified()), StorageClass: new(u.Object.class()), Owner: ownerOf(b.Owner),
			Initiator: u.initiator(b), ChecksumAlgorithm: optional(u.Algorithm),
		}
		if u.Algorithm != "" {
			entry.ChecksumType = u.kind()
		}
		out.Uploads = append(out.Uploads, entry)
	}
	out.NextKeyMarker, out.NextUploadIdMarker = code(lastKey), &lastID
	out.CommonPrefixes = commonPrefixes(prefixes, code)
	return it.Err()
}
