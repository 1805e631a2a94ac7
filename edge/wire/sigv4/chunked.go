package sigv4

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sundog/cloud/sigv4"
)

// Bounds of what surrounds the data in a chunked body.
const (
	maxChunkLine   = 1 << 10
	maxTrailerLine = 4 << 10
	maxTrailers    = 16
	maxChunk       = 5 << 30
)

// chunks decodes an aws-chunked body (Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
// Payload in Multiple Chunks" and "... Including Trailing Headers"). Data is handed out before its chunk's signature has been seen,
// so that a chunk of any size needs no memory; a reader must not act on it before io.EOF.
type chunks struct {
	in        *bufio.Reader
	service   string
	chain     *sigv4.Chunks // nil: chunks are not signed
	trailing  bool
	declared  []string // x-amz-trailer
	length    int64    // x-amz-decoded-content-length, or -1
	total     int64
	left      int64 // of the current chunk
	open      bool  // in a chunk
	signature string
	sum       hash.Hash
	checks    map[string]hash.Hash
	trailer   map[string]string
	err       error
}

func chunked(r *http.Request, service string, chain *sigv4.Chunks, trailing bool) (*Body, error) {
	c := &chunks{in: bufio.NewReaderSize(r.Body, 32<<10), service: service, chain: chain, trailing: trailing, length: -1}
	if s := r.Header.Get("X-Amz-Decoded-Content-Length"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return nil, fault(IncompleteBody, "The value of x-amz-decoded-content-length is not a length.").of(service)
		}
		c.length = n
	}
	if trailing {
		if err := c.declare(r.Header.Get("X-Amz-Trailer")); err != nil {
			return nil, err
		}
	}
	if chain != nil {
		c.sum = sha256.New()
	}
	r.ContentLength = c.length
	withoutChunked(r.Header)
	return &Body{src: r.Body, in: c}, nil
}

func (c *chunks) declare(header string) error {
	c.checks = map[string]hash.Hash{}
	for name := range strings.SplitSeq(header, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if len(c.declared) == maxTrailers {
			return fault(BadTrailer, "Too many trailing headers.").of(c.service)
		}
		c.declared = append(c.declared, name)
		if h := newChecksum(name); h != nil {
			c.checks[name] = h
		} else if strings.HasPrefix(name, checksumPrefix) {
			return fault(Unsupported, "The trailing checksum %s is not served.", clip(name)).of(c.service)
		}
	}
	return nil
}

func withoutChunked(h http.Header) {
	var keep []string
	for e := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "aws-chunked") {
			keep = append(keep, e)
		}
	}
	if len(keep) == 0 {
		h.Del("Content-Encoding")
	} else {
		h.Set("Content-Encoding", strings.Join(keep, ","))
	}
}

// Read gives decoded data.
func (c *chunks) Read(p []byte) (int, error) {
	if len(p) == 0 || c.err != nil {
		return 0, c.err
	}
	for c.left == 0 {
		if c.err = c.next(); c.err != nil {
			return 0, c.err
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.in.Read(p)
	c.left -= int64(n)
	c.total += int64(n)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	for _, h := range c.checks {
		h.Write(p[:n])
	}
	if err != nil {
		c.err = c.cut(err)
	}
	return n, c.err
}

// next ends the current chunk and opens the following one. After the last it gives io.EOF.
func (c *chunks) next() error {
	if c.open {
		if line, err := c.line(2); err != nil || line != "" {
			return c.broken(err)
		}
		if err := c.verify(); err != nil {
			return err
		}
	}
	line, err := c.line(maxChunkLine)
	if err != nil {
		return c.broken(err)
	}
	size, extension, _ := strings.Cut(line, ";")
	n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 64)
	if err != nil || n < 0 || n > maxChunk || strings.HasPrefix(size, "+") {
		return c.broken(nil)
	}
	c.signature = strings.TrimPrefix(extension, "chunk-signature=")
	if c.length >= 0 && c.total+n > c.length {
		return fault(IncompleteBody, lengthText).of(c.service)
	}
	if n == 0 {
		return c.finish()
	}
	c.left, c.open = n, true
	return nil
}

const lengthText = "The body has not the length that x-amz-decoded-content-length announced."

func (c *chunks) verify() error {
	if c.chain == nil {
		return nil
	}
	var sum [sha256.Size]byte
	c.sum.Sum(sum[:0])
	c.sum.Reset()
	return c.match(c.chain.Next(sum), c.signature)
}

func (c *chunks) match(want, got string) error {
	if subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
		return fault(Mismatch, "").of(c.service)
	}
	return nil
}

func (c *chunks) finish() error {
	c.open = false
	if err := c.verify(); err != nil {
		return err
	}
	if c.length >= 0 && c.total != c.length {
		return fault(IncompleteBody, lengthText).of(c.service)
	}
	trailer, err := c.readTrailer()
	if err != nil {
		return err
	}
	for _, name := range c.declared {
		if _, ok := trailer[name]; !ok {
			return fault(BadTrailer, "The trailing header %s is missing.", clip(name)).of(c.service)
		}
	}
	for name, h := range c.checks {
		if err := checkDigest(name, trailer[name], h); err != nil {
			return err.of(c.service)
		}
	}
	c.trailer = trailer
	return io.EOF
}

// readTrailer reads the lines after the last chunk up to the end of the body. Senders differ in where they put empty lines, so these
// are passed over; what is signed is each line as "name:value\n".
func (c *chunks) readTrailer() (map[string]string, error) {
	trailer, signed, signature := map[string]string{}, sha256.New(), ""
	for lines := 0; ; lines++ {
		line, err := c.line(maxTrailerLine)
		if errors.Is(err, io.EOF) && line == "" {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) || lines > 2*maxTrailers {
			return nil, c.broken(err)
		}
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		_, twice := trailer[name]
		switch {
		case !ok || !c.trailing || twice || signature != "":
			return nil, fault(BadTrailer, "Malformed trailing headers.").of(c.service)
		case name == "x-amz-trailer-signature":
			signature = value
		default:
			trailer[name] = value
			signed.Write([]byte(name + ":" + value + "\n"))
		}
	}
	if c.chain == nil || !c.trailing {
		return trailer, nil
	}
	var sum [sha256.Size]byte
	signed.Sum(sum[:0])
	return trailer, c.match(c.chain.Trailer(sum), signature)
}

// line reads a line without its end. At the body's end it gives what is left with io.EOF.
func (c *chunks) line(limit int) (string, error) {
	var b []byte
	for {
		part, err := c.in.ReadSlice('\n')
		b = append(b, part...)
		if len(b) > limit+2 {
			return "", fault(BadTrailer, "A line of the chunked body is too long.").of(c.service)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), err
	}
}

// broken words a body that does not follow the format; err is what reading gave, or nil.
func (c *chunks) broken(err error) error {
	if err != nil {
		return c.cut(err)
	}
	return fault(IncompleteBody, "The chunked body is malformed.").of(c.service)
}

func (c *chunks) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(IncompleteBody, "The chunked body ends before its last chunk.").of(c.service)
	}
	return err
}
