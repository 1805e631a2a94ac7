package s3

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	api "sundog/api/s3"
	"sundog/cloud"
)

func (b *bench) begin(n *string, key string, algorithm, kind *string) *string {
	b.t.Helper()
	out, err := b.r.createMultipartUpload(b.ctx, &api.CreateMultipartUploadInput{Bucket: n, Key: &key, ChecksumAlgorithm: algorithm, ChecksumType: kind, ContentType: new("x/y")})
	return must(b.t, out, err).UploadId
}

func (b *bench) part(n *string, key string, id *string, number int32, body []byte) api.CompletedPart {
	b.t.Helper()
	out, err := b.r.uploadPart(b.ctx, &api.UploadPartInput{Bucket: n, Key: &key, UploadId: id, PartNumber: &number, Body: bytes.NewReader(body)})
	must(b.t, out, err)
	return api.CompletedPart{
		PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
	}
}

func (b *bench) complete(n *string, key string, id *string, parts ...api.CompletedPart) (*api.CompleteMultipartUploadOutput, error) {
	return b.r.completeMultipartUpload(b.ctx, &api.CompleteMultipartUploadInput{Bucket: n, Key: &key, UploadId: id, MultipartUpload: &api.CompletedMultipartUpload{Parts: parts}})
}

func TestMultipart(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	big := bytes.Repeat([]byte("0123456789abcdef"), minPart/16)
	id := b.begin(n, "k", nil, nil)
	p1, p3 := b.part(n, "k", id, 1, big), b.part(n, "k", id, 3, []byte("tail"))
	b.part(n, "k", id, 5, []byte("left out"))
	b.part(n, "k", id, 3, []byte("again"))
	if _, err := b.complete(n, "k", id, p1, p3); !cloud.IsCode(err, "InvalidPart") {
		t.Fatal(err)
	}
	p3 = b.part(n, "k", id, 3, []byte("tail"))
	parts, err := b.r.listParts(b.ctx, &api.ListPartsInput{Bucket: n, Key: new("k"), UploadId: id, MaxParts: new(int32(2))})
	if must(t, parts, err); len(parts.Parts) != 2 || !*parts.IsTruncated || *parts.NextPartNumberMarker != 3 {
		t.Fatalf("%+v", parts)
	}
	out, err := b.complete(n, "k", id, p1, p3)
	if must(t, out, err); !strings.HasSuffix(*out.ETag, `-2"`) || *out.ChecksumType != "FULL_OBJECT" {
		t.Fatalf("%+v", out)
	}
	whole := append(append([]byte(nil), big...), "tail"...)
	want, err := integrity{limit: maxBody}.take(io.Discard, bytes.NewReader(whole))
	if must(t, want, err); want.chosen.Value != *out.ChecksumCRC64NVME {
		t.Fatal("the checksum is not that of the whole object")
	}
	if got := b.get(n, "k"); got != string(whole) {
		t.Fatalf("%d bytes, want %d", len(got), len(whole))
	}
	b.readParts(n, len(big))
	if c := b.blobs(); c != 2 {
		t.Fatalf("%d blobs, want those of 2 parts", c)
	}
	if _, err := b.complete(n, "k", id, p1, p3); !cloud.IsCode(err, "NoSuchUpload") {
		t.Fatal(err)
	}
	b.replaceWhileRead(n, whole)
}

