package sqs

import (
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

// name is a queue's full name.
type name struct {
	cloud.Scope
	Queue string
}

func nameOf(a cloud.ARN) name { return name{Scope: a.Scope(), Queue: a.Resource} }

func (n name) arn() cloud.ARN { return cloud.NewARN("sqs", n.Scope, n.Queue) }

func (n name) shard() store.Shard { return store.ShardOf("sqs", n.Account, n.Region, n.Queue) }

func (n name) key(table string) store.Key {
	return store.K(n.shard(), "sqs", table).Str(n.Account).Str(n.Region).Str(n.Queue)
}

func (n name) recordKey() store.Key { return n.key("queue") }

// listKey is the row of the scope's list of queues, in the scope's control shard, so that ListQueues is one scan.
func listKey(sc cloud.Scope) store.Key {
	return store.K(store.ShardOf("sqs", sc.Account, sc.Region), "sqs", "list").Str(sc.Account).Str(sc.Region)
}

// goneKey starts the rows of a scope's queues that were deleted a moment ago, beside its list.
func goneKey(sc cloud.Scope) store.Key {
	return store.K(store.ShardOf("sqs", sc.Account, sc.Region), "sqs", "gone").Str(sc.Account).Str(sc.Region)
}

// genKey starts the keys of one generation of a queue.
func genKey(s store.Shard, table, gen string) store.Key { return store.K(s, "sqs", table).Str(gen) }

func (q *queue) msgKey(seq uint64) store.Key    { return genKey(q.shard, "msg", q.rec.Gen).U64(seq) }
func (q *queue) flightKey(seq uint64) store.Key { return genKey(q.shard, "flight", q.rec.Gen).U64(seq) }
func (q *queue) countKey() store.Key            { return genKey(q.shard, "count", q.rec.Gen) }
func (q *queue) highKey() store.Key             { return genKey(q.shard, "high", q.rec.Gen) }

// once is a table of ids of the queue.
func (q *queue) once(table string) room.Once {
	return room.Once{Rows: genKey(q.shard, table, q.rec.Gen), Due: genKey(q.shard, table+"due", q.rec.Gen)}
}
