package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What stands in a canonical request for the hash of a body that is not hashed whole.
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingPayload         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingPayloadTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// EmptyHash is the hex SHA-256 of an empty body.
const EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// HashHex gives the lower-case hex SHA-256 of b.
func HashHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// SingleEncoding tells whether a service signs its paths as they are sent, without normalising and without the second encoding:
// the S3 family.
func SingleEncoding(service string) bool {
	return service == "s3" || service == "s3express" || service == "s3-object-lambda" || service == "s3-outposts"
}

// Canonical says how a request is made canonical.
type Canonical struct {
	Service  string   // decides the encoding of the path
	Signed   []string // the signed headers' names, lower case, in the order in which they are signed
	BodyHash string   // hex SHA-256 of the body, or one of the constants above
}

// Append appends the canonical request of r to dst. It reads the path and query as they went over the wire: RequestURI on the
// server's side, URL on the client's. The query parameter X-Amz-Signature is left out. r is not changed.
func (c Canonical) Append(dst []byte, r *http.Request) []byte {
	path, query := wireTarget(r)
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = appendPath(dst, path, SingleEncoding(c.Service))
	dst = append(dst, '\n')
	dst = appendQuery(dst, query)
	dst = append(dst, '\n')
	for _, name := range c.Signed {
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = appendHeader(dst, r, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	for i, name := range c.Signed {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, name...)
	}
	dst = append(dst, '\n')
	return append(dst, c.BodyHash...)
}

// AppendStringToSign appends the string to sign of a canonical request. stamp is X-Amz-Date's text.
func AppendStringToSign(dst []byte, stamp string, s Scope, canonical []byte) []byte {
	dst = appendHead(dst, Algorithm, stamp, s)
	sum := sha256.Sum256(canonical)
	return hex.AppendEncode(dst, sum[:])
}

func appendHead(dst []byte, algorithm, stamp string, s Scope) []byte {
	dst = append(dst, algorithm...)
	dst = append(dst, '\n')
	dst = append(dst, stamp...)
	dst = append(dst, '\n')
	dst = append(dst, s.Date...)
	dst = append(dst, '/')
	dst = append(dst, s.Region...)
	dst = append(dst, '/')
	dst = append(dst, s.Service...)
	dst = append(dst, '/')
	dst = append(dst, terminator...)
	return append(dst, '\n')
}

// wireTarget gives the path and query as sent. A server must not take URL.EscapedPath: it re-encodes what a client sent raw.
func wireTarget(r *http.Request) (path, query string) {
	if r.RequestURI == "" {
		return r.URL.EscapedPath(), r.URL.RawQuery
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") { // absolute form, as to a proxy
		if _, rest, ok := strings.Cut(target, "://"); ok {
			i := strings.IndexAny(rest, "/?")
			if i < 0 {
				i = len(rest)
			}
			target = rest[i:]
		}
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

func appendPath(dst []byte, path string, single bool) []byte {
	if path == "" {
		return append(dst, '/')
	}
	if single {
		return appendRecoded(dst, path, true)
	}
	for _, c := range []byte(cleanPath(path)) {
		dst = appendEscaped(dst, c, true)
	}
	return dst
}

// cleanPath removes empty and dot segments (RFC 3986 section 6) and keeps a trailing slash.
func cleanPath(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path, "/")
	out := segments[:0]
	for _, s := range segments {
		switch s {
		case "", ".":
		case "..":
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, s)
		}
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	if len(out) == 0 {
		return "/"
	}
	clean := "/" + strings.Join(out, "/")
	if last == "" || last == "." || last == ".." {
		clean += "/"
	}
	return clean
}

const upperHex = "0123456789ABCDEF"

func unreserved(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

func appendEscaped(dst []byte, c byte, slash bool) []byte {
	if unreserved(c) || slash && c == '/' {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// appendRecoded decodes and encodes once more, so that every way to write the same text comes out the same. An encoded slash stays
// encoded: in S3 it is part of a key, not a separator. path tells a path from a query, where a plus sign is a blank.
func appendRecoded(dst []byte, s string, path bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			dst = appendEscaped(dst, byte(unhex(s[i+1])<<4|unhex(s[i+2])), false)
			i += 2
		case c == '+' && !path:
			dst = append(dst, "%20"...)
		default:
			dst = appendEscaped(dst, c, path)
		}
	}
	return dst
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

type pair struct{ key, value string }

func appendQuery(dst []byte, query string) []byte {
	if query == "" {
		return dst
	}
	pairs := make([]pair, 0, 16)
	for part := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(part, "=")
		if part == "" || k == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{recode(k), recode(v)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.key...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

func recode(s string) string {
	for i := 0; i < len(s); i++ {
		if !unreserved(s[i]) {
			return string(appendRecoded(nil, s, false))
		}
	}
	return s
}

// appendHeader appends a header's values, joined by commas, trimmed, with runs of blanks as one. Host and Content-Length are
// not among the headers of a server's request, or need not be.
func appendHeader(dst []byte, r *http.Request, name string) []byte {
	values := headerValues(r.Header, name)
	switch {
	case name == "host" || name == ":authority": // what HTTP/2 calls it
		host := r.Host
		if host == "" && r.URL != nil {
			host = r.URL.Host
		}
		return appendTrimmed(dst, host)
	case len(values) == 0 && name == "content-length" && r.ContentLength >= 0:
		return strconv.AppendInt(dst, r.ContentLength, 10)
	case len(values) == 0 && name == "transfer-encoding":
		values = r.TransferEncoding
	}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, v)
	}
	return dst
}

func appendTrimmed(dst []byte, v string) []byte {
	v = strings.Trim(v, " \t\r\n")
	blank := false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; c {
		case ' ', '\t', '\r', '\n':
			blank = true
		default:
			if blank {
				dst = append(dst, ' ')
				blank = false
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// headerValues finds a lower-case name without allocating the canonical one, as http.Header.Values would.
func headerValues(h http.Header, name string) []string {
	var buf [64]byte
	if len(name) > len(buf) {
		return h.Values(name)
	}
	upper := true
	for i := 0; i < len(name); i++ {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
		upper = c == '-'
	}
	return h[string(buf[:len(name)])]
}
