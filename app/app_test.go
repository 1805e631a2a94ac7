package app

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"sundog/api/s3"
	"sundog/api/sqs"
	"sundog/api/sts"
	"sundog/cloud"
	"sundog/cloud/sigv4"
	"sundog/edge/wire/client"
	"sundog/engine/blob"
	"sundog/engine/blob/blobtest"
	"sundog/internal/clock"
)

func TestMain(m *testing.M) {
	MaybeInit()
	os.Exit(m.Run())
}

var root = map[string]string{"AKIATEST": "secret"}

func open(t *testing.T, o Options) *Platform {
	t.Helper()
	o.Listen, o.Roots, o.Spares = "127.0.0.1:0", root, -1
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return p
}

func dial(t *testing.T, p *Platform, secret string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{
		Endpoint: p.Endpoint, Region: "us-east-1", Clock: clock.New(time.Now, 0), Attempts: 1,
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKey: "AKIATEST", Secret: secret}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequestsAreAuthenticated(t *testing.T) {
	p := open(t, Options{Durability: Memory})
	var who sts.GetCallerIdentityOutput
	if err := dial(t, p, "secret").Call(t.Context(), sts.GetCallerIdentityOp, &sts.GetCallerIdentityInput{}, &who); err != nil || *who.Arn != "arn:aws:iam::000000000000:root" {
		t.Fatalf("%v %v", who.Arn, err)
	}
	err := dial(t, p, "wrong").Call(t.Context(), sts.GetCallerIdentityOp, &sts.GetCallerIdentityInput{}, &who)
	if !cloud.IsCode(err, "SignatureDoesNotMatch") {
		t.Fatalf("a wrong secret gives %v", err)
	}
}

// What was acknowledged is there after a restart, and the clock is where it was.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Options{Data: dir, Durability: Sync, Dev: true})
	c := dial(t, p, "secret")
	var q sqs.CreateQueueOutput
	if err := c.Call(t.Context(), sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: new("q")}, &q); err != nil {
		t.Fatal(err)
	}
	if err := c.Call(t.Context(), sqs.SendMessageOp, &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: new("kept")}, &sqs.SendMessageOutput{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Data: dir, Durability: Sync, Dev: true})
	if ahead := again.Clock.Now().Sub(again.Clock.Wall()); ahead < 59*time.Minute {
		t.Errorf("the clock is %s ahead after the restart", ahead)
	}
	var got sqs.ReceiveMessageOutput
	err := dial(t, again, "secret").Call(t.Context(), sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl}, &got)
	if err != nil || len(got.Messages) != 1 || *got.Messages[0].Body != "kept" {
		t.Fatalf("%+v %v", got, err)
	}
}

// A blob without a row, which a killed process leaves, is removed after a start; those of objects stay.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Options{Data: dir, Durability: Sync})
	c := dial(t, p, "secret")
	if err := c.Call(t.Context(), s3.CreateBucketOp, &s3.CreateBucketInput{Bucket: new("kept")}, &s3.CreateBucketOutput{}); err != nil {
		t.Fatal(err)
	}
	in := &s3.PutObjectInput{Bucket: new("kept"), Key: new("k"), Body: strings.NewReader("body")}
	if err := c.Call(t.Context(), s3.PutObjectOp, in, &s3.PutObjectOutput{}); err != nil {
		t.Fatal(err)
	}
	orphan := blobtest.Put(t, p.blob, []byte("orphan"))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Data: dir, Durability: Sync})
	again.beside.Wait()
	if _, err := again.blob.Size(t.Context(), orphan); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the orphan: %v", err)
	}
	var out s3.GetObjectOutput
	if err := dial(t, again, "secret").Call(t.Context(), s3.GetObjectOp, &s3.GetObjectInput{Bucket: new("kept"), Key: new("k")}, &out); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(out.Body); err != nil || string(b) != "body" {
		t.Errorf("%q %v", b, err)
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	p := open(t, Options{Data: dir, Durability: Relaxed})
	_, err := Open(t.Context(), Options{Data: t.TempDir(), Durability: Relaxed, Listen: p.Endpoint[len("http://"):], Roots: root, Spares: -1})
	var inUse *PortInUse
	if !errors.As(err, &inUse) {
		t.Errorf("a taken port gives %v", err)
	}
	_, err = Open(t.Context(), Options{Data: dir, Durability: Relaxed, Listen: "127.0.0.1:0", Roots: root, Spares: -1})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("a taken data folder gives %v", err)
	}
}

func TestLateContractsPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a contract used before it was bound did not panic")
		}
	}()
	_, _ = (&late{}).Describe(t.Context(), cloud.ARN{})
}
