package lambda

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

// reader plays a function that reads a queue: it keeps the bodies of each call, their sizes, and the version that ran.
type reader struct {
	mu     sync.Mutex
	calls  []string
	events []string
	most   int
}

func (r *reader) run(v compute.Version, i *compute.Invocation) (compute.Result, error) {
	event, ok := decode(i.Payload).(map[string]any)
	if !ok {
		return compute.Result{}, fmt.Errorf("no event: %s", i.Payload)
	}
	var bodies []string
	for _, x := range event["Records"].([]any) {
		body := x.(map[string]any)["body"].(string)
		bodies = append(bodies, body[:min(len(body), 3)])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.most = append(r.calls, v.Qualifier+" "+strings.Join(bodies, " ")), max(r.most, len(i.Payload))
	r.events = append(r.events, string(i.Payload[:min(len(i.Payload), 4096)]))
	return text("null")
}

func (r *reader) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.calls, "|")
}

func openQueue(t *testing.T) (*bench, *queue, *reader) {
	q, r := newQueue(), &reader{}
	b := open(t, withQueue(q), (&machine{}).on(r.run), func(k *servicetest.Kit) { k.Sources["sqs"] = q })
	b.create("f", "")
	return b, q, r
}

func logged(t *testing.T, r *reader, want string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s, want %s", r.log(), want)
		}
	}()
	computetest.Eventually(t, want, func() bool { return r.log() == want })
}

// A batch holds six megabytes; what is over goes into the next one.
func TestQueueBatchSize(t *testing.T) {
	b, q, r := openQueue(t)
	m := b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds, in.Enabled = n32(100), n32(1), new(false)
	})
	for i := range 9 {
		q.send(fmt.Sprint("m", i, strings.Repeat("x", 1<<20-2)))
	}
	if _, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: m.UUID, Enabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	// The receipts of this queue repeat the bodies: two records measure four megabytes.
	computetest.Eventually(t, "five calls", func() bool {
		b.Advance(time.Second) // the last batch is not full
		return strings.Count(r.log(), "|") == 4
	})
	calls := strings.Split(r.log(), "|") // batches run side by side
	slices.Sort(calls)
	if got := fmt.Sprint(calls); got != "[$LATEST m0x m1x $LATEST m2x m3x $LATEST m4x m5x $LATEST m6x m7x $LATEST m8x]" || r.most > maxSync {
		t.Fatal(got, r.most)
	}
	computetest.Eventually(t, "all deleted", func() bool { return strings.HasSuffix(q.state(), "| ") && strings.Count(q.state(), "r-m") == 9 })
}

// A batching window ends on the platform's clock, and who moves it finds the batch done: its messages do not come back to the queue before.
func TestQueueWindowOnTheClock(t *testing.T) {
	b, q, r := openQueue(t)
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.BatchSize, in.MaximumBatchingWindowInSeconds = n32(100), n32(300)
	})
	q.send("a", "b")
	computetest.Eventually(t, "the window is open", func() bool { return strings.Contains(q.state(), "r-b") })
	b.Advance(299 * time.Second)
	if got := r.log(); got != "" {
		t.Fatal(got)
	}
	computetest.Eventually(t, "the batch", func() bool {
		b.Advance(time.Second) // once, or the window was opened after the first advance
		return r.log() != ""
	})
	if got := r.log(); got != "$LATEST a b" || !strings.HasSuffix(q.state(), "| ") {
		t.Fatal(got, q.state())
	}
}

// What filters take out is deleted and has no place in the batch. A window's records tell of attributes that are not there.
func TestQueueFilters(t *testing.T) {
	b, q, r := openQueue(t)
	q.send("a", "x", "b", "y", "c")
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.FilterCriteria = &api.FilterCriteria{Filters: []api.Filter{{Pattern: new(`{"body":["a","b","c"]}`)}}}
		in.BatchSize, in.MaximumBatchingWindowInSeconds = n32(3), n32(300)
		in.MetricsConfig = &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount}}
	})
	logged(t, r, "$LATEST a b c")
	computetest.Eventually(t, "the metrics", func() bool { return b.rec.sum(deletedEvents) == 3 })
	if p, f := b.rec.sum(polledEvents), b.rec.sum(filteredEvents); p != 5 || f != 2 {
		t.Fatal(p, f)
	}
	if !strings.Contains(r.events[0], `"md5OfMessageAttributes":null`) {
		t.Fatal(r.events[0])
	}
}

