package sdkruns

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestObjects(t *testing.T) {
	ctx := context.Background()
	c := s3.NewFromConfig(right(t), func(o *s3.Options) { o.UsePathStyle = true })
	b := aws.String(name())
	must[*s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b}))
	t.Cleanup(func() { must[*s3.DeleteBucketOutput](t)(c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b})) })
	key := aws.String("a folder/grüße +.txt")
	put := must[*s3.PutObjectOutput](t)(c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: key, Body: strings.NewReader("hello")}))
	if put.ChecksumCRC32 == nil {
		t.Fatal("the checksum that the SDK sends is not answered")
	}
	got := must[*s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key}))
	if body := must[[]byte](t)(io.ReadAll(got.Body)); string(body) != "hello" {
		t.Fatalf("got %q", body)
	}
	signed := must[*http.Response](t)(http.Get(presigned(ctx, t, c, b, key)))
	defer signed.Body.Close()
	if body := must[[]byte](t)(io.ReadAll(signed.Body)); string(body) != "hello" {
		t.Fatalf("got %q", body)
	}
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("none")})
	refused(t, err, "NoSuchKey")
	must[*s3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: key}))
}

func presigned(ctx context.Context, t *testing.T, c *s3.Client, bucket, key *string) string {
	t.Helper()
	r, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return r.URL
}

func TestMultipart(t *testing.T) {
	ctx := context.Background()
	c := s3.NewFromConfig(right(t), func(o *s3.Options) { o.UsePathStyle = true })
	b, key := aws.String(name()), aws.String("big")
	must[*s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b}))
	up := must[*s3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: key})).UploadId
	var parts []types.CompletedPart
	var whole []byte
	for i, size := range []int{5 << 20, 5 << 20, 17} {
		body := bytes.Repeat([]byte{byte('a' + i)}, size)
		whole = append(whole, body...)
		n := aws.Int32(int32(i + 1))
		out := must[*s3.UploadPartOutput](t)(c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: key, UploadId: up, PartNumber: n, Body: bytes.NewReader(body)}))
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: n, ChecksumCRC32: out.ChecksumCRC32})
	}
	must[*s3.CompleteMultipartUploadOutput](t)(c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b, Key: key, UploadId: up,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}))
	got := must[*s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key}))
	if body := must[[]byte](t)(io.ReadAll(got.Body)); !bytes.Equal(body, whole) {
		t.Fatalf("got %d bytes, want %d", len(body), len(whole))
	}
	_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b})
	refused(t, err, "BucketNotEmpty")
	must[*s3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: key}))
	must[*s3.DeleteBucketOutput](t)(c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}))
}
