package kinesis

import (
	"testing"

	"sundog/engine/bus"
	"sundog/services/servicetest"
)

// A delivery goes in once by its id, under the partition key that it names; one to a stream that is not there ends.
func TestDeliver(t *testing.T) {
	b := open(t)
	b.create("s", 1)
	d := bus.Delivery{ID: "1", Target: ref{servicetest.Scope, "s"}.arn(), Payload: []byte("event"), Parameters: map[string]string{"PartitionKey": "k"}}
	for range 2 {
		if o, err := (target{b.s}).Deliver(b.ctx, d); err != nil || o.Kind != bus.Done {
			t.Fatal(o, err)
		}
	}
	got, out := b.read(b.iterator("s", first, "TRIM_HORIZON"), 0)
	if got != "event" || *out.Records[0].PartitionKey != "k" {
		t.Fatal(got)
	}
	d.ID, d.Target.Resource = "2", "stream/none"
	if o, err := (target{b.s}).Deliver(b.ctx, d); err != nil || o.Kind != bus.Permanent || o.Code != "ResourceNotFoundException" {
		t.Fatal(o, err)
	}
}
