// Package sns is the room of Amazon SNS: standard and FIFO topics, by the SNS API reference and developer guide. Subscriptions deliver to
// functions and queues; http, https, email, sms, firehose and mobile endpoints are refused by name.
//
// A topic and its subscriptions live in the topic's shard; a publish is one transaction that puts a delivery for each subscription whose
// filter matches into the bus's outbox. Keys, in the topic's shard:
//
//	topic   account region name         the topic's record (JSON)
//	sub     account region name id      a subscription (JSON)
//	seq     account region name         the last sequence number (FIFO; a counter)
//	dedup   account region name scope   a deduplication id until it expires (FIFO); dedupdue the same by expiry
//	given   account region name id      deliveries that were taken in; givendue the same by expiry
//
// and in the scope's control shard list (topic) and sublist (topic, id), for the lists. The key that signs messages is one row, "signer".
package sns
