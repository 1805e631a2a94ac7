package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sundog/cloud/sigv4"
)

// maxAuthorization bounds the Authorization header that is looked at; a longer one is refused.
const maxAuthorization = 16 << 10

// maxExpires is the longest life of a presigned URL.
const maxExpires = 7 * 24 * time.Hour

// Credential is what a request claims of its signature. Nothing of it is checked yet.
type Credential struct {
	AccessKey string
	Scope     sigv4.Scope // day, region and service
	Signed    []string    // the signed headers' names, as sent
	Signature string
	Token     string // X-Amz-Security-Token, or ""
	Stamp     string // X-Amz-Date as text
	At        time.Time
	Presigned bool
	Expires   time.Duration // of a presigned request
	Payload   string        // x-amz-content-sha256, or ""
}

// Chunked tells whether the body is sent in aws-chunked form, so that only VerifyStream can read it.
func (c *Credential) Chunked() bool { return strings.HasPrefix(c.Payload, "STREAMING-") }

// For refuses a signature that was made for another service than the one that the request is for.
func (c *Credential) For(service string) error {
	if c.Scope.Service == service {
		return nil
	}
	if sigv4.SingleEncoding(service) {
		return fault(WrongScope, "The authorization header is malformed; incorrect service \"%s\". This endpoint belongs to \"%s\".", clip(c.Scope.Service), service).of(service)
	}
	return fault(WrongScope, "Credential should be scoped to correct service: '%s'.", service).of(service)
}

// Parse reads the signature of a request. A request that is not signed in any of Amazon's ways (none, "Bearer", "Basic") gives nil,
// nil: it is anonymous. Errors are *Fault. The body is not touched.
func Parse(r *http.Request) (*Credential, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		return parseHeader(r, h)
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-") && !strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") {
		return nil, nil
	}
	return parseQuery(r, r.URL.Query())
}

func parseHeader(r *http.Request, h string) (*Credential, error) {
	scheme, rest, _ := strings.Cut(h, " ")
	switch {
	case scheme == "AWS" && strings.Contains(rest, ":"):
		return nil, fault(OldSignature, "").of("s3")
	case strings.HasPrefix(scheme, "AWS4-ECDSA-P256-SHA256"):
		return nil, fault(Unsupported, "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not served; sign with AWS4-HMAC-SHA256.")
	case scheme != sigv4.Algorithm:
		if strings.HasPrefix(scheme, "AWS4") {
			return nil, fault(Incomplete, "Unsupported AWS 'algorithm': '%s'.", clip(scheme))
		}
		return nil, nil
	case len(h) > maxAuthorization:
		return nil, fault(Incomplete, "Authorization header is too long.")
	}
	c := &Credential{Token: r.Header.Get("X-Amz-Security-Token"), Payload: r.Header.Get("X-Amz-Content-Sha256")}
	credential, signed, err := c.readParts(rest)
	if err != nil {
		return nil, err
	}
	dated := c.readDate(r)
	if missing := c.missing(credential, signed, dated); missing != "" {
		return nil, fault(Incomplete, "%s Authorization=%s", missing, clip(scheme)).of(scopeService(credential))
	}
	if err := c.readCredential(credential); err != nil {
		return nil, err
	}
	c.Signed = strings.Split(signed, ";")
	return c, nil
}

// readParts takes "Credential=..., SignedHeaders=..., Signature=..." apart; commas and blanks may stand in any mix between them.
func (c *Credential) readParts(s string) (credential, signed string, err error) {
	for s != "" {
		s = strings.TrimLeft(s, ", ")
		end := strings.IndexAny(s, ", ")
		if end < 0 {
			end = len(s)
		}
		part := s[:end]
		s = s[end:]
		if part == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			return "", "", fault(Incomplete, "'%s' not a valid key=value pair (missing equal-sign) in Authorization header: '%s'.", clip(part), sigv4.Algorithm)
		}
		switch k {
		case "Credential":
			credential = v
		case "SignedHeaders":
			signed = v
		case "Signature":
			c.Signature = v
		}
	}
	return credential, signed, nil
}

