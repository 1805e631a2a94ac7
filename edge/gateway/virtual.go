package gateway

import (
	"net/http"
	"strings"

	"sundog/edge/wire/sigv4"
)

// addressed gives an S3 request the form that the operations' paths have, /bucket/key, where the bucket stands in the host's name (Amazon S3
// User Guide, "Virtual hosting of buckets"). The signature is that of the request as it came, so this comes after its verification, and
// works on a copy.
func addressed(r *http.Request, c *sigv4.Credential) *http.Request {
	if c != nil && c.Scope.Service != "s3" {
		return r
	}
	if c == nil && (r.Method == http.MethodPost || r.Header.Get("X-Amz-Target") != "") {
		return r
	}
	bucket := bucketOf(hostName(r.Host))
	if bucket == "" {
		return r
	}
	out, u := *r, *r.URL
	u.Path = "/" + bucket + r.URL.Path
	if r.URL.RawPath != "" {
		u.RawPath = "/" + bucket + r.URL.RawPath
	}
	out.URL = &u
	return &out
}

// bucketOf takes the bucket out of BUCKET.localhost, BUCKET.s3.localhost, BUCKET.s3.amazonaws.com and BUCKET.s3.REGION.amazonaws.com. It is
// "" for other hosts.
func bucketOf(host string) string {
	if name, ok := strings.CutSuffix(host, ".localhost"); ok {
		if name == "s3" {
			return ""
		}
		return strings.TrimSuffix(name, ".s3")
	}
	name, ok := strings.CutSuffix(host, ".amazonaws.com")
	if !ok {
		return ""
	}
	if bucket, ok := strings.CutSuffix(name, ".s3"); ok {
		return bucket
	}
	i := strings.LastIndexByte(name, '.') // before the region
	if i < 0 {
		return ""
	}
	bucket, _ := strings.CutSuffix(name[:i], ".s3")
	if bucket == name[:i] {
		return ""
	}
	return bucket
}
