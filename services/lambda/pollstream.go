package lambda

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
)

const streamPatience = time.Minute // with throttles, which are then tried again like errors

// pollStream reads every shard of the stream in its own goroutine until ctx ends.
func (p *poller) pollStream(ctx context.Context) {
	var shards []string
	for trouble := 0; ; trouble++ {
		stream, err := p.r.d.Bus.Stream(p.src)
		if err == nil {
			if shards, err = stream.Shards(ctx, p.src); err == nil {
				break
			}
		}
		if ctx.Err() != nil {
			return
		}
		p.r.d.Log.Warn("reading a stream", "stream", p.src.String(), "error", err)
		if !pause(ctx, backoff(trouble)) {
			return
		}
	}
	var all sync.WaitGroup
	for _, s := range shards {
		all.Go(func() { p.pollShard(ctx, s) })
	}
	all.Wait()
}

func (p *poller) pollShard(ctx context.Context, shard string) {
	at, err := p.checkpoint(ctx, shard)
	for trouble := 0; ctx.Err() == nil; {
		if err == nil {
			at, err = p.step(ctx, shard, at)
		}
		if err == nil {
			trouble = 0
			continue
		}
		if ctx.Err() != nil {
			return
		}
		p.r.d.Log.Warn("reading a stream", "stream", p.src.String(), "shard", shard, "error", err)
		if !pause(ctx, backoff(trouble)) {
			return
		}
		trouble++
		at, err = p.checkpoint(ctx, shard)
	}
}

// checkpoint gives the position after what was dealt with; nil is the oldest record.
func (p *poller) checkpoint(ctx context.Context, shard string) (at []byte, err error) {
	err = p.r.d.Store.View(ctx, func(rd store.Reader) error {
		at, err = rd.Get(checkpointKey(p.sc, p.m.id()).Str(shard))
		return err
	})
	if len(at) == 0 {
		at = nil
	}
	return at, err
}

// advance keeps a position, with what goes out for the records before it. A mapping that was deleted meanwhile keeps nothing.
func (p *poller) advance(ctx context.Context, shard string, at []byte, out ...bus.Delivery) error {
	return p.r.d.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		b, err := tx.Get(mappingKey(p.sc, p.m.id()))
		if err != nil || b == nil {
			return err
		}
		if len(out) > 0 {
			if err := p.r.d.Bus.Emit(tx, shardOf(p.sc), out...); err != nil {
				return err
			}
		}
		return tx.Put(checkpointKey(p.sc, p.m.id()).Str(shard), at)
	})
}

// step waits for records, runs them, and gives the position after them.
func (p *poller) step(ctx context.Context, shard string, at []byte) ([]byte, error) {
	stream, err := p.r.d.Bus.Stream(p.src)
	if err != nil {
		return at, err
	}
	if err := stream.Wait(ctx, p.src, shard, at); err != nil {
		return at, err
	}
	size := int(val(p.m.Config.BatchSize, 100))
	records, next, err := stream.Read(ctx, p.src, shard, at, size)
	if window := val(p.m.Config.MaximumBatchingWindowInSeconds, 0); err == nil && window > 0 && len(records) > 0 && len(records) < size {
		if !pause(ctx, time.Duration(window)*time.Second) {
			return at, ctx.Err()
		}
		records, next, err = stream.Read(ctx, p.src, shard, at, size)
	}
	if err != nil || len(records) == 0 {
		return at, err
	}
	defer p.r.d.Clock.Busy("event source mapping " + p.m.id())()
	kept := slices.DeleteFunc(records, func(r bus.Record) bool { return !p.matches(decode(r.JSON)) })
	if len(kept) > 0 {
		if err := p.runRecords(ctx, shard, kept, 0); err != nil {
			return at, err
		}
	}
	return next, p.advance(ctx, shard, next)
}

