package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

// consumer plays a function that reads a stream: it keeps what it was called with, and answers as the test says.
type consumer struct {
	mu     sync.Mutex
	calls  []string // the values of each call's records
	events []map[string]any
	answer func(values []string, event map[string]any) (string, bool) // nil: null; false: it throws
}

func (c *consumer) run(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
	event, ok := decode(i.Payload).(map[string]any)
	if !ok {
		return compute.Result{}, fmt.Errorf("no event: %s", i.Payload)
	}
	var values []string
	for _, r := range event["Records"].([]any) {
		values = append(values, r.(map[string]any)["v"].(string))
	}
	c.mu.Lock()
	c.calls, c.events = append(c.calls, strings.Join(values, " ")), append(c.events, event)
	answer := c.answer
	c.mu.Unlock()
	if answer == nil {
		return text("null")
	}
	out, ok := answer(values, event)
	if !ok {
		return compute.Result{Kind: compute.Unhandled, Payload: []byte(`{"errorMessage":"no"}`)}, nil
	}
	return text(out)
}

// log gives the calls so far.
func (c *consumer) log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.calls, "|")
}

func (c *consumer) becomes(t *testing.T, want string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s, want %s", c.log(), want)
		}
	}()
	computetest.Eventually(t, want, func() bool { return c.log() == want })
}

// streamBench is a function f that reads a stream.
type streamBench struct {
	*bench
	s *stream
	c *consumer
	t *testing.T
}

func openStream(t *testing.T, prepare ...func(*servicetest.Kit)) *streamBench {
	s, c := newStream(), &consumer{}
	b := open(t, append(prepare, (&machine{}).on(c.run), func(k *servicetest.Kit) { k.Streams["dynamodb"], k.Streams["kinesis"] = s, s })...)
	b.create("f", "")
	return &streamBench{bench: b, s: s, c: c, t: t}
}

// add appends records that are stamped now.
func (b *streamBench) add(values ...string) { b.s.add(b.Clock.Now(), values...) }

func (b *streamBench) read(change func(*api.CreateEventSourceMappingInput)) string {
	b.t.Helper()
	out := b.mapping(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn, in.StartingPosition = new(streamARN.String()), new("TRIM_HORIZON")
		if change != nil {
			change(in)
		}
	})
	return *out.UUID
}

func (b *streamBench) update(id string, change func(*api.UpdateEventSourceMappingInput)) {
	b.t.Helper()
	in := &api.UpdateEventSourceMappingInput{UUID: &id}
	change(in)
	if _, err := b.r.updateMapping(b.ctx, in); err != nil {
		b.t.Fatal(err)
	}
}

// lost gives what came to the on-failure destination, once n records did.
func (b *streamBench) lost(n int) []string {
	b.t.Helper()
	computetest.Eventually(b.t, "what was given up", func() bool { return len(b.in.all()) >= n })
	var all []string
	for _, d := range b.in.all() {
		all = append(all, string(d.Payload))
	}
	return all
}

var lostDestination = &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new("arn:aws:sqs:eu-west-1:000000000000:lost")}}

func throwsAt(bad ...string) func([]string, map[string]any) (string, bool) {
	return func(values []string, _ map[string]any) (string, bool) {
		return "null", !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(bad, v) })
	}
}

// A record that always fails is found by halving, without a try being counted; those around it run once more at most, and in order.
func TestStreamBisects(t *testing.T) {
	b := openStream(t)
	b.c.answer = throwsAt("bad")
	b.add("a", "b", "c", "bad", "e", "f")
	id := b.read(func(in *api.CreateEventSourceMappingInput) {
		in.BisectBatchOnFunctionError, in.MaximumRetryAttempts, in.DestinationConfig = new(true), n32(1), lostDestination
	})
	b.c.becomes(t, "a b c bad e f|a b c|bad e f|bad|bad|e f")
	var rec struct {
		Request struct {
			Function  string `json:"functionArn"`
			Condition string `json:"condition"`
			Count     int    `json:"approximateInvokeCount"`
		} `json:"requestContext"`
		Response struct {
			Status int    `json:"statusCode"`
			Ran    string `json:"executedVersion"`
			Error  string `json:"functionError"`
		} `json:"responseContext"`
		Version string
		Info    discardedInfo `json:"DDBStreamBatchInfo"`
	}
	got := b.lost(1)
	if err := json.Unmarshal([]byte(got[0]), &rec); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	at := b.Clock.Now().UTC().Format(time.RFC3339)
	want := "{{arn:aws:lambda:eu-west-1:000000000000:function:f RetryAttemptsExhausted 2} {200 $LATEST Unhandled} 1.0 {shard-0 4 4 " + at + " " + at + " 1 " + streamARN.String() + "}}"
	if s := fmt.Sprint(rec); s != want {
		t.Fatalf("%s\n%s", s, want)
	}
	if m, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: &id}); err != nil || *m.LastProcessingResult != "OK" {
		t.Fatal(m, err)
	}
}

