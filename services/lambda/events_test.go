package lambda

import (
	"context"
	"encoding/json"
	"fmt"
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

// fails is a function that fails when its payload says so.
func fails(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
	if strings.Contains(string(i.Payload), "fail") {
		return compute.Result{Kind: compute.Handled, Payload: []byte(`{"errorMessage":"broken"}`)}, nil
	}
	return text("1")
}

func (b *bench) async(name, payload string) {
	b.t.Helper()
	if _, err := b.r.invoke(b.ctx, ref{Scope: servicetest.Scope, name: name}, []byte(payload), cloud.Mode{Type: cloud.EventInvoke}); err != nil {
		b.t.Fatal(err)
	}
}

func TestDeadLetters(t *testing.T) {
	b := open(t, (&machine{}).on(fails))
	b.create("f", "1", func(in *api.CreateFunctionInput) {
		in.DeadLetterConfig = &api.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:000000000000:dead")}
	})
	if _, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), MaximumRetryAttempts: new(int32(0))}); err != nil {
		t.Fatal(err)
	}
	b.async("f", `{"fail":1}`)
	computetest.Eventually(t, "the dead letter", func() bool { return len(b.in.all()) == 1 })
	d := b.in.all()[0]
	if string(d.Payload) != `{"fail":1}` || d.Attributes["ErrorCode"].Value != "200" || d.Attributes["ErrorMessage"].Value != "broken" || d.Attributes["RequestID"].Value == "" || d.Target.Resource != "dead" {
		t.Fatalf("%+v", d)
	}
}

// What does not reach its dead letter target or its destination is counted.
func TestUndelivered(t *testing.T) {
	b := open(t, (&machine{}).on(fails), func(k *servicetest.Kit) {
		k.Authorise = func(_ context.Context, d bus.Delivery, action string) error {
			if action == "sqs:SendMessage" {
				return cloud.Errorf(cloud.Denied, "AccessDenied", "no")
			}
			return nil
		}
	})
	b.create("f", "1", func(in *api.CreateFunctionInput) {
		in.DeadLetterConfig = &api.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:000000000000:dead")}
	})
	failures := &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new("arn:aws:sqs:eu-west-1:000000000000:failures")}}
	if _, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), MaximumRetryAttempts: new(int32(0)), DestinationConfig: failures}); err != nil {
		t.Fatal(err)
	}
	b.async("f", `{"fail":1}`)
	computetest.Eventually(t, "the metrics", func() bool {
		return b.rec.sum("DeadLetterErrors") == 1 && b.rec.sum("DestinationDeliveryFailures") == 1
	})
}

// A result that no destination takes is counted, and the function does not run again for it.
func TestResultsTooLargeForDestinations(t *testing.T) {
	b := open(t, (&machine{}).on(func(compute.Version, *compute.Invocation) (compute.Result, error) {
		return text(`"` + strings.Repeat("x", 3<<20) + `"`)
	}))
	b.create("f", "1")
	to := &api.DestinationConfig{OnSuccess: &api.OnSuccess{Destination: new("arn:aws:sqs:eu-west-1:000000000000:good")}}
	if _, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), DestinationConfig: to}); err != nil {
		t.Fatal(err)
	}
	b.async("f", `{}`)
	computetest.Eventually(t, "the metric", func() bool { return b.rec.sum("DestinationDeliveryFailures") >= 1 })
	b.Settle()
	b.Advance(time.Hour)
	if n := b.rec.sum("Invocations"); n != 1 || len(b.in.all()) != 0 {
		t.Errorf("%v runs, delivered: %d", n, len(b.in.all()))
	}
}

// A topic takes 256 KB: the record of a failure goes there without payloads that are larger.
func TestLargePayloadsToTopics(t *testing.T) {
	b := open(t, (&machine{}).on(fails))
	b.create("f", "1")
	f := ref{Scope: servicetest.Scope, name: "f"}
	p, err := b.r.plan(b.ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	const topic, queue = "arn:aws:sns:eu-west-1:000000000000:t", "arn:aws:sqs:eu-west-1:000000000000:q"
	half := []byte(`"` + strings.Repeat("x", maxToTopic/2-2) + `"`)
	for _, c := range []struct {
		condition, dest string
		more            string
		want            bool
	}{
		{conditionFailed, topic, "", true}, {conditionFailed, topic, " ", false}, {conditionFailed, queue, " ", true}, {conditionSuccess, topic, " ", true},
	} {
		e := ended{d: bus.Delivery{ID: "1", Payload: half}, p: p, condition: c.condition, result: &cloud.Result{Payload: append(half[:len(half):len(half)], c.more...)}}
		rec := b.r.resultRecord(e, c.dest)
		if got := rec["requestPayload"] != nil && rec["responsePayload"] != nil; got != c.want || rec["requestContext"] == nil {
			t.Errorf("%+v: payloads %v", c, got)
		}
	}
}

func TestEventBridgeDestination(t *testing.T) {
	b := open(t, (&machine{}).on(fails))
	b.create("f", "1")
	to := "arn:aws:events:eu-west-1:000000000000:event-bus/default"
	_, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), DestinationConfig: &api.DestinationConfig{OnSuccess: &api.OnSuccess{Destination: &to}}})
	if err != nil {
		t.Fatal(err)
	}
	b.async("f", `{"ok":1}`)
	computetest.Eventually(t, "the event", func() bool { return len(b.Caller.Calls()) == 1 })
	c := b.Caller.Calls()[0]
	var in struct {
		Entries []struct{ Source, DetailType, Detail, EventBusName string }
	}
	if err := json.Unmarshal(c.In, &in); err != nil || c.Service+":"+c.Op != "events:PutEvents" || c.As.Role.String() != role {
		t.Fatal(c, err)
	}
	if e := in.Entries[0]; e.Source != "lambda" || e.DetailType != "Lambda Function Invocation Result - Success" || e.EventBusName != to || !strings.Contains(e.Detail, `"requestPayload":{"ok":1}`) {
		t.Fatalf("%+v", e)
	}
}

