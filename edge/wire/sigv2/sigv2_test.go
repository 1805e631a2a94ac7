package sigv2

import (
	"net/http/httptest"
	"testing"
	"time"

	"sundog/cloud"
)

// The example of the S3 API reference, "Signing and authenticating REST requests", with its published keys.
const (
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	signed = "http://johnsmith.us-west-1.s3.amazonaws.com/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
)

func TestPublishedExample(t *testing.T) {
	r := httptest.NewRequest("GET", signed, nil)
	p, err := Parse(r)
	if err != nil || p == nil || p.AccessKey != "AKIAIOSFODNN7EXAMPLE" {
		t.Fatalf("%+v %v", p, err)
	}
	at := time.Unix(1175139000, 0)
	if err := p.Verify(r, secret, "johnsmith", at); err != nil {
		t.Errorf("%v, of %q", err, p.stringToSign(r, "johnsmith"))
	}
	if err := p.Verify(r, secret, "another", at); !cloud.IsCode(err, "SignatureDoesNotMatch") {
		t.Errorf("another bucket: %v", err)
	}
	if err := p.Verify(r, secret, "johnsmith", at.Add(time.Hour)); !cloud.IsCode(err, "AccessDenied") {
		t.Errorf("after the expiry: %v", err)
	}
}

func TestOthersAreNotTaken(t *testing.T) {
	for _, url := range []string{"http://x/a", "http://x/a?X-Amz-Signature=1"} {
		if p, err := Parse(httptest.NewRequest("GET", url, nil)); p != nil || err != nil {
			t.Errorf("%s: %+v %v", url, p, err)
		}
	}
	if _, err := Parse(httptest.NewRequest("GET", "http://x/a?AWSAccessKeyId=k", nil)); !cloud.IsCode(err, "AccessDenied") {
		t.Errorf("without a signature: %v", err)
	}
}