// With partial responses what is left begins at the lowest record that failed, also with bisection; a response that is not understood fails all.
func TestStreamPartialResponses(t *testing.T) {
	b := openStream(t)
	step := 0
	b.c.answer = func([]string, map[string]any) (string, bool) {
		step++
		return []string{
			`{"batchItemFailures":[{"itemIdentifier":"4"},{"itemIdentifier":"3"}]}`, // c and d
			`{"batchItemFailures":[{"itemIdentifier":"none"}]}`,                     // all: halves
			`{"batchItemFailures":[]}`, `null`,
		}[step-1], true
	}
	b.add("a", "b", "c", "d")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.BisectBatchOnFunctionError, in.FunctionResponseTypes = new(true), []string{"ReportBatchItemFailures"}
	})
	b.c.becomes(t, "a b c d|c d|c|d")
}

func TestStreamGivesUpByAge(t *testing.T) {
	b := openStream(t)
	b.c.answer = throwsAt("a")
	b.add("a")
	id := b.read(func(in *api.CreateEventSourceMappingInput) {
		in.MaximumRecordAgeInSeconds, in.DestinationConfig = n32(60), lostDestination
	})
	computetest.Eventually(t, "a try", func() bool { return strings.HasPrefix(b.c.log(), "a") })
	if m, err := b.r.getMapping(b.ctx, &api.GetEventSourceMappingInput{UUID: &id}); err != nil || *m.LastProcessingResult != "PROBLEM: Function call failed" && *m.LastProcessingResult != "No records processed" {
		t.Fatal(m, err)
	}
	b.Clock.AdvanceWall(61 * time.Second)
	if got := b.lost(1)[0]; !strings.Contains(got, `"condition":"RecordAgeExceeded"`) || strings.Contains(got, "responseContext") {
		t.Fatal(got)
	}
	b.add("b")
	computetest.Eventually(t, "the next", func() bool { return strings.HasSuffix(b.c.log(), "|b") })
}

// Lanes of one shard run side by side, each key's records in order; another number of lanes goes on where the last of the former was.
func TestStreamLanes(t *testing.T) {
	b := openStream(t)
	var values []string
	for i := range 200 {
		values = append(values, fmt.Sprintf("%c%d", 'a'+i%8, i))
	}
	gate := make(chan bool)
	var in atomic.Int32
	b.c.answer = func([]string, map[string]any) (string, bool) {
		if n := in.Add(1); n == 3 {
			close(gate)
		}
		<-gate // three lanes at once, or none goes on
		return "null", true
	}
	b.add(values...)
	id := b.read(func(in *api.CreateEventSourceMappingInput) { in.ParallelizationFactor, in.BatchSize = n32(4), n32(7) })
	b.all200(values)
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.ParallelizationFactor = n32(2) })
	b.add("z1", "y2")
	computetest.Eventually(t, "what follows", func() bool { return strings.Contains(b.c.log(), "z1") && strings.Contains(b.c.log(), "y2") })
	if n := len(strings.FieldsFunc(b.c.log(), func(r rune) bool { return r == ' ' || r == '|' })); n != 202 {
		t.Fatalf("%d records ran", n)
	}
}

// all200 waits until every value has run once, each key's in order.
func (b *streamBench) all200(values []string) {
	b.t.Helper()
	fields := func() []string {
		return strings.FieldsFunc(b.c.log(), func(r rune) bool { return r == ' ' || r == '|' })
	}
	computetest.Eventually(b.t, "all records", func() bool { return len(fields()) == len(values) })
	byKey := func(all []string) string {
		keys := map[byte][]string{}
		for _, v := range all {
			keys[v[0]] = append(keys[v[0]], v)
		}
		return fmt.Sprint(keys)
	}
	if got, want := byKey(fields()), byKey(values); got != want {
		b.t.Fatalf("%s\n%s", got, want)
	}
	for _, call := range strings.Split(b.c.log(), "|") {
		if len(strings.Fields(call)) > 7 {
			b.t.Fatal("a batch too large: ", call)
		}
	}
}

