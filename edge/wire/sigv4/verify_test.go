package sigv4

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
	"sundog/cloud/sigv4"
)

type wall struct {
	cloud.Clock
	at time.Time
}

func (w wall) Wall() time.Time { return w.at }

var (
	creds   = sigv4.Credentials{AccessKey: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	present = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	signer  = sigv4.NewSigner(sigv4.NewKeys(16))
)

func lookup(_ context.Context, key, token string) (string, cloud.Principal, *cloud.Trace, error) {
	switch {
	case key != creds.AccessKey:
		return "", cloud.Principal{}, nil, cloud.Errorf(cloud.Denied, "InvalidClientTokenId", "no")
	case token == "old":
		return "", cloud.Principal{}, nil, cloud.Errorf(cloud.Denied, "ExpiredToken", "no")
	}
	return creds.Secret, cloud.RootOf("123456789012"), nil, nil
}

func verifierAt(at time.Time) *Verifier {
	return NewVerifier(wall{at: at}, sigv4.NewKeys(16), lookup)
}

// served makes what a server sees of a client's request.
func served(r *http.Request, body string) *http.Request {
	s := httptest.NewRequest(r.Method, r.URL.RequestURI(), strings.NewReader(body))
	s.Host, s.Header = r.URL.Host, r.Header.Clone()
	return s
}

func post(t testing.TB, service, body string, c sigv4.Credentials) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", "https://"+service+".eu-west-1.amazonaws.com/a%20b//c?x=1&b=ü", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	signer.Sign(r, sigv4.HashHex([]byte(body)), c, service, "eu-west-1", present)
	return served(r, body)
}

func verify(v *Verifier, r *http.Request, body string) (Identity, error) {
	c, err := Parse(r)
	if err != nil {
		return Identity{}, err
	}
	if c == nil {
		return Identity{}, errors.New("anonymous")
	}
	return v.Verify(r, c, []byte(body))
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return cloud.AsError(err).Code
}

func TestVerifyHeader(t *testing.T) {
	for _, c := range []struct {
		name, service string
		change        func(r *http.Request)
		body          string
		late          time.Duration
		want          string
	}{
		{name: "good", service: "sqs"},
		{name: "good s3", service: "s3"},
		{name: "14 minutes late", service: "sqs", late: 14 * time.Minute},
		{name: "16 minutes late", service: "sqs", late: 16 * time.Minute, want: "InvalidSignatureException"},
		{name: "16 minutes early", service: "sns", late: -16 * time.Minute, want: "SignatureDoesNotMatch"},
		{name: "skewed s3", service: "s3", late: time.Hour, want: "RequestTimeTooSkewed"},
		{name: "other body", service: "sqs", body: "other", want: "InvalidSignatureException"},
		{name: "other body s3", service: "s3", body: "other", want: "XAmzContentSHA256Mismatch"},
		{name: "other method", service: "sqs", change: func(r *http.Request) { r.Method = "PUT" }, want: "InvalidSignatureException"},
		{name: "other path", service: "s3", change: func(r *http.Request) { r.RequestURI = "/a" }, want: "SignatureDoesNotMatch"},
		{name: "other header", service: "sns", change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }, want: "SignatureDoesNotMatch"},
		{name: "unsigned header s3", service: "s3", change: func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, want: "AccessDenied"},
		{name: "unsigned header", service: "sqs", change: func(r *http.Request) { r.Header.Set("X-Amz-Foo", "bar") }},
		{name: "no hash s3", service: "s3", change: func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, want: "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := post(t, c.service, "hello", creds)
			if c.change != nil {
				c.change(r)
			}
			body := "hello"
			if c.body != "" {
				body = c.body
			}
			id, err := verify(verifierAt(present.Add(c.late)), r, body)
			if code(err) != c.want {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if c.want == "" && (id.Principal.Account != "123456789012" || id.Principal.AccessKey != creds.AccessKey) {
				t.Errorf("principal %+v", id.Principal)
			}
		})
	}
}

