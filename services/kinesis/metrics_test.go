package kinesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/telemetry"
	"sundog/services/servicetest"
)

// measured gives count and sum of every metric of a stream but its latencies: those of a consumer or a shard after its name.
func (b *bench) measured() string {
	b.t.Helper()
	if err := b.Telemetry.Flush(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	ids, err := b.Telemetry.MetricIDs(b.ctx, servicetest.Scope)
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, id := range ids {
		if id.Namespace != metricSpace || id.Dimensions["StreamName"] != "s" || strings.HasSuffix(id.Name, ".Latency") {
			continue
		}
		points, err := b.Telemetry.Metrics(b.ctx, telemetry.MetricQuery{Scope: servicetest.Scope, Namespace: id.Namespace, Name: id.Name, Dimensions: id.Dimensions,
			From: b.Clock.Now().Add(-time.Hour), To: b.Clock.Now().Add(time.Hour)})
		if err != nil {
			b.t.Fatal(err)
		}
		n, sum := 0.0, 0.0
		for _, p := range points {
			n, sum = n+p.Count, sum+p.Sum
		}
		all = append(all, strings.TrimPrefix(fmt.Sprintf("%s.%s %v %v", id.Dimensions["ConsumerName"]+id.Dimensions["ShardId"], id.Name, n, sum), "."))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// What is put and read is counted as CloudWatch shows it, whoever does it.
func TestMetrics(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	b.put("s", "ab", "four")
	many := &api.PutRecordsInput{StreamName: new("s")}
	for range 3 {
		many.Records = append(many.Records, api.PutRecordsRequestEntry{PartitionKey: new("a"), Data: []byte("x")})
	}
	must[api.PutRecordsOutput](b, "PutRecords", many)
	if err := b.try("PutRecord", &api.PutRecordInput{StreamName: new("none"), PartitionKey: new("a"), Data: []byte("x")}); err == nil {
		t.Fatal("a stream that is not there takes records")
	}
	b.advance(time.Second)
	d := bus.Delivery{ID: "one", Target: ref{servicetest.Scope, "s"}.arn(), Payload: []byte("sent"), Expires: b.Clock.Now().Add(time.Hour)}
	for range 2 { // the second time it is known
		if _, err := (target{b.s}).Deliver(b.ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	it := b.iterator("s", first, "TRIM_HORIZON")
	_, out := b.read(it, 4)
	b.read(out.NextShardIterator, 0)
	b.read(b.iterator("s", first, "LATEST"), 0)
	arn := ref{servicetest.Scope, "s"}.arn()
	if _, _, err := (source{b.s}).Read(b.ctx, arn, b.record().busID(0), nil, 1); err != nil {
		t.Fatal(err)
	}
	c := must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: new(arn.String()), ConsumerName: new("c")}).Consumer
	sub := must[api.SubscribeToShardOutput](b, "SubscribeToShard", &api.SubscribeToShardInput{ConsumerARN: c.ConsumerARN, ShardId: new(first), StartingPosition: &api.StartingPosition{Type: new("TRIM_HORIZON")}})
	if _, err := sub.EventStream.Next(b.ctx); err != nil || sub.EventStream.Close() != nil {
		t.Fatal(err)
	}
	want := `GetRecords.Bytes 4 25
GetRecords.IteratorAgeMilliseconds 4 2000
GetRecords.Records 4 6
GetRecords.Success 4 4
IncomingBytes 3 19
IncomingRecords 3 5
PutRecord.Bytes 2 13
PutRecord.Success 2 2
PutRecords.Bytes 1 6
PutRecords.FailedRecords 1 0
PutRecords.Records 1 3
PutRecords.Success 1 1
PutRecords.SuccessfulRecords 1 3
PutRecords.ThrottledRecords 1 0
PutRecords.TotalRecords 1 3
ReadProvisionedThroughputExceeded 4 0
WriteProvisionedThroughputExceeded 3 0
c.SubscribeToShard.RateExceeded 1 0
c.SubscribeToShard.Success 1 1
c.SubscribeToShardEvent.Bytes 1 19
c.SubscribeToShardEvent.MillisBehindLatest 1 0
c.SubscribeToShardEvent.Records 1 5
c.SubscribeToShardEvent.Success 1 1`
	if got := b.measured(); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

// A stream has the metrics of its shards that it was asked to have.
func TestMetricsOfShards(t *testing.T) {
	b := open(t)
	b.create("s", 2)
	monitoring := func(want string) {
		t.Helper()
		d := must[api.DescribeStreamOutput](b, "DescribeStream", &api.DescribeStreamInput{StreamName: new("s")}).StreamDescription.EnhancedMonitoring
		sum := must[api.DescribeStreamSummaryOutput](b, "DescribeStreamSummary", &api.DescribeStreamSummaryInput{StreamName: new("s")}).StreamDescriptionSummary.EnhancedMonitoring
		if got := fmt.Sprint(d[0].ShardLevelMetrics); got != want || fmt.Sprint(sum[0].ShardLevelMetrics) != want {
			t.Fatal(got, sum)
		}
	}
	enable := func(names ...string) *api.EnableEnhancedMonitoringOutput {
		t.Helper()
		return must[api.EnableEnhancedMonitoringOutput](b, "EnableEnhancedMonitoring", &api.EnableEnhancedMonitoringInput{StreamName: new("s"), ShardLevelMetrics: names})
	}
	monitoring("[]")
	enable("OutgoingBytes", "IncomingBytes")
	out := enable("IncomingRecords", "IncomingBytes")
	arn := ref{servicetest.Scope, "s"}.arn().String()
	if got := fmt.Sprint(out.CurrentShardLevelMetrics, out.DesiredShardLevelMetrics, " ", *out.StreamARN); got != "[IncomingBytes OutgoingBytes] [IncomingBytes IncomingRecords OutgoingBytes] "+arn {
		t.Fatal(got)
	}
	b.put("s", "a", "four")
	b.put("s", "a", "five")
	out = enable("ALL")
	if len(out.DesiredShardLevelMetrics) != len(shardMetrics) {
		t.Fatal(out)
	}
	off := must[api.DisableEnhancedMonitoringOutput](b, "DisableEnhancedMonitoring", &api.DisableEnhancedMonitoringInput{StreamName: new("s"), ShardLevelMetrics: []string{"ReadProvisionedThroughputExceeded"}})
	if len(off.CurrentShardLevelMetrics) != len(shardMetrics) || len(off.DesiredShardLevelMetrics) != len(shardMetrics)-1 {
		t.Fatal(off)
	}
	placed := b.put("s", "a", "x")
	b.advance(time.Second)
	b.read(b.iterator("s", *placed.ShardId, "TRIM_HORIZON"), 0)
	var got []string
	for _, line := range strings.Split(b.measured(), "\n") {
		if rest, ok := strings.CutPrefix(line, *placed.ShardId+"."); ok {
			got = append(got, rest)
		} else if strings.HasPrefix(line, "shardId") {
			t.Error(line)
		}
	}
	if s := strings.Join(got, ", "); s != "IncomingBytes 3 12, IncomingRecords 3 3, IteratorAgeMilliseconds 1 1000, OutgoingBytes 1 12, OutgoingRecords 1 3, WriteProvisionedThroughputExceeded 1 0" {
		t.Fatal(s)
	}
	must[api.DisableEnhancedMonitoringOutput](b, "DisableEnhancedMonitoring", &api.DisableEnhancedMonitoringInput{StreamName: new("s"), ShardLevelMetrics: []string{"ALL"}})
	monitoring("[]")
	if err := b.try("EnableEnhancedMonitoring", &api.EnableEnhancedMonitoringInput{StreamName: new("none"), ShardLevelMetrics: []string{"ALL"}}); !cloud.IsCode(err, "ResourceNotFoundException") {
		t.Fatal(err)
	}
}
