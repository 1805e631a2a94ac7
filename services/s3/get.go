package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/blob"
	"sundog/engine/store"
)

// lookup finds the version that a read asks for; a delete marker is an error.
func lookup(rd store.Reader, b *bucket, key, version *string, method string) (*object, error) {
	o, _, err := find(rd, b, text(key), text(version))
	if err != nil {
		return nil, err
	}
	switch {
	case o == nil && version == nil:
		return nil, errNoKey(text(key))
	case o == nil:
		if _, ok := seqOf(*version); !ok && *version != null {
			return nil, errArgument("versionId", *version, "Invalid version id specified")
		}
		return nil, errNoVersion(text(key), *version)
	case o.Marker && version == nil:
		return nil, errNoKey(o.Key)
	case o.Marker:
		return nil, errMarker(method)
	}
	return o, nil
}

// span is the part of an object that a read asks for.
type span struct {
	off, n  int64
	partial bool
	parts   int32
	sum     checksum // of the part that was asked for by its number
}

// checksum is what an answer with this part of o states: the object's, or that of the part where parts have one of their own.
func (s span) checksum(mode *string, o *object) checksum {
	switch {
	case !strings.EqualFold(text(mode), "ENABLED"):
		return checksum{}
	case s.n == o.Size && s.sum.Value == "":
		return o.Sum
	}
	return s.sum
}

// contentRange is the header of a partial answer.
func (s span) contentRange(size int64) *string {
	if !s.partial {
		return nil
	}
	return new(fmt.Sprintf("bytes %d-%d/%d", s.off, s.off+s.n-1, size))
}

// parseRange reads a Range header. What is no single byte range is no range at all (RFC 9110, section 14.2).
func parseRange(header string, size int64) (span, error) {
	all := span{n: size}
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return all, nil
	}
	if from == "" {
		n, ok := natural(to)
		if !ok {
			return all, nil
		}
		if n == 0 || size == 0 {
			return all, errRange(header, size)
		}
		n = min(n, size)
		return span{off: size - n, n: n, partial: true}, nil
	}
	first, ok := natural(from)
	if !ok {
		return all, nil
	}
	last := size - 1
	if to != "" {
		v, ok := natural(to)
		if !ok || v < first {
			return all, nil
		}
		last = min(last, v)
	}
	if first >= size {
		return all, errRange(header, size)
	}
	return span{off: first, n: last - first + 1, partial: true}, nil
}

func natural(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0
}

// extent gives the part of o that a range or part number names.
func extent(rd store.Reader, bucket string, o *object, header *string, number *int32) (span, error) {
	switch {
	case header != nil && number != nil:
		return span{}, errRequest("Cannot specify both Range header and partNumber query parameter")
	case number != nil:
		return partExtent(rd, bucket, o, *number)
	case header != nil:
		return parseRange(*header, o.Size)
	}
	return span{n: o.Size}, nil
}

func partExtent(rd store.Reader, bucket string, o *object, number int32) (s span, err error) {
	bad := fault(416, "InvalidPartNumber", "The requested partnumber is not satisfiable").With("ActualPartCount", max(o.Parts, 1)).With("PartNumberRequested", number)
	if number < 1 || number > maxParts {
		return s, errArgument("partNumber", fmt.Sprint(number), "Part number must be an integer between 1 and 10000, inclusive")
	}
	if o.Upload == "" {
		if number != 1 {
			return s, bad
		}
		return span{n: o.Size, partial: o.Size > 0}, nil
	}
	s = span{parts: o.Parts}
	err = each(rd, piecesKey(bucket, o.Upload), func(_, v []byte) error {
		var p part
		if err := json.Unmarshal(v, &p); err != nil {
			return err
		}
		if p.Number == number {
			s.off, s.n, s.partial = p.Offset, p.Size, true
			if o.Sum.Composite {
				s.sum = p.Sum
				s.sum.Composite = true
			}
		}
		return nil
	})
	if err == nil && !s.partial {
		err = bad
	}
	return s, err
}

// asked is what GetObject and HeadObject have in common.
type asked struct {
	bucket, owner, key, version, header *string
	number                              *int32
	condition                           readCondition
	customerKey                         *string
	method                              string
}

// resolve finds what a read asks for. Multi-part objects are held: release them, whatever else happens.
func (r *s3Room) resolve(ctx context.Context, q asked) (b *bucket, o *object, s span, err error) {
	if err := (refusals{customerKey: q.customerKey}).check(); err != nil {
		return nil, nil, s, err
	}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		if b, err = open(rd, q.bucket, q.owner); err != nil {
			return err
		}
		if o, err = lookup(rd, b, q.key, q.version, q.method); err != nil {
			return err
		}
		if err = q.condition.judge(o, r.d.Clock.Now()); err != nil {
			return err
		}
		s, err = extent(rd, b.Name, o, q.header, q.number)
		return err
	})
	return b, o, s, err
}