func TestVerifyKeysAndTokens(t *testing.T) {
	for _, c := range []struct {
		service string
		creds   sigv4.Credentials
		want    string
		status  int
	}{
		{"sqs", sigv4.Credentials{AccessKey: "AKIDOTHER", Secret: "x"}, "UnrecognizedClientException", 403},
		{"sts", sigv4.Credentials{AccessKey: "AKIDOTHER", Secret: "x"}, "InvalidClientTokenId", 403},
		{"s3", sigv4.Credentials{AccessKey: "AKIDOTHER", Secret: "x"}, "InvalidAccessKeyId", 403},
		{"sqs", sigv4.Credentials{AccessKey: creds.AccessKey, Secret: "x"}, "InvalidSignatureException", 403},
		{"sqs", sigv4.Credentials{AccessKey: creds.AccessKey, Secret: creds.Secret, Token: "old"}, "ExpiredTokenException", 403},
		{"s3", sigv4.Credentials{AccessKey: creds.AccessKey, Secret: creds.Secret, Token: "old"}, "ExpiredToken", 400},
		{"sqs", sigv4.Credentials{AccessKey: creds.AccessKey, Secret: creds.Secret, Token: "new"}, "", 0},
	} {
		_, err := verify(verifierAt(present), post(t, c.service, "b", c.creds), "b")
		if code(err) != c.want || err != nil && cloud.AsError(err).Status != c.status {
			t.Errorf("%s %+v: %v", c.service, c.creds, err)
		}
	}
}

