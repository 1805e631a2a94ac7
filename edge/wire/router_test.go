package wire

import (
	"net/http/httptest"
	"testing"

	"sundog/api/apigatewayv2"
	"sundog/api/lambda"
	"sundog/api/s3"
	"sundog/cloud/schema"
)

func TestRouter(t *testing.T) {
	routers := map[*schema.Service]*Router{}
	for _, c := range []struct {
		svc                    *schema.Service
		method, target, header string
		want                   string
	}{
		{s3.Service, "GET", "/", "", "ListBuckets"},
		{s3.Service, "GET", "/?x-id=ListBuckets", "", "ListBuckets"},
		{s3.Service, "GET", "/b", "", "ListObjects"},
		{s3.Service, "GET", "/b/", "", "ListObjects"},
		{s3.Service, "GET", "/b?list-type=2&prefix=x", "", "ListObjectsV2"},
		{s3.Service, "GET", "/b?versions", "", "ListObjectVersions"},
		{s3.Service, "GET", "/b?uploads", "", "ListMultipartUploads"},
		{s3.Service, "GET", "/b?inventory", "", "-GetBucketInventoryConfiguration"},
		{s3.Service, "GET", "/b?notification", "", "GetBucketNotificationConfiguration"},
		{s3.Service, "PUT", "/b?lifecycle", "", "PutBucketLifecycleConfiguration"},
		{s3.Service, "HEAD", "/b", "", "HeadBucket"},
		{s3.Service, "GET", "/b/k", "", "GetObject"},
		{s3.Service, "GET", "/b/a//b%2Fc/?versionId=1", "", "GetObject"},
		{s3.Service, "GET", "/b/k?uploadId=1", "", "ListParts"},
		{s3.Service, "GET", "/b/k?tagging", "", "GetObjectTagging"},
		{s3.Service, "GET", "/b/k?attributes", "", "GetObjectAttributes"},
		{s3.Service, "GET", "/b/k?torrent", "", "-GetObjectTorrent"},
		{s3.Service, "PUT", "/b/k", "", "PutObject"},
		{s3.Service, "PUT", "/b/k?x-id=PutObject", "", "PutObject"},
		{s3.Service, "PUT", "/b/k", "x-amz-copy-source", "CopyObject"},
		{s3.Service, "PUT", "/b/k?partNumber=1&uploadId=2", "", "UploadPart"},
		{s3.Service, "PUT", "/b/k?partNumber=1&uploadId=2", "x-amz-copy-source", "UploadPartCopy"},
		{s3.Service, "POST", "/b/k?uploads", "", "CreateMultipartUpload"},
		{s3.Service, "POST", "/b/k?uploadId=1", "", "CompleteMultipartUpload"},
		{s3.Service, "POST", "/b?delete", "", "DeleteObjects"},
		{s3.Service, "DELETE", "/b/k", "", "DeleteObject"},
		{s3.Service, "DELETE", "/b/k?uploadId=1", "", "AbortMultipartUpload"},
		{lambda.Service, "POST", "/2015-03-31/functions", "", "CreateFunction"},
		{lambda.Service, "POST", "/2015-03-31/functions/", "", "CreateFunction"},
		{lambda.Service, "GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af", "", "GetFunction"},
		{lambda.Service, "POST", "/2015-03-31/functions/f/invocations", "", "Invoke"},
		{lambda.Service, "GET", "/2017-03-31/tags/arn:aws:lambda:x", "", "ListTags"},
		{lambda.Service, "GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "", "GetLayerVersionByArn"},
		{lambda.Service, "GET", "/2018-10-31/layers", "", "ListLayers"},
		{lambda.Service, "GET", "/nothing", "", ""},
		{lambda.Service, "PATCH", "/2015-03-31/functions", "", ""},
		{apigatewayv2.Service, "GET", "/v2/apis/a/routes", "", "GetRoutes"},
		{apigatewayv2.Service, "PATCH", "/v2/apis/a/routes/r", "", "UpdateRoute"},
	} {
		if routers[c.svc] == nil {
			routers[c.svc] = RouterOf(c.svc)
		}
		r := httptest.NewRequest(c.method, c.target, nil)
		if c.header != "" {
			r.Header.Set(c.header, "x")
		}
		got := ""
		if op := routers[c.svc].Match(r); op != nil {
			got = op.Name
			if !op.Served() {
				got = "-" + got
			}
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.method, c.target, got, c.want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	router := RouterOf(s3.Service)
	r := httptest.NewRequest("PUT", "/bucket/folder/key", nil)
	b.ReportAllocs()
	for b.Loop() {
		router.Match(r)
	}
}

func BenchmarkTable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := &schema.Service{ID: "lambda", Table: lambda.Service.Table}
		if err := s.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
