package lambda

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

var queueARN = cloud.NewARN("sqs", servicetest.Scope, "orders")

// queue plays the queues' room: what is not acknowledged is handed out again when the test says so.
type queue struct {
	mu    sync.Mutex
	ready []bus.Message
	out   map[string]bus.Message
	acked []string
	wake  chan struct{}
}

func newQueue() *queue { return &queue{out: map[string]bus.Message{}, wake: make(chan struct{}, 100)} }

func (q *queue) send(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range bodies {
		id := fmt.Sprint("m", len(q.ready)+len(q.out)+len(q.acked))
		q.ready = append(q.ready, bus.Message{ID: id, Receipt: "r-" + b, Body: b, Attributes: map[string]string{"ApproximateReceiveCount": "1"}})
	}
	q.wake <- struct{}{}
}

func (q *queue) take(max int) (got []bus.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(max, len(q.ready))
	got = slices.Clone(q.ready[:n])
	q.ready = q.ready[n:]
	for _, m := range got {
		q.out[m.Receipt] = m
	}
	return got
}

func (q *queue) Receive(ctx context.Context, _ cloud.ARN, _ cloud.Principal, max int, wait time.Duration) ([]bus.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		if got := q.take(max); len(got) > 0 {
			return got, nil
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func (q *queue) Ack(_ context.Context, _ cloud.ARN, receipts []string) []error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range receipts {
		delete(q.out, r)
		q.acked = append(q.acked, r)
	}
	return make([]error, len(receipts))
}

func (*queue) Nack(context.Context, cloud.ARN, []string, time.Duration) []error { return nil }

func (*queue) Extend(context.Context, cloud.ARN, string, time.Duration) error { return nil }

// state tells what is acknowledged and what is still out, each in order.
func (q *queue) state() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	acked := slices.Clone(q.acked)
	slices.Sort(acked)
	var out []string
	for r := range q.out {
		out = append(out, r)
	}
	slices.Sort(out)
	return strings.Join(acked, " ") + " | " + strings.Join(out, " ")
}

func withQueue(q *queue) func(*servicetest.Kit) {
	return func(k *servicetest.Kit) {
		k.Sources["sqs"] = q
		k.Directory.Put(queueARN, cloud.Description{Type: "AWS::SQS::Queue", Name: "orders"}, nil)
	}
}

func (b *bench) mapping(change func(*api.CreateEventSourceMappingInput)) *api.CreateEventSourceMappingOutput {
	b.t.Helper()
	in := &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(queueARN.String())}
	if change != nil {
		change(in)
	}
	out, err := b.r.createMapping(b.ctx, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// state gives a mapping's state; "" when it is gone.
func (b *bench) state(id string) string {
	b.t.Helper()
	got, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: &id})
	if err != nil {
		return ""
	}
	return *got.State
}

func TestQueueMapping(t *testing.T) {
	q := newQueue()
	b := open(t, withQueue(q))
	b.create("f", `exports.handler = async (e) => ({ batchItemFailures: e.Records.filter((r) => r.body.includes('bad')).map((r) => ({ itemIdentifier: r.messageId })) })`)
	out := b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.FunctionResponseTypes = []string{"ReportBatchItemFailures"}
		in.FilterCriteria = &api.FilterCriteria{Filters: []api.Filter{{Pattern: new(`{"body":{"kind":["order"]}}`)}}}
	})
	q.send(`{"kind":"order","n":1}`, `{"kind":"order","n":"bad"}`, `{"kind":"other"}`)
	want := `r-{"kind":"order","n":1} r-{"kind":"other"} | r-{"kind":"order","n":"bad"}`
	computetest.Eventually(t, want, func() bool { return q.state() == want })
	_, err := b.r.createMapping(b.ctx, &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(queueARN.String())})
	wantError(t, err, "ResourceConflictException", "An event source mapping with SQS arn (\" "+queueARN.String()+" \") and function (\" f \") already exists. Please update or delete the existing mapping with UUID "+*out.UUID)
	if _, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: out.UUID, Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	computetest.Eventually(t, "Disabled", func() bool { return b.state(*out.UUID) == "Disabled" })
	if gone, err := b.r.deleteMapping(b.ctx, &api.DeleteEventSourceMappingInput{UUID: out.UUID}); err != nil || *gone.State != "Deleting" {
		t.Fatal(gone, err)
	}
	_, err = b.r.deleteMapping(b.ctx, &api.DeleteEventSourceMappingInput{UUID: out.UUID})
	wantError(t, err, "ResourceInUseException", "Cannot delete the event source mapping because it is in use.")
	_, err = b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: out.UUID})
	wantError(t, err, "ResourceInUseException", "Cannot update the event source mapping because it is in use.")
	computetest.Eventually(t, "no mapping", func() bool { return b.state(*out.UUID) == "" })
	_, err = b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: out.UUID})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
}

