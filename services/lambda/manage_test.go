package lambda

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

func TestLineage(t *testing.T) {
	l := ""
	for range 3 {
		l = visited(visited(l, "aaaaaaaa"), "bbbbbbbb")
	}
	if l != "aaaaaaaa:3|bbbbbbbb:3" || visits(l, "aaaaaaaa") != 3 || visits(l, "cccccccc") != 0 || visits("aaaaaaaa:x", "aaaaaaaa") != 0 {
		t.Fatal(l)
	}
	for i := range 40 {
		l = visited(l, strings.Repeat(string(rune('a'+i%26)), 8)+"x")
	}
	if n := strings.Count(l, "|") + 1; n != maxAncestors {
		t.Fatalf("%d functions in %s", n, l)
	}
}

// chain makes a function that invokes itself, each time with the trace that it was given.
func (b *bench) chain(m *machine, kind cloud.InvocationType) (runs *int, last *error) {
	runs, last = new(int), new(error)
	m.run = func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		if *runs++; *runs > 30 {
			return text("enough")
		}
		c := cloud.CallFrom(b.ctx)
		c.Trace = i.Trace
		_, err := b.r.invoke(cloud.WithCall(b.ctx, c), ref{Scope: servicetest.Scope, name: "f"}, i.Payload, cloud.Mode{Type: kind})
		if err != nil {
			*last = err
		}
		return text("1")
	}
	return runs, last
}

func TestRecursionIsStopped(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	b.create("f", "1")
	runs, last := b.chain(m, cloud.RequestResponse)
	b.invoke("f", `{}`)
	wantError(t, *last, "RecursiveInvocationException", "recursive loop")
	if *runs != maxVisits || b.rec.sum("RecursiveInvocationsDropped") != 1 {
		t.Fatal(*runs, b.rec.metrics)
	}
	if out, err := b.r.getRecursion(b.ctx, &api.GetFunctionRecursionConfigInput{FunctionName: new("f")}); err != nil || *out.RecursiveLoop != loopTerminate {
		t.Fatal(out, err)
	}
	if _, err := b.r.putRecursion(b.ctx, &api.PutFunctionRecursionConfigInput{FunctionName: new("f"), RecursiveLoop: new(loopAllow)}); err != nil {
		t.Fatal(err)
	}
	runs, last = b.chain(m, cloud.RequestResponse)
	b.invoke("f", `{}`)
	if *runs != 31 || *last != nil {
		t.Fatal(*runs, *last)
	}
}

func TestRecursionOfEventsEndsInTheDestination(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) {
		in.DeadLetterConfig = &api.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:000000000000:dead")}
	})
	failures := &api.DestinationConfig{OnFailure: &api.OnFailure{Destination: new("arn:aws:s3:::failures")}}
	if _, err := b.r.putEventConfig(b.ctx, &api.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), DestinationConfig: failures}); err != nil {
		t.Fatal(err)
	}
	runs, _ := b.chain(m, cloud.EventInvoke)
	b.async("f", `{"a":1}`)
	computetest.Eventually(t, "the dead letter and the object", func() bool { return len(b.in.all()) == 1 && len(b.Caller.Calls()) == 1 })
	d, put := b.in.all()[0], b.Caller.Calls()[0]
	if *runs != maxVisits || string(d.Payload) != `{"a":1}` || d.Attributes["ErrorCode"].Value != "400" {
		t.Fatal(*runs, d)
	}
	if in := string(put.In); put.Op != "PutObject" || !strings.Contains(in, `"Bucket":"failures"`) || !strings.Contains(in, `"Key":"aws/lambda/async/f/2`) || put.As.Role.String() != role {
		t.Fatalf("%+v", put)
	}
}

func TestZeroConcurrencyEndsEventsAtOnce(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1", func(in *api.CreateFunctionInput) {
		in.DeadLetterConfig = &api.DeadLetterConfig{TargetArn: new("arn:aws:sqs:eu-west-1:000000000000:dead")}
	})
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: new(int32(0))}); err != nil {
		t.Fatal(err)
	}
	if out, err := b.r.invokeAsync(b.ctx, &api.InvokeAsyncInput{FunctionName: new("f"), InvokeArgs: strings.NewReader(`{"a":1}`)}); err != nil || *out.Status != 202 {
		t.Fatal(out, err)
	}
	computetest.Eventually(t, "the dead letter", func() bool { return len(b.in.all()) == 1 })
	if d := b.in.all()[0]; d.Attributes["ErrorCode"].Value != "429" || d.Attributes["ErrorMessage"].Value != "Rate Exceeded." {
		t.Fatalf("%+v", d)
	}
	_, err := b.r.invokeAsync(b.ctx, &api.InvokeAsyncInput{FunctionName: new("f"), InvokeArgs: bytes.NewReader(make([]byte, maxAsync+1))})
	wantError(t, err, "RequestEntityTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)")
}

