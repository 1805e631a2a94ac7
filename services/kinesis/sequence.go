package kinesis

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"strings"

	"sundog/engine/journal"
)

// A sequence number is a decimal number of 56 digits, and of 186 bits, as the service's are: from the highest a version (2), the position, the number of
// the shard (32 bits), and a digit that says how it was made. Client libraries read version and shard out of it.
const (
	sequenceBits    = 186
	sequenceVersion = 2
	versionShift    = 184
	positionShift   = 36
	shardShift      = 4
	sequenceKind    = 2
)

// sequence writes the sequence number of a position in a shard. Every record that is put or read needs one, so it is made without big numbers.
func sequence(shard uint32, p journal.Position) string {
	commit, index := binary.BigEndian.Uint64(p[:8]), uint64(binary.BigEndian.Uint32(p[8:]))
	words := [3]uint64{ // the highest first
		sequenceVersion<<(versionShift-128) | commit>>(128-64-positionShift+32),
		commit<<(positionShift+32-64) | index>>(64-positionShift),
		index<<positionShift | uint64(shard)<<shardShift | sequenceKind,
	}
	const group, digits = 19, 57 // a word holds any number of 19 digits
	var text [digits]byte
	for end := digits; end > 0; end -= group {
		var rest uint64
		for i := range words {
			words[i], rest = bits.Div64(rest, words[i], 1e19)
		}
		for i := end - 1; i >= end-group; i-- {
			text[i] = byte('0' + rest%10)
			rest /= 10
		}
	}
	return string(text[1:])
}

// parseSequence reads a sequence number.
func parseSequence(text string) (shard uint32, p journal.Position, ok bool) {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || n.BitLen() != sequenceBits || strings.HasPrefix(text, "0") {
		return 0, p, false
	}
	low := new(big.Int).And(n, big.NewInt(1<<positionShift-1)).Uint64()
	n.SetBit(n, versionShift+1, 0)
	n.Rsh(n, positionShift)
	if low&(1<<shardShift-1) != sequenceKind || n.BitLen() > 8*len(p) {
		return 0, p, false
	}
	n.FillBytes(p[:])
	return uint32(low >> shardShift), p, true
}
