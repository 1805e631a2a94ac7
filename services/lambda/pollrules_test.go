package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

// What filters let through, by what is in a message and by what the filter is written for (Lambda Developer Guide, "Properly filtering Amazon SQS messages",
// "Properly filtering Kinesis and DynamoDB messages").
func TestFilterFormats(t *testing.T) {
	const object, plain, both = `{"kind":"x"}`, `kind x`, `{"kind":"x"} and more`
	kinesis := cloud.NewARN("kinesis", servicetest.Scope, "stream/s")
	for _, c := range []struct {
		source  cloud.ARN
		pattern string
		carries string
		want    bool
	}{
		{queueARN, `{"body":{"kind":["x"]}}`, object, true},
		{queueARN, `{"body":{"kind":["y"]}}`, object, false},
		{queueARN, `{"body":{"other":[{"exists":false}]}}`, object, true},
		{queueARN, `{"body":["kind x"]}`, object, false},
		{queueARN, `{"eventSource":["aws:sqs"]}`, object, true},
		{queueARN, `{"body":{"kind":["x"]}}`, plain, false},
		{queueARN, `{"body":{"other":[{"exists":false}]}}`, plain, false},
		{queueARN, `{"body":["kind x"]}`, plain, true},
		{queueARN, `{"body":[{"prefix":"kind"}]}`, plain, true},
		{queueARN, `{"eventSource":["aws:sqs"]}`, plain, true},
		{queueARN, `{"body":{"kind":["x"]}}`, both, false},
		{queueARN, `{"body":{"kind":["x"]}}`, ``, false},
		{kinesis, `{"data":{"kind":["x"]}}`, object, true},
		{kinesis, `{"data":{"kind":["y"]}}`, object, false},
		{kinesis, `{"eventSource":["aws:kinesis"]}`, object, true},
		{kinesis, `{"data":{"kind":["x"]}}`, plain, false},
		{kinesis, `{"data":{"other":[{"exists":false}]}}`, plain, false},
		{kinesis, `{"data":{"other":[{"exists":false}]}}`, "[1]", false},
		{kinesis, `{"eventSource":["aws:kinesis"]}`, plain, true},
		{kinesis, `{"data":{"kind":["x"]}}`, both, false},
		{streamARN, `{"dynamodb":{"NewImage":{"n":{"N":["1"]}}}}`, `{"n":{"N":"1"}}`, true},
		{streamARN, `{"dynamodb":{"NewImage":{"n":{"N":[1]}}}}`, `{"n":{"N":"1"}}`, false},
		{streamARN, `{"dynamodb":{"OldImage":[{"exists":false}]}}`, `{"n":{"N":"1"}}`, true},
	} {
		m := mapping{Config: api.EventSourceMappingConfiguration{EventSourceArn: new(c.source.String()), FilterCriteria: &api.FilterCriteria{Filters: []api.Filter{{Pattern: &c.pattern}}}}}
		filters, err := m.filters()
		if err != nil {
			t.Fatal(c.pattern, err)
		}
		p := &poller{filters: filters, m: m, src: c.source}
		var got bool
		switch c.source.Service {
		case "sqs":
			raw, err := json.Marshal(p.record(bus.Message{ID: "m", Body: c.carries}))
			if err != nil {
				t.Fatal(err)
			}
			got = p.matches(filterable(raw, c.carries))
		case "kinesis":
			got = p.matches((&lane{poller: p}).filterable(bus.Record{JSON: []byte(`{"eventSource":"aws:kinesis","kinesis":{"data":"` + base64.StdEncoding.EncodeToString([]byte(c.carries)) + `"}}`)}))
		default:
			got = p.matches((&lane{poller: p}).filterable(bus.Record{JSON: []byte(`{"dynamodb":{"NewImage":` + c.carries + `}}`)}))
		}
		if got != c.want {
			t.Errorf("%s of %s with %s: %v", c.pattern, c.source.Service, c.carries, got)
		}
	}
	m := mapping{Config: api.EventSourceMappingConfiguration{EventSourceArn: new(kinesis.String()), FilterCriteria: &api.FilterCriteria{Filters: []api.Filter{{Pattern: new(`{"data":["plain"]}`)}}}}}
	_, err := m.filters()
	wantError(t, err, "InvalidParameterValueException", "Invalid filter pattern definition.")
}

