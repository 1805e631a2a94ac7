package ddbexpr

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errBadKey = errors.New("ddbexpr: malformed key")

// AppendOrdered appends an encoding of an S, N or B whose byte order is the order of the values of that kind and of which none is a
// prefix of another, so that parts may follow. S and B escape zero bytes; N is at most 22 bytes.
func AppendOrdered(dst []byte, v Value) []byte {
	if v.Kind == N {
		return appendOrderedNumber(dst, v.Text)
	}
	return append(AppendOrderedPrefix(dst, v.Text), 0, 1)
}

// AppendOrderedPrefix appends what the encodings of all S or B that begin with text have in common.
func AppendOrderedPrefix(dst []byte, text string) []byte {
	for i := range len(text) {
		if text[i] == 0 {
			dst = append(dst, 0, 0xff)
		} else {
			dst = append(dst, text[i])
		}
	}
	return dst
}

// Number keys: one byte for the sign (1 negative, 2 zero, 3 positive); the exponent, which has 256 values; two digits a byte, plus
// one; zero. What follows the sign is complemented for negative numbers.
func appendOrderedNumber(dst []byte, text string) []byte {
	d, _ := parseDecimal(text)
	if d.n == 0 {
		return append(dst, 2)
	}
	start := len(dst) + 1
	dst = append(dst, byte(2+d.sign()), byte(d.exp-1-minExponent))
	for i := 0; i < int(d.n); i += 2 {
		pair := d.d[i] * 10
		if i+1 < int(d.n) {
			pair += d.d[i+1]
		}
		dst = append(dst, pair+1)
	}
	dst = append(dst, 0)
	if d.neg {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// ReadOrdered reads what AppendOrdered wrote for a kind and gives the rest.
func ReadOrdered(b []byte, kind Kind) (v Value, rest []byte, err error) {
	if kind == N {
		return readOrderedNumber(b)
	}
	end := bytes.Index(b, []byte{0, 1})
	if end < 0 {
		return Value{}, nil, errBadKey
	}
	text := b[:end]
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.ReplaceAll(text, []byte{0, 0xff}, []byte{0})
	}
	return Value{Kind: kind, Text: string(text)}, b[end+2:], nil
}

func readOrderedNumber(b []byte) (Value, []byte, error) {
	if len(b) == 0 || b[0] < 1 || b[0] > 3 {
		return Value{}, nil, errBadKey
	}
	if b[0] == 2 {
		return Value{Kind: N, Text: "0"}, b[1:], nil
	}
	flip := byte(0)
	if b[0] == 1 {
		flip = 0xff
	}
	if len(b) < 4 {
		return Value{}, nil, errBadKey
	}
	d := decimal{neg: flip != 0, exp: int(b[1]^flip) + 1 + minExponent}
	for i := 2; i < len(b); i++ {
		pair := b[i] ^ flip
		if pair == 0 {
			for d.n > 0 && d.d[d.n-1] == 0 {
				d.n--
			}
			return Value{Kind: N, Text: d.String()}, b[i+1:], nil
		}
		if pair > 100 || d.n >= maxDigits {
			break
		}
		d.d[d.n], d.d[d.n+1] = (pair-1)/10, (pair-1)%10
		d.n += 2
	}
	return Value{}, nil, errBadKey
}

// AppendPlain appends a self-delimiting encoding of an S, N or B that keeps equality but not order: for partition keys, of which only
// equality matters. It needs 2 bytes more than the value.
func AppendPlain(dst []byte, v Value) []byte {
	if v.Kind == N {
		return appendOrderedNumber(dst, v.Text)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(v.Text)))
	return append(dst, v.Text...)
}

// ReadPlain reads what AppendPlain wrote for a kind and gives the rest.
func ReadPlain(b []byte, kind Kind) (v Value, rest []byte, err error) {
	if kind == N {
		return readOrderedNumber(b)
	}
	if len(b) < 2 {
		return Value{}, nil, errBadKey
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return Value{}, nil, errBadKey
	}
	return Value{Kind: kind, Text: string(b[2 : 2+n])}, b[2+n:], nil
}