// readParts reads over the border of two parts, and one part.
func (b *bench) readParts(n *string, border int) {
	b.t.Helper()
	r, err := b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k"), Range: new(fmt.Sprintf("bytes=%d-%d", border-2, border+1))})
	if must(b.t, r, err); read(b.t, r.Body) != "efta" {
		b.t.Fatal("wrong bytes over the border of parts")
	}
	r, err = b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k"), PartNumber: new(int32(3))})
	if must(b.t, r, err); read(b.t, r.Body) != "tail" || *r.PartsCount != 2 {
		b.t.Fatalf("%+v", r)
	}
	err = second(b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k"), PartNumber: new(int32(2))}))
	if !cloud.IsCode(err, "InvalidPartNumber") {
		b.t.Fatal(err)
	}
}

// replaceWhileRead overwrites an object of parts while it is read: the reader gets all of what it began to read.
func (b *bench) replaceWhileRead(n *string, whole []byte) {
	b.t.Helper()
	r, err := b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k")})
	must(b.t, r, err)
	b.put(n, "k", "new")
	if c := b.blobs(); c != 3 {
		b.t.Fatalf("%d blobs while the object is read", c)
	}
	if read(b.t, r.Body) != string(whole) {
		b.t.Fatal("the reader got other bytes")
	}
	if c := b.blobs(); c != 1 {
		b.t.Fatalf("%d blobs after the reader is done", c)
	}
}

func TestCompositeChecksum(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	id := b.begin(n, "k", new("SHA256"), nil)
	p := b.part(n, "k", id, 1, []byte("x"))
	if _, err := b.complete(n, "k", id, api.CompletedPart{PartNumber: p.PartNumber, ETag: p.ETag}); !cloud.IsCode(err, "InvalidRequest") {
		t.Fatal(err)
	}
	out, err := b.complete(n, "k", id, p)
	if must(t, out, err); *out.ChecksumType != "COMPOSITE" || !strings.HasSuffix(*out.ChecksumSHA256, "-1") {
		t.Fatalf("%+v", out)
	}
	a, err := b.r.getObjectAttributes(b.ctx, &api.GetObjectAttributesInput{Bucket: n, Key: new("k"), ObjectAttributes: []string{"ObjectParts", "Checksum", "ETag"}})
	if must(t, a, err); len(a.ObjectParts.Parts) != 1 || *a.ObjectParts.Parts[0].ChecksumSHA256 != *p.ChecksumSHA256 {
		t.Fatalf("%+v", a)
	}
}

func TestUploadErrors(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	id := b.begin(n, "k", nil, nil)
	p1, p2 := b.part(n, "k", id, 1, []byte("x")), b.part(n, "k", id, 2, []byte("y"))
	fail := func(_ any, err error) string { return cloud.AsError(err).Code }
	for i, c := range []struct{ got, want string }{
		{fail(b.complete(n, "k", id, p1, p2)), "EntityTooSmall"},
		{fail(b.complete(n, "k", id, p2, p1)), "InvalidPartOrder"},
		{fail(b.complete(n, "k", id)), "InvalidRequest"},
		{fail(b.complete(n, "other", id, p1)), "NoSuchUpload"},
		{fail(b.complete(n, "k", new("fake"), p1)), "NoSuchUpload"},
		{fail(b.r.createMultipartUpload(b.ctx, &api.CreateMultipartUploadInput{Bucket: n, Key: new("k"), ChecksumType: new("FULL_OBJECT")})), "InvalidRequest"},
		{fail(b.r.createMultipartUpload(b.ctx, &api.CreateMultipartUploadInput{Bucket: n, Key: new("k"), ChecksumAlgorithm: new("SHA1"), ChecksumType: new("FULL_OBJECT")})), "InvalidRequest"},
	} {
		if c.got != c.want {
			t.Errorf("%d: %s, want %s", i, c.got, c.want)
		}
	}
	must(t, 0, second(b.r.abortMultipartUpload(b.ctx, &api.AbortMultipartUploadInput{Bucket: n, Key: new("k"), UploadId: id})))
	if c := b.blobs(); c != 0 {
		t.Fatalf("%d blobs after an abort", c)
	}
}

func TestListUploads(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	first, later := b.begin(n, "a/1", nil, nil), b.begin(n, "a/1", nil, nil)
	b.begin(n, "b/x", nil, nil)
	b.begin(n, "b/y", nil, nil)
	list := func(in api.ListMultipartUploadsInput) *api.ListMultipartUploadsOutput {
		in.Bucket = n
		out, err := b.r.listMultipartUploads(b.ctx, &in)
		return must(t, out, err)
	}
	out := list(api.ListMultipartUploadsInput{MaxUploads: new(int32(1))})
	if *out.Uploads[0].UploadId != *first || !*out.IsTruncated {
		t.Fatalf("%+v", out)
	}
	out = list(api.ListMultipartUploadsInput{KeyMarker: out.NextKeyMarker, UploadIdMarker: out.NextUploadIdMarker, Delimiter: new("/")})
	if len(out.Uploads) != 0 || len(out.CommonPrefixes) != 2 {
		t.Fatalf("%+v", out)
	}
	out = list(api.ListMultipartUploadsInput{KeyMarker: new("a/1"), UploadIdMarker: first})
	if len(out.Uploads) != 3 || *out.Uploads[0].UploadId != *later {
		t.Fatalf("%+v", out)
	}
	out = list(api.ListMultipartUploadsInput{KeyMarker: new("a/1")})
	if len(out.Uploads) != 2 {
		t.Fatalf("%+v", out)
	}
	must(t, 0, second(b.r.deleteBucket(b.ctx, &api.DeleteBucketInput{Bucket: n})))
}

func TestCopy(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	must(t, 0, second(b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: n, Key: new("a b"), Body: strings.NewReader("0123456789"), ContentType: new("x/y"), Tagging: new("k=v"), ChecksumAlgorithm: new("SHA1")})))
	out, err := b.r.copyObject(b.ctx, &api.CopyObjectInput{Bucket: n, Key: new("c"), CopySource: new("/bucket/a%20b")})
	if must(t, out, err); *out.CopyObjectResult.ETag != etagOf("0123456789") || out.CopyObjectResult.ChecksumSHA1 == nil {
		t.Fatalf("%+v", out.CopyObjectResult)
	}
	head, err := b.r.headObject(b.ctx, &api.HeadObjectInput{Bucket: n, Key: new("c")})
	if must(t, head, err); *head.ContentType != "x/y" || *head.TagCount != 1 {
		t.Fatalf("%+v", head)
	}
	fail := func(in api.CopyObjectInput) string {
		if in.Key == nil {
			in.Key = new("c")
		}
		in.Bucket = n
		return cloud.AsError(second(b.r.copyObject(b.ctx, &in))).Code
	}
	for i, c := range []struct{ got, want string }{
		{fail(api.CopyObjectInput{CopySource: new("bucket/c")}), "InvalidRequest"},
		{fail(api.CopyObjectInput{CopySource: new("wrong")}), "InvalidArgument"},
		{fail(api.CopyObjectInput{CopySource: new("bucket/none")}), "NoSuchKey"},
		{fail(api.CopyObjectInput{CopySource: new("none/c")}), "NoSuchBucket"},
		{fail(api.CopyObjectInput{CopySource: new("bucket/a%20b"), CopySourceIfNoneMatch: new(etagOf("0123456789"))}), "PreconditionFailed"},
		{fail(api.CopyObjectInput{CopySource: new("bucket/a%20b"), IfNoneMatch: new("*")}), "PreconditionFailed"},
	} {
		if c.got != c.want {
			t.Errorf("%d: %s, want %s", i, c.got, c.want)
		}
	}
	id := b.begin(n, "up", nil, nil)
	p, err := b.r.uploadPartCopy(b.ctx, &api.UploadPartCopyInput{Bucket: n, Key: new("up"), UploadId: id, PartNumber: new(int32(1)), CopySource: new("bucket/c"), CopySourceRange: new("bytes=2-4")})
	must(t, p, err)
	must(t, 0, second(b.complete(n, "up", id, api.CompletedPart{PartNumber: new(int32(1)), ETag: p.CopyPartResult.ETag})))
	if got := b.get(n, "up"); got != "234" {
		t.Fatal(got)
	}
}