func TestQueueRecord(t *testing.T) {
	p := &poller{src: queueARN}
	got := asJSON(t, p.record(bus.Message{
		ID: "1", Receipt: "r", Body: "b", MD5: "m", AttributesMD5: "am", Attributes: map[string]string{"SenderId": "s"},
		MessageAttributes: map[string]bus.Attribute{"N": {Type: "Number", Value: "7"}, "B": {Type: "Binary", Binary: []byte("x")}},
	}))
	want := `{"messageId":"1","receiptHandle":"r","body":"b","attributes":{"SenderId":"s"},"messageAttributes":{` +
		`"B":{"binaryValue":"eA==","stringListValues":[],"binaryListValues":[],"dataType":"Binary"},"N":{"stringValue":"7","stringListValues":[],"binaryListValues":[],"dataType":"Number"}},` +
		`"md5OfMessageAttributes":"am","md5OfBody":"m","eventSource":"aws:sqs","eventSourceARN":"` + queueARN.String() + `","awsRegion":"eu-west-1"}`
	if got != want {
		t.Fatalf("%s\n%s", got, want)
	}
}

// A batch that is throttled is tried again while its messages are hidden; a function that is gone leaves them where they are until it is back.
func TestQueueWaitsForItsFunction(t *testing.T) {
	b, q, r := openQueue(t)
	b.mapping(nil)
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: n32(0)}); err != nil {
		t.Fatal(err)
	}
	q.send("a")
	computetest.Eventually(t, "throttles", func() bool { return b.rec.sum("Throttles") >= 1 })
	if _, err := b.r.deleteConcurrency(b.ctx, &api.DeleteFunctionConcurrencyInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	logged(t, r, "$LATEST a")
	if _, err := b.r.deleteFunction(b.ctx, &api.DeleteFunctionInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	q.send("b") // the poll that goes on may still take it, and tries until the function is back
	b.create("f", "")
	computetest.Eventually(t, "the next message", func() bool { return strings.HasPrefix(r.log(), "$LATEST a|") || strings.Contains(q.state(), "r-b") })
}

// A mapping follows its alias, and can be moved to a version.
func TestQueueMappingOfAliases(t *testing.T) {
	b, q, r := openQueue(t)
	b.r.mustPublish(t, b.ctx)
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	m := b.mapping(func(in *api.CreateEventSourceMappingInput) { in.FunctionName = new("f:live") })
	if got := *m.FunctionArn; !strings.HasSuffix(got, ":f:live") {
		t.Fatal(got)
	}
	q.send("a")
	logged(t, r, "1 a")
	b.replace("f", "two")
	b.r.mustPublish(t, b.ctx)
	if _, err := b.r.updateAlias(b.ctx, &api.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("2")}); err != nil {
		t.Fatal(err)
	}
	q.send("b")
	logged(t, r, "1 a|2 b")
	out, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: m.UUID, FunctionName: new("f:1")})
	if err != nil || !strings.HasSuffix(*out.FunctionArn, ":f:1") || *out.State != "Updating" {
		t.Fatal(out, err)
	}
	q.send("c")
	logged(t, r, "1 a|2 b|1 c")
	_, err = b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: m.UUID, FunctionName: new("none")})
	wantError(t, err, "InvalidParameterValueException", "Function does not exist")
	b.Directory.Put(queueARN, cloud.Description{Type: "AWS::SQS::Queue", Attributes: map[string]string{"VisibilityTimeout": "1"}}, nil)
	_, err = b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: m.UUID, BatchSize: n32(2)})
	wantError(t, err, "InvalidParameterValueException", "Queue visibility timeout: 1 seconds is less than Function timeout: 3 seconds")
	if _, err := b.r.updateMapping(b.ctx, &api.UpdateEventSourceMappingInput{UUID: m.UUID, Enabled: new(false)}); err == nil {
		t.Fatal("the queue hides messages for too short a time, and nobody said so")
	}
}
