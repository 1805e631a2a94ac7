package s3

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/services/room"
	"sundog/services/servicetest"
)

// through lets the room's resources call its own operations, as the gateway does for inputs whose JSON is that of the model.
func (b *bench) through() {
	b.Caller.Answer = func(c servicetest.Call) (any, error) {
		for _, op := range b.r.operations() {
			if op.Name != c.Op {
				continue
			}
			in := op.New()
			if err := json.Unmarshal(c.In, in); err != nil {
				return nil, err
			}
			return op.Call(b.ctx, in)
		}
		return nil, cloud.NotImplementedf("%s", c.Op)
	}
}

func props(t *testing.T, text string) room.Props {
	t.Helper()
	var p room.Props
	must(t, 0, json.Unmarshal([]byte(text), &p))
	return p
}

func (b *bench) resource(name string) room.ResourceType {
	list := b.r.resources()
	return list[slices.IndexFunc(list, func(r room.ResourceType) bool { return r.Type == name })]
}

func TestBucketResource(t *testing.T) {
	b := start(t)
	b.through()
	for _, arn := range []string{queueARN, funcARN, topicARN} {
		b.allow(arn, "*")
	}
	full := props(t, `{"BucketName":"bucket","VersioningConfiguration":{"Status":"Enabled"},"Tags":[{"Key":"a","Value":"1"}],"AccessControl":"Private",
		"PublicAccessBlockConfiguration":{"BlockPublicPolicy":"false"},"OwnershipControls":{"Rules":[{"ObjectOwnership":"ObjectWriter"}]},
		"BucketEncryption":{"ServerSideEncryptionConfiguration":[{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]},
		"LifecycleConfiguration":{"Rules":[{"Id":"x","Status":"Enabled","Prefix":"tmp/","ExpirationInDays":"3"}]},
		"NotificationConfiguration":{"EventBridgeConfiguration":{"EventBridgeEnabled":true},
		"QueueConfigurations":[{"Event":"s3:ObjectRemoved:*","Queue":"`+queueARN+`"}],"TopicConfigurations":[{"Event":"s3:ObjectTagging:*","Topic":"`+topicARN+`"}],
		"LambdaConfigurations":[{"Event":"s3:ObjectCreated:*","Function":"`+funcARN+`","Filter":{"S3Key":{"Rules":[{"Name":"prefix","Value":"in/"}]}}}]}}`)
	typ := b.resource("AWS::S3::Bucket")
	req := room.Request{StackName: "st", LogicalID: "B", Token: "token-1", New: full}
	out, err := typ.Create(b.ctx, req)
	if must(t, out, err); out.Physical != "bucket" || out.Attributes["Arn"] != "arn:aws:s3:::bucket" {
		t.Fatalf("%+v", out)
	}
	must(t, 0, second(typ.Create(b.ctx, req))) // the same step again, as after a crash
	if err := second(typ.Create(b.ctx, room.Request{Token: "token-2", New: full})); !cloud.IsCode(err, "BucketAlreadyExists") {
		t.Fatal(err)
	}
	got, err := b.r.bucket(b.ctx, new("bucket"), nil)
	must(t, got, err)
	n := got.Notification
	if !got.enabled() || *got.Tags[0].Value != "1" || is(got.PublicAccess.BlockPublicPolicy) || got.Ownership != "ObjectWriter" || *got.Lifecycle[0].Expiration.Days != 3 ||
		len(n.QueueConfigurations)+len(n.TopicConfigurations)+len(n.LambdaFunctionConfigurations) != 3 || n.EventBridgeConfiguration == nil || got.Encryption == nil {
		t.Fatalf("%+v", got)
	}
	must(t, 0, second(typ.Update(b.ctx, room.Request{Physical: "bucket", Old: full, New: props(t, `{"BucketName":"bucket"}`), Token: "token-3"})))
	got, err = b.r.bucket(b.ctx, new("bucket"), nil)
	if must(t, got, err); got.Versioning != "Suspended" || got.Tags != nil || got.PublicAccess != nil || got.Lifecycle != nil || len(got.Notification.QueueConfigurations) != 0 {
		t.Fatalf("%+v", got)
	}
	b.put(new("bucket"), "k", "v")
	del := room.Request{Physical: "bucket"}
	if err := typ.Delete(b.ctx, del); !cloud.IsCode(err, "BucketNotEmpty") {
		t.Fatal(err)
	}
	b.drop(new("bucket"), "k", new("null"))
	must(t, 0, typ.Delete(b.ctx, del))
	must(t, 0, typ.Delete(b.ctx, del))
	if err := second(typ.Create(b.ctx, room.Request{Token: "t", New: props(t, `{"BucketName":"other","AccessControl":"PublicRead"}`)})); !cloud.IsCode(err, "NotImplemented") {
		t.Fatal(err)
	}
}

