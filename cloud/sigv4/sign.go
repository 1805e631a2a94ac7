package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Signer signs requests. Safe for concurrent use. NewSigner makes one.
type Signer struct {
	keys    *Keys
	buffers sync.Pool
}

// NewSigner makes a signer that takes derived keys from keys.
func NewSigner(keys *Keys) *Signer {
	return &Signer{keys: keys, buffers: sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}}
}

// Signature gives the hex signature of a request: of canonical form c, made at stamp (TimeFormat), in scope s.
func (s *Signer) Signature(r *http.Request, c Canonical, secret, stamp string, scope Scope) string {
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	canonical := c.Append((*buf)[:0], r)
	whole := AppendStringToSign(canonical, stamp, scope, canonical)
	*buf = whole
	return s.keys.Get(secret, scope).Sign(whole[len(canonical):])
}

// Text gives the hex signature of a text that is itself the string to sign, as the policy of a browser's upload is.
func (s *Signer) Text(text, secret string, scope Scope) string {
	return s.keys.Get(secret, scope).Sign([]byte(text))
}

// Chunks gives the chain of chunk signatures that starts with a request's signature.
func (s *Signer) Chunks(secret, stamp string, scope Scope, seed string) *Chunks {
	return &Chunks{key: s.keys.Get(secret, scope), stamp: stamp, scope: scope, previous: seed}
}

// notSigned are the headers that hops change on the way, or that carry the signature itself.
var notSigned = map[string]bool{
	"Authorization": true, "User-Agent": true, "X-Amzn-Trace-Id": true, "Expect": true, "Connection": true,
	"Transfer-Encoding": true, "Accept-Encoding": true, "Te": true, "Trailer": true, "Upgrade": true, "Keep-Alive": true,
}

// Sign signs r in place: it sets X-Amz-Date, X-Amz-Security-Token if there is a token, X-Amz-Content-Sha256 for S3 and wherever
// bodyHash is not a plain hash, and Authorization. bodyHash is HashHex of the body, or one of the constants. All headers are
// signed but those that proxies change. It gives the signature, the seed of chunk signatures.
func (s *Signer) Sign(r *http.Request, bodyHash string, creds Credentials, service, region string, at time.Time) string {
	stamp, scope := at.UTC().Format(TimeFormat), ScopeOf(service, region, at)
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", stamp)
	if creds.Token != "" {
		r.Header.Set("X-Amz-Security-Token", creds.Token)
	}
	if SingleEncoding(service) || len(bodyHash) != len(EmptyHash) {
		r.Header.Set("X-Amz-Content-Sha256", bodyHash)
	}
	c := Canonical{Service: service, Signed: signedNames(r.Header), BodyHash: bodyHash}
	signature := s.Signature(r, c, creds.Secret, stamp, scope)
	r.Header.Set("Authorization", Algorithm+" Credential="+creds.AccessKey+"/"+scope.String()+
		", SignedHeaders="+strings.Join(c.Signed, ";")+", Signature="+signature)
	return signature
}

// Presign adds the signature to r's query, for whoever holds the URL until expires has passed (at most seven days). The headers
// of r are signed too and must be sent along; leave them out for a plain link. For S3 pass UnsignedPayload as bodyHash.
func (s *Signer) Presign(r *http.Request, bodyHash string, creds Credentials, service, region string, at time.Time, expires time.Duration) {
	stamp, scope := at.UTC().Format(TimeFormat), ScopeOf(service, region, at)
	names := signedNames(r.Header)
	add := []pair{
		{"X-Amz-Algorithm", Algorithm},
		{"X-Amz-Credential", creds.AccessKey + "/" + scope.String()},
		{"X-Amz-Date", stamp},
		{"X-Amz-Expires", strconv.FormatInt(int64(expires/time.Second), 10)},
		{"X-Amz-SignedHeaders", strings.Join(names, ";")},
	}
	if creds.Token != "" {
		add = append(add, pair{"X-Amz-Security-Token", creds.Token})
	}
	q := []byte(r.URL.RawQuery)
	for _, p := range add {
		if len(q) > 0 {
			q = append(q, '&')
		}
		q = append(append(q, p.key...), '=')
		for _, c := range []byte(p.value) { // encoded, not recoded: a token's plus signs are plus signs
			q = appendEscaped(q, c, false)
		}
	}
	r.URL.RawQuery = string(q)
	c := Canonical{Service: service, Signed: names, BodyHash: bodyHash}
	r.URL.RawQuery += "&X-Amz-Signature=" + s.Signature(r, c, creds.Secret, stamp, scope)
}

func signedNames(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		if !notSigned[name] && name != "Host" {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return names
}