func TestReservationsLeaveTheRest(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	b.create("f", "1")
	b.create("g", "1")
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("g"), ReservedConcurrentExecutions: new(int32(900))}); err != nil {
		t.Fatal(err)
	}
	var leave []func()
	enter := func(name string) error {
		p, err := b.r.plan(b.ctx, ref{Scope: servicetest.Scope, name: name})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := b.r.enter(b.ctx, p)
		if err == nil {
			leave = append(leave, out)
		}
		return err
	}
	for range 100 {
		if err := enter("f"); err != nil {
			t.Fatal(err)
		}
	}
	if err := enter("f"); !cloud.IsCode(err, "TooManyRequestsException") || cloud.AsError(err).Fields["Reason"] != "ConcurrentInvocationLimitExceeded" {
		t.Fatal(err)
	}
	if err := enter("g"); err != nil {
		t.Fatal(err)
	}
	for _, l := range leave {
		l()
	}
	if _, err := b.r.deleteConcurrency(b.ctx, &api.DeleteFunctionConcurrencyInput{FunctionName: new("g")}); err != nil {
		t.Fatal(err)
	}
	for range 101 {
		if err := enter("f"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRuntimeManagement(t *testing.T) {
	m := &machine{}
	b := open(t, m.on(nil))
	out := b.create("f", "1")
	get := func() *api.GetRuntimeManagementConfigOutput {
		got, err := b.r.getManagement(b.ctx, &api.GetRuntimeManagementConfigInput{FunctionName: new("f")})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := get(); *got.UpdateRuntimeOn != "Auto" || got.RuntimeVersionArn != nil || !strings.HasSuffix(*got.FunctionArn, "function:f:$LATEST") {
		t.Fatalf("%+v", got)
	}
	put := func(mode string, version *string) error {
		_, err := b.r.putManagement(b.ctx, &api.PutRuntimeManagementConfigInput{FunctionName: new("f"), UpdateRuntimeOn: &mode, RuntimeVersionArn: version})
		return err
	}
	here := *out.RuntimeVersionConfig.RuntimeVersionArn
	wantError(t, put("Manual", nil), "InvalidParameterValueException", "must provide a runtime version ARN")
	wantError(t, put("Auto", &here), "InvalidParameterValueException", "only when the runtime update mode is Manual")
	wantError(t, put("Manual", new(here+"0")), "InvalidParameterValueException", "is not available. This machine has "+here)
	if err := put("Manual", &here); err != nil || *get().RuntimeVersionArn != here {
		t.Fatal(err)
	}
	b.answers("f", `{"a":1}`, `{"a":1}`)
	b.r.runtimes = func() map[string]compute.Runtime {
		return map[string]compute.Runtime{"nodejs20.x": {Name: "nodejs20.x", Interpreter: "/usr/bin/node", Version: "v20.99.0"}}
	}
	_, err := b.r.invoke(b.ctx, ref{Scope: servicetest.Scope, name: "f"}, nil, cloud.Mode{})
	wantError(t, err, "InvalidRuntimeException", here+" is not on this machine any more")
	if err := put("FunctionUpdate", nil); err != nil {
		t.Fatal(err)
	}
	b.answers("f", `{}`, `{}`)
}

func TestCodeSigning(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	publishers := &api.AllowedPublishers{SigningProfileVersionArns: []string{"arn:aws:signer:eu-west-1:000000000000:/signing-profiles/p/1"}}
	made, err := b.r.createSigning(b.ctx, &api.CreateCodeSigningConfigInput{AllowedPublishers: publishers, Tags: map[string]string{"a": "1"}})
	if err != nil || *made.CodeSigningConfig.CodeSigningPolicies.UntrustedArtifactOnDeployment != signingWarn {
		t.Fatal(made, err)
	}
	arn := made.CodeSigningConfig.CodeSigningConfigArn
	if _, err := b.r.putFunctionSigning(b.ctx, &api.PutFunctionCodeSigningConfigInput{FunctionName: new("f"), CodeSigningConfigArn: arn}); err != nil {
		t.Fatal(err)
	}
	code := zipped(t, map[string]string{"index.js": "2"})
	update := func() error {
		_, err := b.r.updateCode(b.ctx, &api.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: code})
		return err
	}
	if err := update(); err != nil || b.rec.sum("SignatureValidationErrors") != 1 {
		t.Fatal(err, b.rec.metrics)
	}
	enforce := &api.CodeSigningPolicies{UntrustedArtifactOnDeployment: new(signingEnforce)}
	if _, err := b.r.updateSigning(b.ctx, &api.UpdateCodeSigningConfigInput{CodeSigningConfigArn: arn, CodeSigningPolicies: enforce}); err != nil {
		t.Fatal(err)
	}
	wantError(t, update(), "CodeVerificationFailedException", "Lambda cannot deploy the function")
	_, err = b.r.createFunction(b.ctx, &api.CreateFunctionInput{FunctionName: new("g"), Runtime: new("nodejs20.x"), Handler: new("index.handler"), Role: new(role), Code: &api.FunctionCode{ZipFile: code}, CodeSigningConfigArn: arn})
	wantError(t, err, "CodeVerificationFailedException", "g")
	if l, err := b.r.listSigned(b.ctx, &api.ListFunctionsByCodeSigningConfigInput{CodeSigningConfigArn: arn}); err != nil || len(l.FunctionArns) != 1 {
		t.Fatal(l, err)
	}
	if l, err := b.r.listTags(b.ctx, &api.ListTagsInput{Resource: arn}); err != nil || l.Tags["a"] != "1" {
		t.Fatal(l, err)
	}
	_, err = b.r.deleteSigning(b.ctx, &api.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn})
	wantError(t, err, "ResourceConflictException", "is used by 1 functions")
	if _, err := b.r.deleteFunctionSigning(b.ctx, &api.DeleteFunctionCodeSigningConfigInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	if err := update(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.r.deleteSigning(b.ctx, &api.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn}); err != nil {
		t.Fatal(err)
	}
	_, err = b.r.getSigning(b.ctx, &api.GetCodeSigningConfigInput{CodeSigningConfigArn: arn})
	wantError(t, err, "ResourceNotFoundException", "The Lambda code signing configuration "+*arn+" can not be found.")
	_, err = b.r.putFunctionSigning(b.ctx, &api.PutFunctionCodeSigningConfigInput{FunctionName: new("f"), CodeSigningConfigArn: arn})
	wantError(t, err, "CodeSigningConfigNotFoundException", "Check that the provided configuration is not deleted: "+*arn)
}

func TestWholeResourcePolicies(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	arn := new("arn:aws:lambda:eu-west-1:000000000000:function:f")
	_, err := b.r.getResourcePolicy(b.ctx, &api.GetResourcePolicyInput{ResourceArn: arn})
	wantError(t, err, "ResourceNotFoundException", "The resource you requested does not exist.")
	doc := `{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + *arn + `"}]}`
	put, err := b.r.putResourcePolicy(b.ctx, &api.PutResourcePolicyInput{ResourceArn: arn, Policy: &doc})
	if err != nil || *put.Policy != doc {
		t.Fatal(put, err)
	}
	if p, err := b.r.readPolicy(b.ctx, mustARN(*arn)); err != nil || p == nil {
		t.Fatal(p, err)
	}
	_, err = b.r.deleteResourcePolicy(b.ctx, &api.DeleteResourcePolicyInput{ResourceArn: arn, RevisionId: new("other")})
	wantError(t, err, "PreconditionFailedException", "GetResourcePolicy")
	long := strings.Replace(doc, `"s"`, `"`+strings.Repeat("s", maxPolicy)+`"`, 1)
	_, err = b.r.putResourcePolicy(b.ctx, &api.PutResourcePolicyInput{ResourceArn: arn, Policy: &long})
	wantError(t, err, "PolicyLengthExceededException", "is bigger than the limit (20480)")
	if _, err := b.r.deleteResourcePolicy(b.ctx, &api.DeleteResourcePolicyInput{ResourceArn: arn, RevisionId: put.RevisionId}); err != nil {
		t.Fatal(err)
	}
}

// A message that comes out of a loop is dropped when its queue hands nothing to a dead-letter queue: it would go round for ever.
func TestLoopsThroughQueues(t *testing.T) {
	q, m := newQueue(), &machine{}
	b := open(t, m.on(nil), withQueue(q))
	b.create("f", "1")
	loop := func(visits int) cloud.Trace {
		return cloud.Trace{Root: "1-00000000-000000000000000000000000", Lineage: lineageName(ref{Scope: servicetest.Scope, name: "f"}) + ":" + strconv.Itoa(visits)}
	}
	q.send("fresh", "old")
	q.ready[0].Trace, q.ready[1].Trace = loop(maxVisits-1), loop(maxVisits)
	if got := deepest(ref{Scope: servicetest.Scope, name: "f"}, []queued{{q.ready[0], nil}, {q.ready[1], nil}, {bus.Message{}, nil}}); got != loop(maxVisits) {
		t.Fatal(got)
	}
	b.mapping(func(in *api.CreateEventSourceMappingInput) { in.BatchSize = new(int32(1)) })
	computetest.Eventually(t, "both gone", func() bool { return q.state() == "r-fresh r-old | " })
	if b.rec.sum("RecursiveInvocationsDropped") != 1 || b.rec.sum("Invocations") != 1 {
		t.Fatal(b.rec.metrics)
	}
}
