package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"sundog/cloud/sigv4"
)

// upload is a streamed request as a client makes it.
type upload struct {
	hash     string
	trailers []string // names of checksums
	blank    bool     // an empty line between the last chunk and the trailers
}

func (u upload) request(t rapid.TB, data []byte, size int) *http.Request {
	t.Helper()
	r, err := http.NewRequest("PUT", "https://h.example/b/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Encoding", "gzip,aws-chunked")
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(data)))
	if len(u.trailers) > 0 {
		r.Header.Set("X-Amz-Trailer", strings.Join(u.trailers, ","))
	}
	seed := signer.Sign(r, u.hash, creds, "s3", "eu-west-1", present)
	return served(r, u.body(signer.Chunks(creds.Secret, present.Format(sigv4.TimeFormat), sigv4.ScopeOf("s3", "eu-west-1", present), seed), data, size))
}

func (u upload) body(chain *sigv4.Chunks, data []byte, size int) string {
	signed := u.hash != sigv4.StreamingUnsignedTrailer
	var b strings.Builder
	for rest := data; ; {
		n := min(size, len(rest))
		fmt.Fprintf(&b, "%x", n)
		if signed {
			b.WriteString(";chunk-signature=" + chain.Next(sha256.Sum256(rest[:n])))
		}
		b.WriteString("\r\n")
		if n == 0 {
			break
		}
		b.Write(rest[:n])
		b.WriteString("\r\n")
		rest = rest[n:]
	}
	if u.blank {
		b.WriteString("\r\n")
	}
	canonical := ""
	for _, name := range u.trailers {
		h := newChecksum(name)
		h.Write(data)
		sum := base64.StdEncoding.EncodeToString(h.Sum(nil))
		canonical += name + ":" + sum + "\n"
		b.WriteString(name + ":" + sum + "\r\n")
	}
	if signed && len(u.trailers) > 0 {
		b.WriteString("x-amz-trailer-signature:" + chain.Trailer(sha256.Sum256([]byte(canonical))) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func open(t rapid.TB, r *http.Request) *Body {
	t.Helper()
	c, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := verifierAt(present).VerifyStream(r, c)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

var uploads = []upload{
	{hash: sigv4.StreamingPayload},
	{hash: sigv4.StreamingPayloadTrailer, trailers: []string{"x-amz-checksum-crc32c"}},
	{hash: sigv4.StreamingPayloadTrailer, trailers: []string{"x-amz-checksum-sha1", "x-amz-checksum-crc64nvme"}, blank: true},
	{hash: sigv4.StreamingUnsignedTrailer, trailers: []string{"x-amz-checksum-crc32"}},
	{hash: sigv4.StreamingUnsignedTrailer, trailers: []string{"x-amz-checksum-sha256"}},
}

func TestChunkedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := uploads[rapid.IntRange(0, len(uploads)-1).Draw(t, "upload")]
		data := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "data")
		r := u.request(t, data, rapid.IntRange(1, 6000).Draw(t, "size"))
		body := open(t, r)
		if r.ContentLength != int64(len(data)) || r.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("length %d, encoding %q", r.ContentLength, r.Header.Get("Content-Encoding"))
		}
		got, err := io.ReadAll(iotest.OneByteReader(body))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
		}
		for _, name := range u.trailers {
			if body.Trailer()[name] == "" {
				t.Fatalf("trailer %v", body.Trailer())
			}
		}
	})
}

func TestChunkedAnyChangeIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := uploads[rapid.IntRange(0, len(uploads)-1).Draw(t, "upload")]
		data := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data")
		r := u.request(t, data, rapid.IntRange(1, 400).Draw(t, "size"))
		raw, _ := io.ReadAll(r.Body)
		if rapid.Bool().Draw(t, "cut") {
			raw = raw[:rapid.IntRange(0, len(raw)-8).Draw(t, "end")]
		} else {
			raw[rapid.IntRange(0, len(raw)-8).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 4).Draw(t, "bit")
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		got, err := io.ReadAll(open(t, r))
		if err == nil && !bytes.Equal(got, data) {
			t.Fatalf("accepted %q", raw)
		}
	})
}

func TestChunkedRefusals(t *testing.T) {
	for _, c := range []struct{ name, trailer, length, body, want string }{
		{"good", "", "3", "3\r\nabc\r\n0\r\n\r\n", ""},
		{"not hex", "", "", "zz\r\n", "IncompleteBody"},
		{"negative", "", "", "-1\r\n", "IncompleteBody"},
		{"huge", "", "", "fffffffffffffff\r\n", "IncompleteBody"},
		{"longer than announced", "", "2", "3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
		{"shorter than announced", "", "4", "3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
		{"no line end", "", "", "3\r\nabcd\r\n0\r\n\r\n", "IncompleteBody"},
		{"cut", "", "", "3\r\nab", "IncompleteBody"},
		{"long line", "", "", "3;" + strings.Repeat("x", 1<<11) + "\r\n", "MalformedTrailerError"},
		{"wrong digest", "x-amz-checksum-crc32", "", "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest"},
		{"malformed digest", "x-amz-checksum-crc32", "", "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:A\r\n\r\n", "MalformedTrailerError"},
		{"missing digest", "x-amz-checksum-crc32", "", "3\r\nabc\r\n0\r\n\r\n", "MalformedTrailerError"},
		{"no colon", "", "", "0\r\nfoo\r\n\r\n", "MalformedTrailerError"},
		{"twice", "", "", "0\r\na:1\r\na:2\r\n\r\n", "MalformedTrailerError"},
		{"too many", "", "", "0\r\n" + strings.Repeat("\r\n", 50), "IncompleteBody"},
	} {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(c.body))
		r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrailer)
		r.Header.Set("X-Amz-Trailer", c.trailer)
		r.Header.Set("X-Amz-Decoded-Content-Length", c.length)
		body, err := Anonymous(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(body); code(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestAnonymousBodies(t *testing.T) {
	r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("abc"))
	body, err := Anonymous(r)
	if got, _ := io.ReadAll(body); err != nil || string(got) != "abc" || body.Trailer() != nil {
		t.Errorf("%q %v", got, err)
	}
	r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingPayload)
	if _, err := Anonymous(r); code(err) != "AccessDenied" {
		t.Error(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrailer)
	r.Header.Set("X-Amz-Trailer", "x-amz-checksum-xxhash")
	if _, err := Anonymous(r); code(err) != "NotImplemented" {
		t.Error(err)
	}
}

func TestCRC64NVME(t *testing.T) {
	if got := crc64.Checksum([]byte("123456789"), nvme()); got != 0xAE8B14860A799888 {
		t.Errorf("%x", got)
	}
}

func FuzzChunked(f *testing.F) {
	f.Add("3\r\nabc\r\n0\r\n\r\n", "")
	f.Add("3;chunk-signature=x\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n", "x-amz-checksum-crc32")
	f.Fuzz(func(t *testing.T, raw, trailer string) {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(raw))
		r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrailer)
		r.Header["X-Amz-Trailer"] = []string{trailer}
		body, err := Anonymous(r)
		if err != nil {
			return
		}
		got, _ := io.ReadAll(body)
		if len(got) > len(raw) {
			t.Fatal("more data than sent")
		}
	})
}
