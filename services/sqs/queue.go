package sqs

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

var queueName = pattern.New(`^[A-Za-z0-9_-]{1,80}$`)

func (r *sqsRoom) createQueue(ctx context.Context, in *api.CreateQueueInput) (*api.CreateQueueOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.QueueName)}
	if in.QueueName == nil {
		return nil, errMissing("QueueName")
	}
	in.Attributes = normal(in.Attributes)
	if err := n.check(in.Attributes["FifoQueue"] == "true"); err != nil {
		return nil, err
	}
	if err := checkAttributes(in.Attributes, nil, n.fifo()); err != nil {
		return nil, err
	}
	if err := r.checkTarget(ctx, n, in.Attributes["RedrivePolicy"]); err != nil {
		return nil, err
	}
	if err := checkTags(n, in.Tags); err != nil {
		return nil, err
	}
	rec := record{Gen: r.d.IDs.Hex(8), Created: r.now() / 1000, Modified: r.now() / 1000, Tags: in.Tags}
	rec.set(in.Attributes)
	rec.GroupScope = rec.Attributes["DeduplicationScope"] == "messageGroup"
	if rec.Attributes["SqsManagedSseEnabled"] == "" && rec.Attributes["KmsMasterKeyId"] == "" {
		rec.Attributes["SqsManagedSseEnabled"] = "true"
	}
	err := r.d.Lanes.Do(ctx, n.shard(), func(tx store.Tx) error {
		old, err := readRecord(tx, n)
		if err != nil {
			return err
		}
		if old != nil {
			return sameQueue(old, in)
		}
		if err := r.checkGone(tx, n); err != nil {
			return err
		}
		if err := tx.Put(listKey(n.Scope).Str(n.Queue), nil); err != nil {
			return err
		}
		return r.writeRecord(tx, n, rec)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateQueueOutput{QueueUrl: new(n.url(ctx))}, nil
}

// fifo tells by its name whether a queue is a FIFO queue.
func (n name) fifo() bool { return strings.HasSuffix(n.Queue, ".fifo") }

// check checks the name of a queue to be made; fifo says what its attributes want.
func (n name) check(fifo bool) error {
	switch {
	case fifo && !n.fifo():
		return errParameter("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length")
	case !fifo && n.fifo(), len(n.Queue) > 80, !queueName.MatchString(strings.TrimSuffix(n.Queue, ".fifo")):
		return errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

// checkTarget checks the dead letter queue of a queue's RedrivePolicy: that it is there, of the same owner, region and type, and lets the
// queue use it. An empty policy has none.
func (r *sqsRoom) checkTarget(ctx context.Context, n name, policy string) error {
	if policy == "" {
		return nil
	}
	p, err := parseRedrive(policy)
	if err != nil {
		return err
	}
	bad := func(reason string) error { return errValue(policy, "RedrivePolicy", reason) }
	dead := nameOf(p.target)
	if dead.Account != n.Account {
		return bad("Dead letter target owner should be same as the source.")
	}
	rec, err := r.record(ctx, dead)
	switch {
	case cloud.IsCode(err, "QueueDoesNotExist"), err == nil && dead.Region != n.Region:
		return bad("Dead letter target does not exist.")
	case err != nil:
		return err
	case dead.fifo() != n.fifo():
		return bad("Dead-letter queue must be same type of queue as the source.")
	case !rec.permits(n.arn()):
		return bad("The redrive allow policy of the dead-letter queue does not permit the source queue.")
	}
	return nil
}

// sameQueue accepts the creation of a queue that exists when every attribute given has the value that it has.
func sameQueue(old *record, in *api.CreateQueueInput) error {
	have := old.settings()
	for _, n := range slices.Sorted(maps.Keys(in.Attributes)) {
		if !sameValue(have[n], in.Attributes[n]) {
			return errExists(n)
		}
	}
	return nil
}

// writeRecord writes a queue's row and refreshes what memory holds of it.
func (r *sqsRoom) writeRecord(tx store.Tx, n name, rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if err := tx.Put(n.recordKey(), b); err != nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { r.policies.Forget(n.arn()) })
	if q := r.shards[n.shard()][n]; q != nil {
		q.rec, q.cfg = rec, rec.config()
	}
	return nil
}

// change rewrites a queue's row.
func (r *sqsRoom) change(ctx context.Context, n name, fn func(*record) error) error {
	return r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		rec := q.rec
		rec.Attributes, rec.Tags = maps.Clone(rec.Attributes), maps.Clone(rec.Tags)
		if err := fn(&rec); err != nil {
			return err
		}
		rec.Modified = r.now() / 1000
		return r.writeRecord(tx, n, rec)
	})
}

