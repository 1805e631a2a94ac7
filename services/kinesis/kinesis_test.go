package kinesis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/edge/wire"
	"sundog/engine/store"
	"sundog/services/servicetest"
)

// bench is the room with what tests need around it.
type bench struct {
	*servicetest.Kit
	t   testing.TB
	s   *service
	ctx context.Context
	ops map[string]cloud.Operation
}

func open(t testing.TB) *bench { return over(t, servicetest.New(t)) }

func over(t testing.TB, k *servicetest.Kit) *bench {
	b := &bench{Kit: k, t: t, ctx: k.Context(), ops: map[string]cloud.Operation{}}
	r := New(k.Deps)
	for _, op := range r.Operations {
		b.ops[op.Name] = op
	}
	b.s = r.Stream.(source).service
	k.Begin(t, r)
	return b
}

// do calls an operation as the gateway does: checked against the model, and with its access asked for.
func (b *bench) do(name string, in any) (any, error) {
	b.t.Helper()
	op, ok := b.ops[name]
	if !ok {
		b.t.Fatalf("no operation %s", name)
	}
	if err := wire.Validate(op.Schema, in); err != nil {
		return nil, err
	}
	if _, err := op.Access(b.ctx, in); err != nil {
		return nil, err
	}
	return op.Call(b.ctx, in)
}

// try gives only the error of a call.
func (b *bench) try(name string, in any) error {
	b.t.Helper()
	_, err := b.do(name, in)
	return err
}

// call gives the answer of a call.
func call[O any](b *bench, name string, in any) (*O, error) {
	b.t.Helper()
	out, err := b.do(name, in)
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}

// must is call for what has to succeed.
func must[O any](b *bench, name string, in any) *O {
	b.t.Helper()
	out, err := call[O](b, name, in)
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	return out
}

func (b *bench) create(name string, shards int) {
	b.t.Helper()
	must[api.CreateStreamOutput](b, "CreateStream", &api.CreateStreamInput{StreamName: &name, ShardCount: new(int32(shards))})
}

func (b *bench) put(name, key, data string) *api.PutRecordOutput {
	b.t.Helper()
	return must[api.PutRecordOutput](b, "PutRecord", &api.PutRecordInput{StreamName: &name, PartitionKey: &key, Data: []byte(data)})
}

// iterator gives an iterator of a kind.
func (b *bench) iterator(name, shard, kind string, change ...func(*api.GetShardIteratorInput)) *string {
	b.t.Helper()
	in := &api.GetShardIteratorInput{StreamName: &name, ShardId: &shard, ShardIteratorType: &kind}
	for _, f := range change {
		f(in)
	}
	return must[api.GetShardIteratorOutput](b, "GetShardIterator", in).ShardIterator
}

// read gives what an iterator gives: the data of its records, and where to go on.
func (b *bench) read(it *string, limit int) (string, *api.GetRecordsOutput) {
	b.t.Helper()
	in := &api.GetRecordsInput{ShardIterator: it}
	if limit > 0 {
		in.Limit = new(int32(limit))
	}
	out := must[api.GetRecordsOutput](b, "GetRecords", in)
	return dataOf(out.Records), out
}

func dataOf(records []api.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Data))
	}
	return strings.Join(all, " ")
}

func (b *bench) shards(name string) []api.Shard {
	b.t.Helper()
	return must[api.ListShardsOutput](b, "ListShards", &api.ListShardsInput{StreamName: &name}).Shards
}

func (b *bench) advance(d time.Duration) {
	b.t.Helper()
	if _, err := b.Clock.Advance(b.ctx, d); err != nil {
		b.t.Fatal(err)
	}
}