// runRecords runs records in order until they succeeded or were given up. The error is the poller's end or trouble of the platform.
func (p *poller) runRecords(ctx context.Context, shard string, records []bus.Record, tried int) error {
	for attempt := tried; len(records) > 0; attempt++ {
		if old := p.tooOld(records); old > 0 {
			if err := p.discard(ctx, shard, records[:old], "RecordAgeExceeded", attempt, nil); err != nil {
				return err
			}
			records = records[old:]
			continue
		}
		left, res, err := p.attempt(ctx, records)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && len(left) == 0 {
			p.note("OK")
			return nil
		}
		p.note("PROBLEM: Function call failed")
		if len(left) < len(records) {
			attempt = 0
			if err := p.advance(ctx, shard, records[len(records)-len(left)-1].Position); err != nil {
				return err
			}
			records = left
		}
		if limit := val(p.m.Config.MaximumRetryAttempts, -1); err == nil && limit >= 0 && attempt >= int(limit) {
			return p.discard(ctx, shard, records, "RetryAttemptsExhausted", attempt+1, &res)
		}
		if err == nil && val(p.m.Config.BisectBatchOnFunctionError, false) && len(records) > 1 {
			half := len(records) / 2
			if err := p.runRecords(ctx, shard, records[:half], attempt+1); err != nil {
				return err
			}
			records = records[half:]
		}
		if !pause(ctx, backoff(attempt)) {
			return ctx.Err()
		}
	}
	return nil
}

// attempt runs the function once and gives the records that are left to do: none, all, or, with partial responses, those from the first that failed.
func (p *poller) attempt(ctx context.Context, records []bus.Record) ([]bus.Record, cloud.Result, error) {
	raw := make([]json.RawMessage, len(records))
	for i, r := range records {
		raw[i] = r.JSON
	}
	res, err := p.call(ctx, raw, cloud.Trace{}, streamPatience)
	if err != nil || res.FunctionError != "" {
		return records, res, err
	}
	if !p.reports() {
		return nil, res, nil
	}
	ids, ok := failures(res.Payload)
	if !ok {
		return records, res, nil
	}
	first := len(records)
	for _, id := range ids {
		i := slices.IndexFunc(records, func(r bus.Record) bool { return r.Sequence == id })
		if i < 0 {
			return records, res, nil
		}
		first = min(first, i)
	}
	return records[first:], res, nil
}

// tooOld counts the records at the front that are older than the mapping lets them be.
func (p *poller) tooOld(records []bus.Record) int {
	age := val(p.m.Config.MaximumRecordAgeInSeconds, -1)
	if age < 0 {
		return 0
	}
	limit := p.r.d.Clock.Now().Add(-time.Duration(age) * time.Second)
	n := 0
	for n < len(records) && records[n].Time.Before(limit) {
		n++
	}
	return n
}

// discard gives records up: what they were goes to the on-failure destination.
func (p *poller) discard(ctx context.Context, shard string, records []bus.Record, condition string, count int, res *cloud.Result) error {
	last := records[len(records)-1].Position
	d := p.m.Config.DestinationConfig
	if d == nil || d.OnFailure == nil || str(d.OnFailure.Destination) == "" {
		return p.advance(ctx, shard, last)
	}
	pl, err := p.r.plan(ctx, p.m.function())
	if err != nil {
		return err
	}
	id := p.r.d.IDs.UUID()
	rec := map[string]any{
		"version": "1.0", "timestamp": stampOf(p.r.d.Clock.Now()),
		"requestContext": map[string]any{
			"requestId": id, "functionArn": p.m.function().qualified().String(), "condition": condition, "approximateInvokeCount": count,
		},
		"DDBStreamBatchInfo": map[string]any{
			"shardId": shard, "startSequenceNumber": records[0].Sequence, "endSequenceNumber": records[len(records)-1].Sequence,
			"approximateArrivalOfFirstRecord": stampOf(records[0].Time), "approximateArrivalOfLastRecord": stampOf(records[len(records)-1].Time),
			"batchSize": len(records), "streamArn": p.src.String(),
		},
	}
	if res != nil {
		rec["responseContext"] = map[string]any{"statusCode": 200, "executedVersion": res.ExecutedVersion, "functionError": res.FunctionError}
	}
	body, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	out, err := p.r.toDestination(pl, *d.OnFailure.Destination, id, body, cloud.Trace{})
	if err != nil {
		return err
	}
	return p.advance(ctx, shard, last, out)
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
