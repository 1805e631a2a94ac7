package s3

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
)

const service = "s3"

// bucketARN is a bucket's ARN.
func bucketARN(bucket string) cloud.ARN {
	return cloud.ARN{Partition: "aws", Service: service, Resource: bucket}
}

// objectARN is the ARN of an object, or of a pattern of objects.
func objectARN(bucket, key string) cloud.ARN {
	return cloud.ARN{Partition: "aws", Service: service, Resource: bucket + "/" + key}
}

func shardOf(bucket string) store.Shard { return store.ShardOf(service, bucket) }

// table is the prefix of a bucket's rows of one kind.
func table(bucket, name string) store.Key {
	return store.K(shardOf(bucket), service, name).Str(bucket)
}

func bucketKey(bucket string) store.Key      { return table(bucket, "bucket") }
func objectKey(bucket, key string) store.Key { return table(bucket, "object").Str(key) }
func nullKey(bucket, key string) store.Key   { return table(bucket, "null").Str(key) }
func goneKey(bucket, id string) store.Key    { return table(bucket, "gone").Str(id) }

// versionsKey is the prefix of the noncurrent versions of a key, of which the newest comes first.
func versionsKey(bucket, key string) store.Key { return table(bucket, "version").Str(key) }

func versionKey(bucket, key string, seq uint64) store.Key {
	return versionsKey(bucket, key).U64(^seq)
}

func uploadKey(bucket, key string, seq uint64, id string) store.Key {
	return table(bucket, "upload").Str(key).U64(seq).Str(id)
}

func partsKey(bucket, upload string) store.Key  { return table(bucket, "part").Str(upload) }
func piecesKey(bucket, upload string) store.Key { return table(bucket, "piece").Str(upload) }

func partKey(bucket, upload string, number int32) store.Key {
	return partsKey(bucket, upload).U64(uint64(number))
}

func listKey(account string) store.Key {
	return store.K(store.ShardOf(service, "account", account), service, "list").Str(account)
}

// textPrefix extends a table's key by the beginning of a text part, so that it is the prefix of all rows whose text begins so.
func textPrefix(k store.Key, prefix string) store.Key {
	k = k.Str(prefix)
	return k[:len(k)-2] // without the end of the text
}

// ids of versions and uploads are text of 24 bytes: the seq, 12 random bytes, and a check sum that tells them from other texts.
var idText = base64.NewEncoding("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz.").WithPadding(base64.NoPadding)

func newID(seq uint64, ids cloud.IDs) string {
	b := binary.BigEndian.AppendUint64(nil, seq)
	random, err := hex.DecodeString(ids.Hex(12))
	if err != nil {
		random = make([]byte, 12)
	}
	b = append(b, random...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return idText.EncodeToString(b)
}

// seqOf reads the seq out of an id; false when the text is none.
func seqOf(id string) (uint64, bool) {
	b, err := idText.DecodeString(id)
	if err != nil || len(b) != 24 || crc32.ChecksumIEEE(b[:20]) != binary.BigEndian.Uint32(b[20:]) {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// null is how the version without an id is called.
const null = "null"

// bucketOf takes the ARN of a bucket or object apart.
func bucketOf(a cloud.ARN) string {
	b, _, _ := strings.Cut(a.Resource, "/")
	return b
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// optional gives nil for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func is(p *bool) bool { return p != nil && *p }
