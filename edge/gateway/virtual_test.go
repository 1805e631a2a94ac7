package gateway

import (
	"net/http/httptest"
	"testing"

	"sundog/edge/wire/sigv4"
)

func TestBucketOf(t *testing.T) {
	for host, want := range map[string]string{
		"b.localhost": "b", "b.s3.localhost": "b", "a.b.localhost": "a.b", "s3.localhost": "", "localhost": "", "127.0.0.1": "",
		"b.s3.amazonaws.com": "b", "a.b.s3.eu-west-1.amazonaws.com": "a.b", "s3.amazonaws.com": "", "s3.eu-west-1.amazonaws.com": "",
		"sqs.us-east-1.amazonaws.com": "", "b.example.com": "",
	} {
		if got := bucketOf(host); got != want {
			t.Errorf("bucketOf(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestAddressed(t *testing.T) {
	r := httptest.NewRequest("GET", "http://b.localhost:4566/a%2Fb/c%20d?x=1", nil)
	c := &sigv4.Credential{}
	c.Scope.Service = "s3"
	got := addressed(r, c)
	if got.URL.Path != "/b/a/b/c d" || got.URL.EscapedPath() != "/b/a%2Fb/c%20d" || got.URL.RawQuery != "x=1" {
		t.Errorf("got %s", got.URL)
	}
	if r.URL.Path != "/a/b/c d" {
		t.Error("the request itself must stay as it was signed")
	}
	c.Scope.Service = "sqs"
	if addressed(r, c) != r {
		t.Error("only S3's requests have buckets in their hosts")
	}
}
