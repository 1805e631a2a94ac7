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
	"sundog/engine/store"
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
			f.shards = append(f.shards, bus.Shard{ID: id, Name: id, Parents: []string{shard}})
		}
	})
}

// become ends all shards and has others instead; none: the stream is gone.
func (f *family) become(shards ...bus.Shard) {
	f.change(func() {
		for _, s := range f.shards {
			f.closed[s.ID] = true
		}
		f.shards = shards
	})
}

func (f *family) Shards(context.Context, cloud.ARN) ([]bus.Shard, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.shards) == 0 {
		return nil, cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "Stream s not found.")
	}
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
	f.shards = []bus.Shard{{ID: "0", Name: "0"}}
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

// progress gives the shards that a mapping's progress is kept of.
func (b *streamBench) progress(id string) string {
	b.t.Helper()
	all, err := shardsKept(b.ctx, b.r.d.Store, checkpointKey(servicetest.Scope, id))
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func (b *streamBench) progressBecomes(id, want string) {
	b.t.Helper()
	computetest.Eventually(b.t, "progress of "+want, func() bool { return b.progress(id) == want })
}

// A stream that is deleted and made again under its name is read anew, by a poller that was there all the time. What was kept of shards goes with them.
func TestStreamMadeAgain(t *testing.T) {
	f := newFamily()
	b := openStream(t)
	b.Streams["kinesis"] = f
	f.shards = []bus.Shard{{ID: "0", Name: "0"}}
	f.add(b, "0", "a1")
	id := b.read(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn = new(cloud.NewARN("kinesis", servicetest.Scope, "stream/s").String())
	})
	b.c.becomes(t, "a1")
	f.split("0", "1")
	f.add(b, "1", "a2")
	b.c.becomes(t, "a1|a2")
	b.progressBecomes(id, "0 1")

	f.become()
	b.progressBecomes(id, "")
	computetest.Eventually(t, "the problem", func() bool {
		m, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: &id})
		return err == nil && *m.LastProcessingResult == "PROBLEM: Stream s not found."
	})
	f.become(bus.Shard{ID: "0.again", Name: "0"})
	f.add(b, "0.again", "b1")
	b.c.becomes(t, "a1|a2|b1")
	b.progressBecomes(id, "0.again")
	if m, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: &id}); err != nil || *m.LastProcessingResult != resultOK {
		t.Fatal(m, err)
	}
}

// What a shard's name was kept under by an older build goes on under its ID; a shard that is over keeps its progress for as long as the stream has it.
func TestStreamProgressByName(t *testing.T) {
	f := newFamily()
	b := openStream(t)
	b.Streams["kinesis"] = f
	f.shards = []bus.Shard{{ID: "0.x", Name: "0"}}
	f.add(b, "0.x", "a1", "a2")
	id := b.read(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.Enabled = new(cloud.NewARN("kinesis", servicetest.Scope, "stream/s").String()), new(false)
	})
	err := b.r.d.Store.Update(b.ctx, func(tx store.Tx) error {
		return save(tx, laneKey(servicetest.Scope, id, "0", 0), laneProgress{At: binary.BigEndian.AppendUint64(nil, 1), Lanes: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.Enabled = new(true) })
	b.c.becomes(t, "a2")
	b.progressBecomes(id, "0.x")
	f.split("0.x", "1.x")
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.BatchSize = n32(1) })
	f.add(b, "1.x", "a3")
	b.c.becomes(t, "a2|a3")
	b.progressBecomes(id, "0.x 1.x")
	f.become(bus.Shard{ID: "1.x", Name: "1.x"})
	b.progressBecomes(id, "1.x")
}
