package crash

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"sundog/api/kinesis"
)

// records are put into a stream by several producers, each under a key of its own and in order, while its shards are split and merged.
type records struct {
	p *platform
	record
	sent   [4]atomic.Int64
	scaled atomic.Int64

	mu  sync.Mutex
	seq map[string]string // the sequence number of each that was acknowledged
}

const crashStream = "crash"

func newRecords(p *platform) *records {
	must[kinesis.CreateStreamOutput](p, kinesis.CreateStreamOp, &kinesis.CreateStreamInput{StreamName: new(crashStream), ShardCount: new(int32(2))})
	return &records{p: p, seq: map[string]string{}}
}

func (w *records) String() string {
	return fmt.Sprintf("%d records of a stream that was scaled %d times", len(w.acked), w.scaled.Load())
}

func (w *records) workers() []func(context.Context) {
	out := []func(context.Context){w.scale}
	for i := range w.sent {
		out = append(out, func(ctx context.Context) { w.put(ctx, i) })
	}
	return out
}

func (w *records) put(ctx context.Context, producer int) {
	for ctx.Err() == nil {
		data := fmt.Sprintf("%d/%d", producer, w.sent[producer].Add(1))
		out, err := call[kinesis.PutRecordOutput](ctx, w.p, kinesis.PutRecordOp, &kinesis.PutRecordInput{
			StreamName: new(crashStream), PartitionKey: new(strconv.Itoa(producer)), Data: []byte(data)})
		if w.p.gone("PutRecord", err) {
			return
		}
		w.mu.Lock()
		w.seq[data] = *out.SequenceNumber
		w.mu.Unlock()
		w.ack(data)
	}
}

// maxScaled keeps the stream under the number of shards that it may have.
const maxScaled = 600

// scale splits and merges, forth and back.
func (w *records) scale(ctx context.Context) {
	for ctx.Err() == nil && w.scaled.Load() < maxScaled {
		want := int32(w.scaled.Load()%3 + 2)
		_, err := call[kinesis.UpdateShardCountOutput](ctx, w.p, kinesis.UpdateShardCountOp, &kinesis.UpdateShardCountInput{
			StreamName: new(crashStream), TargetShardCount: &want, ScalingType: new("UNIFORM_SCALING")})
		if w.p.gone("UpdateShardCount", err) {
			return
		}
		w.scaled.Add(1)
	}
}

// check reads all shards, parents first, for they have the smaller numbers: what was acknowledged is there once, under its sequence number, and what
// each producer put is in its order.
func (w *records) check() {
	last, seen := map[string]int64{}, map[string]string{}
	for _, shard := range w.shards() {
		w.read(shard, func(data, seq string) {
			producer, text, _ := strings.Cut(data, "/")
			n, _ := strconv.ParseInt(text, 10, 64)
			if n <= last[producer] {
				w.p.t.Errorf("producer %s: record %d is read after %d", producer, n, last[producer])
			}
			last[producer], seen[data] = n, seq
		})
	}
	for _, data := range w.acked {
		if seen[data] != w.seq[data] {
			w.p.t.Errorf("the record %s was acknowledged with %s; now found %q", data, w.seq[data], seen[data])
		}
	}
}

// shards gives the ids of all shards.
func (w *records) shards() (all []string) {
	in := &kinesis.ListShardsInput{StreamName: new(crashStream)}
	for {
		page := must[kinesis.ListShardsOutput](w.p, kinesis.ListShardsOp, in)
		for _, sh := range page.Shards {
			all = append(all, *sh.ShardId)
		}
		if page.NextToken == nil {
			return all
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

func (w *records) read(shard string, f func(data, seq string)) {
	it := must[kinesis.GetShardIteratorOutput](w.p, kinesis.GetShardIteratorOp, &kinesis.GetShardIteratorInput{
		StreamName: new(crashStream), ShardId: &shard, ShardIteratorType: new("TRIM_HORIZON")}).ShardIterator
	for it != nil {
		out := must[kinesis.GetRecordsOutput](w.p, kinesis.GetRecordsOp, &kinesis.GetRecordsInput{ShardIterator: it})
		for _, r := range out.Records {
			f(string(r.Data), *r.SequenceNumber)
		}
		if it = out.NextShardIterator; *out.MillisBehindLatest == 0 {
			return
		}
	}
}
