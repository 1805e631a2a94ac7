// Package sns is the room of Amazon SNS: standard and FIFO topics, by the SNS API reference and developer guide. Subscriptions deliver to
// functions and queues, and by POST to http and https endpoints: those confirm first, their messages are signed, and the topic's and the
// subscription's DeliveryPolicy says how often and how fast. email, email-json, sms and messages to phone numbers are accepted and kept, not sent:
// in the log group /aws/sns/REGION/ACCOUNT/TOPIC (or DirectPublishToPhoneNumber), which is also where an email subscription's token stands, with
// the account's defaults for text messages. firehose and mobile endpoints are refused by name; as no mobile application can be made, the operations
// on them find none. Digest authentication, data protection policies and the settings of a carrier are refused too. FIFO topics archive and
// replay. What became of deliveries is logged where the topic asks for it (status.go).
//
// A topic and its subscriptions live in the topic's shard; a publish is one transaction that puts a delivery for each subscription whose
// filter matches into the bus's outbox. Keys, in the topic's shard:
//
//	topic   account region name         the topic's record (JSON)
//	sub     account region name id      a subscription (JSON)
//	seq     account region name         the last sequence number (FIFO; a counter)
//	dedup   account region name scope   a deduplication id until it expires (FIFO); dedupdue the same by expiry
//	given   account region name id      deliveries that were taken in; givendue the same by expiry
//	token   account region name hash    a token that confirms a subscription, or brings one back (JSON); a timer ends it
//	archive account region name time seq    a message of a FIFO topic with an ArchivePolicy (JSON); a timer takes the old ones away
//
// and in the scope's control shard list (topic) and sublist (topic, id), for the lists, and sms (the settings of text
// messages, JSON). The key that signs messages is one row, "signer".
package sns
