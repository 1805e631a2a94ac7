package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
)

const streamPatience = time.Minute // with throttles, which are then tried again like errors

// runRecords runs records in order until they succeeded or were given up. The error is the poller's end or trouble of the platform.
//
// A batch that fails is tried again; with bisection its halves are, one after the other, and splitting does not count as a try (Lambda Developer
// Guide, "Retaining discarded batches"). With partial responses what is left begins at the first record that failed.
func (l *lane) runRecords(ctx context.Context, records []bus.Record, tried int) error {
	for trouble := 0; len(records) > 0; {
		if old := l.tooOld(ctx, records, tried > 0 || trouble > 0); old > 0 {
			if err := l.discard(ctx, records[:old], "RecordAgeExceeded", max(1, tried), nil); err != nil {
				return err
			}
			records = records[old:]
			continue
		}
		left, res, err := l.attempt(ctx, records)
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // it did not run: this is no try
			l.note(ctx, resultProblem)
			l.count(failedEvents, len(records))
			if !l.rest(ctx, backoff(trouble)) {
				return ctx.Err()
			}
			trouble++
			continue
		case len(left) == 0:
			l.note(ctx, resultOK)
			return l.advance(ctx, records[len(records)-1].Position)
		}
		trouble = 0
		l.note(ctx, resultProblem)
		l.count(failedEvents, len(left))
		if len(left) < len(records) {
			if err := l.advance(ctx, records[len(records)-len(left)-1].Position); err != nil {
				return err
			}
			records, tried = left, 0
			continue
		}
		if val(l.m.Config.BisectBatchOnFunctionError, false) && len(records) > 1 {
			half := len(records) / 2
			if err := l.runRecords(ctx, records[:half], tried); err != nil {
				return err
			}
			records = records[half:]
			continue
		}
		tried++
		if limit := val(l.m.Config.MaximumRetryAttempts, -1); limit >= 0 && tried > int(limit) {
			return l.discard(ctx, records, "RetryAttemptsExhausted", tried, &res)
		}
		if !l.rest(ctx, backoff(tried-1)) {
			return ctx.Err()
		}
	}
	return nil
}

// attempt runs the function once and gives the records that are left to do: none, all, or, with partial responses, those from the first that failed.
func (l *lane) attempt(ctx context.Context, records []bus.Record) ([]bus.Record, cloud.Result, error) {
	l.inWindow(records[0]) // opens a new one when the last has been ended early
	write, err := l.recordJSON(ctx)
	if err != nil {
		return records, cloud.Result{}, err
	}
	payload, err := eventOf(records, write, l.aggregate(false, false))
	if err != nil {
		return nil, cloud.Result{}, err
	}
	l.age(ctx, records[len(records)-1].Time)
	l.count(invokedEvents, len(records))
	res, err := l.call(ctx, payload, cloud.Trace{}, streamPatience)
	if err != nil || res.FunctionError != "" {
		return records, res, err
	}
	left := records[len(records):]
	if l.reports() {
		if left = leftOf(records, res.Payload); len(left) == len(records) {
			return left, res, nil
		}
	}
	if l.windowed() {
		if ok, err := l.keepState(ctx, res.Payload); err != nil || !ok {
			return records, res, err
		}
	}
	return left, res, nil
}

// leftOf gives the records from the first on that a response names; all when it cannot be understood.
func leftOf(records []bus.Record, payload []byte) []bus.Record {
	ids, ok := failures(payload)
	if !ok {
		return records
	}
	first := len(records)
	for _, id := range ids {
		i := slices.IndexFunc(records, func(r bus.Record) bool { return r.Sequence == id })
		if i < 0 {
			return records
		}
		first = min(first, i)
	}
	return records[first:]
}

// age records how old the last record of a batch is when the function gets it.
func (l *lane) age(ctx context.Context, last time.Time) {
	pl, err := l.r.plan(ctx, l.m.function())
	if err != nil {
		return // the call itself will say so
	}
	now := l.r.d.Clock.Now()
	l.r.count(pl, "IteratorAge", "Milliseconds", millis(max(0, now.Sub(last))), now)
}

// discard gives records up: what they were goes to the on-failure destination.
func (l *lane) discard(ctx context.Context, records []bus.Record, condition string, count int, res *cloud.Result) error {
	last := records[len(records)-1].Position
	dest := str(onFailure(&l.m.Config))
	if dest == "" {
		if res != nil || val(l.m.Config.MaximumRecordAgeInSeconds, -1) >= 0 { // not because the stream does not keep them
			l.count(droppedEvents, len(records))
		}
		return l.advance(ctx, last)
	}
	pl, err := l.r.plan(ctx, l.m.function())
	if err != nil {
		return err
	}
	id := l.r.d.IDs.UUID()
	rec := l.discarded(records, id, condition, count, res)
	if a, err := cloud.ParseARN(dest); err == nil && a.Service == "s3" {
		if err := l.toBucket(ctx, pl, a, rec, records); err != nil {
			return err
		}
		return l.advance(ctx, last)
	}
	body, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	out, err := l.r.toDestination(pl, dest, id, body, cloud.Trace{})
	if err != nil {
		return err
	}
	l.countDelivered(&out, len(records))
	return l.advance(ctx, last, out)
}

