// Package dynamodb is the room of Amazon DynamoDB and DynamoDB Streams, by the Amazon DynamoDB Developer Guide and API reference.
//
// It serves tables (with local and global secondary indexes, time to live, streams, tags, resource policies) and all item
// operations. Billing mode, table class, warm throughput, encryption at rest and capacity limits are kept and described but change
// nothing: there is no throttling. PartiQL, backups, point-in-time recovery, global tables, exports, imports and vector indexes are
// refused by name.
//
// # How it keeps data
//
// Control rows are JSON in the scope's control shard:
//
//	table   account region name          the table's record
//	stream  account region name label    one stream of a table, current or past
//	drop    generation                   a deleted table or index whose rows are still to be removed
//	token   account region token         a ClientRequestToken of TransactWriteItems; tokendue has the same by expiry
//
// Items and index entries are rows of one form, in the shard that the hash of their partition key names:
//
//	item generation index hash partition-key sort-key [table's partition key, table's sort key]
//
// Generation is new for each creation of a table; index is 0 for the table itself and otherwise the index's number, with the
// table's key after the index's own. The hash is 32 bits: FNV-1a over generation and partition key, mixed; its first byte is the
// shard, the other three stand in the key. A scan walks the rows by hash, so a segment is a range of hashes. The partition key is
// encoded for equality, the sort key in the order of DynamoDB (lang/ddbexpr). The value is the item, or what the index projects of
// it. Index entries are written in the same transaction as the item.
//
//	count generation index               how many items and bytes, a counter in the shard of what it counts
//	ttl   generation due table's key     items that will expire, in one shard per table
//	log   generation part, stamp         stream records in commit order; a stream has 4 parts, each in a shard of its own
package dynamodb
