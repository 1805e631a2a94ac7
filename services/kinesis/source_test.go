package kinesis

import (
	"encoding/json"
	"io"
	"testing"
	"time"

	api "sundog/api/kinesis"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/services/servicetest"
)

// record reads the stream's record.
func (b *bench) record() (st *stream) {
	b.t.Helper()
	err := b.s.view(b.ctx, func(r store.Reader) (err error) {
		st, err = b.s.find(r, ref{servicetest.Scope, "s"})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return st
}

type failer interface{ Fatal(...any) }

func dataIn(t failer, event []byte) string {
	var e struct{ Kinesis struct{ Data []byte } }
	if err := json.Unmarshal(event, &e); err != nil {
		t.Fatal(err)
	}
	return string(e.Kinesis.Data)
}

// A record is in the form that Lambda documents, with a key that needs quoting.
func TestEvent(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	out := b.put("s", "a\"b\n\u00fc", "Hello, this is a test.")
	arn := ref{servicetest.Scope, "s"}.arn()
	records, _, err := source{b.s}.Read(b.ctx, arn, b.record().busID(0), nil, 10)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	var got any
	if err := json.Unmarshal(records[0].JSON, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"kinesis": map[string]any{"kinesisSchemaVersion": "1.0", "partitionKey": "a\"b\n\u00fc", "sequenceNumber": *out.SequenceNumber, "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
			"approximateArrivalTimestamp": float64(b.Clock.Now().UnixMilli()) / 1000},
		"eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": first + ":" + *out.SequenceNumber, "eventName": "aws:kinesis:record", "awsRegion": "eu-west-1",
		"eventSourceARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/s",
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	g, err := json.Marshal(got)
	if err != nil || string(g) != string(w) {
		t.Fatalf("%s\n%s", g, w)
	}
}

// Who waits wakes for a record and for the end of the shard; a shard that is gone is at its end, too.
func TestWait(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	src, arn := source{b.s}, ref{servicetest.Scope, "s"}.arn()
	id := b.record().busID(0)
	wait := func(after []byte) chan error {
		got := make(chan error, 1)
		go func() { got <- src.Wait(b.ctx, arn, id, after) }()
		return got
	}
	got := wait(nil)
	b.put("s", "a", "x")
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	at, err := src.Latest(b.ctx, arn, id)
	if err != nil {
		t.Fatal(err)
	}
	got = wait(at)
	b.split("s", first, half)
	if err := <-got; err != io.EOF {
		t.Fatal(err)
	}
	b.advance(25 * time.Hour)
	if err := <-wait(nil); err != io.EOF {
		t.Fatal(err)
	}
	if err := src.Wait(b.ctx, arn, "shardId-000000000009", nil); !cloud.IsCode(err, "ResourceNotFoundException") {
		t.Fatal(err)
	}
}

// A stream that is made again under its name has shards of its own, and those of the one that was deleted are at their end.
func TestMadeAgain(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	src, arn := source{b.s}, ref{servicetest.Scope, "s"}.arn()
	only := func() bus.Shard {
		t.Helper()
		all, err := src.Shards(b.ctx, arn)
		if err != nil || len(all) != 1 || all[0].Name != first {
			t.Fatal(all, err)
		}
		return all[0]
	}
	ended := func(id string) {
		t.Helper()
		if _, _, err := src.Read(b.ctx, arn, id, nil, 10); err != io.EOF {
			t.Fatal(err)
		}
		if _, err := src.Latest(b.ctx, arn, id); err != io.EOF {
			t.Fatal(err)
		}
		if err := src.Wait(b.ctx, arn, id, nil); err != io.EOF {
			t.Fatal(err)
		}
	}
	old := only()
	waits := make(chan error, 1)
	go func() { waits <- src.Wait(b.ctx, arn, old.ID, nil) }()
	if err := b.try("DeleteStream", &api.DeleteStreamInput{StreamName: new("s")}); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; err != io.EOF {
		t.Fatal(err)
	}
	if _, err := src.Shards(b.ctx, arn); !cloud.IsCode(err, "ResourceNotFoundException") {
		t.Fatal(err)
	}
	ended(old.ID)
	b.create("s", 1)
	b.put("s", "a", "x")
	ended(old.ID)
	records, _, err := src.Read(b.ctx, arn, only().ID, nil, 10)
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
}

// A subscription tells records as they come, then the children of its shard, and ends.
func TestSubscribe(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	arn := ref{servicetest.Scope, "s"}.arn().String()
	c := must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: new("c")}).Consumer
	b.put("s", "a", "one")
	out := must[api.SubscribeToShardOutput](b, "SubscribeToShard", &api.SubscribeToShardInput{ConsumerARN: c.ConsumerARN, ShardId: new(first), StartingPosition: &api.StartingPosition{Type: new("LATEST")}})
	defer func() { _ = out.EventStream.Close() }()
	next := func() *api.SubscribeToShardEvent {
		t.Helper()
		e, err := out.EventStream.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return e.(*api.SubscribeToShardEventStream).SubscribeToShardEvent
	}
	if e := next(); len(e.Records) != 0 || *e.MillisBehindLatest != 0 {
		t.Fatalf("%+v", e)
	}
	two := b.put("s", "a", "two")
	if e := next(); dataOf(e.Records) != "two" || *e.ContinuationSequenceNumber != *two.SequenceNumber {
		t.Fatalf("%+v", e)
	}
	b.split("s", first, half)
	if e := next(); len(e.ChildShards) != 2 {
		t.Fatalf("%+v", e)
	}
	if _, err := out.EventStream.Next(b.ctx); err != io.EOF {
		t.Fatal(err)
	}
}

// Who goes on at the number that an empty shard gave gets what came since.
func TestGoOnFromEmpty(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	arn := ref{servicetest.Scope, "s"}.arn().String()
	c := must[api.RegisterStreamConsumerOutput](b, "RegisterStreamConsumer", &api.RegisterStreamConsumerInput{StreamARN: &arn, ConsumerName: new("c")}).Consumer
	out := must[api.SubscribeToShardOutput](b, "SubscribeToShard", &api.SubscribeToShardInput{ConsumerARN: c.ConsumerARN, ShardId: new(first), StartingPosition: &api.StartingPosition{Type: new("TRIM_HORIZON")}})
	e, err := out.EventStream.Next(b.ctx)
	if err != nil || out.EventStream.Close() != nil {
		t.Fatal(err)
	}
	from := e.(*api.SubscribeToShardEventStream).SubscribeToShardEvent.ContinuationSequenceNumber
	b.put("s", "a", "x")
	for _, kind := range []string{"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"} {
		it := b.iterator("s", first, kind, func(in *api.GetShardIteratorInput) { in.StartingSequenceNumber = from })
		if got, _ := b.read(it, 0); got != "x" {
			t.Errorf("%s: %q", kind, got)
		}
	}
}