// rows counts what is in the store of a table of the room.
func (b *bench) rows(table string) (n int) {
	b.t.Helper()
	err := b.Deps.Store.View(b.ctx, func(r store.Reader) error {
		n = 0
		return store.Everywhere(r, roomName, table, func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

const first = "shardId-000000000000"

func TestPutAndGet(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	var seqs []string
	for i := range 5 {
		out := b.put("s", fmt.Sprint("k", i), fmt.Sprint("d", i))
		if *out.ShardId != first {
			t.Fatal(*out.ShardId)
		}
		seqs = append(seqs, *out.SequenceNumber)
		b.advance(time.Second)
	}
	for i, s := range seqs {
		if len(s) != 56 || i > 0 && s <= seqs[i-1] {
			t.Fatalf("sequence numbers %q", seqs)
		}
	}
	got, out := b.read(b.iterator("s", first, "TRIM_HORIZON"), 2)
	if got != "d0 d1" || *out.MillisBehindLatest != 3000 || *out.Records[1].SequenceNumber != seqs[1] || *out.Records[1].PartitionKey != "k1" {
		t.Fatal(got, *out.MillisBehindLatest)
	}
	got, out = b.read(out.NextShardIterator, 0)
	if got != "d2 d3 d4" || *out.MillisBehindLatest != 0 {
		t.Fatal(got, *out.MillisBehindLatest)
	}
	tip := out.NextShardIterator
	latest := b.iterator("s", first, "LATEST")
	b.put("s", "k", "new")
	for _, it := range []*string{tip, latest} {
		if got, _ := b.read(it, 0); got != "new" {
			t.Fatal(got)
		}
	}
	at := func(kind string) func(*api.GetShardIteratorInput) {
		return func(in *api.GetShardIteratorInput) { in.ShardIteratorType, in.StartingSequenceNumber = &kind, &seqs[3] }
	}
	if got, _ := b.read(b.iterator("s", first, "", at("AT_SEQUENCE_NUMBER")), 0); got != "d3 d4 new" {
		t.Fatal(got)
	}
	if got, _ := b.read(b.iterator("s", first, "", at("AFTER_SEQUENCE_NUMBER")), 0); got != "d4 new" {
		t.Fatal(got)
	}
}

// An iterator at a time begins with the first record that arrived then or later.
func TestAtTimestamp(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	var times []time.Time
	for i := range 40 {
		times = append(times, b.Clock.Now())
		b.put("s", "k", fmt.Sprint(i))
		b.put("s", "k", fmt.Sprint(i, "b"))
		b.advance(7 * time.Second)
	}
	for i, at := range times {
		for _, x := range []struct {
			d    time.Duration
			want string
		}{{0, fmt.Sprint(i)}, {-time.Millisecond, fmt.Sprint(i)}, {time.Millisecond, fmt.Sprint(i + 1)}} {
			got, _ := b.read(b.iterator("s", first, "AT_TIMESTAMP", func(in *api.GetShardIteratorInput) { in.Timestamp = new(at.Add(x.d)) }), 1)
			if i == len(times)-1 && x.d > 0 {
				x.want = ""
			}
			if got != x.want {
				t.Fatalf("record %d, %v: got %q, want %q", i, x.d, got, x.want)
			}
		}
	}
}

// Records go to the shard of their key's hash, or of the hash that the client gives.
func TestHashKeys(t *testing.T) {
	b := open(t)
	b.create("s", 3)
	shards := b.shards("s")
	if len(shards) != 3 || *shards[0].HashKeyRange.StartingHashKey != "0" || *shards[2].HashKeyRange.EndingHashKey != "340282366920938463463374607431768211455" {
		t.Fatalf("%+v", shards)
	}
	for i, sh := range shards {
		for _, h := range []*string{sh.HashKeyRange.StartingHashKey, sh.HashKeyRange.EndingHashKey} {
			out := must[api.PutRecordOutput](b, "PutRecord", &api.PutRecordInput{StreamName: new("s"), PartitionKey: new("k"), ExplicitHashKey: h, Data: []byte("x")})
			if *out.ShardId != *sh.ShardId {
				t.Fatalf("shard %d: hash key %s went to %s", i, *h, *out.ShardId)
			}
		}
	}
	// md5("a") is 0cc175b9..., md5("b") 92eb5ffe..., md5("f") 8fa14cdd...
	for key, want := range map[string]string{"a": shardID(0), "b": shardID(1), "f": shardID(1)} {
		if out := b.put("s", key, "x"); *out.ShardId != want {
			t.Errorf("%s went to %s", key, *out.ShardId)
		}
	}
	out := must[api.PutRecordsOutput](b, "PutRecords", &api.PutRecordsInput{StreamName: new("s"), Records: []api.PutRecordsRequestEntry{
		{Data: []byte("1"), PartitionKey: new("a")}, {Data: []byte("2"), PartitionKey: new("b")}, {Data: []byte("3"), PartitionKey: new("a")},
	}})
	if *out.FailedRecordCount != 0 || *out.Records[0].ShardId != shardID(0) || *out.Records[1].ShardId != shardID(1) || *out.Records[0].SequenceNumber >= *out.Records[2].SequenceNumber {
		t.Fatalf("%+v", out)
	}
	if got, _ := b.read(b.iterator("s", shardID(0), "AFTER_SEQUENCE_NUMBER", func(in *api.GetShardIteratorInput) { in.StartingSequenceNumber = out.Records[0].SequenceNumber }), 0); got != "3" {
		t.Fatal(got)
	}
}

// What is over the retention period is not read any more, and leaves the store; so do closed shards.
func TestRetention(t *testing.T) {
	b := open(t)
	b.create("s", 2)
	b.put("s", "a", "old")
	b.advance(time.Hour)
	b.put("s", "a", "young")
	must[api.MergeShardsOutput](b, "MergeShards", &api.MergeShardsInput{StreamName: new("s"), ShardToMerge: new(shardID(0)), AdjacentShardToMerge: new(shardID(1))})
	b.advance(23*time.Hour + time.Second)
	if got, _ := b.read(b.iterator("s", first, "TRIM_HORIZON"), 0); got != "young" || b.rows("log") != 1 {
		t.Fatal(got, b.rows("log"))
	}
	hours := func(op string, n int32) {
		t.Helper()
		if op == "up" {
			must[api.IncreaseStreamRetentionPeriodOutput](b, "IncreaseStreamRetentionPeriod", &api.IncreaseStreamRetentionPeriodInput{StreamName: new("s"), RetentionPeriodHours: &n})
		} else {
			must[api.DecreaseStreamRetentionPeriodOutput](b, "DecreaseStreamRetentionPeriod", &api.DecreaseStreamRetentionPeriodInput{StreamName: new("s"), RetentionPeriodHours: &n})
		}
	}
	hours("up", 48)
	b.advance(10 * time.Hour)
	if got, _ := b.read(b.iterator("s", first, "TRIM_HORIZON"), 0); got != "young" {
		t.Fatal(got)
	}
	hours("down", 24)
	b.advance(time.Second)
	if shards := b.shards("s"); b.rows("log") != 0 || len(shards) != 1 || *shards[0].ShardId != shardID(2) || b.rows("mark") != 1 {
		t.Fatal(b.rows("log"), b.rows("mark"), len(shards))
	}
}

func TestIteratorExpires(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	it := b.iterator("s", first, "LATEST")
	b.Clock.AdvanceWall(5 * time.Minute)
	b.read(it, 0)
	b.Clock.AdvanceWall(time.Second)
	_, err := call[api.GetRecordsOutput](b, "GetRecords", &api.GetRecordsInput{ShardIterator: it})
	if !cloud.IsCode(err, "ExpiredIteratorException") || !strings.Contains(err.Error(), "Iterator expired. The iterator was created at time ") {
		t.Fatal(err)
	}
}

// A stream that is deleted leaves nothing, and one made again under its name is empty.
func TestDelete(t *testing.T) {
	b := open(t)
	b.create("s", 2)
	b.put("s", "a", "x")
	it := b.iterator("s", first, "TRIM_HORIZON")
	arn := ref{servicetest.Scope, "s"}.arn().String()
	must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: new("c")})
	_, err := call[api.DeleteStreamOutput](b, "DeleteStream", &api.DeleteStreamInput{StreamName: new("s")})
	if !cloud.IsCode(err, "ResourceInUseException") {
		t.Fatal(err)
	}
	must[api.DeleteStreamOutput](b, "DeleteStream", &api.DeleteStreamInput{StreamARN: &arn, EnforceConsumerDeletion: new(true)})
	for _, table := range []string{"stream", "state", "id", "consumer", "mark", "log"} {
		if n := b.rows(table); n != 0 {
			t.Errorf("%d rows of %s are left", n, table)
		}
	}
	b.create("s", 1)
	if got, _ := b.read(b.iterator("s", first, "TRIM_HORIZON"), 0); got != "" {
		t.Fatal(got)
	}
	if _, err := call[api.GetRecordsOutput](b, "GetRecords", &api.GetRecordsInput{ShardIterator: it}); !cloud.IsCode(err, "InvalidArgumentException") {
		t.Fatal(err)
	}
}