func TestLifecycle(t *testing.T) {
	b := start(t)
	n := b.versioned("bucket")
	rules := []api.LifecycleRule{
		{Status: new("Enabled"), Filter: &api.LifecycleRuleFilter{Prefix: new("tmp/")}, Expiration: &api.LifecycleExpiration{Days: new(int32(1))}, ID: new("one")},
		{Status: new("Enabled"), Filter: &api.LifecycleRuleFilter{Prefix: new("")}, NoncurrentVersionExpiration: &api.NoncurrentVersionExpiration{NoncurrentDays: new(int32(1))}},
		{Status: new("Enabled"), Filter: &api.LifecycleRuleFilter{Prefix: new("")}, AbortIncompleteMultipartUpload: &api.AbortIncompleteMultipartUpload{DaysAfterInitiation: new(int32(1))}},
		{Status: new("Disabled"), Filter: &api.LifecycleRuleFilter{Prefix: new("")}, Expiration: &api.LifecycleExpiration{Days: new(int32(1))}},
	}
	must(t, 0, second(b.r.putLifecycle(b.ctx, &api.PutBucketLifecycleConfigurationInput{Bucket: n, LifecycleConfiguration: &api.BucketLifecycleConfiguration{Rules: rules}})))
	out := b.put(n, "tmp/a", "x")
	if want := `expiry-date="Fri, 04 Jan 2030 00:00:00 GMT", rule-id="one"`; text(out.Expiration) != want {
		t.Fatalf("%s, want %s", text(out.Expiration), want)
	}
	b.put(n, "keep", "old")
	b.put(n, "keep", "new")
	b.part(n, "up", b.begin(n, "up", nil, nil), 1, []byte("x"))
	count := func() [4]int {
		v, err := b.r.listObjectVersions(b.ctx, &api.ListObjectVersionsInput{Bucket: n})
		must(t, v, err)
		u, err := b.r.listMultipartUploads(b.ctx, &api.ListMultipartUploadsInput{Bucket: n})
		return [4]int{len(v.Versions), len(v.DeleteMarkers), len(must(t, u, err).Uploads), b.blobs()}
	}
	for i, c := range []struct {
		move time.Duration
		want [4]int // versions, markers, uploads, blobs
	}{
		{0, [4]int{3, 0, 1, 4}},
		{24 * time.Hour, [4]int{3, 0, 1, 4}},
		{24 * time.Hour, [4]int{2, 1, 0, 2}}, // tmp/a got a marker; the old version and the upload are gone
		{72 * time.Hour, [4]int{1, 0, 0, 1}}, // then tmp/a and its marker went
	} {
		b.Advance(c.move)
		if got := count(); got != c.want {
			t.Fatalf("step %d: %v, want %v", i, got, c.want)
		}
	}
}