func getQuery(in *api.GetObjectInput) asked {
	return asked{
		bucket: in.Bucket, owner: in.ExpectedBucketOwner, key: in.Key, version: in.VersionId, header: in.Range, number: in.PartNumber,
		condition:   readCondition{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince},
		customerKey: in.SSECustomerAlgorithm, method: "GET",
	}
}

// httpTime is the form of times in headers (RFC 9110, section 5.6.7).
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

// tries is how often a read begins anew when the object was replaced between finding and opening it.
const tries = 10

func (r *s3Room) getObject(ctx context.Context, in *api.GetObjectInput) (*api.GetObjectOutput, error) {
	for range tries {
		b, o, s, err := r.resolve(ctx, getQuery(in))
		if err != nil {
			return nil, err
		}
		body, err := r.read(ctx, b, o, s)
		if errors.Is(err, blob.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return getOutput(in, b, o, s, body), nil
	}
	return nil, cloud.Errorf(cloud.Unavailable, "SlowDown", "Please reduce your request rate.")
}

func getOutput(in *api.GetObjectInput, b *bucket, o *object, s span, body io.ReadCloser) *api.GetObjectOutput {
	out := &api.GetObjectOutput{
		Body: body, AcceptRanges: new("bytes"), LastModified: new(o.modified()), ContentLength: &s.n, ETag: o.etag(), ContentRange: s.contentRange(o.Size),
		VersionId: o.named(b), CacheControl: either(in.ResponseCacheControl, o.Head.Cache), ContentDisposition: either(in.ResponseContentDisposition, o.Head.Disposition),
		ContentEncoding: either(in.ResponseContentEncoding, o.Head.Encoding), ContentLanguage: either(in.ResponseContentLanguage, o.Head.Language),
		ContentType: either(in.ResponseContentType, o.contentType()), Expires: optional(o.Head.Expires), WebsiteRedirectLocation: optional(o.Head.Redirect),
		ServerSideEncryption: o.Seal.algorithm(), SSEKMSKeyId: optional(o.Seal.Key), BucketKeyEnabled: o.Seal.bucketKey(), Metadata: o.Meta,
		StorageClass: optional(o.Class), PartsCount: s.count(), TagCount: o.tagCount(), Expiration: expirationOf(b, o),
	}
	if in.ResponseExpires != nil {
		out.Expires = new(in.ResponseExpires.UTC().Format(httpTime))
	}
	sum := s.checksum(in.ChecksumMode, o)
	c := sum.sums()
	out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
	out.ChecksumType = sum.kind()
	return out
}

func either(asked *string, own string) *string {
	if asked != nil {
		return asked
	}
	return optional(own)
}

func (o *object) contentType() string {
	if o.Head.Type == "" {
		return "binary/octet-stream"
	}
	return o.Head.Type
}

func (o *object) tagCount() *int32 {
	if len(o.Tags) == 0 {
		return nil
	}
	return new(int32(len(o.Tags)))
}

func (s span) count() *int32 {
	if s.parts == 0 {
		return nil
	}
	return &s.parts
}

func (r *s3Room) headObject(ctx context.Context, in *api.HeadObjectInput) (*api.HeadObjectOutput, error) {
	b, o, s, err := r.resolve(ctx, asked{
		bucket: in.Bucket, owner: in.ExpectedBucketOwner, key: in.Key, version: in.VersionId, header: in.Range, number: in.PartNumber,
		condition:   readCondition{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince},
		customerKey: in.SSECustomerAlgorithm, method: "HEAD",
	})
	if err != nil {
		return nil, err
	}
	out := &api.HeadObjectOutput{
		AcceptRanges: new("bytes"), LastModified: new(o.modified()), ContentLength: &s.n, ETag: o.etag(), ContentRange: s.contentRange(o.Size),
		VersionId: o.named(b), CacheControl: either(in.ResponseCacheControl, o.Head.Cache), ContentDisposition: either(in.ResponseContentDisposition, o.Head.Disposition),
		ContentEncoding: either(in.ResponseContentEncoding, o.Head.Encoding), ContentLanguage: either(in.ResponseContentLanguage, o.Head.Language),
		ContentType: either(in.ResponseContentType, o.contentType()), Expires: optional(o.Head.Expires), WebsiteRedirectLocation: optional(o.Head.Redirect),
		ServerSideEncryption: o.Seal.algorithm(), SSEKMSKeyId: optional(o.Seal.Key), BucketKeyEnabled: o.Seal.bucketKey(), Metadata: o.Meta,
		StorageClass: optional(o.Class), PartsCount: s.count(), TagCount: o.tagCount(), Expiration: expirationOf(b, o),
	}
	if in.ResponseExpires != nil {
		out.Expires = new(in.ResponseExpires.UTC().Format(httpTime))
	}
	sum := s.checksum(in.ChecksumMode, o)
	c := sum.sums()
	out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
	out.ChecksumType = sum.kind()
	return out, nil
}
