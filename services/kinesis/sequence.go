package kinesis

import (
	"math/big"
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

// sequence writes the sequence number of a position in a shard.
func sequence(shard uint32, p journal.Position) string {
	n := new(big.Int).SetBytes(p[:])
	n.Lsh(n, positionShift)
	n.Or(n, new(big.Int).SetUint64(uint64(shard)<<shardShift|sequenceKind))
	return n.SetBit(n, versionShift+1, 1).String()
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
