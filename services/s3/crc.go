package s3

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// matrix is a linear map over bits: column i is what bit i becomes.
type matrix [64]uint64

func (m *matrix) times(v uint64) (sum uint64) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func (m *matrix) squared() *matrix {
	var out matrix
	for i := range out {
		out[i] = m.times(m[i])
	}
	return &out
}

// shiftBit is the map that one zero bit makes of a reflected CRC of width bits.
func shiftBit(polynomial uint64, width int) *matrix {
	var m matrix
	m[0] = polynomial
	for i := 1; i < width; i++ {
		m[i] = 1 << (i - 1)
	}
	return &m
}

// joined gives the CRC of two texts after each other from those of each, of which the second has n bytes: the first is taken over n zero bytes, by
// squaring the map of one.
func joined(polynomial uint64, width int, first, second uint64, n int64) uint64 {
	m := shiftBit(polynomial, width).squared().squared().squared() // one byte
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			first = m.times(first)
		}
		m = m.squared()
	}
	return first ^ second
}

// joinSums gives the whole object's checksum from those of its parts, in base64. Only CRCs can be joined.
func joinSums(algorithm string, values []string, sizes []int64) (string, error) {
	polynomial, width := uint64(nvmePolynomial), 64
	switch algorithm {
	case "CRC32":
		polynomial, width = crc32.IEEE, 32
	case "CRC32C":
		polynomial, width = crc32.Castagnoli, 32
	}
	var sum uint64
	for i, v := range values {
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return "", err
		}
		part := binary.BigEndian.Uint64(append(make([]byte, 8-len(b)), b...))
		if i == 0 {
			sum = part
			continue
		}
		sum = joined(polynomial, width, sum, part, sizes[i])
	}
	out := binary.BigEndian.AppendUint64(nil, sum)
	return base64.StdEncoding.EncodeToString(out[8-width/8:]), nil
}
