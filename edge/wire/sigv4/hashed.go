package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// hashed passes data through and compares its hash with x-amz-content-sha256 at the end.
type hashed struct {
	in  io.Reader
	c   *Credential
	sum hash.Hash
	err error
}

func newHashed(in io.Reader, c *Credential) *hashed {
	return &hashed{in: in, c: c, sum: sha256.New()}
}

func (h *hashed) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.in.Read(p)
	h.sum.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(h.sum.Sum(nil)); got != h.c.Payload {
			err = hashMismatch(h.c, got)
		}
	}
	h.err = err
	return n, err
}