// What a disabled mapping has not read waits for it; a process that starts anew goes on, also in the middle of a batch that was halved.
func TestStreamGoesOn(t *testing.T) {
	b := openStream(t)
	id := b.read(func(in *api.CreateEventSourceMappingInput) { in.BisectBatchOnFunctionError = new(true) })
	b.add("a")
	b.c.becomes(t, "a")
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.Enabled = new(false) })
	computetest.Eventually(t, "Disabled", func() bool { return b.state(id) == "Disabled" })
	b.add("b")
	b.update(id, func(in *api.UpdateEventSourceMappingInput) { in.Enabled = new(true) })
	b.c.becomes(t, "a|b")
	if b.state(id) != "Enabled" {
		t.Fatal(b.state(id))
	}
	b.c.mu.Lock()
	b.c.answer = throwsAt("bad")
	b.c.mu.Unlock()
	b.s.add(b.Clock.Now(), "c", "d", "bad")
	computetest.Eventually(t, "the bad one alone, twice", func() bool { return strings.Count(b.c.log(), "|bad") >= 3 })
	if err := b.r.pollers.close(); err != nil {
		t.Fatal(err)
	}
	b.c.mu.Lock()
	b.c.answer, b.c.calls = nil, nil
	b.c.mu.Unlock()
	if err := b.r.pollers.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.c.becomes(t, "bad")
}

func TestStreamFiltersAndMetrics(t *testing.T) {
	b := openStream(t)
	b.add("a", "b", "c", "d")
	b.read(func(in *api.CreateEventSourceMappingInput) {
		in.FilterCriteria = &api.FilterCriteria{Filters: []api.Filter{{Pattern: new(`{"v":["b"]}`)}, {Pattern: new(`{"v":["d"]}`)}}}
		in.MetricsConfig = &api.EventSourceMappingMetricsConfig{Metrics: []string{eventCount}}
	})
	b.c.becomes(t, "b d")
	computetest.Eventually(t, "the metrics", func() bool { return b.rec.sum(invokedEvents) == 2 })
	for name, want := range map[string]float64{polledEvents: 4, filteredEvents: 2, droppedEvents: 0, failedEvents: 0} {
		if got := b.rec.sum(name); got != want {
			t.Errorf("%s %v, want %v", name, got, want)
		}
	}
}

// bucket plays the bucket room.
type bucket struct {
	mu   sync.Mutex
	keys []string
	body string
}

func (b *bucket) Call(_ context.Context, as cloud.Principal, svc, op string, in json.RawMessage, body io.Reader) (cloud.Reply, error) {
	var x struct{ Bucket, Key string }
	var buf bytes.Buffer
	if err := json.Unmarshal(in, &x); err != nil {
		return cloud.Reply{}, err
	}
	if _, err := buf.ReadFrom(body); err != nil {
		return cloud.Reply{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys, b.body = append(b.keys, as.Role.Resource+" "+svc+":"+op+" "+x.Bucket+" "+x.Key), buf.String()
	return cloud.Reply{}, nil
}

// A Kinesis room only has to serve a stream: its records are filtered by their data, start at a moment, and are given up in its own words; a bucket gets the
// event as well.
func TestKinesisStream(t *testing.T) {
	bk := &bucket{}
	b := openStream(t, func(k *servicetest.Kit) { k.Deps.Caller = bk })
	b.c.answer = throwsAt("c", "a")
	record := func(v, data string) {
		b.s.add(b.Clock.Now(), v)
		r := &b.s.records[len(b.s.records)-1]
		r.JSON = []byte(`{"v":"` + v + `","kinesis":{"data":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"}}`)
	}
	record("a", `{"kind":"x"}`)
	b.Clock.AdvanceWall(time.Minute)
	from := b.Clock.Now()
	record("b", `{"kind":"y"}`)
	record("c", `{"kind":"x"}`)
	record("d", `plain`)
	id := b.read(func(in *api.CreateEventSourceMappingInput) {
		in.EventSourceArn = new(cloud.NewARN("kinesis", servicetest.Scope, "stream/s").String())
		in.StartingPosition, in.StartingPositionTimestamp, in.MaximumRetryAttempts = new("AT_TIMESTAMP"), &from, n32(0)
		in.FilterCriteria = &api.FilterCriteria{Filters: []api.Filter{{Pattern: new(`{"data":{"kind":["x"]}}`)}}}
		in.DestinationConfig = &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new("arn:aws:s3:::lost")}}
	})
	b.c.becomes(t, "c")
	computetest.Eventually(t, "an object", func() bool { bk.mu.Lock(); defer bk.mu.Unlock(); return bk.body != "" })
	now := b.Clock.Now().UTC()
	if want := "role/r s3:PutObject lost aws/lambda/" + id + "/shard-0/" + now.Format("2006/01/02/2006-01-02T15.04.05-"); !strings.HasPrefix(bk.keys[0], want) {
		t.Fatal(bk.keys[0], want)
	}
	var rec struct {
		KinesisBatchInfo struct {
			First string `json:"approximateArrivalOfFirstRecord"`
		}
		Payload string
	}
	if err := json.Unmarshal([]byte(bk.body), &rec); err != nil || rec.KinesisBatchInfo.First != stampOf(from) || !strings.HasPrefix(rec.Payload, `{"Records":[{"v":"c"`) {
		t.Fatal(bk.body, err)
	}
}
