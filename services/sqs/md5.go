package sqs

import (
	"crypto/md5" //nolint:gosec // the protocol's checksum, no secret
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"sundog/engine/bus"
)

func md5Text(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // the protocol's checksum
	return hex.EncodeToString(sum[:])
}

// md5Attributes is the digest of message attributes that SDKs verify (SQS Developer Guide, "Calculating the MD5 message digest for message
// attributes"): names sorted; each of name, data type and value with a 4-byte length, the value after a byte 1 (text) or 2 (binary). "" for none.
func md5Attributes(attrs map[string]bus.Attribute) string {
	if len(attrs) == 0 {
		return ""
	}
	names := make([]string, 0, len(attrs))
	for n := range attrs {
		names = append(names, n)
	}
	slices.Sort(names)
	h := md5.New() //nolint:gosec // the protocol's checksum
	var buf []byte
	field := func(s string) {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	for _, n := range names {
		a := attrs[n]
		field(n)
		field(a.Type)
		if strings.HasPrefix(a.Type, "Binary") {
			buf = append(buf, 2)
			field(string(a.Binary))
		} else {
			buf = append(buf, 1)
			field(a.Value)
		}
	}
	_, _ = h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}