// What fails as a whole stays in the queue; a window collects more than one poll gives.
func TestQueueWindow(t *testing.T) {
	q := newQueue()
	b := open(t, withQueue(q))
	b.create("f", `exports.handler = async (e) => { console.log('batch of', e.Records.length); if (e.Records.some((r) => r.body === 'throw')) throw new Error('no'); }`)
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = new(int32(12)), new(int32(60))
	})
	for i := range 12 {
		q.send(fmt.Sprint("n", i))
	}
	computetest.Eventually(t, "one batch", func() bool { return strings.Contains(b.rec.log(), "batch of 12") })
	computetest.Eventually(t, "12 acknowledged", func() bool { return strings.HasSuffix(q.state(), "| ") && strings.Contains(q.state(), "r-n9") })
	bad := slices.Repeat([]string{"throw"}, 12)
	q.send(bad...)
	computetest.Eventually(t, "a failed batch", func() bool { return b.rec.sum("Errors") == 1 })
	if s := q.state(); !strings.HasSuffix(s, "| r-throw") {
		t.Fatal(s)
	}
}

var streamARN = cloud.NewARN("dynamodb", servicetest.Scope, "table/t/stream/2030-01-01T00:00:00.000")

// stream plays a table's stream with one shard; positions are sequence numbers.
type stream struct {
	mu      sync.Mutex
	records []bus.Record
	more    chan struct{}
	reads   int
}

func newStream() *stream { return &stream{more: make(chan struct{})} }

func (s *stream) add(at time.Time, values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		n := uint64(len(s.records) + 1)
		seq := fmt.Sprint(n)
		s.records = append(s.records, bus.Record{
			Sequence: seq, Position: binary.BigEndian.AppendUint64(nil, n), Time: at, Key: v[:1],
			JSON: []byte(`{"eventName":"INSERT","v":"` + v + `","dynamodb":{"SequenceNumber":"` + seq + `"}}`),
		})
	}
	close(s.more)
	s.more = make(chan struct{})
}

func (s *stream) after(at []byte) ([]bus.Record, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	if len(at) == 8 {
		n = int(binary.BigEndian.Uint64(at))
	}
	return s.records[n:], s.more
}

func (*stream) Shards(context.Context, cloud.ARN) ([]bus.Shard, error) {
	return []bus.Shard{{ID: "shard-0", Name: "shard-0"}}, nil
}

func (s *stream) Wait(ctx context.Context, _ cloud.ARN, _ string, at []byte) error {
	for {
		left, more := s.after(at)
		if len(left) > 0 {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *stream) Read(_ context.Context, _ cloud.ARN, _ string, at []byte, max int) ([]bus.Record, []byte, error) {
	left, _ := s.after(at)
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	if len(left) == 0 {
		return nil, at, nil
	}
	left = slices.Clone(left[:min(max, len(left))])
	return left, left[len(left)-1].Position, nil
}

func (s *stream) Latest(context.Context, cloud.ARN, string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return binary.BigEndian.AppendUint64(nil, uint64(len(s.records))), nil
}

const streamCode = `exports.handler = async (e) => { const vs = e.Records.map((r) => r.v); console.log('got ' + vs); if (vs.includes('bad')) throw new Error('no'); }`

func TestStreamMapping(t *testing.T) {
	s := newStream()
	b := open(t, func(k *servicetest.Kit) { k.Streams["dynamodb"] = s })
	b.create("f", streamCode)
	s.add(b.Clock.Now(), "old")
	out := b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.StartingPosition, in.MaximumRetryAttempts, in.BisectBatchOnFunctionError = new(streamARN.String()), new("LATEST"), new(int32(2)), new(true)
		in.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new("arn:aws:sqs:eu-west-1:000000000000:lost")}}
	})
	s.add(b.Clock.Now(), "a", "b", "bad", "c")
	computetest.Eventually(t, "the record of what was given up", func() bool { return len(b.in.all()) >= 1 })
	s.add(b.Clock.Now(), "d")
	computetest.Eventually(t, "what follows", func() bool { return strings.Contains(b.rec.log(), "got d") })
	log := b.rec.log()
	if strings.Contains(log, "old") || !strings.Contains(log, "got a,b,bad,c") || !strings.Contains(log, "got a,b\n") {
		t.Fatal(log)
	}
	rec := string(b.in.all()[0].Payload)
	if !strings.Contains(rec, `"condition":"RetryAttemptsExhausted"`) || !strings.Contains(rec, `"shardId":"shard-0"`) {
		t.Fatal(rec)
	}
	_, err := b.r.createMapping(b.ctx, &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(streamARN.String())})
	wantError(t, err, "InvalidParameterValueException", "Value null at 'startingPosition'")
	// A new poller goes on where the old one stopped.
	if _, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: out.UUID, BatchSize: new(int32(1))}); err != nil {
		t.Fatal(err)
	}
	s.add(b.Clock.Now(), "e")
	computetest.Eventually(t, "the next record", func() bool { return strings.Contains(b.rec.log(), "got e") })
	if n := strings.Count(b.rec.log(), "got d"); n != 1 {
		t.Fatalf("d ran %d times", n)
	}
}
