package dynamodb

import (
	"encoding/binary"
	"strconv"

	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

const roomName = "dynamodb"

func controlShard(sc cloud.Scope) store.Shard { return store.ShardOf(roomName, sc.Account, sc.Region) }

func controlKey(sc cloud.Scope, kind string) store.Key {
	return store.K(controlShard(sc), roomName, kind).Str(sc.Account).Str(sc.Region)
}

func tableKey(sc cloud.Scope, name string) store.Key { return controlKey(sc, "table").Str(name) }

func streamKey(sc cloud.Scope, table, label string) store.Key {
	return controlKey(sc, "stream").Str(table).Str(label)
}

func dropKey(sc cloud.Scope, gen uint64, index uint32) store.Key {
	return controlKey(sc, "drop").U64(gen).U64(uint64(index))
}

// hashOf places a partition key: the first byte is the shard, the others order the rows of the shard.
func hashOf(gen uint64, partition []byte) uint32 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range 8 {
		h = (h ^ (gen >> (8 * i) & 0xff)) * prime
	}
	for _, c := range partition {
		h = (h ^ uint64(c)) * prime
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return uint32(h >> 32)
}

// rowStart is the length of what all rows of a table or index in a shard have in common.
const rowStart = 1 + len(roomName) + 2 + len("item") + 2 + 8 + 4

// appendRows appends the start of the keys of a table's or index's rows in a shard.
func appendRows(k store.Key, s store.Shard, gen uint64, index uint32) store.Key {
	k = append(k, byte(s)).Str(roomName).Str("item").U64(gen)
	return binary.BigEndian.AppendUint32(k, index)
}

// appendHash appends the start of the keys of the rows from a hash on.
func appendHash(k store.Key, gen uint64, index uint32, hash uint32) store.Key {
	k = appendRows(k, store.Shard(hash>>24), gen, index)
	return append(k, byte(hash>>16), byte(hash>>8), byte(hash))
}

// partitionKey gives what all rows of one partition have in common.
func partitionKey(gen uint64, index uint32, partition ddbexpr.Value) store.Key {
	var buf [64]byte
	p := ddbexpr.AppendPlain(buf[:0], partition)
	k := make(store.Key, 0, rowStart+3+len(p)+64)
	return append(appendHash(k, gen, index, hashOf(gen, p)), p...)
}

// rowKey gives the key of an item's row in the table, or of its entry in an index (ix not nil). The item must have the key attributes.
func (t *table) rowKey(ix *index, it ddbexpr.Item) store.Key {
	schema, number := t.Key, uint32(0)
	if ix != nil {
		schema, number = ix.Key, ix.Number
	}
	k := partitionKey(t.Gen, number, it.Get(schema.Hash))
	if schema.Range != "" {
		k = ddbexpr.AppendOrdered(k, it.Get(schema.Range))
	}
	if ix != nil {
		k = ddbexpr.AppendPlain(k, it.Get(t.Key.Hash))
		if t.Key.Range != "" {
			k = ddbexpr.AppendPlain(k, it.Get(t.Key.Range))
		}
	}
	return k
}

// countKey is the counter of what a table or index has in a shard.
func countKey(s store.Shard, gen uint64, index uint32) store.Key {
	return binary.BigEndian.AppendUint32(store.K(s, roomName, "count").U64(gen), index)
}

// Items and bytes share one counter, so that a write touches one key less: bytes are the low 38 bits (256 GiB a shard), items the
// 26 above, signed.
const bytesBits = 38

func packCount(items, size int64) int64 { return items<<bytesBits + size }

func unpackCount(n int64) (items, size int64) { return n >> bytesBits, n & (1<<bytesBits - 1) }

func (t *table) ttlShard() store.Shard {
	return store.ShardOf(roomName, "ttl", strconv.FormatUint(t.Gen, 16))
}

// ttlKey starts the rows of a table's items that expire.
func (t *table) ttlKey() store.Key { return store.K(t.ttlShard(), roomName, "ttl").U64(t.Gen) }

// streamParts is the number of shards that a stream has.
const streamParts = 4

// logOf is the log of one part of a stream.
func logOf(gen uint64, part int) journal.Log {
	s := store.ShardOf(roomName, "log", strconv.FormatUint(gen, 16), strconv.Itoa(part))
	return journal.Log(append(store.K(s, roomName, "log").U64(gen), byte(part)))
}