func TestVerifyPresigned(t *testing.T) {
	for _, c := range []struct {
		name, service, hash string
		late                time.Duration
		change              func(r *http.Request)
		want                string
	}{
		{name: "s3", service: "s3", hash: sigv4.UnsignedPayload, late: 59 * time.Minute},
		{name: "sts", service: "sts", hash: sigv4.EmptyHash},
		{name: "expired", service: "s3", hash: sigv4.UnsignedPayload, late: 61 * time.Minute, want: "AccessDenied"},
		{name: "expired query", service: "sts", hash: sigv4.EmptyHash, late: 61 * time.Minute, want: "RequestExpired"},
		{name: "early", service: "s3", hash: sigv4.UnsignedPayload, late: -time.Hour, want: "RequestTimeTooSkewed"},
		{name: "changed", service: "s3", hash: sigv4.UnsignedPayload, change: func(r *http.Request) { r.RequestURI += "&versionId=1" }, want: "SignatureDoesNotMatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := http.NewRequest("GET", "https://h.example/b/k+%2B?x-id=GetObject", nil)
			cr := creds
			cr.Token = "to+k/en="
			signer.Presign(r, c.hash, cr, c.service, "eu-west-1", present, time.Hour)
			s := served(r, "")
			if c.change != nil {
				c.change(s)
			}
			_, err := verify(verifierAt(present.Add(c.late)), s, "")
			if code(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseRefusals(t *testing.T) {
	const scope = "AKID/20260304/eu-west-1/sqs/aws4_request"
	for _, c := range []struct{ name, header, query, want, text string }{
		{"bearer", "Bearer x", "", "", ""},
		{"basic", "Basic eA==", "", "", ""},
		{"unsigned", "", "a=b", "", ""},
		{"version 2", "AWS AKID:abc=", "", "InvalidRequest", "AWS4-HMAC-SHA256"},
		{"version 2 query", "", "AWSAccessKeyId=A&Signature=b&Expires=1", "InvalidRequest", "AWS4-HMAC-SHA256"},
		{"4A", "AWS4-ECDSA-P256-SHA256 Credential=a", "", "NotImplemented", "4A"},
		{"4A query", "", "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", "NotImplemented", "4A"},
		{"other", "AWS4-HMAC-MD5 x=y", "", "IncompleteSignatureException", "AWS4-HMAC-MD5"},
		{"nothing", "AWS4-HMAC-SHA256 ", "", "IncompleteSignatureException", "'SignedHeaders' parameter"},
		{"no equals", "AWS4-HMAC-SHA256 Credential", "", "IncompleteSignatureException", "missing equal-sign"},
		{"no signature", "AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host", "", "IncompleteSignatureException", "'Signature' parameter"},
		{"short scope", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", "", "IncompleteSignatureException", "exactly 5"},
		{"s3 short", "AWS4-HMAC-SHA256 Credential=a/b/c/s3, SignedHeaders=host, Signature=x", "", "AuthorizationHeaderMalformed", "exactly 5"},
		{"date", "AWS4-HMAC-SHA256 Credential=AKID/20200304/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=x", "", "InvalidSignatureException", "'20200304' != '20260304'"},
		{"expires", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID/20260304/e/s3/aws4_request&X-Amz-Date=20260304T050607Z&X-Amz-SignedHeaders=host&X-Amz-Signature=a&X-Amz-Expires=604801", "AuthorizationQueryParametersError", "less than a week"},
		{"query parts", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID/20260304/e/s3/aws4_request", "AuthorizationQueryParametersError", "requires the X-Amz-Algorithm"},
	} {
		r := httptest.NewRequest("GET", "/?"+c.query, nil)
		r.Header.Set("X-Amz-Date", "20260304T050607Z")
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		got, err := Parse(r)
		if code(err) != c.want || err != nil && !strings.Contains(err.Error(), c.text) || got != nil {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestCredentialFor(t *testing.T) {
	c, err := Parse(post(t, "sqs", "", creds))
	if err != nil || c.Chunked() || c.For("sqs") != nil {
		t.Fatal(c, err)
	}
	if err := c.For("sns"); code(err) != "SignatureDoesNotMatch" || !strings.Contains(err.Error(), "correct service: 'sns'") {
		t.Error(err)
	}
	if err := c.For("s3"); code(err) != "AuthorizationHeaderMalformed" {
		t.Error(err)
	}
	c.Payload = sigv4.StreamingPayload
	if _, err := verifierAt(present).Verify(post(t, "sqs", "", creds), c, nil); code(err) != "NotImplemented" {
		t.Error(err)
	}
}

func TestWordings(t *testing.T) {
	for reason := Missing; reason <= MissingHash; reason++ {
		for _, w := range []Wording{Exceptions, Query, S3} {
			e := fault(reason, "detail").Word(w)
			if e.Code == "" || e.Message == "" || e.Status < 400 || e.Status > 501 {
				t.Errorf("reason %d wording %d: %+v", reason, w, e)
			}
		}
	}
}

func TestVerifyStreamOfWholeBodies(t *testing.T) {
	for _, c := range []struct{ hash, body, want string }{
		{sigv4.HashHex([]byte("data")), "data", ""},
		{sigv4.HashHex([]byte("data")), "date", "XAmzContentSHA256Mismatch"},
		{sigv4.UnsignedPayload, "anything", ""},
	} {
		r, _ := http.NewRequest("PUT", "https://h.example/b/k", nil)
		signer.Sign(r, c.hash, creds, "s3", "eu-west-1", present)
		s := served(r, c.body)
		cr, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := verifierAt(present).VerifyStream(s, cr)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if code(err) != c.want || string(got) != c.body || body.Close() != nil {
			t.Errorf("%s: %q %v", c.hash, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20260304/eu-west-1/sqs/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab", "20260304T050607Z", "a=b")
	f.Add("AWS AKID:x", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/aws4_request&X-Amz-Expires=1")
	f.Add("", "", "AWSAccessKeyId=A&Signature=b")
	f.Fuzz(func(t *testing.T, header, date, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{header}, []string{date}
		c, err := Parse(r)
		if err != nil && c != nil {
			t.Fatal("both")
		}
		if c != nil {
			if _, err := verifierAt(present).Verify(r, c, nil); err == nil {
				t.Fatal("verified")
			}
		}
	})
}

func BenchmarkVerify1KB(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	r := post(b, "sqs", string(body), creds)
	v := verifierAt(present)
	b.ReportAllocs()
	for b.Loop() {
		c, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.Verify(r, c, body); err != nil {
			b.Fatal(err)
		}
	}
}
