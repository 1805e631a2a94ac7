// Package sqs is the room of Amazon SQS: standard and FIFO queues, by the SQS API reference and developer guide.
//
// # How it keeps messages
//
// A queue lives in one shard, and everything that touches its messages runs in that shard's lane, one after another. The store has the
// truth; memory has a bounded window of it (state.go), rebuilt whenever a lane is opened. Keys, all in the queue's shard:
//
//	queue   account region name            the queue's record: attributes, tags, generation (JSON)
//	msg     generation seq                 a message (binary, see codec.go)
//	aged    generation sent seq            a message that is older than its place: a dead letter
//	flight  generation seq                 due, receive count, first receive: delayed, in flight, or once received
//	due     generation due seq             the same by the moment when they are visible (again)
//	count   generation                     number of messages (a counter)
//	high    generation                     a bound above every sequence number given out
//	dedup   generation scope+id            a deduplication id until it expires (FIFO)
//	dedupdue generation expiry scope+id    the same by expiry
//	given   gen+id                         ids of deliveries that were taken in
//	move    task                           a message move task
//
// and, in the shard of the queue's account and region:
//
//	list    account region name            the queues, for listing
//	gone    account region name            when a queue was deleted, for a minute
//
// A ready message is a msg row without a flight row, or with one that is due. Generation is new for each creation of a queue, so that a
// queue made again under the same name is empty.
//
// Standard queues give ready messages in about their order, those that were given or delayed before by when they are due (again.go), fairly among message
// groups (fair.go); FIFO queues give them by group (fifo.go). What
// is over the retention period goes with what touches the queue, else once an hour (retention.go).
package sqs
