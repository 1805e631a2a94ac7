package s3

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/lang/policydoc"
)

func TestPutGet(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	out, err := b.r.putObject(b.ctx, &api.PutObjectInput{
		Bucket: n, Key: new("a/b c"), Body: strings.NewReader("hello"), ContentType: new("text/plain"), Metadata: map[string]string{"k": "v"},
		ContentEncoding: new("gzip,aws-chunked"), Tagging: new("x=1&y=a%20b"), StorageClass: new("STANDARD_IA"),
	})
	must(t, out, err)
	if *out.ETag != etagOf("hello") || out.ChecksumCRC64NVME == nil || *out.ChecksumType != "FULL_OBJECT" || *out.ServerSideEncryption != "AES256" || out.VersionId != nil {
		t.Fatalf("%+v", out)
	}
	got, err := b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("a/b c"), ResponseContentType: new("image/png")})
	must(t, got, err)
	if read(t, got.Body) != "hello" || *got.ContentType != "image/png" || got.Metadata["k"] != "v" || *got.ContentEncoding != "gzip" || *got.TagCount != 2 ||
		*got.StorageClass != "STANDARD_IA" || *got.ContentLength != 5 {
		t.Fatalf("%+v", got)
	}
	b.put(n, "a/b c", "second")
	if v := b.get(n, "a/b c"); v != "second" {
		t.Fatal(v)
	}
	if c := b.blobs(); c != 1 {
		t.Fatalf("%d blobs after an overwrite", c)
	}
	b.drop(n, "a/b c", nil)
	if c := b.blobs(); c != 0 {
		t.Fatalf("%d blobs after a delete", c)
	}
	must(t, 0, second(b.r.deleteBucket(b.ctx, &api.DeleteBucketInput{Bucket: n})))
}

