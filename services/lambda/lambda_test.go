package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/engine/compute/process"
	"sundog/engine/telemetry"
	"sundog/internal/clock"
	"sundog/internal/ids"
	"sundog/services/servicetest"
)

func TestMain(m *testing.M) {
	process.MaybeInit()
	os.Exit(m.Run())
}

// recorder keeps what is recorded.
type recorder struct {
	telemetry.Recorder
	mu      sync.Mutex
	lines   []string
	metrics map[string]float64 // of functions and mappings as a whole, and, with their dimensions behind the name, of everything
	spans   []telemetry.Span
}

func (r *recorder) Log(_ telemetry.LogGroup, _ string, events ...telemetry.LogEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		r.lines = append(r.lines, e.Message)
	}
}

func (r *recorder) Metric(ms ...telemetry.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range ms {
		if m.Dimensions["Resource"] == "" && len(m.Dimensions) > 0 {
			r.metrics[m.Name] += m.Values[0]
		}
		r.metrics[m.Name+fmt.Sprint(" ", m.Dimensions)] += m.Values[0]
	}
}

// Meter gives one that does what Metric does.
func (r *recorder) Meter(_ cloud.Scope, _ string, dimensions map[string]string, gauges ...telemetry.Gauge) telemetry.Meter {
	return meter{r, dimensions, gauges}
}

type meter struct {
	r          *recorder
	dimensions map[string]string
	gauges     []telemetry.Gauge
}

func (m meter) Add(_ time.Time, values ...float64) {
	for i, v := range values {
		m.r.Metric(telemetry.Metric{Name: m.gauges[i].Name, Dimensions: m.dimensions, Values: []float64{v}})
	}
}

func (r *recorder) Span(s ...telemetry.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s...)
}

func (r *recorder) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func (r *recorder) sum(name string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.metrics[name]
}

// inbox plays the queues and topics that destinations name.
type inbox struct {
	mu  sync.Mutex
	got []bus.Delivery
}

func (*inbox) Action(cloud.ARN) string { return "sqs:SendMessage" }

func (i *inbox) Deliver(_ context.Context, d bus.Delivery) (bus.Outcome, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, d)
	return bus.Outcome{}, nil
}

func (i *inbox) all() []bus.Delivery {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]bus.Delivery{}, i.got...)
}

type bench struct {
	*servicetest.Kit
	r     *lambdaRoom
	admin *Admin
	rec   *recorder
	in    *inbox
	ctx   context.Context
	t     testing.TB
}