// What a FIFO queue gave beyond six megabytes runs after the rest, and not before what failed in its group.
func TestQueueOrderOverSize(t *testing.T) {
	q, c := newQueue(), &reader{}
	run := func(v compute.Version, i *compute.Invocation) (compute.Result, error) {
		if _, err := c.run(v, i); err != nil || !strings.Contains(string(i.Payload), `"body":"m0`) {
			return compute.Result{Payload: []byte("null")}, err
		}
		return text(`{"batchItemFailures":[{"itemIdentifier":"m0"}]}`)
	}
	b := open(t, withQueue(q), (&machine{}).on(run), func(k *servicetest.Kit) {
		k.Directory.Put(fifoARN, cloud.Description{Type: "AWS::SQS::Queue", Attributes: map[string]string{"VisibilityTimeout": "30"}}, nil)
	})
	b.create("f", "")
	for i, group := range []string{"one", "two", "one", "two"} {
		body := fmt.Sprint("m", i, strings.Repeat("x", 1<<20-2))
		q.ready = append(q.ready, bus.Message{ID: fmt.Sprint("m", i), Receipt: "r-" + body, Body: body, GroupID: group})
	}
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.FunctionResponseTypes = new(fifoARN.String()), []string{"ReportBatchItemFailures"}
	})
	computetest.Eventually(t, "what followed", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.acked) == 2 && len(q.out) == 2
	})
	if got := c.log(); got != "$LATEST m0x m1x|$LATEST m3x" {
		t.Fatal(got)
	}
	if got := q.state(); !strings.Contains(got, "r-m1") || !strings.Contains(got, "r-m3") || strings.Index(got, "r-m3") > strings.Index(got, "|") {
		t.Fatal("the wrong messages are left")
	}
}

// A batch that fails runs once more than it may be retried, and the next one follows. It is dropped, or what is known of it goes to the destination.
func TestStreamRetries(t *testing.T) {
	b := openStream(t)
	b.c.answer = throwsAt("bad")
	b.add("a", "bad", "c")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumRetryAttempts, in.DestinationConfig = n32(2), n32(2), lostDestination
		in.MetricsConfig = &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount}}
	})
	b.c.becomes(t, "a bad|a bad|a bad|c")
	if got := b.lost(1); len(got) != 1 || !strings.Contains(got[0], `"approximateInvokeCount":3`) || !strings.Contains(got[0], `"batchSize":2`) {
		t.Fatal(got)
	}
	computetest.Eventually(t, "its metric", func() bool { return b.rec.sum(deliveredEvents) == 2 })
	for name, want := range map[string]float64{polledEvents: 3, invokedEvents: 7, failedEvents: 6, droppedEvents: 0} {
		if got := b.rec.sum(name); got != want {
			t.Errorf("%s %v, want %v", name, got, want)
		}
	}
	b.create("g", "")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.FunctionName, in.MaximumRetryAttempts, in.MetricsConfig = new("g"), n32(0), &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount}}
	})
	computetest.Eventually(t, "what is dropped", func() bool { return b.rec.sum(droppedEvents) == 3 })
}

// A queue that is looked into counts for nothing while it is empty, so that this can be told from one that is not; pollers that were set aside are counted.
func TestQueuePollersCounted(t *testing.T) {
	b, q, r := openQueue(t)
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.MetricsConfig = &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount}}
		in.ProvisionedPollerConfig = &api.ProvisionedPollerConfig{MinimumPollers: n32(3), MaximumPollers: n32(5)}
	})
	q.send("a")
	logged(t, r, "$LATEST a")
	computetest.Eventually(t, "the poll after it", func() bool { return b.rec.sum("ProvisionedPollers") >= 6 })
	if got := b.rec.sum("ProvisionedPollers"); got != 6 || b.rec.sum(polledEvents) != 1 {
		t.Fatal(got, b.rec.sum(polledEvents))
	}
}

// A throttled batch is not tried in the sense of the retries: it runs when it can.
func TestStreamWaitsForItsFunction(t *testing.T) {
	b := openStream(t)
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: n32(0)}); err != nil {
		t.Fatal(err)
	}
	b.add("a")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.MaximumRetryAttempts, in.DestinationConfig = n32(0), lostDestination
	})
	computetest.Eventually(t, "throttles", func() bool { return b.rec.sum("Throttles") >= 2 })
	if _, err := b.r.deleteConcurrency(b.ctx, &api.DeleteFunctionConcurrencyInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	b.c.becomes(t, "a")
	b.add("b")
	b.c.becomes(t, "a|b")
	if got := b.in.all(); len(got) > 0 {
		t.Fatal(got)
	}
}

// held makes the function wait in its first call until the test lets it go on.
func (b *streamBench) held() (running, release chan struct{}) {
	running, release = make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	b.c.answer = func([]string, map[string]any) (string, bool) {
		if first.CompareAndSwap(false, true) {
			close(running)
			<-release
		}
		return "null", true
	}
	return running, release
}

// A change while a batch runs takes effect after it: nothing runs twice, and the answer shows what became of the last batch.
func TestStreamUpdatedWhileRunning(t *testing.T) {
	b := openStream(t)
	running, release := b.held()
	b.add("a", "b")
	id := b.read(nil)
	<-running
	b.add("c", "d")
	out, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: &id, BatchSize: n32(1)})
	if err != nil || *out.State != "Updating" || *out.LastProcessingResult != "No records processed" {
		t.Fatal(out, err)
	}
	close(release)
	b.c.becomes(t, "a b|c|d")
	computetest.Eventually(t, "OK", func() bool {
		out, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: &id})
		return err == nil && *out.LastProcessingResult == resultOK
	})
}

