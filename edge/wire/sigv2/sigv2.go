// Package sigv2 verifies presigned S3 URLs of signature version 2 (S3 API reference, "Signing and authenticating REST requests", query string
// authentication), which several SDKs still make by default. Nothing else is taken in this version: signed headers are refused by name elsewhere.
package sigv2

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the version's hash
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
)

// Presigned is what a presigned URL claims.
type Presigned struct {
	AccessKey, Signature, Token string
	Expires                     time.Time
	query                       url.Values
}

// Parse gives the claim of a request; nil when its URL is not presigned in this version. Errors are *cloud.Error.
func Parse(r *http.Request) (*Presigned, error) {
	if !strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") || r.Header.Get("Authorization") != "" {
		return nil, nil
	}
	q := r.URL.Query()
	p := &Presigned{AccessKey: q.Get("AWSAccessKeyId"), Signature: q.Get("Signature"), Token: q.Get("x-amz-security-token"), query: q}
	seconds, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	if err != nil || p.AccessKey == "" || p.Signature == "" {
		return nil, denied("AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	p.Expires = time.Unix(seconds, 0)
	return p, nil
}

// Verify checks expiry and signature against the secret key. bucket is the bucket of a request that names it in its host, else "". Errors are *cloud.Error.
func (p *Presigned) Verify(r *http.Request, secret, bucket string, now time.Time) error {
	if now.After(p.Expires) {
		return denied("AccessDenied", "Request has expired")
	}
	mac := hmac.New(sha1.New, []byte(secret))
	_, _ = mac.Write([]byte(p.stringToSign(r, bucket)))
	if subtle.ConstantTimeCompare([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(p.Signature)) != 1 {
		return denied("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	return nil
}

func denied(code, message string) *cloud.Error {
	return cloud.Errorf(cloud.Denied, code, "%s", message).WithStatus(http.StatusForbidden)
}

// stringToSign is verb, MD5, type and expiry, then the x-amz headers, then the resource. Clients move headers that they sign into the query.
func (p *Presigned) stringToSign(r *http.Request, bucket string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + p.value(r, "Content-Md5") + "\n" + p.value(r, "Content-Type") + "\n" + p.query.Get("Expires") + "\n")
	amz := map[string][]string{}
	for n, vs := range r.Header {
		if l := strings.ToLower(n); strings.HasPrefix(l, "x-amz-") {
			amz[l] = append(amz[l], vs...)
		}
	}
	for n, vs := range p.query {
		if l := strings.ToLower(n); strings.HasPrefix(l, "x-amz-") && amz[l] == nil { // clients send some in both places
			amz[l] = vs
		}
	}
	names := make([]string, 0, len(amz))
	for n := range amz {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		b.WriteString(n + ":" + strings.Join(amz[n], ",") + "\n")
	}
	if bucket != "" {
		b.WriteString("/" + bucket)
	}
	b.WriteString(r.URL.EscapedPath())
	b.WriteString(p.subresources())
	return b.String()
}

func (p *Presigned) value(r *http.Request, header string) string {
	for n, vs := range p.query {
		if strings.EqualFold(n, header) {
			return vs[0]
		}
	}
	return r.Header.Get(header)
}

// subresources are the query parameters that are part of the resource.
var subresources = []string{
	"accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location", "logging", "metrics", "notification",
	"object-lock", "partNumber", "policy", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "select", "select-type",
	"storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

func (p *Presigned) subresources() string {
	var parts []string
	for _, n := range subresources {
		if !p.query.Has(n) {
			continue
		}
		if v := p.query.Get(n); v != "" {
			parts = append(parts, n+"="+v)
		} else {
			parts = append(parts, n)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}
