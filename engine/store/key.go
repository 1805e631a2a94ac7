package store

import (
	"encoding/binary"
	"errors"
)

// Key builds a key: shard byte, then order-preserving parts. Texts are escaped (0x00 as 0x00 0xff) and end in 0x00 0x01, numbers are 8
// bytes big endian, so that keys sort by their parts, and no text part is a prefix of another.
type Key []byte

// K starts a key with a shard, the room's name and the table within the room ("sqs", "queue").
func K(s Shard, room, table string) Key {
	k := make(Key, 0, 64)
	return append(k, byte(s)).Str(room).Str(table)
}

// Str appends a text.
func (k Key) Str(s string) Key {
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			k = append(k, 0, 0xff)
		} else {
			k = append(k, s[i])
		}
	}
	return append(k, 0, 1)
}

// U64 appends a number.
func (k Key) U64(n uint64) Key { return binary.BigEndian.AppendUint64(k, n) }

// Raw appends bytes as they are; only as the last part, or when they encode their own end.
func (k Key) Raw(b []byte) Key { return append(k, b...) }

// Clone gives a copy that can be extended apart from k.
func (k Key) Clone() Key { return append(make(Key, 0, len(k)+32), k...) }

// End gives the first key after all keys with the prefix k; nil when there is none.
func (k Key) End() []byte { return PrefixEnd(k) }

// PrefixEnd gives the first key after all keys with that prefix; nil when the prefix is empty or all 0xff.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

// ErrKey says that bytes are not parts of a key.
var ErrKey = errors.New("store: malformed key")

// CutStr takes a text part off the front of a key's rest.
func CutStr(b []byte) (s string, rest []byte, err error) {
	var out []byte
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			out = append(out, b[i])
			continue
		}
		switch b[i+1] {
		case 1:
			return string(out), b[i+2:], nil
		case 0xff:
			out = append(out, 0)
			i++
		default:
			return "", nil, ErrKey
		}
	}
	return "", nil, ErrKey
}

// CutU64 takes a number part off the front of a key's rest.
func CutU64(b []byte) (n uint64, rest []byte, err error) {
	if len(b) < 8 {
		return 0, nil, ErrKey
	}
	return binary.BigEndian.Uint64(b), b[8:], nil
}

// Prefix scans all keys with a prefix.
func Prefix(p []byte) ScanOptions { return ScanOptions{Lo: p, Hi: PrefixEnd(p)} }
