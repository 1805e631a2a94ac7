package lambda

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

// family plays a stream whose shards are split: records by shard, and which shards are closed.
type family struct {
	mu      sync.Mutex
	shards  []bus.Shard
	records map[string][]bus.Record
	closed  map[string]bool
	more    chan struct{}
}

func newFamily() *family {
	return &family{records: map[string][]bus.Record{}, closed: map[string]bool{}, more: make(chan struct{})}
}

// change changes the family and wakes who waits.
func (f *family) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.more)
	f.more = make(chan struct{})
}

func (f *family) add(b *streamBench, shard string, values ...string) {
	f.change(func() {
		for _, v := range values {
			n := uint64(len(f.records[shard]) + 1)
			f.records[shard] = append(f.records[shard], bus.Record{Sequence: shard + v, Position: binary.BigEndian.AppendUint64(nil, n), Time: b.Clock.Now(), Key: v[:1],
				JSON: []byte(`{"v":"` + v + `"}`)})
		}
	})
}

// split closes a shard and opens others.
func (f *family) split(shard string, into ...string) {
	f.change(func() {
		f.closed[shard] = true
		for _, id := range into {
			f.shards = append(f.shards, bus.Shard{ID: id, Parents: []string{shard}})
		}
	})
}

func (f *family) Shards(context.Context, cloud.ARN) ([]bus.Shard, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.shards), nil
}

func (f *family) after(shard string, at []byte) (left []bus.Record, closed bool, more chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	if len(at) == 8 {
		n = int(binary.BigEndian.Uint64(at))
	}
	return f.records[shard][n:], f.closed[shard], f.more
}

func (f *family) Wait(ctx context.Context, _ cloud.ARN, shard string, at []byte) error {
	for {
		left, closed, more := f.after(shard, at)
		switch {
		case len(left) > 0:
			return nil
		case closed:
			return io.EOF
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *family) Read(_ context.Context, _ cloud.ARN, shard string, at []byte, max int) ([]bus.Record, []byte, error) {
	left, _, _ := f.after(shard, at)
	if len(left) == 0 {
		return nil, at, nil
	}
	left = slices.Clone(left[:min(max, len(left))])
	return left, left[len(left)-1].Position, nil
}

func (f *family) Latest(_ context.Context, _ cloud.ARN, shard string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return binary.BigEndian.AppendUint64(nil, uint64(len(f.records[shard]))), nil
}

// A shard is read when those that it was split of are read to their end, and at once then.
func TestShardsInOrder(t *testing.T) {
	f := newFamily()
	b := openStream(t)
	b.Streams["kinesis"] = f
	f.shards = []bus.Shard{{ID: "0"}}
	gate := make(chan struct{})
	b.c.answer = func(values []string, _ map[string]any) (string, bool) {
		if values[0] == "a1" {
			<-gate
		}
		return "null", true
	}
	f.add(b, "0", "a1", "a2")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.BatchSize = new(cloud.NewARN("kinesis", servicetest.Scope, "stream/s").String()), n32(1)
	})
	f.split("0", "1", "2")
	f.add(b, "1", "a3")
	f.add(b, "2", "b1")
	close(gate)
	computetest.Eventually(t, "all records", func() bool { return len(strings.Split(b.c.log(), "|")) == 4 })
	if log := b.c.log(); !strings.HasPrefix(log, "a1|a2|") {
		t.Fatal(log)
	}
	f.split("1", "3")
	f.add(b, "3", "a4")
	computetest.Eventually(t, "a grandchild", func() bool { return strings.HasSuffix(b.c.log(), "|a4") })
}