func (c *Credential) missing(credential, signed string, dated bool) string {
	var m []string
	for _, p := range []struct {
		there bool
		text  string
	}{
		{credential != "", "Authorization header requires 'Credential' parameter."},
		{c.Signature != "", "Authorization header requires 'Signature' parameter."},
		{signed != "", "Authorization header requires 'SignedHeaders' parameter."},
		{dated, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
	} {
		if !p.there {
			m = append(m, p.text)
		}
	}
	return strings.Join(m, " ")
}

// readDate takes X-Amz-Date, else Date.
func (c *Credential) readDate(r *http.Request) bool {
	if s := r.Header.Get("X-Amz-Date"); s != "" {
		at, err := time.Parse(sigv4.TimeFormat, s)
		c.Stamp, c.At = s, at
		return err == nil
	}
	d := r.Header.Get("Date")
	at, err := http.ParseTime(d)
	if err != nil {
		if at, err = time.Parse(sigv4.TimeFormat, d); err != nil {
			return false
		}
	}
	c.At, c.Stamp = at, at.UTC().Format(sigv4.TimeFormat)
	return true
}

// readCredential takes "key/date/region/service/aws4_request" apart. An access key has no slash.
func (c *Credential) readCredential(s string) error {
	parts := strings.Split(s, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" || parts[0] == "" || parts[2] == "" || parts[3] == "" {
		return fault(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", clip(s)).of(scopeService(s))
	}
	c.AccessKey = parts[0]
	c.Scope = sigv4.Scope{Date: parts[1], Region: parts[2], Service: parts[3]}
	if day := c.At.UTC().Format(sigv4.DateFormat); day != c.Scope.Date {
		return fault(WrongScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(c.Scope.Date), day, c.Stamp).of(c.Scope.Service)
	}
	return nil
}

func scopeService(credential string) string {
	if parts := strings.Split(credential, "/"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}

func parseQuery(r *http.Request, q url.Values) (*Credential, error) {
	if q.Get("AWSAccessKeyId") != "" && q.Get("Signature") != "" {
		if q.Get("SignatureVersion") == "2" {
			return nil, fault(OldSignature, "")
		}
		return nil, fault(OldSignature, "").of("s3")
	}
	credential := q.Get("X-Amz-Credential")
	switch algorithm := q.Get("X-Amz-Algorithm"); {
	case strings.HasPrefix(algorithm, "AWS4-ECDSA-P256-SHA256"):
		return nil, fault(Unsupported, "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not served; sign with AWS4-HMAC-SHA256.")
	case algorithm == "" && credential == "" && q.Get("X-Amz-Signature") == "":
		return nil, nil
	case algorithm != sigv4.Algorithm:
		return nil, fault(BadExpires, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"").of(scopeService(credential))
	}
	c := &Credential{
		Signature: q.Get("X-Amz-Signature"), Token: q.Get("X-Amz-Security-Token"), Stamp: q.Get("X-Amz-Date"),
		Signed: strings.Split(q.Get("X-Amz-SignedHeaders"), ";"), Presigned: true, Payload: q.Get("X-Amz-Content-Sha256"),
	}
	if c.Payload == "" {
		c.Payload = r.Header.Get("X-Amz-Content-Sha256")
	}
	if credential == "" || c.Signature == "" || c.Stamp == "" || c.Signed[0] == "" || !q.Has("X-Amz-Expires") {
		return nil, fault(BadExpires, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.").of(scopeService(credential))
	}
	at, err := time.Parse(sigv4.TimeFormat, c.Stamp)
	if err != nil {
		return nil, fault(BadExpires, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"").of(scopeService(credential))
	}
	c.At = at
	if err := c.readExpires(q.Get("X-Amz-Expires"), scopeService(credential)); err != nil {
		return nil, err
	}
	if err := c.readCredential(credential); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Credential) readExpires(s, service string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return fault(BadExpires, "X-Amz-Expires should be a number").of(service)
	case n < 0:
		return fault(BadExpires, "X-Amz-Expires must be non-negative").of(service)
	case n > int64(maxExpires/time.Second):
		return fault(BadExpires, "X-Amz-Expires must be less than a week (in seconds) that is, the given X-Amz-Expires must be less than %d seconds", int64(maxExpires/time.Second)).of(service)
	}
	c.Expires = time.Duration(n) * time.Second
	return nil
}

// clip keeps what a client sent short and printable in messages.
func clip(s string) string {
	const limit = 200
	if len(s) > limit {
		s = s[:limit]
	}
	q := fmt.Sprintf("%+q", s)
	return q[1 : len(q)-1]
}