func (r *sqsRoom) deleteQueue(ctx context.Context, in *api.DeleteQueueInput) (*api.DeleteQueueOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &api.DeleteQueueOutput{}, r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		if err := q.deleteRows(tx, "msg", "aged", "flight", "due", "count", "high", "dedup", "dedupdue", "given", "givendue"); err != nil {
			return err
		}
		if err := tx.Delete(listKey(n.Scope).Str(n.Queue)); err != nil {
			return err
		}
		if err := tx.Delete(n.recordKey()); err != nil {
			return err
		}
		if err := r.noteGone(tx, n); err != nil {
			return err
		}
		tx.AfterCommit(func(store.Stamp) { r.policies.Forget(n.arn()); r.polls.wake(n, -1) })
		delete(r.shards[q.shard], n)
		return nil
	})
}

// reuseInterval is how long the name of a deleted queue cannot be used, in ms.
const reuseInterval = 60_000

// noteGone remembers when a queue was deleted, and forgets names of its scope that can be used again.
func (r *sqsRoom) noteGone(tx store.Tx, n name) error {
	prefix, now := goneKey(n.Scope), r.now()
	it := tx.Scan(store.Prefix(prefix))
	defer func() { _ = it.Close() }()
	for it.Next() {
		if at := int64(binary.BigEndian.Uint64(it.Value())); now-at >= reuseInterval {
			if err := tx.Delete(slices.Clone(it.Key())); err != nil {
				return err
			}
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	return tx.Put(prefix.Str(n.Queue), binary.BigEndian.AppendUint64(nil, uint64(now)))
}

// checkGone refuses a name that a queue had up to a moment ago.
func (r *sqsRoom) checkGone(tx store.Tx, n name) error {
	at, err := counter(tx, goneKey(n.Scope).Str(n.Queue))
	if err == nil && at > 0 && r.now()-at < reuseInterval {
		return errDeletedRecently()
	}
	return err
}

func (q *queue) deleteRows(tx store.Tx, tables ...string) error {
	for _, t := range tables {
		k := genKey(q.shard, t, q.rec.Gen)
		if err := tx.DeleteRange(k, k.End()); err != nil {
			return err
		}
	}
	return nil
}

const purgeInterval = 60_000 // ms

func (r *sqsRoom) purgeQueue(ctx context.Context, in *api.PurgeQueueInput) (*api.PurgeQueueOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &api.PurgeQueueOutput{}, r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		now := r.now()
		if q.rec.Purged > 0 && now-q.rec.Purged < purgeInterval {
			return errPurging(n.Queue)
		}
		rec := q.rec
		rec.Purged = now
		if err := q.deleteRows(tx, "msg", "aged", "flight", "due", "count", "dedup", "dedupdue"); err != nil {
			return err
		}
		if err := r.writeRecord(tx, n, rec); err != nil {
			return err
		}
		delete(r.shards[q.shard], n) // the next load finds it empty
		return nil
	})
}