func open(t testing.TB, prepare ...func(*servicetest.Kit)) *bench {
	k := servicetest.New(t)
	rec := &recorder{metrics: map[string]float64{}}
	d, err := process.New(process.Options{Dir: t.TempDir(), Clock: clock.New(computetest.Wall, 0), IDs: ids.New(), Reexec: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	k.Deps.Telemetry, k.Deps.Compute = rec, d
	in := &inbox{}
	k.Targets["sqs"] = in
	for _, p := range prepare {
		p(k)
	}
	rm, admin := New(k.Deps, Options{Dir: t.TempDir(), Endpoint: "http://127.0.0.1:4566"})
	b := &bench{Kit: k, r: rm.Target.(target).lambdaRoom, admin: admin, rec: rec, in: in, ctx: k.Context(), t: t}
	k.Begin(t, rm)
	return b
}

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const role = "arn:aws:iam::000000000000:role/r"

func (b *bench) create(name, code string, change ...func(*api.CreateFunctionInput)) *api.CreateFunctionOutput {
	b.t.Helper()
	in := &api.CreateFunctionInput{
		FunctionName: &name, Runtime: new("nodejs20.x"), Handler: new("index.handler"), Role: new(role), Code: &api.FunctionCode{ZipFile: zipped(b.t, map[string]string{"index.js": code})},
	}
	for _, c := range change {
		c(in)
	}
	out, err := b.r.createFunction(b.ctx, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) invoke(name, payload string) cloud.Result {
	b.t.Helper()
	f, err := parseRef(b.ctx, &name, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.r.invoke(b.ctx, f, []byte(payload), cloud.Mode{LogTail: true})
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

func (b *bench) answers(name, payload, want string) {
	b.t.Helper()
	if res := b.invoke(name, payload); string(res.Payload) != want || res.FunctionError != "" {
		b.t.Fatalf("%s gave %s %s, want %s\n%s", name, res.FunctionError, res.Payload, want, res.LogTail)
	}
}

func wantError(t testing.TB, err error, code, message string) {
	t.Helper()
	if !cloud.IsCode(err, code) || !strings.Contains(cloud.AsError(err).Message, message) {
		t.Fatalf("error %v, want %s: %s", err, code, message)
	}
}

func TestFunctionLife(t *testing.T) {
	b := open(t)
	out := b.create("f", `exports.handler = async (e) => { console.log('seen', e.n); return e.n + 1; }`)
	if *out.State != "Pending" || *out.FunctionArn != "arn:aws:lambda:eu-west-1:000000000000:function:f" || *out.CodeSize == 0 {
		t.Fatalf("%+v", out)
	}
	res := b.invoke("f", `{"n":1}`)
	if string(res.Payload) != "2" || res.ExecutedVersion != "$LATEST" {
		t.Fatalf("%s", res.Payload)
	}
	for _, want := range []string{"START RequestId: " + res.RequestID + " Version: $LATEST\n", "\tINFO\tseen 1", "END RequestId: ", "REPORT RequestId: ", "Init Duration: "} {
		if !strings.Contains(b.rec.log(), want) || !strings.Contains(string(res.LogTail), want) {
			t.Fatalf("no %q in\n%s", want, b.rec.log())
		}
	}
	if log := b.rec.log(); !strings.HasPrefix(log, "INIT_START Runtime Version: nodejs:20.v1\tRuntime Version ARN: ") || strings.Contains(string(res.LogTail), "INIT_START") {
		t.Fatal(log)
	}
	if strings.Contains(b.rec.log(), "XRAY") { // PassThrough
		t.Fatal(b.rec.log())
	}
	if b.rec.sum("Invocations") != 1 || b.rec.sum("Errors") != 0 || len(b.rec.spans) != 1 || b.rec.spans[0].Kind != "invoke" {
		t.Fatalf("%v %v", b.rec.metrics, b.rec.spans)
	}
	_, err := b.r.createFunction(b.ctx, &api.CreateFunctionInput{FunctionName: new("f"), Runtime: new("nodejs20.x"), Handler: new("x.y"), Role: new(role), Code: &api.FunctionCode{ZipFile: []byte("x")}})
	wantError(t, err, "ResourceConflictException", "Function already exist: f")
	stale := *out.RevisionId
	if _, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Environment: &api.Environment{Variables: map[string]string{"A": "1"}}}); err != nil {
		t.Fatal(err)
	}
	_, err = b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), RevisionId: &stale, ZipFile: zipped(t, map[string]string{"index.js": "1"})})
	wantError(t, err, "PreconditionFailedException", "The Revision Id provided does not match")
	if _, err := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zipped(t, map[string]string{"index.js": `exports.handler = async () => process.env.A`})}); err != nil {
		t.Fatal(err)
	}
	b.answers("f", `{}`, `"1"`)
	if _, err := b.r.deleteFunction(b.ctx, &api.DeleteFunctionInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	_, err = b.r.getFunction(b.ctx, &api.GetFunctionInput{FunctionName: new("f")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:f")
	_, err = b.r.invokeOperation(b.ctx, &api.InvokeInput{FunctionName: new("f")})
	wantError(t, err, "ResourceNotFoundException", "function:f:$LATEST")
}

// Who does not wait any longer leaves a function that runs on.
func TestCallerWithDeadline(t *testing.T) {
	goOn := make(chan struct{})
	b := open(t, (&machine{}).on(func(compute.Version, *compute.Invocation) (compute.Result, error) {
		<-goOn
		return text("1")
	}))
	b.create("f", "1")
	ctx, cancel := context.WithTimeout(b.ctx, 50*time.Millisecond)
	defer cancel()
	_, err := b.r.invoke(ctx, ref{Scope: servicetest.Scope, name: "f"}, []byte(`{}`), cloud.Mode{})
	if !errors.Is(err, context.DeadlineExceeded) || b.rec.sum("Invocations") != 0 {
		t.Fatal(err, b.rec.metrics)
	}
	close(goOn)
	computetest.Eventually(t, "its end", func() bool { return b.rec.sum("Invocations") == 1 })
}

func TestErrorsAndTimeouts(t *testing.T) {
	b := open(t)
	b.create("f", `exports.handler = async (e) => { if (e.hang) await new Promise((r) => setTimeout(r, 60000)); throw new Error('boom'); }`, func(in *api.CreateFunctionInput) { in.Timeout = new(int32(1)) })
	if res := b.invoke("f", `{}`); res.FunctionError != "Unhandled" || !strings.Contains(string(res.Payload), `"errorMessage":"boom"`) {
		t.Fatalf("%+v", res)
	}
	res := b.invoke("f", `{"hang":true}`)
	timedOut := regexp.MustCompile(`\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tStatus: timeout\n$`)
	if res.FunctionError != "Unhandled" || !strings.Contains(string(res.Payload), "Task timed out after 1.00 seconds") || !timedOut.Match(res.LogTail) {
		t.Fatalf("%s\n%s", res.Payload, res.LogTail)
	}
	if b.rec.sum("Errors") != 2 {
		t.Fatal(b.rec.metrics)
	}
	_, err := b.r.invoke(b.ctx, ref{Scope: servicetest.Scope, name: "f"}, []byte(`{"n":`), cloud.Mode{})
	wantError(t, err, "InvalidRequestContentException", "Could not parse request body into json")
}

func TestVersionsAndAliases(t *testing.T) {
	b := open(t)
	b.create("f", `exports.handler = async (e, c) => [process.env.AWS_LAMBDA_FUNCTION_VERSION, c.invokedFunctionArn.split(':').slice(7).join()]`)
	v1, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")})
	if err != nil || *v1.Version != "1" {
		t.Fatal(v1, err)
	}
	if again, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")}); err != nil || *again.Version != "1" {
		t.Fatal(again, err)
	}
	if _, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Timeout: new(int32(5))}); err != nil {
		t.Fatal(err)
	}
	if v2, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")}); err != nil || *v2.Version != "2" || *v2.Timeout != 5 {
		t.Fatal(v2, err)
	}
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	b.answers("f:live", `{}`, `["1","live"]`)
	b.answers("f:2", `{}`, `["2","2"]`)
	if _, err := b.r.updateAlias(b.ctx, &api.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), RoutingConfig: &api.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 1}}}); err != nil {
		t.Fatal(err)
	}
	b.answers("f:live", `{}`, `["2","live"]`)
	_, err = b.r.deleteFunction(b.ctx, &api.DeleteFunctionInput{FunctionName: new("f"), Qualifier: new("1")})
	wantError(t, err, "ResourceConflictException", "Unable to delete version because the following aliases reference it: [live]")
	if l, err := b.r.listVersions(b.ctx, &api.ListVersionsByFunctionInput{FunctionName: new("f")}); err != nil || len(l.Versions) != 3 {
		t.Fatal(l, err)
	}
}

