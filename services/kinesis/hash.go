package kinesis

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"math/big"
)

// hash is a hash key: a number of 128 bits, big endian.
type hash [16]byte

var (
	maxHash = hash(bytes.Repeat([]byte{0xff}, 16))
	errHash = errors.New("kinesis: malformed hash key")
)

// hashOf is the hash key of a partition key.
func hashOf(partition string) hash { return md5.Sum([]byte(partition)) }

// parseHash reads a decimal hash key; false when it is none, or over 128 bits.
func parseHash(text string) (h hash, ok bool) {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 8*len(h) {
		return h, false
	}
	n.FillBytes(h[:])
	return h, true
}

func (h hash) number() *big.Int { return new(big.Int).SetBytes(h[:]) }

// String writes the hash key as the API does.
func (h hash) String() string { return h.number().String() }

func (h hash) less(o hash) bool { return bytes.Compare(h[:], o[:]) < 0 }

// add gives h + n, modulo 2^128.
func (h hash) add(n int64) (out hash) {
	sum := new(big.Int).Add(h.number(), big.NewInt(n))
	sum.And(sum, maxHash.number()).FillBytes(out[:])
	return out
}

// MarshalText writes hex digits.
func (h hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads them.
func (h *hash) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(h)) {
		return errHash
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// evenly gives the starts of n ranges of about the same size.
func evenly(n int) []hash {
	out := make([]hash, n)
	whole := new(big.Int).Lsh(big.NewInt(1), 128)
	width := new(big.Int).Div(whole, big.NewInt(int64(n)))
	for i := range out {
		new(big.Int).Mul(width, big.NewInt(int64(i))).FillBytes(out[i][:])
	}
	return out
}
