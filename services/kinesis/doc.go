// Package kinesis is the room of Amazon Kinesis Data Streams, by the API reference and the developer guide.
//
// It serves streams of both capacity modes, their records, splitting, merging and scaling of shards, retention, tags, policies, and consumers with
// their subscriptions. Nothing is throttled: a shard takes and gives what the machine can. Encryption with keys, records over 1 MiB,
// warm throughput, channels and queues are refused by name.
//
// # How it keeps data
//
// In the shard of the account and region:
//
//	stream    account region name        the stream's record with its shards (JSON)
//	state     account region name        generation and revision of the record: all that a writer reads
//	id        account region id          the name of the stream with a StreamId
//	consumer  generation name            a consumer (JSON)
//	given     account region id          ids of deliveries that were taken in; givendue has the same by expiry
//	mark      generation shard kind      stamped when the shard was opened or closed: its first and last sequence number
//
// and, in a shard of its own for each shard of a stream:
//
//	log       generation shard           the records, in commit order: stamp, arrival (ms); the value is a version byte, the partition key with
//	                                     its length, and the data
//
// Generation is new for each creation of a stream. A record is one stamped write (store.PutStamped), so writers never contend: the order of a shard is
// the order of commits, and its sequence numbers are the stamps (sequence.go). A writer reads the stream's state in the transaction of its records; what
// closes a shard changes it. So no record comes into a closed shard, and a child's records all have larger numbers than its parents'.
//
// Records that are over the retention period are not read any more, and a sweep takes them away (sweep.go), with closed shards that have none left.
package kinesis