// A mapping that is deleted or disabled while a batch runs says so until it has run, and keeps nothing when it is gone.
func TestStreamEndedWhileRunning(t *testing.T) {
	b := openStream(t)
	running, release := b.held()
	b.add("a")
	id := b.read(nil)
	<-running
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.Enabled = new(false) })
	if s := b.state(id); s != "Disabling" {
		t.Fatal(s)
	}
	if _, err := b.r.deleteMapping(b.ctx, &api.DeleteEventSourceMappingInput{UUID: &id}); err != nil {
		t.Fatal(err)
	}
	if s := b.state(id); s != "Deleting" {
		t.Fatal(s)
	}
	close(release)
	computetest.Eventually(t, "its end", func() bool { return b.state(id) == "" })
	b.progressBecomes(id, "")
	b.add("b")
	b.read(nil)
	b.c.becomes(t, "a|a b")
}

// What would lose records, or run them twice, is refused: a destination that the role may not send to, one that takes only what is in order, and a second
// mapping of the same source and function.
func TestMappingsThatWouldLose(t *testing.T) {
	var denied atomic.Value
	denied.Store("")
	b := openStream(t, func(k *servicetest.Kit) {
		k.Authorise = func(_ context.Context, d bus.Delivery, action string) error {
			if action == denied.Load() && d.As.Role.Resource == "role/r" {
				return cloud.Errorf(cloud.Denied, "AccessDenied", "no")
			}
			return nil
		}
		k.Directory.Put(mustARN(role), cloud.Description{Type: "AWS::IAM::Role"}, nil)
	})
	b.create("g", "")
	in := &api.CreateEventSourceMappingInput{FunctionName: new("f"), EventSourceArn: new(streamARN.String()), StartingPosition: new("LATEST"), DestinationConfig: lostDestination}
	denied.Store("sqs:SendMessage")
	_, err := b.r.createMapping(b.ctx, in)
	wantError(t, err, "InvalidParameterValueException", "does not have permissions to call SendMessage on "+*lostDestination.OnFailure.Destination)
	denied.Store("")
	ordered := *in
	ordered.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new(*lostDestination.OnFailure.Destination + ".fifo")}}
	_, err = b.r.createMapping(b.ctx, &ordered)
	wantError(t, err, "InvalidParameterValueException", "is invalid.")
	out, err := b.r.createMapping(b.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	denied.Store("sqs:SendMessage")
	_, err = b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: out.UUID, BatchSize: n32(1)})
	wantError(t, err, "InvalidParameterValueException", "does not have permissions to call SendMessage")
	denied.Store("")
	second := *in
	second.FunctionName = new("g")
	other, err := b.r.createMapping(b.ctx, &second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: other.UUID, FunctionName: new("f")})
	wantError(t, err, "ResourceConflictException", "Please update or delete the existing mapping with UUID "+*out.UUID)
	if m, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: other.UUID}); err != nil || !strings.HasSuffix(*m.FunctionArn, ":g") {
		t.Fatal(m, err)
	}
}

// Records that wait for the next window are polled once.
func TestWindowsCountOnce(t *testing.T) {
	b := openStream(t)
	b.c.answer = sums
	b.add("a")
	b.Clock.AdvanceWall(40 * time.Second)
	b.add("b", "c")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.TumblingWindowInSeconds, in.MetricsConfig = n32(30), &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount}}
	})
	b.windowsBecome("[a] 04:00-04:30 {}\n[] 04:00-04:30 {\"n\":1} final\n[b c] 04:30-05:00 {}")
	computetest.Eventually(t, "three", func() bool { return b.rec.sum(invokedEvents) == 3 })
	if got := b.rec.sum(polledEvents); got != 3 {
		t.Fatal(got)
	}
}

// What one read gave is not read again for the next batch, and what was read is not forgotten when the mapping starts anew.
func TestStreamReadsAhead(t *testing.T) {
	b := openStream(t)
	var values []string
	for i := range 60 {
		values = append(values, fmt.Sprintf("%c%d", 'a'+i%3, i))
	}
	b.add(values...)
	gate := make(chan bool)
	b.c.answer = func(values []string, _ map[string]any) (string, bool) {
		if values[0] == "a30" {
			<-gate
		}
		return "null", true
	}
	id := b.read(func(in *api.CreateEventSourceMappingInput) {
		in.BatchSize, in.FilterCriteria = n32(2), &api.FilterCriteria{Filters: []api.Filter{{Pattern: new(`{"v":[{"prefix":"a"},{"prefix":"b"}]}`)}}}
	})
	computetest.Eventually(t, "the half", func() bool { return strings.HasSuffix(b.c.log(), "|a30 b31") })
	b.s.mu.Lock()
	reads := b.s.reads
	b.s.mu.Unlock()
	if reads != 1 {
		t.Fatalf("%d reads", reads)
	}
	if _, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: &id, BatchSize: n32(4)}); err != nil {
		t.Fatal(err)
	}
	close(gate)
	var want []string
	for i := 0; i <= 30; i += 3 {
		want = append(want, fmt.Sprintf("a%d b%d", i, i+1))
	}
	for i := 33; i < 57; i += 6 {
		want = append(want, fmt.Sprintf("a%d b%d a%d b%d", i, i+1, i+3, i+4))
	}
	b.c.becomes(t, strings.Join(append(want, "a57 b58"), "|"))
}
