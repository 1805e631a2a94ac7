package sqs

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"strings"

	api "sundog/api/sqs"
	"sundog/cloud"
	"sundog/engine/store"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func (r *sqsRoom) createQueue(ctx context.Context, in *api.CreateQueueInput) (*api.CreateQueueOutput, error) {
	n := name{cloud.CallFrom(ctx).Scope, text(in.QueueName)}
	if in.QueueName == nil {
		return nil, errMissing("QueueName")
	}
	in.Attributes = normal(in.Attributes)
	base, fifo := strings.CutSuffix(n.Queue, ".fifo")
	if !queueName.MatchString(base) || len(n.Queue) > 80 {
		return nil, errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if fifo != (in.Attributes["FifoQueue"] == "true") && (fifo || in.Attributes["FifoQueue"] == "true") {
		return nil, errFIFOName(fifo)
	}
	if err := checkAttributes(in.Attributes, fifo, true); err != nil {
		return nil, err
	}
	if err := r.checkTarget(ctx, in.Attributes, fifo); err != nil {
		return nil, err
	}
	if len(in.Tags) > 50 {
		return nil, errParameter("Too many tags added for queue %s. Maximum number of tags allowed per queue is 50.", n.Queue)
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

// checkTarget checks that the dead letter queue of a RedrivePolicy is there, and of the same type.
func (r *sqsRoom) checkTarget(ctx context.Context, attrs map[string]string, fifo bool) error {
	v := attrs["RedrivePolicy"]
	if v == "" {
		return nil
	}
	p, err := parseRedrive(v)
	if err != nil {
		return err
	}
	rec, err := r.record(ctx, nameOf(p.target))
	switch {
	case cloud.IsCode(err, "QueueDoesNotExist"):
		return errValue(v, "RedrivePolicy", "Dead letter target does not exist.")
	case err != nil:
		return err
	case rec.config().fifo != fifo:
		return errValue(v, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")
	}
	return nil
}

func errFIFOName(named bool) error {
	if named {
		return errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return errParameter("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length")
}

// sameQueue accepts the creation of a queue that exists when every attribute given has the value that it has.
func sameQueue(old *record, in *api.CreateQueueInput) error {
	for n, v := range in.Attributes {
		have := old.Attributes[n]
		if have == "" {
			if num, ok := numbers[n]; ok {
				have = strconv.FormatInt(num.def, 10)
			}
		}
		if have == "" && n == "ContentBasedDeduplication" {
			have = "false"
		}
		if have != v {
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
func (r *sqsRoom) change(ctx context.Context, url *string, fn func(*record) error) error {
	n, err := byURL(ctx, url)
	if err != nil {
		return err
	}
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
		if err := q.deleteRows(tx, "msg", "flight", "count", "high", "dedup", "dedupdue", "given", "givendue"); err != nil {
			return err
		}
		if err := tx.Delete(listKey(n.Scope).Str(n.Queue)); err != nil {
			return err
		}
		if err := tx.Delete(n.recordKey()); err != nil {
			return err
		}
		tx.AfterCommit(func(store.Stamp) { r.policies.Forget(n.arn()); r.polls.wake(n, -1) })
		delete(r.shards[q.shard], n)
		return nil
	})
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
		if err := q.deleteRows(tx, "msg", "flight", "count", "dedup", "dedupdue"); err != nil {
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
	if err := r.checkTarget(ctx, attrs, strings.HasSuffix(n.Queue, ".fifo")); err != nil {
		return nil, err
	}
	err = r.change(ctx, in.QueueUrl, func(rec *record) error {
		if err := checkAttributes(attrs, rec.Attributes["FifoQueue"] == "true", false); err != nil {
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
		q.mature(r.now())
		if err := r.expire(tx, q); err != nil {
			return err
		}
		all = q.attributes()
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

func known(attribute string) bool {
	_, num := numbers[attribute]
	_, word := words[attribute]
	return num || word || strings.Contains(" "+strings.Join(readOnly, " ")+" ", " "+attribute+" ")
}

// attributes gives everything that GetQueueAttributes can tell.
func (q *queue) attributes() map[string]string {
	out := maps.Clone(q.rec.Attributes)
	for n, num := range numbers {
		if out[n] == "" && (n != "KmsDataKeyReusePeriodSeconds" || out["KmsMasterKeyId"] != "") {
			out[n] = strconv.FormatInt(num.def, 10)
		}
	}
	if q.fifo() {
		for n, v := range map[string]string{"ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"} {
			if out[n] == "" {
				out[n] = v
			}
		}
	}
	flying, delayed := int64(len(q.flying)), int64(len(q.delayed))
	for n, v := range map[string]int64{
		"ApproximateNumberOfMessages": max(0, q.count-flying-delayed), "ApproximateNumberOfMessagesNotVisible": flying,
		"ApproximateNumberOfMessagesDelayed": delayed, "CreatedTimestamp": q.rec.Created, "LastModifiedTimestamp": q.rec.Modified,
	} {
		out[n] = strconv.FormatInt(v, 10)
	}
	out["QueueArn"] = q.name.arn().String()
	return out
}

func (r *sqsRoom) tagQueue(ctx context.Context, in *api.TagQueueInput) (*api.TagQueueOutput, error) {
	return &api.TagQueueOutput{}, r.change(ctx, in.QueueUrl, func(rec *record) error {
		if rec.Tags == nil {
			rec.Tags = map[string]string{}
		}
		maps.Copy(rec.Tags, in.Tags)
		if len(rec.Tags) > 50 {
			return errParameter("Too many tags added for queue. Maximum number of tags allowed per queue is 50.")
		}
		return nil
	})
}

func (r *sqsRoom) untagQueue(ctx context.Context, in *api.UntagQueueInput) (*api.UntagQueueOutput, error) {
	return &api.UntagQueueOutput{}, r.change(ctx, in.QueueUrl, func(rec *record) error {
		for _, k := range in.TagKeys {
			delete(rec.Tags, k)
		}
		return nil
	})
}

func (r *sqsRoom) listTags(ctx context.Context, in *api.ListQueueTagsInput) (*api.ListQueueTagsOutput, error) {
	n, err := byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	return &api.ListQueueTagsOutput{Tags: rec.Tags}, nil
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
