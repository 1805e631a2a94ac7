package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The examples are those of the Amazon S3 API Reference, chapter "Authenticating Requests (AWS Signature Version 4)".
var (
	s3Creds = Credentials{AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	s3Time  = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
)

func newRequest(t testing.TB, method, url string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestSignS3Examples(t *testing.T) {
	for _, c := range []struct {
		name, method, url, body string
		headers                 []string
		want                    string
	}{
		{"get object", "GET", "https://examplebucket.s3.amazonaws.com/test.txt", EmptyHash,
			[]string{"Range", "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"put object", "PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			[]string{"Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class", "REDUCED_REDUNDANCY"}, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"get lifecycle", "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", EmptyHash, nil, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"list objects", "GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", EmptyHash, nil, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r := newRequest(t, c.method, c.url, c.headers...)
		if got := NewSigner(NewKeys(4)).Sign(r, c.body, s3Creds, "s3", "us-east-1", s3Time); got != c.want {
			t.Errorf("%s: signature %s, want %s", c.name, got, c.want)
		}
		if !strings.HasSuffix(r.Header.Get("Authorization"), "Signature="+c.want) {
			t.Errorf("%s: header %q", c.name, r.Header.Get("Authorization"))
		}
	}
}

func TestPresignS3Example(t *testing.T) {
	r := newRequest(t, "GET", "https://examplebucket.s3.amazonaws.com/test.txt")
	NewSigner(NewKeys(4)).Presign(r, UnsignedPayload, s3Creds, "s3", "us-east-1", s3Time, 24*time.Hour)
	want := "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := r.URL.Query().Get("X-Amz-Signature"); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestChunksS3Example(t *testing.T) {
	r := newRequest(t, "PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt",
		"x-amz-storage-class", "REDUCED_REDUNDANCY", "Content-Encoding", "aws-chunked", "x-amz-decoded-content-length", "66560", "Content-Length", "66824")
	s := NewSigner(NewKeys(4))
	seed := s.Sign(r, StreamingPayload, s3Creds, "s3", "us-east-1", s3Time)
	if want := "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"; seed != want {
		t.Fatalf("seed %s, want %s", seed, want)
	}
	chunks := s.Chunks(s3Creds.Secret, s3Time.Format(TimeFormat), ScopeOf("s3", "us-east-1", s3Time), seed)
	for _, c := range []struct {
		size int
		want string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		if got := chunks.Next(sha256.Sum256(bytes.Repeat([]byte("a"), c.size))); got != c.want {
			t.Errorf("chunk of %d: %s, want %s", c.size, got, c.want)
		}
	}
}

func TestTrailerS3Example(t *testing.T) {
	scope := ScopeOf("s3", "us-east-1", s3Time)
	chunks := NewSigner(NewKeys(4)).Chunks(s3Creds.Secret, s3Time.Format(TimeFormat), scope, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
	for _, size := range []int{65536, 1024, 0} {
		chunks.Next(sha256.Sum256(bytes.Repeat([]byte("a"), size)))
	}
	got := chunks.Trailer(sha256.Sum256([]byte("x-amz-checksum-crc32c:sOO8/Q==\n")))
	if want := "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"; got != want {
		t.Errorf("trailer %s, want %s", got, want)
	}
}

func TestCanonicalTarget(t *testing.T) {
	for _, c := range []struct{ service, uri, want string }{
		{"sqs", "/a%3Ab", "/a%253Ab\n"},
		{"sqs", "/a//b/./c/../d", "/a/b/d\n"},
		{"sqs", "/a/..", "/\n"},
		{"sqs", "", "/\n"},
		{"sqs", "http://host/x?b=1&a=%2f", "/x\na=%2F&b=1"},
		{"sqs", "http://host?b", "/\nb="},
		{"s3", "/b/a%2fc//d/./e", "/b/a%2Fc//d/./e\n"},
		{"s3", "/b/%7E+%zz", "/b/~%2B%25zz\n"},
		{"s3", "/b?list-type=2&prefix=a+b&", "/b\nlist-type=2&prefix=a%20b"},
		{"s3", "/b?X-Amz-Signature=1&x-id=PutObject", "/b\nx-id=PutObject"},
	} {
		r := &http.Request{Method: "GET", RequestURI: c.uri, URL: newRequest(t, "GET", "http://host/").URL}
		if c.uri == "" {
			r.URL.Path = ""
		}
		got := string(Canonical{Service: c.service, BodyHash: "x"}.Append(nil, r))
		if want := "GET\n" + c.want + "\n\n\nx"; got != want {
			t.Errorf("%s %s: %q, want %q", c.service, c.uri, got, want)
		}
	}
}

// HTTP/2 has the host under another name, and clients that speak it sign that.
func TestAuthority(t *testing.T) {
	r := newRequest(t, "POST", "http://host:80/", "X-A", "b")
	r.Host = "host:80"
	got := string(Canonical{Service: "kinesis", BodyHash: "x", Signed: []string{":authority", "x-a"}}.Append(nil, r))
	if want := "POST\n/\n\n:authority:host:80\nx-a:b\n\n:authority;x-a\nx"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMacIsHMAC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "key")
		msg := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "message")
		h := hmac.New(sha256.New, key)
		h.Write(msg)
		if got := mac(key, msg); !bytes.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("%x", got)
		}
	})
}

func TestDeriveKeyExample(t *testing.T) {
	// AWS General Reference, "Examples of how to derive a signing key".
	k := DeriveKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Scope{"20120215", "us-east-1", "iam"})
	if got := hex.EncodeToString(k[:]); got != "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d" {
		t.Error(got)
	}
}

func TestKeysAreBoundedAndShared(t *testing.T) {
	keys := NewKeys(10)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				s := Scope{"20260101", "eu-west-1", string(rune('a' + (i*7+g)%26))}
				if *keys.Get("secret", s) != DeriveKey("secret", s) {
					t.Error("wrong key")
				}
			}
		})
	}
	wg.Wait()
	if n := keys.known.Len(); n > 10 {
		t.Errorf("%d keys", n)
	}
}

func BenchmarkSign(b *testing.B) {
	s := NewSigner(NewKeys(4))
	r := newRequest(b, "POST", "https://sqs.us-east-1.amazonaws.com/", "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS.SendMessage", "X-Amz-Date", "20260101T000000Z")
	c := Canonical{Service: "sqs", Signed: []string{"content-type", "host", "x-amz-date", "x-amz-target"}, BodyHash: EmptyHash}
	scope := Scope{"20260101", "us-east-1", "sqs"}
	b.ReportAllocs()
	for b.Loop() {
		s.Signature(r, c, "secret", "20260101T000000Z", scope)
	}
}