func TestDryRunAndTags(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Tags = map[string]string{"a": "1"} })
	out, err := b.r.invokeOperation(b.ctx, &api.InvokeInput{FunctionName: new("f"), InvocationType: new("DryRun")})
	if err != nil || *out.StatusCode != 204 || len(m.seen) != 0 {
		t.Fatal(out, err)
	}
	arn := new(ref{Scope: servicetest.Scope, name: "f"}.arn().String())
	if _, err := b.r.tagResource(b.ctx, &api.TagResourceInput{Resource: arn, Tags: map[string]string{"b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.r.untagResource(b.ctx, &api.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if l, err := b.r.listTags(b.ctx, &api.ListTagsInput{Resource: arn}); err != nil || fmt.Sprint(l.Tags) != "map[b:2]" {
		t.Fatal(l, err)
	}
	_, err = b.r.listTags(b.ctx, &api.ListTagsInput{Resource: new(*arn + ":1")})
	wantError(t, err, "InvalidParameterValueException", "Tags on function aliases and versions are not supported")
}

// batches notes the values of every batch of a stream that a function gets.
type batches struct {
	mu  sync.Mutex
	all []string
}

func (b *batches) note(i *compute.Invocation) string {
	var e struct{ Records []struct{ V string } }
	if json.Unmarshal(i.Payload, &e) != nil {
		return ""
	}
	var vs []string
	for _, r := range e.Records {
		vs = append(vs, r.V)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, strings.Join(vs, ","))
	return b.all[len(b.all)-1]
}

func (b *batches) list() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.all, " ")
}

func TestStreamFromItsBeginning(t *testing.T) {
	s, got := &stream{more: make(chan struct{})}, &batches{}
	run := func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		if got.note(i) == "a,stop,b" { // the first attempt stops in the middle
			return text(`{"batchItemFailures":[{"itemIdentifier":"3"}]}`)
		}
		return text(`{}`)
	}
	b := open(t, (&machine{}).on(run), func(k *servicetest.Kit) { k.Streams["dynamodb"] = s })
	b.create("f", "1")
	s.add(b.Clock.Now().Add(-time.Hour), "old")
	s.add(b.Clock.Now(), "a", "stop", "b")
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.StartingPosition, in.MaximumRecordAgeInSeconds = new(streamARN.String()), new("TRIM_HORIZON"), new(int32(60))
		in.FunctionResponseTypes = []string{"ReportBatchItemFailures"}
		in.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new("arn:aws:sqs:eu-west-1:000000000000:lost")}}
	})
	computetest.Eventually(t, "what is left after the partial response", func() bool { return got.list() == "a,stop,b stop,b" })
	b.Settle()
	all := b.in.all()
	if len(all) != 1 || !strings.Contains(string(all[0].Payload), `"condition":"RecordAgeExceeded"`) || !strings.Contains(string(all[0].Payload), `"endSequenceNumber":"1"`) {
		t.Fatalf("%+v", all)
	}
}

func TestMaximumConcurrency(t *testing.T) {
	q := newQueue()
	running, more := make(chan bool, 10), make(chan bool)
	b := open(t, withQueue(q), (&machine{}).on(func(compute.Version, *compute.Invocation) (compute.Result, error) {
		running <- true
		<-more
		return text("1")
	}))
	b.create("f", "1")
	b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.BatchSize, in.ScalingConfig = new(int32(1)), &api.ScalingConfig{MaximumConcurrency: new(int32(2))}
	})
	q.send("a", "b", "c")
	<-running
	<-running
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	select {
	case <-running:
		t.Fatal("a third batch runs")
	case <-ctx.Done():
	}
	close(more)
	<-running
	computetest.Eventually(t, "all done", func() bool { return q.state() == "r-a r-b r-c | " })
}