func TestRanges(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	b.put(n, "k", "0123456789")
	for header, want := range map[string]string{
		"bytes=0-3": "0123 bytes 0-3/10", "bytes=8-": "89 bytes 8-9/10", "bytes=-2": "89 bytes 8-9/10", "bytes=5-99": "56789 bytes 5-9/10",
		"bytes=3-1": "0123456789 ", "items=1-2": "0123456789 ", "bytes=0-1,3-4": "0123456789 ", "bytes=-99": "0123456789 bytes 0-9/10",
	} {
		out, err := b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k"), Range: &header})
		must(t, out, err)
		if got := read(t, out.Body) + " " + text(out.ContentRange); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	err := second(b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k"), Range: new("bytes=10-")}))
	if !cloud.IsCode(err, "InvalidRange") {
		t.Fatal(err)
	}
}

func TestConditions(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	b.put(n, "k", "v")
	tag, other := etagOf("v"), `"ffff"`
	now := b.Clock.Now()
	past, later := now.Add(-time.Hour), now.Add(time.Hour)
	for i, c := range []struct {
		in   api.GetObjectInput
		code string
	}{
		{api.GetObjectInput{IfMatch: &tag}, ""},
		{api.GetObjectInput{IfMatch: &other}, "PreconditionFailed"},
		{api.GetObjectInput{IfNoneMatch: &tag}, "NotModified"},
		{api.GetObjectInput{IfNoneMatch: &other}, ""},
		{api.GetObjectInput{IfModifiedSince: &now}, "NotModified"},
		{api.GetObjectInput{IfModifiedSince: &past}, ""},
		{api.GetObjectInput{IfUnmodifiedSince: &past}, "PreconditionFailed"},
		{api.GetObjectInput{IfMatch: &tag, IfUnmodifiedSince: &past}, ""},
		{api.GetObjectInput{IfNoneMatch: &tag, IfModifiedSince: &past}, "NotModified"},
		{api.GetObjectInput{IfModifiedSince: &later}, ""},
	} {
		c.in.Bucket, c.in.Key = n, new("k")
		out, err := b.r.getObject(b.ctx, &c.in)
		if err == nil {
			must(t, 0, out.Body.Close())
		}
		if c.code == "" && err != nil || c.code != "" && !cloud.IsCode(err, c.code) {
			t.Errorf("%d: %v, want %s", i, err, c.code)
		}
	}
	write := func(key string, match, none *string) error {
		return second(b.r.putObject(b.ctx, &api.PutObjectInput{Bucket: n, Key: &key, Body: strings.NewReader("w"), IfMatch: match, IfNoneMatch: none}))
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{write("k", nil, new("*")), "PreconditionFailed"}, {write("k", &other, nil), "PreconditionFailed"}, {write("absent", &tag, nil), "NoSuchKey"},
		{write("k", &tag, new("*")), "NotImplemented"}, {write("k", nil, &tag), "NotImplemented"},
	} {
		if !cloud.IsCode(c.err, c.code) {
			t.Errorf("%v, want %s", c.err, c.code)
		}
	}
	must(t, 0, errors.Join(write("new", nil, new("*")), write("k", &tag, nil)))
	if c := b.blobs(); c != 2 {
		t.Fatalf("%d blobs: what was refused must leave none", c)
	}
}

// trailing is a body that ends in checksums.
type trailing struct {
	io.Reader
	sums map[string]string
}

func (t trailing) Trailer() map[string]string { return t.sums }

// broken is a body that ends otherwise than in io.EOF.
type broken struct{ err error }

func (r broken) Read([]byte) (int, error) { return 0, r.err }

func TestChecksums(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	// The values of "123456789" are the check values of the algorithms.
	for _, c := range []struct {
		name string
		in   api.PutObjectInput
		code string
	}{
		{"crc32", api.PutObjectInput{ChecksumCRC32: new("y/Q5Jg==")}, ""},
		{"crc32c", api.PutObjectInput{ChecksumCRC32C: new("4waSgw==")}, ""},
		{"crc64nvme", api.PutObjectInput{ChecksumCRC64NVME: new("rosUhgp5mIg=")}, ""},
		{"sha1", api.PutObjectInput{ChecksumSHA1: new("98O8HYC0RB8P/tr2OfEq48E7UBM=")}, "BadDigest"},
		{"wrong", api.PutObjectInput{ChecksumCRC32: new("AAAAAA==")}, "BadDigest"},
		{"malformed", api.PutObjectInput{ChecksumCRC32: new("xx")}, "InvalidRequest"},
		{"two", api.PutObjectInput{ChecksumCRC32: new("AAAAAA=="), ChecksumCRC32C: new("AAAAAA==")}, "InvalidRequest"},
		{"md5", api.PutObjectInput{ContentMD5: new("JfnnlDI7RTiF9RgfG2JNCw==")}, ""},
		{"wrong md5", api.PutObjectInput{ContentMD5: new("AAAAAAAAAAAAAAAAAAAAAA==")}, "BadDigest"},
		{"bad md5", api.PutObjectInput{ContentMD5: new("AAAA")}, "InvalidDigest"},
		{"trailer", api.PutObjectInput{Body: trailing{strings.NewReader("123456789"), map[string]string{"x-amz-checksum-crc32c": "4waSgw=="}}}, ""},
		{"wrong trailer", api.PutObjectInput{ChecksumAlgorithm: new("CRC32"), Body: trailing{strings.NewReader("123456789"), map[string]string{"x-amz-checksum-crc32": "AAAAAA=="}}}, "BadDigest"},
		{"cut", api.PutObjectInput{Body: broken{io.ErrUnexpectedEOF}}, "IncompleteBody"},
		{"signature", api.PutObjectInput{Body: broken{cloud.Errorf(cloud.Denied, "SignatureDoesNotMatch", "no")}}, "SignatureDoesNotMatch"},
	} {
		c.in.Bucket, c.in.Key = n, &c.name
		if c.in.Body == nil {
			c.in.Body = strings.NewReader("123456789")
		}
		err := second(b.r.putObject(b.ctx, &c.in))
		if c.code == "" && err != nil || c.code != "" && !cloud.IsCode(err, c.code) {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
	out, err := b.r.headObject(b.ctx, &api.HeadObjectInput{Bucket: n, Key: new("trailer"), ChecksumMode: new("ENABLED")})
	if must(t, out, err); text(out.ChecksumCRC32C) != "4waSgw==" {
		t.Fatalf("%+v", out)
	}
}

func TestJoinedChecksums(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for _, a := range algorithms[:3] {
		var values []string
		var sizes []int64
		for _, p := range [][]byte{whole[:7], whole[7:7777], whole[7777:7778], whole[7778:]} {
			d, err := integrity{Algorithm: &a, limit: maxBody}.take(io.Discard, bytes.NewReader(p))
			must(t, d, err)
			values, sizes = append(values, d.chosen.Value), append(sizes, d.size)
		}
		want, err := integrity{Algorithm: &a, limit: maxBody}.take(io.Discard, bytes.NewReader(whole))
		must(t, want, err)
		got, err := joinSums(a, values, sizes)
		if must(t, got, err); got != want.chosen.Value {
			t.Errorf("%s: %s, want %s", a, got, want.chosen.Value)
		}
	}
}

func TestVersions(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	b.put(n, "k", "null")
	b.setVersioning(n, "Enabled")
	one := b.put(n, "k", "one").VersionId
	two := b.put(n, "k", "two").VersionId
	get := func(version *string) string {
		out, err := b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: new("k"), VersionId: version})
		if err != nil {
			return cloud.AsError(err).Code
		}
		return read(t, out.Body)
	}
	if got := []string{get(nil), get(one), get(two), get(new("null")), get(new("x"))}; strings.Join(got, " ") != "two one two null InvalidArgument" {
		t.Fatal(got)
	}
	mark := b.drop(n, "k", nil)
	if !is(mark.DeleteMarker) || get(nil) != "NoSuchKey" || get(mark.VersionId) != "MethodNotAllowed" || get(two) != "two" {
		t.Fatalf("%+v", mark)
	}
	if out := b.drop(n, "k", mark.VersionId); !is(out.DeleteMarker) || get(nil) != "two" {
		t.Fatalf("%+v", out)
	}
	b.drop(n, "k", two)
	if get(nil) != "one" || get(two) != "NoSuchVersion" {
		t.Fatal(get(nil), get(two))
	}
	b.setVersioning(n, "Suspended")
	b.put(n, "k", "null again")
	if get(new("null")) != "null again" || get(one) != "one" {
		t.Fatal(get(new("null")))
	}
	if out := b.drop(n, "k", nil); *out.VersionId != "null" || get(nil) != "NoSuchKey" {
		t.Fatalf("%+v", out)
	}
	if out := b.drop(n, "k", nil); *out.VersionId != "null" {
		t.Fatalf("%+v", out)
	}
	list, err := b.r.listObjectVersions(b.ctx, &api.ListObjectVersionsInput{Bucket: n})
	if must(t, list, err); len(list.Versions) != 1 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest || *list.Versions[0].IsLatest {
		t.Fatalf("%+v", list)
	}
	if err := second(b.r.deleteBucket(b.ctx, &api.DeleteBucketInput{Bucket: n})); !cloud.IsCode(err, "BucketNotEmpty") {
		t.Fatal(err)
	}
	b.drop(n, "k", one)
	b.drop(n, "k", new("null"))
	if c := b.blobs(); c != 0 {
		t.Fatalf("%d blobs", c)
	}
	must(t, 0, second(b.r.deleteBucket(b.ctx, &api.DeleteBucketInput{Bucket: n})))
}

func (b *bench) allow(arn, action string) {
	a := cloud.MustARN(arn)
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"` + action + `","Resource":"` + arn +
		`","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"},"StringEquals":{"aws:SourceAccount":"000000000000"}}}]}`
	b.Directory.Put(a, cloud.Description{}, policydoc.MustParse(doc, policydoc.Resource))
}

func TestNotifications(t *testing.T) {
	b := start(t)
	n := b.versioned("bucket")
	filter := &api.NotificationConfigurationFilter{Key: &api.S3KeyFilter{FilterRules: []api.FilterRule{{Name: new("prefix"), Value: new("in/")}, {Name: new("Suffix"), Value: new(".jpg")}}}}
	c := &api.NotificationConfiguration{
		LambdaFunctionConfigurations: []api.LambdaFunctionConfiguration{{Id: new("f"), LambdaFunctionArn: new(funcARN), Events: []string{"s3:ObjectCreated:*"}, Filter: filter}},
		QueueConfigurations:          []api.QueueConfiguration{{QueueArn: new(queueARN), Events: []string{"s3:ObjectRemoved:*"}}},
		EventBridgeConfiguration:     &api.EventBridgeConfiguration{},
	}
	set := func() error {
		return second(b.r.putNotification(b.ctx, &api.PutBucketNotificationConfigurationInput{Bucket: n, NotificationConfiguration: c}))
	}
	if err := set(); !cloud.IsCode(err, "InvalidArgument") || cloud.AsError(err).Fields["ArgumentValue1"] != "The destination queue does not exist" {
		t.Fatalf("%+v", err)
	}
	b.Directory.Put(cloud.MustARN(queueARN), cloud.Description{}, nil)
	b.allow(funcARN, "lambda:InvokeFunction")
	if err := set(); !cloud.IsCode(err, "InvalidArgument") || !strings.Contains(cloud.AsError(err).Fields["ArgumentValue1"].(string), "do not allow S3") {
		t.Fatalf("%+v", err)
	}
	b.allow(queueARN, "sqs:SendMessage")
	must(t, 0, set())
	if d := <-b.sink.got; d.Target.String() != queueARN || !strings.Contains(string(d.Payload), `"Event":"s3:TestEvent"`) {
		t.Fatalf("%s", d.Payload)
	}
	b.put(n, "other", "x") // EventBridge only
	if d := <-b.sink.got; d.Target.String() != "arn:aws:events:eu-west-1:000000000000:event-bus/default" || !strings.Contains(string(d.Payload), `"detail-type":"Object Created"`) {
		t.Fatalf("%s", d.Payload)
	}
	out := b.put(n, "in/a b@.jpg", "x")
	rec := b.awaitRecord(funcARN)
	if rec.EventName != "ObjectCreated:Put" || rec.S3.Object.Key != "in/a+b%40.jpg" || rec.S3.Object.VersionID != *out.VersionId || rec.S3.ConfigurationID != "f" ||
		*rec.S3.Object.Size != 1 || rec.S3.Object.ETag != strings.Trim(etagOf("x"), `"`) || rec.EventVersion != "2.1" || rec.AwsRegion != "eu-west-1" {
		t.Fatalf("%+v", rec)
	}
	created := rec.S3.Object.Sequencer
	b.drop(n, "in/a b@.jpg", nil)
	if rec = b.awaitRecord(queueARN); rec.EventName != "ObjectRemoved:DeleteMarkerCreated" || rec.S3.Object.Sequencer <= created {
		t.Fatalf("%+v", rec)
	}
	b.drop(n, "in/a b@.jpg", out.VersionId)
	if rec = b.awaitRecord(queueARN); rec.EventName != "ObjectRemoved:Delete" || rec.S3.Object.Size != nil {
		t.Fatalf("%+v", rec)
	}
}

// awaitRecord gives the next notification for a target.
func (b *bench) awaitRecord(target string) record {
	b.t.Helper()
	for {
		d := <-b.sink.got
		if d.Target.String() != target {
			continue
		}
		if d.As.Service != "s3.amazonaws.com" || d.As.Account != "000000000000" || d.As.Source.String() != "arn:aws:s3:::bucket" {
			b.t.Fatalf("delivered as %+v", d.As)
		}
		var e struct{ Records []record }
		must(b.t, 0, json.Unmarshal(d.Payload, &e))
		return e.Records[0]
	}
}

func TestPolicies(t *testing.T) {
	b := start(t)
	n := b.bucket("bucket")
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`
	set := func(text string) error {
		return second(b.r.putBucketPolicy(b.ctx, &api.PutBucketPolicyInput{Bucket: n, Policy: &text}))
	}
	for text, code := range map[string]string{
		doc: "AccessDenied", "{": "MalformedPolicy", strings.ReplaceAll(doc, ":bucket/", ":other/"): "MalformedPolicy", strings.ReplaceAll(doc, "s3:Get", "sqs:Get"): "MalformedPolicy",
	} {
		if err := set(text); !cloud.IsCode(err, code) {
			t.Errorf("%s: %v, want %s", text, err, code)
		}
	}
	must(t, 0, second(b.r.deletePublicAccessBlock(b.ctx, &api.DeletePublicAccessBlockInput{Bucket: n})))
	must(t, 0, set(doc))
	p, err := b.r.policy(b.ctx, objectARN("bucket", "some/key"))
	if must(t, p, err); p == nil || p.Statements[0].Principals[0].Value != "*" {
		t.Fatalf("%+v", p)
	}
	all := allTrue
	must(t, 0, second(b.r.putPublicAccessBlock(b.ctx, &api.PutPublicAccessBlockInput{Bucket: n, PublicAccessBlockConfiguration: &all})))
	p, err = b.r.policy(b.ctx, bucketARN("bucket"))
	if must(t, p, err); p.Statements[0].Principals[0].Value != "000000000000" {
		t.Fatalf("RestrictPublicBuckets left %+v", p)
	}
	must(t, 0, second(b.r.deleteBucketPolicy(b.ctx, &api.DeleteBucketPolicyInput{Bucket: n})))
	if p, err = b.r.policy(b.ctx, bucketARN("bucket")); p != nil || err != nil {
		t.Fatal(p, err)
	}
}

func TestBlobsAreKnown(t *testing.T) {
	b := start(t)
	n := b.versioned("bucket")
	b.put(n, "k", "1")
	b.put(n, "k", "2")
	known := 0
	must(t, 0, b.r.blobs(b.ctx, func(string) error { known++; return nil }))
	if known != 2 || b.blobs() != 2 {
		t.Fatalf("%d known of %d", known, b.blobs())
	}
}