func (r *sqsRoom) getQueueURL(ctx context.Context, in *api.GetQueueUrlInput) (*api.GetQueueUrlOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.QueueName)}
	if in.QueueOwnerAWSAccountId != nil {
		n.Account = *in.QueueOwnerAWSAccountId
	}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	return &api.GetQueueUrlOutput{QueueUrl: new(n.url(ctx))}, nil
}

// record reads a queue's row outside its lane; errNoQueue when there is none.
func (r *sqsRoom) record(ctx context.Context, n name) (rec *record, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		rec, err = readRecord(rd, n)
		return err
	})
	if err == nil && rec == nil {
		err = errNoQueue()
	}
	return rec, err
}

func (r *sqsRoom) setQueueAttributes(ctx context.Context, in *api.SetQueueAttributesInput) (*api.SetQueueAttributesOutput, error) {
	if len(in.Attributes) == 0 {
		return nil, errMissing("Attributes")
	}
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	attrs := normal(in.Attributes)
	if err := r.checkTarget(ctx, n, attrs["RedrivePolicy"]); err != nil {
		return nil, err
	}
	err = r.change(ctx, n, func(rec *record) error {
		if err := checkAttributes(attrs, rec.Attributes, n.fifo()); err != nil {
			return err
		}
		rec.set(attrs)
		return nil
	})
	r.polls.wake(n, -1)
	return &api.SetQueueAttributesOutput{}, err
}

func (r *sqsRoom) getQueueAttributes(ctx context.Context, in *api.GetQueueAttributesInput) (*api.GetQueueAttributesOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var all map[string]string
	err = r.lane(ctx, n, func(tx store.Tx, q *queue) error {
		now := r.now()
		q.mature(now)
		if _, err := r.expire(tx, q); err != nil {
			return err
		}
		all = q.attributes(now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, want := range in.AttributeNames {
		if want == "All" {
			return &api.GetQueueAttributesOutput{Attributes: all}, nil
		}
		if !known(want) {
			return nil, errAttributeName("Unknown Attribute %s.", want)
		}
		if v, ok := all[want]; ok {
			out[want] = v
		}
	}
	if len(out) == 0 {
		out = nil
	}
	return &api.GetQueueAttributesOutput{Attributes: out}, nil
}

// known tells whether a queue's attribute has that name.
func known(attribute string) bool {
	_, num := numbers[attribute]
	_, word := words[attribute]
	return num || word || slices.Contains(readOnly, attribute)
}

// systemNames are the attributes of messages that the service sets.
var systemNames = []string{
	"All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber",
	"MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn",
}

// knownSystem tells whether a receive may ask for an attribute: those of queues are accepted, and give nothing.
func knownSystem(n string) bool { return slices.Contains(systemNames, n) || known(n) }

// attributes gives everything that GetQueueAttributes can tell.
func (q *queue) attributes(now int64) map[string]string {
	out := q.rec.settings()
	flying, delayed := int64(len(q.flying)), q.delays.count(now)
	for n, v := range map[string]int64{
		"ApproximateNumberOfMessages": max(0, q.count-flying-delayed), "ApproximateNumberOfMessagesNotVisible": flying,
		"ApproximateNumberOfMessagesDelayed": delayed, "CreatedTimestamp": q.rec.Created, "LastModifiedTimestamp": q.rec.Modified,
	} {
		out[n] = strconv.FormatInt(v, 10)
	}
	out["QueueArn"] = q.name.arn().String()
	return out
}

// describe answers other rooms.
func (r *sqsRoom) describe(ctx context.Context, a cloud.ARN) (cloud.Description, error) {
	rec, err := r.record(ctx, nameOf(a))
	if err != nil {
		return cloud.Description{}, err
	}
	attrs := maps.Clone(rec.Attributes)
	attrs["VisibilityTimeout"] = strconv.FormatInt(rec.config().visibility, 10)
	return cloud.Description{Type: "AWS::SQS::Queue", Name: a.Resource, Attributes: attrs, Tags: rec.Tags}, nil
}