func TestPermissions(t *testing.T) {
	b := open(t)
	b.create("f", `exports.handler = async () => 1`)
	arn := ref{Scope: servicetest.Scope, name: "f"}.arn()
	lookup := b.r.policies.Lookup(b.r.readPolicy)
	if p, err := lookup(b.ctx, arn); p != nil || err != nil {
		t.Fatal(p, err)
	}
	in := &api.AddPermissionInput{FunctionName: new("f"), StatementId: new("s3"), Action: new("lambda:InvokeFunction"), Principal: new("s3.amazonaws.com"), SourceArn: new("arn:aws:s3:::b")}
	out, err := b.r.addPermission(b.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:000000000000:function:f","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}`
	if *out.Statement != want {
		t.Fatal(*out.Statement)
	}
	_, err = b.r.addPermission(b.ctx, in)
	wantError(t, err, "ResourceConflictException", "The statement id (s3) provided already exists.")
	if p, err := lookup(b.ctx, arn); err != nil || len(p.Statements) != 1 {
		t.Fatal(p, err)
	}
	if _, err := b.r.removePermission(b.ctx, &api.RemovePermissionInput{FunctionName: new("f"), StatementId: new("s3")}); err != nil {
		t.Fatal(err)
	}
	_, err = b.r.getPolicy(b.ctx, &api.GetPolicyInput{FunctionName: new("f")})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
}

// What was looked up of an alias before it had a policy is forgotten with the change.
func TestPermissionsOfAliases(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Publish = new(true) })
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	arn := ref{Scope: servicetest.Scope, name: "f", qualifier: "live"}.qualified()
	lookup := b.r.policies.Lookup(b.r.readPolicy)
	if p, err := lookup(b.ctx, arn); p != nil || err != nil {
		t.Fatal(p, err)
	}
	in := &api.AddPermissionInput{FunctionName: new("f"), Qualifier: new("live"), StatementId: new("s"), Action: new("lambda:InvokeFunction"), Principal: new("sns.amazonaws.com")}
	if _, err := b.r.addPermission(b.ctx, in); err != nil {
		t.Fatal(err)
	}
	if p, err := lookup(b.ctx, arn); err != nil || p == nil || len(p.Statements) != 1 {
		t.Fatal(p, err)
	}
}

func TestReservedConcurrency(t *testing.T) {
	b := open(t)
	b.create("f", `exports.handler = async () => 1`)
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: new(int32(0))}); err != nil {
		t.Fatal(err)
	}
	_, err := b.r.invoke(b.ctx, ref{Scope: servicetest.Scope, name: "f"}, nil, cloud.Mode{})
	wantError(t, err, "TooManyRequestsException", "Rate Exceeded.")
	if cloud.AsError(err).Fields["Reason"] != "ReservedFunctionConcurrentInvocationLimitExceeded" || b.rec.sum("Throttles") != 1 {
		t.Fatal(err, b.rec.metrics)
	}
	_, err = b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: new(int32(950))})
	wantError(t, err, "InvalidParameterValueException", "below its minimum value of [100]")
}

func TestLayersAndMounts(t *testing.T) {
	b := open(t)
	l, err := b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"nodejs/node_modules/dep/index.js": "module.exports = 'from the layer'"})}})
	if err != nil || *l.Version != 1 {
		t.Fatal(l, err)
	}
	b.create("f", `exports.handler = async () => require('dep')`, func(in *api.CreateFunctionInput) { in.Layers, in.Publish = []string{*l.LayerVersionArn}, new(true) })
	b.answers("f", `{}`, `"from the layer"`)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.js"), []byte(`exports.handler = async () => 'mounted'`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.Mount(b.ctx, "f", dir); err != nil {
		t.Fatal(err)
	}
	b.answers("f", `{}`, `"mounted"`)
	version := func(want string) {
		t.Helper()
		res, err := b.r.invoke(b.ctx, ref{Scope: servicetest.Scope, name: "f", qualifier: "1"}, nil, cloud.Mode{})
		if err != nil || string(res.Payload) != want {
			t.Fatalf("version 1: %s %v, want %s", res.Payload, err, want)
		}
	}
	version(`"mounted"`) // it is of the same package
	released, err := b.admin.Mount(b.ctx, "f", "")
	if err != nil {
		t.Fatal(err)
	}
	<-released
	b.answers("f", `{}`, `"from the layer"`)
	version(`"from the layer"`)
	b.replace("f", "exports.handler = async () => 2")
	if _, err := b.admin.Mount(b.ctx, "f", dir); err != nil {
		t.Fatal(err)
	}
	b.answers("f", `{}`, `"mounted"`)
	version(`"from the layer"`) // another package now
	_, err = b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("f"), Layers: []string{"arn:aws:lambda:eu-west-1:000000000000:layer:none:1"}})
	wantError(t, err, "InvalidParameterValueException", "Layer version arn:aws:lambda:eu-west-1:000000000000:layer:none:1 does not exist.")
	if fs, err := b.admin.Functions(b.ctx); err != nil || len(fs) != 1 {
		t.Fatal(fs, err)
	}
}

func TestCodeAndLayersTogetherAreBounded(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	l, err := b.r.publishLayer(b.ctx, &api.PublishLayerVersionInput{LayerName: new("l"), Content: &api.LayerVersionContentInput{ZipFile: zipped(t, map[string]string{"big": "1"})}})
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := sumOf(*l.Content.CodeSha256)
	if err := os.Truncate(filepath.Join(b.r.code.path(sum), "big"), compute.MaxUnzipped-1); err != nil { // takes no room on the disk
		t.Fatal(err)
	}
	layers := []string{*l.LayerVersionArn}
	b.create("f", "1", func(in *api.CreateFunctionInput) { in.Layers = layers })
	_, err = b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zipped(t, map[string]string{"index.js": "12"})})
	wantError(t, err, "InvalidParameterValueException", "Unzipped size must be smaller than 1 bytes")
	b.create("g", "12")
	attach := func() error {
		_, err := b.r.updateConfiguration(b.ctx, &api.UpdateFunctionConfigurationInput{FunctionName: new("g"), Layers: layers})
		return err
	}
	wantError(t, attach(), "InvalidParameterValueException", "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 262144001 bytes.")
	if err := os.Truncate(filepath.Join(b.r.code.path(sum), "big"), compute.MaxUnzipped+1); err != nil {
		t.Fatal(err)
	}
	wantError(t, attach(), "InvalidParameterValueException", "Layers consume more than the available size of 262144000 bytes")
}

func TestAsynchronous(t *testing.T) {
	b := open(t)
	b.create("f", `exports.handler = async (e) => { if (e.fail) throw new Error('no'); return 'yes'; }`)
	dest := func(q string) *string { return new("arn:aws:sqs:eu-west-1:000000000000:" + q) }
	_, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), MaximumRetryAttempts: new(int32(1)), DestinationConfig: &api.DestinationConfig{
		OnSuccess: &api.OnSuccess{Destination: dest("good")}, OnFailure: &api.OnFailure{Destination: dest("bad")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := ref{Scope: servicetest.Scope, name: "f"}
	for _, payload := range []string{`{"ok":1}`, `{"fail":1}`} {
		if _, err := b.r.invoke(b.ctx, f, []byte(payload), cloud.Mode{Type: cloud.EventInvoke}); err != nil {
			t.Fatal(err)
		}
	}
	computetest.Eventually(t, "two runs", func() bool { return b.rec.sum("Invocations") == 2 })
	b.Settle()
	if got := b.in.all(); len(got) != 1 || got[0].Target.Resource != "good" || !strings.Contains(string(got[0].Payload), `"condition":"Success"`) {
		t.Fatalf("%+v", got)
	}
	b.Advance(59 * time.Second)
	if n := b.rec.sum("Invocations"); n != 2 {
		t.Fatalf("%v runs before the minute", n)
	}
	b.Advance(10 * time.Second)
	computetest.Eventually(t, "the failure's record", func() bool { return len(b.in.all()) == 2 })
	got := b.in.all()[1]
	var rec struct {
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
		ResponsePayload struct{ ErrorMessage string }
	}
	if err := json.Unmarshal(got.Payload, &rec); err != nil || got.Target.Resource != "bad" || rec.RequestContext.Condition != "RetriesExhausted" || rec.RequestContext.ApproximateInvokeCount != 2 || rec.ResponsePayload.ErrorMessage != "no" {
		t.Fatalf("%s %v", got.Payload, err)
	}
}

// An event that another service delivers twice runs once.
func TestDeliveriesOnce(t *testing.T) {
	b := open(t)
	b.create("f", `exports.handler = async (e) => e.n`)
	d := bus.Delivery{ID: "same", Scope: servicetest.Scope, Target: ref{Scope: servicetest.Scope, name: "f"}.arn(), Payload: []byte(`{"n":1}`), As: cloud.RootOf("000000000000")}
	for range 2 {
		if o, err := (target{b.r}).Deliver(b.ctx, d); err != nil || o.Kind != bus.Done {
			t.Fatal(o, err)
		}
	}
	computetest.Eventually(t, "the run", func() bool { return b.rec.sum("Invocations") >= 1 })
	b.Settle()
	if n := b.rec.sum("Invocations"); n != 1 {
		t.Fatalf("%v runs", n)
	}
	o, err := target{b.r}.Deliver(b.ctx, bus.Delivery{ID: "x", Target: ref{Scope: servicetest.Scope, name: "none"}.arn(), Payload: []byte(`{}`)})
	if err != nil || o.Kind != bus.Permanent || o.Code != "ResourceNotFoundException" {
		t.Fatal(o, err)
	}
}

// What the Init phase writes comes before the invocation begins, and is no part of its tail, unless that phase failed.
func TestOrderOfLog(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	b.create("f", "1")
	answer := compute.Result{Payload: []byte(`1`), Cold: true, Init: time.Second}
	lines := []compute.LogLine{{Text: "at import", Init: true}, {Text: "in the handler"}, {Text: "[ERROR] of its own", Open: true}}
	m.run = func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		for _, l := range lines {
			i.Log(l)
		}
		return answer, nil
	}
	shown := func(res cloud.Result) string { return strings.ReplaceAll(string(res.LogTail), res.RequestID, "ID") }
	kinds := func() string {
		var all []string
		for _, l := range b.rec.lines {
			word, _, _ := strings.Cut(l, " ")
			all = append(all, word)
		}
		b.rec.lines = nil
		return strings.Join(all, " ")
	}
	tail := shown(b.invoke("f", `{}`))
	if want := "START RequestId: ID Version: $LATEST\nin the handler\n[ERROR] of its own\nEND RequestId: ID\nREPORT RequestId: ID\t"; !strings.HasPrefix(tail, want) || !strings.HasSuffix(tail, "\tInit Duration: 1000.00 ms\t\n") {
		t.Fatal(tail)
	}
	if got := kinds(); got != "INIT_START at START in [ERROR] END REPORT" {
		t.Fatal(got)
	}
	m.failed = true
	lines = []compute.LogLine{{Text: "at import", Init: true}, {Text: "INIT_REPORT", Init: true}}
	answer = compute.Result{Kind: compute.Init, Cold: true, Payload: []byte(`{"errorType":"Runtime.ImportModuleError"}`), Error: "no module"}
	tail = shown(b.invoke("f", `{}`))
	if !strings.Contains(tail, "at import\nINIT_REPORT\nSTART RequestId: ID Version: $LATEST\nEND RequestId: ID\nREPORT") || !strings.HasSuffix(tail, "MB\tStatus: error\tError Type: Runtime.ImportModuleError\n") {
		t.Fatal(tail)
	}
	if got := kinds(); got != "INIT_START at INIT_REPORT\n START END REPORT" {
		t.Fatal(got)
	}
	lines = nil
	answer.Payload, answer.Error = []byte(`{"errorType":"Runtime.InvalidEntrypoint"}`), "RequestId: 1 Error: fork/exec /var/task/bootstrap: permission denied"
	if tail = shown(b.invoke("f", `{}`)); !strings.Contains(tail, "$LATEST\n"+answer.Error+"\nRuntime.InvalidEntrypoint\nEND") {
		t.Fatal(tail)
	}
	m.failed = false
	answer = compute.Result{Kind: compute.OutOfMemory, Payload: []byte(`{"errorType":"Runtime.ExitError"}`), Error: "RequestId: 1 Error: Runtime exited with error: signal: killed"}
	if tail = shown(b.invoke("f", `{}`)); !strings.Contains(tail, "signal: killed\nRuntime.ExitError\nEND") || !strings.HasSuffix(tail, "MB\tStatus: error\tError Type: Runtime.OutOfMemory\n") {
		t.Fatal(tail)
	}
}

// An environment that is started beforehand writes its first line, and what its init wrote, when it starts. Its first invocation tells what that took, and is
// not charged for it.
func TestLogOfProvisioned(t *testing.T) {
	b := open(t)
	provision := func(name, status string, variables map[string]string) string {
		t.Helper()
		b.create(name, `console.log('at init'); if (process.env.BREAKS) throw new Error('on purpose'); exports.handler = async () => 1`, func(in *api.CreateFunctionInput) {
			in.Publish, in.Environment = new(true), &api.Environment{Variables: variables}
			in.LoggingConfig = &api.LoggingConfig{LogFormat: new("JSON")}
		})
		if _, err := b.r.putProvisioned(b.ctx, &api.PutProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: new("1"), ProvisionedConcurrentExecutions: new(int32(1))}); err != nil {
			t.Fatal(err)
		}
		computetest.Eventually(t, status, func() bool {
			out, err := b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: new("1")})
			return err == nil && *out.Status == status
		})
		return b.rec.log()
	}
	const first = `"type":"platform.initStart","record":{"functionName":"f","functionVersion":"1","initializationType":"provisioned-concurrency","instanceId":"20\d\d/\d\d/\d\d/f\[1\]\w{32}","instanceMaxMemory":134217728,"phase":"init","runtimeVersion":"nodejs:20.v1","runtimeVersionArn":"arn:`
	const ready = `"type":"platform.initReport","record":\{"initializationType":"provisioned-concurrency",`
	if log := provision("f", isReady, nil); !regexp.MustCompile(first).MatchString(log) || !regexp.MustCompile(ready+`"metrics":\{"durationMs":[\d.]+\},"phase":"init","status":"success"`).MatchString(log) || !strings.Contains(log, `"message":"at init"`) {
		t.Fatal(log)
	}
	for _, want := range []bool{true, false} {
		tail := string(b.invoke("f:1", `{}`).LogTail)
		var report struct {
			Record struct{ Metrics map[string]float64 }
		}
		if err := json.Unmarshal([]byte(tail[strings.LastIndex(strings.TrimSpace(tail), "\n")+1:]), &report); err != nil {
			t.Fatal(err, tail)
		}
		m := report.Record.Metrics
		if init, ok := m["initDurationMs"]; ok != want || ok && init <= 0 || m["billedDurationMs"] != math.Ceil(m["durationMs"]) {
			t.Fatal(tail)
		}
	}
	if log := b.rec.log(); strings.Count(log, "platform.initStart") != 1 || strings.Count(log, "at init") != 1 {
		t.Fatal(log)
	}
	log := provision("g", hasFailed, map[string]string{"BREAKS": "1"})
	if want := `"type":"platform.initReport"`; !strings.Contains(log, want) || !strings.Contains(log, `"errorType":"Error","initializationType":"provisioned-concurrency"`) || strings.Count(log, "platform.initStart") != 2 {
		t.Fatal(log)
	}
}

func TestRuntimeNames(t *testing.T) {
	for runtime, want := range map[string]string{
		"python3.12": "python:3.12.v1", "nodejs20.x": "nodejs:20.v1", "java8.al2": "java:8.al2.v1", "provided.al2023": "provided:al2023.v1", "provided": "provided.v1",
	} {
		if got := runtimeName(runtime); got != want {
			t.Errorf("%s is %s, want %s", runtime, got, want)
		}
	}
}
