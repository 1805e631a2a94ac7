package sigv4

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // S3 offers it as a checksum
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"
	"sync"
)

const checksumPrefix = "x-amz-checksum-"

// nvme gives the table of CRC-64/NVME (NVM Express NVM Command Set Specification 1.0d, section 5.2.1.3.4), bits reversed as hash/crc64
// wants them. Go's own crc64 inverts before and after, as this CRC does.
var nvme = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(0x9a6c9329ac4bc9b5) })

// castagnoli is made once: making it costs a millisecond of table building.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// newChecksum gives the hash of a checksum header, or nil for a name that is none.
func newChecksum(name string) hash.Hash {
	switch strings.TrimPrefix(name, checksumPrefix) {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(castagnoli())
	case "crc64nvme":
		return crc64.New(nvme())
	case "sha1":
		return sha1.New() //nolint:gosec // see above
	case "sha256":
		return sha256.New()
	}
	return nil
}

func checkDigest(name, value string, h hash.Hash) *Fault {
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(want) != h.Size() {
		return fault(BadTrailer, "Value for %s trailing header is invalid.", name)
	}
	if !bytes.Equal(want, h.Sum(nil)) {
		return fault(BadDigest, "The %s you specified did not match the calculated checksum.", strings.ToUpper(strings.TrimPrefix(name, checksumPrefix)))
	}
	return nil
}
