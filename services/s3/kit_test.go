package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's entity tags are MD5
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/blob/mem"
	"sundog/engine/bus"
	"sundog/services/servicetest"
)

const (
	queueARN = "arn:aws:sqs:eu-west-1:000000000000:q"
	topicARN = "arn:aws:sns:eu-west-1:000000000000:t"
	funcARN  = "arn:aws:lambda:eu-west-1:000000000000:function:f"
)

// sink is a target that notes what it gets, once by its id, as targets do.
type sink struct {
	got  chan bus.Delivery
	seen *sync.Map
}

func (s sink) Action(cloud.ARN) string { return "sqs:SendMessage" }

func (s sink) Deliver(_ context.Context, d bus.Delivery) (bus.Outcome, error) {
	if _, again := s.seen.LoadOrStore(d.ID, true); !again {
		s.got <- d
	}
	return bus.Outcome{}, nil
}

type bench struct {
	*servicetest.Kit
	r    *s3Room
	ctx  context.Context
	sink sink
	t    testing.TB
}

func start(t testing.TB) *bench {
	t.Helper()
	k := servicetest.New(t)
	r := build(k.Deps)
	rm := r.room()
	b := &bench{Kit: k, r: r, ctx: k.Context(), sink: sink{make(chan bus.Delivery, 1000), &sync.Map{}}, t: t}
	for _, s := range []string{"sqs", "sns", "lambda", "events"} {
		k.Targets[s] = b.sink
	}
	k.Begin(t, rm)
	return b
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func second[T any](_ T, err error) error { return err }

func (b *bench) bucket(name string) *string {
	b.t.Helper()
	_, err := b.r.createBucket(b.ctx, &api.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &api.CreateBucketConfiguration{LocationConstraint: new("eu-west-1")}})
	must(b.t, 0, err)
	return &name
}

func (b *bench) versioned(name string) *string {
	b.t.Helper()
	n := b.bucket(name)
	b.setVersioning(n, "Enabled")
	return n
}

func (b *bench) setVersioning(n *string, status string) {
	b.t.Helper()
	must(b.t, 0, second(b.r.putBucketVersioning(b.ctx, &api.PutBucketVersioningInput{Bucket: n, VersioningConfiguration: &api.VersioningConfiguration{Status: &status}})))
}

func (b *bench) put(bucket *string, key, body string) *api.PutObjectOutput {
	b.t.Helper()
	out, err := b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(body)})
	return must(b.t, out, err)
}

func (b *bench) get(bucket *string, key string) string {
	b.t.Helper()
	out, err := b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: bucket, Key: &key})
	return read(b.t, must(b.t, out, err).Body)
}

func read(t testing.TB, body io.ReadCloser) string {
	t.Helper()
	v, err := io.ReadAll(body)
	must(t, 0, errors.Join(err, body.Close()))
	return string(v)
}

func (b *bench) drop(bucket *string, key string, version *string) *api.DeleteObjectOutput {
	b.t.Helper()
	out, err := b.r.deleteObject(b.ctx, &api.DeleteObjectInput{Bucket: bucket, Key: &key, VersionId: version})
	return must(b.t, out, err)
}

// blobs counts the blobs in the store, once background work is done.
func (b *bench) blobs() int {
	b.t.Helper()
	b.Advance(0)
	return b.Blob.(*mem.Store).Len()
}

func etagOf(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // S3's entity tags are MD5
	return `"` + hex.EncodeToString(sum[:]) + `"`
}
