package s3

import (
	"crypto/md5"  //nolint:gosec // S3's entity tags are MD5
	"crypto/sha1" //nolint:gosec // a checksum that S3 offers
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sundog/cloud"
)

// checksum is an object's additional checksum (User Guide, "Checking object integrity").
type checksum struct {
	Algorithm string `json:"a,omitempty"` // CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	Value     string `json:"v,omitempty"` // base64, with "-N" when it is composite
	Composite bool   `json:"c,omitempty"`
}

func (c checksum) kind() *string {
	switch {
	case c.Value == "":
		return nil
	case c.Composite:
		return new("COMPOSITE")
	}
	return new("FULL_OBJECT")
}

// algorithms are the checksums that are served; the first is what S3 computes when none is asked for.
var algorithms = []string{"CRC64NVME", "CRC32", "CRC32C", "SHA1", "SHA256"}

var (
	castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })
	nvme       = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(nvmePolynomial) })
)

const nvmePolynomial = 0x9a6c9329ac4bc9b5 // bits reversed

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(castagnoli())
	case "SHA1":
		return sha1.New() //nolint:gosec // a checksum that S3 offers
	case "SHA256":
		return sha256.New()
	}
	return crc64.New(nvme())
}

func sumSize(algorithm string) int { return newHash(algorithm).Size() }

// sums are the checksum members of an input or output.
type sums struct{ CRC32, CRC32C, CRC64NVME, SHA1, SHA256 *string }

// sums gives the members of an output for a checksum.
func (c checksum) sums() (s sums) {
	if c.Value == "" {
		return s
	}
	*s.slot(c.Algorithm) = &c.Value
	return s
}

func (s *sums) slot(algorithm string) **string {
	switch algorithm {
	case "CRC32":
		return &s.CRC32
	case "CRC32C":
		return &s.CRC32C
	case "SHA1":
		return &s.SHA1
	case "SHA256":
		return &s.SHA256
	}
	return &s.CRC64NVME
}

func checkAlgorithm(a *string) error {
	if a == nil || *a == "" || slices.Contains(algorithms, *a) {
		return nil
	}
	if slices.Contains([]string{"SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"}, *a) {
		return cloud.NotImplementedf("The checksum algorithm %s is not served by this platform.", *a)
	}
	return errRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
}

// given reads the checksum that a request states; the zero checksum when it states none.
func (s *sums) given() (c checksum, err error) {
	for _, a := range algorithms {
		v := *s.slot(a)
		if v == nil {
			continue
		}
		if c.Algorithm != "" {
			return c, errRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c = checksum{Algorithm: a, Value: *v}
	}
	if c.Algorithm != "" {
		if b, err := base64.StdEncoding.DecodeString(c.Value); err != nil || len(b) != sumSize(c.Algorithm) {
			return c, errRequest("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(c.Algorithm))
		}
	}
	return c, nil
}

// integrity is what a request says about its body.
type integrity struct {
	sums
	MD5       *string // base64
	Algorithm *string // of the checksum in the trailer, or to be computed
	more      string  // what the caller needs besides; "" for none
	limit     int64
}

// digests are what was computed of a body.
type digests struct {
	size   int64
	md5    []byte
	chosen checksum
	more   checksum
}

func (d digests) etag() string { return hex.EncodeToString(d.md5) }

// trailers is what a body that ends in checksums offers.
type trailers interface{ Trailer() map[string]string }

// meter computes digests of what is written to it.
type meter struct {
	md5  hash.Hash
	sums map[string]hash.Hash
	to   io.Writer
}

func (m *meter) Write(p []byte) (int, error) {
	_, _ = m.md5.Write(p)
	for _, h := range m.sums {
		_, _ = h.Write(p)
	}
	return m.to.Write(p)
}

func (m *meter) value(algorithm string) string {
	return base64.StdEncoding.EncodeToString(m.sums[algorithm].Sum(nil))
}

// take copies a body to w, and checks it against what the request says of it. What is wrong with the body is an error; then w is to be aborted.
func (i integrity) take(w io.Writer, body io.Reader) (d digests, err error) {
	if err := checkAlgorithm(i.Algorithm); err != nil {
		return d, err
	}
	stated, err := i.given()
	if err != nil {
		return d, err
	}
	want, err := i.wantMD5()
	if err != nil {
		return d, err
	}
	m := &meter{md5: md5.New(), sums: map[string]hash.Hash{}, to: w} //nolint:gosec // S3's entity tags are MD5
	for _, a := range i.wanted(stated.Algorithm, body) {
		m.sums[a] = newHash(a)
	}
	if body != nil {
		if d.size, err = io.Copy(m, io.LimitReader(body, i.limit+1)); err != nil {
			return d, errBody(err)
		}
		if d.size > i.limit {
			return d, errTooLarge(d.size)
		}
	}
	d.md5 = m.md5.Sum(nil)
	if want != nil && string(want) != string(d.md5) {
		return d, fault(400, "BadDigest", "The Content-MD5 you specified did not match what we received.").
			With("CalculatedDigest", base64.StdEncoding.EncodeToString(d.md5)).With("ExpectedDigest", *i.MD5)
	}
	return d, i.settle(&d, m, stated, body)
}

// settle chooses the checksum that is kept: the stated one, that of the trailer, the one asked for, or the default.
func (i integrity) settle(d *digests, m *meter, stated checksum, body io.Reader) error {
	if t, ok := body.(trailers); ok && stated.Algorithm == "" {
		for name, v := range t.Trailer() {
			if a, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-checksum-"); ok && slices.Contains(algorithms, strings.ToUpper(a)) {
				stated = checksum{Algorithm: strings.ToUpper(a), Value: v}
			}
		}
	}
	a := stated.Algorithm
	if a == "" {
		if a = text(i.Algorithm); a == "" {
			a = algorithms[0]
		}
	}
	d.chosen = checksum{Algorithm: a, Value: m.value(a)}
	if stated.Value != "" && stated.Value != d.chosen.Value {
		return fault(400, "BadDigest", "The %s you specified did not match the calculated checksum.", a)
	}
	if i.more != "" {
		d.more = checksum{Algorithm: i.more, Value: m.value(i.more)}
	}
	return nil
}

func (i integrity) wantMD5() ([]byte, error) {
	if i.MD5 == nil {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*i.MD5)
	if err != nil || len(b) != md5.Size {
		return nil, fault(400, "InvalidDigest", "The Content-MD5 you specified was invalid.").With("Content-MD5", *i.MD5)
	}
	return b, nil
}

// wanted are the checksums to compute. A body with trailers says only at its end which one it brings, unless the request names it.
func (i integrity) wanted(stated string, body io.Reader) []string {
	var out []string
	if i.more != "" {
		out = append(out, i.more)
	}
	switch _, trails := body.(trailers); {
	case stated != "":
		return append(out, stated)
	case text(i.Algorithm) != "":
		return append(out, *i.Algorithm)
	case trails:
		return algorithms
	}
	return append(out, algorithms[0])
}

// composite is the checksum of parts' checksums.
func composite(algorithm string, parts []string) (checksum, error) {
	h := newHash(algorithm)
	for _, p := range parts {
		b, err := base64.StdEncoding.DecodeString(p)
		if err != nil {
			return checksum{}, err
		}
		_, _ = h.Write(b)
	}
	return checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts)), Composite: true}, nil
}
