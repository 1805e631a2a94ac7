package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
)

// Chunks is the chain of signatures of a streamed upload (Amazon S3 API Reference, "Signature Calculations for the Authorization
// Header: Transferring Payload in Multiple Chunks"). Each signature covers the one before. Not for concurrent use.
type Chunks struct {
	key             *Key
	stamp, previous string
	scope           Scope
	buf             []byte
}

// Next gives the signature of the next chunk, whose data has the SHA-256 sum; the last chunk is the empty one.
func (c *Chunks) Next(sum [sha256.Size]byte) string {
	c.begin(Algorithm + "-PAYLOAD")
	c.buf = append(c.buf, EmptyHash...)
	c.buf = append(c.buf, '\n')
	return c.finish(sum)
}

// Trailer gives the signature of the trailing headers, whose canonical text ("name:value\n" for each, lower-case names) has the
// SHA-256 sum.
func (c *Chunks) Trailer(sum [sha256.Size]byte) string {
	c.begin(Algorithm + "-TRAILER")
	return c.finish(sum)
}

func (c *Chunks) begin(algorithm string) {
	c.buf = appendHead(c.buf[:0], algorithm, c.stamp, c.scope)
	c.buf = append(c.buf, c.previous...)
	c.buf = append(c.buf, '\n')
}

func (c *Chunks) finish(sum [sha256.Size]byte) string {
	c.buf = hex.AppendEncode(c.buf, sum[:])
	c.previous = c.key.Sign(c.buf)
	return c.previous
}