func TestBucketPolicyResource(t *testing.T) {
	b := start(t)
	b.through()
	b.bucket("bucket")
	typ := b.resource("AWS::S3::BucketPolicy")
	doc := `{"Bucket":"bucket","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}]}}`
	out, err := typ.Create(b.ctx, room.Request{New: props(t, doc)})
	if must(t, out, err); out.Physical != "bucket" {
		t.Fatalf("%+v", out)
	}
	must(t, 0, second(b.r.getBucketPolicy(b.ctx, &api.GetBucketPolicyInput{Bucket: new("bucket")})))
	must(t, 0, typ.Delete(b.ctx, room.Request{Physical: "bucket"}))
	must(t, 0, typ.Delete(b.ctx, room.Request{Physical: "gone"}))
}

func TestBucketErrors(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	create := func(name, region string, c *api.CreateBucketConfiguration) error {
		call := cloud.CallFrom(b.ctx)
		call.Scope.Region = region
		return second(b.r.createBucket(cloud.WithCall(context.Background(), call), &api.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: c}))
	}
	at := func(region string) *api.CreateBucketConfiguration {
		return &api.CreateBucketConfiguration{LocationConstraint: &region}
	}
	must(t, 0, create("us-0", usEast, nil))
	must(t, 0, create("us-again", usEast, nil))
	must(t, 0, create("us-again", usEast, nil))
	for i, c := range []struct {
		err  error
		code string
	}{
		{create("bucket", "eu-west-1", at("eu-west-1")), "BucketAlreadyOwnedByYou"},
		{create("new", "eu-west-1", nil), "IllegalLocationConstraintException"},
		{create("new", "eu-west-1", at("eu-central-1")), "IllegalLocationConstraintException"},
		{create("new", usEast, at("aws-global")), "InvalidLocationConstraint"},
		{create("UPPER", usEast, nil), "InvalidBucketName"},
		{create("1.2.3.4", usEast, nil), "InvalidBucketName"},
		{create("a", usEast, nil), "InvalidBucketName"},
		{second(b.r.headBucket(b.ctx, &api.HeadBucketInput{Bucket: new("none")})), "NoSuchBucket"},
		{second(b.r.headBucket(b.ctx, &api.HeadBucketInput{Bucket: n, ExpectedBucketOwner: new("000000000001")})), "AccessDenied"},
		{second(b.r.headBucket(b.ctx, &api.HeadBucketInput{Bucket: n, ExpectedBucketOwner: new("abcd")})), "InvalidBucketOwnerAWSAccountID"},
		{second(b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: n, Key: new("k"), StorageClass: new("OUTPOSTS")})), "InvalidStorageClass"},
		{second(b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: n, Key: new("k"), StorageClass: new("GLACIER")})), "NotImplemented"},
		{second(b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: n, Key: new("k"), ACL: new("public-read")})), "AccessControlListNotSupported"},
		{second(b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: n, Key: new("k"), SSECustomerAlgorithm: new("AES256")})), "NotImplemented"},
		{second(b.r.getBucketTagging(b.ctx, &api.GetBucketTaggingInput{Bucket: n})), "NoSuchTagSet"},
		{second(b.r.getCors(b.ctx, &api.GetBucketCorsInput{Bucket: n})), "NoSuchCORSConfiguration"},
	} {
		if !cloud.IsCode(c.err, c.code) {
			t.Errorf("%d: %v, want %s", i, c.err, c.code)
		}
	}
	list, err := b.r.listBuckets(b.ctx, &api.ListBucketsInput{MaxBuckets: new(int32(2))})
	if must(t, list, err); len(list.Buckets) != 2 || list.ContinuationToken == nil {
		t.Fatalf("%+v", list)
	}
	list, err = b.r.listBuckets(b.ctx, &api.ListBucketsInput{ContinuationToken: list.ContinuationToken})
	if must(t, list, err); len(list.Buckets) != 1 || *list.Buckets[0].Name != "us-again" {
		t.Fatalf("%+v", list)
	}
}

func TestDeleteObjects(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	b.put(n, "a", "x")
	out, err := b.r.deleteObjects(b.ctx, &api.DeleteObjectsInput{Bucket: n, Delete: &api.Delete{Objects: []api.ObjectIdentifier{
		{Key: new("a")}, {Key: new("absent")}, {Key: new("a"), VersionId: new("HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD")},
	}}})
	if must(t, out, err); len(out.Deleted) != 2 || len(out.Errors) != 1 || *out.Errors[0].Code != "NoSuchVersion" {
		t.Fatalf("%+v", out)
	}
	if c := b.blobs(); c != 0 {
		t.Fatalf("%d blobs", c)
	}
}

func BenchmarkPutGet(b *testing.B) {
	k := start(b)
	n := k.bucket("bucket")
	body := make([]byte, 1024)
	for b.Loop() {
		k.put(n, "k", string(body))
		out, err := k.r.getObject(k.ctx, &api.GetObjectInput{Bucket: n, Key: new("k")})
		must(b, out, err)
		_, _ = io.Copy(io.Discard, out.Body)
		_ = out.Body.Close()
	}
}