// discardedRecord is what an on-failure destination gets (Lambda Developer Guide, "Retaining discarded batches for a DynamoDB event source").
type discardedRecord struct {
	Request  map[string]any `json:"requestContext"`
	Response map[string]any `json:"responseContext,omitempty"`
	Version  string         `json:"version"`
	At       string         `json:"timestamp"`
	Kinesis  *discardedInfo `json:"KinesisBatchInfo,omitempty"`
	DynamoDB *discardedInfo `json:"DDBStreamBatchInfo,omitempty"`
	Payload  *string        `json:"payload,omitempty"` // only in buckets: the whole event
}

type discardedInfo struct {
	Shard string `json:"shardId"`
	Start string `json:"startSequenceNumber"`
	End   string `json:"endSequenceNumber"`
	First string `json:"approximateArrivalOfFirstRecord"`
	Last  string `json:"approximateArrivalOfLastRecord"`
	Size  int    `json:"batchSize"`
	ARN   string `json:"streamArn"`
}

func (l *lane) discarded(records []bus.Record, id, condition string, count int, res *cloud.Result) discardedRecord {
	first, last := records[0], records[len(records)-1]
	rec := discardedRecord{Version: "1.0", At: stampOf(l.r.d.Clock.Now()), Request: map[string]any{
		"requestId": id, "functionArn": l.m.function().qualified().String(), "condition": condition, "approximateInvokeCount": count,
	}}
	info := &discardedInfo{Shard: l.shard.Name, Start: first.Sequence, End: last.Sequence, First: stampOf(first.Time), Last: stampOf(last.Time), Size: len(records), ARN: l.src.String()}
	if l.src.Service == "kinesis" {
		rec.Kinesis = info
	} else { // DynamoDB tells times by the second
		info.First, info.Last = first.Time.UTC().Format(time.RFC3339), last.Time.UTC().Format(time.RFC3339)
		rec.DynamoDB = info
	}
	if res != nil {
		rec.Request["requestId"] = res.RequestID
		rec.Response = map[string]any{"statusCode": 200, "executedVersion": res.ExecutedVersion, "functionError": res.FunctionError}
		if res.FunctionError == "" {
			rec.Response["functionError"] = nil
		}
	}
	return rec
}

// toBucket puts the record, with the event, into a bucket. What the bucket refuses is only logged: trying again would hold up the shard.
func (l *lane) toBucket(ctx context.Context, pl *plan, bucket cloud.ARN, rec discardedRecord, records []bus.Record) error {
	event, err := eventOf(records, l.identified(pl), nil)
	if err != nil {
		return err
	}
	rec.Payload = new(string(event))
	body, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	now := l.r.d.Clock.Now().UTC()
	key := "aws/lambda/" + l.m.id() + "/" + l.shard.Name + "/" + now.Format("2006/01/02/2006-01-02T15.04.05") + "-" + l.r.d.IDs.UUID()
	in, err := json.Marshal(map[string]any{"Bucket": bucket.Resource, "Key": key, "ContentType": "application/json"})
	if err != nil {
		return err
	}
	run := cloud.WithCall(context.WithoutCancel(ctx), cloud.Call{Scope: l.sc, Principal: asRole(pl), RequestID: l.r.d.IDs.UUID(), Secure: true})
	_, err = l.r.d.Caller.Call(run, asRole(pl), "s3", "PutObject", in, bytes.NewReader(body))
	if err == nil {
		l.count(deliveredEvents, len(records))
		return nil
	}
	if k := cloud.AsError(err).Kind; k == cloud.Internal || k == cloud.Throttled {
		return err
	}
	l.count(droppedEvents, len(records))
	l.r.d.Log.Warn("a discarded batch did not reach its destination", "mapping", l.m.id(), "bucket", bucket.Resource, "error", err)
	return nil
}

func recordJSON(r bus.Record) []byte { return r.JSON }

// recordJSON gives what writes a record of the lane's stream into an event.
func (l *lane) recordJSON(ctx context.Context) (func(bus.Record) []byte, error) {
	if l.src.Service != "kinesis" {
		return recordJSON, nil
	}
	pl, err := l.r.plan(ctx, l.m.function())
	if err != nil {
		return nil, err
	}
	return l.identified(pl), nil
}

// identified gives what writes a record into an event: those of Kinesis say in whose name the function reads.
func (l *lane) identified(pl *plan) func(bus.Record) []byte {
	if l.src.Service != "kinesis" {
		return recordJSON
	}
	identity := append([]byte(`,"invokeIdentityArn":"`), asRole(pl).Role.String()...)
	identity = append(identity, `"}`...)
	return func(r bus.Record) []byte {
		end := len(r.JSON) - 1 // the closing brace
		return append(r.JSON[:end:end], identity...)
	}
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
