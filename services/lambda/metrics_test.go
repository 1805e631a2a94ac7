package lambda

import (
	"strings"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/servicetest"
)

// An invocation counts for its function, for what was invoked, for the account, and through an alias for the version that ran.
func TestMetricsByResource(t *testing.T) {
	b := open(t, (&machine{}).on(nil))
	b.create("f", "1")
	b.create("reserved", "1")
	if _, err := b.r.publishVersion(b.ctx, &api.PublishVersionInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.r.createAlias(b.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("reserved"), ReservedConcurrentExecutions: new(int32(1))}); err != nil {
		t.Fatal(err)
	}
	for _, f := range []ref{{name: "f"}, {name: "f"}, {name: "f", qualifier: "1"}, {name: "f", qualifier: "live"}, {name: "reserved"}} {
		f.Scope = servicetest.Scope
		if _, err := b.r.invoke(b.ctx, f, []byte(`{}`), cloud.Mode{}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := b.r.plan(b.ctx, ref{Scope: servicetest.Scope, name: "reserved"})
	if err != nil {
		t.Fatal(err)
	}
	b.r.throttled(p)
	b.want(t, map[string]float64{
		"Invocations map[FunctionName:f]":                                         4,
		"Invocations map[FunctionName:f Resource:f]":                              2,
		"Invocations map[FunctionName:f Resource:f:1]":                            1,
		"Invocations map[FunctionName:f Resource:f:live]":                         1,
		"Invocations map[ExecutedVersion:1 FunctionName:f Resource:f:live]":       1,
		"Invocations map[FunctionName:reserved]":                                  1,
		"Invocations map[]":                                                       5,
		"ConcurrentExecutions map[FunctionName:f Resource:f]":                     2,
		"ConcurrentExecutions map[]":                                              5,
		"UnreservedConcurrentExecutions map[]":                                    4, // nothing of the others ran beside the reserved one
		"UnreservedConcurrentExecutions map[FunctionName:f]":                      0,
		"Throttles map[FunctionName:reserved]":                                    1,
		"Throttles map[FunctionName:reserved Resource:reserved]":                  1,
		"Throttles map[]":                                                         1,
		"Throttles map[ExecutedVersion:1 FunctionName:f Resource:f:live]":         0,
		"ConcurrentExecutions map[ExecutedVersion:1 FunctionName:f Resource:f:1]": 0,
	})
}

// Provisioned concurrency counts what ran on it and what found all of it in use, by what was invoked; what is allocated is claimed whether it runs or not.
func TestMetricsOfProvisionedConcurrency(t *testing.T) {
	running, end := make(chan string), map[string]chan struct{}{}
	for _, name := range []string{"a", "b", "c", "d", "late"} {
		end[name] = make(chan struct{})
	}
	m := &machine{}
	b := open(t, m.on(func(_ compute.Version, i *compute.Invocation) (compute.Result, error) {
		if stop := end[strings.Trim(string(i.Payload), `"`)]; stop != nil {
			running <- ""
			<-stop
		}
		i.Settled(3 * time.Millisecond)
		return text("1")
	}))
	publish := func(in *api.CreateFunctionInput) { in.Publish = new(true) }
	b.create("f", "1", publish)
	b.create("reserved", "1", publish)
	b.create("fails", "1", publish, func(in *api.CreateFunctionInput) { in.Handler = new("broken") })
	if _, err := b.r.putConcurrency(b.ctx, &api.PutFunctionConcurrencyInput{FunctionName: new("reserved"), ReservedConcurrentExecutions: new(int32(10))}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"f": isReady, "reserved": isReady, "fails": hasFailed} {
		in := &api.PutProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: new("1"), ProvisionedConcurrentExecutions: new(int32(2))}
		if _, err := b.r.putProvisioned(b.ctx, in); err != nil {
			t.Fatal(err)
		}
		computetest.Eventually(t, name, func() bool {
			out, err := b.r.getProvisioned(b.ctx, &api.GetProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: new("1")})
			return err == nil && *out.Status == want
		})
	}
	invoke := func(name, qualifier, payload string) {
		if _, err := b.r.invoke(b.ctx, ref{Scope: servicetest.Scope, name: name, qualifier: qualifier}, []byte(`"`+payload+`"`), cloud.Mode{}); err != nil {
			t.Error(err)
		}
	}
	ended := map[string]chan struct{}{}
	begin := func(payload string) {
		ended[payload] = make(chan struct{})
		go func() { defer close(ended[payload]); invoke("f", "1", payload) }()
		<-running
	}
	stop := func(payload string) { close(end[payload]); <-ended[payload] }
	begin("a") // 1 of 2 is in use
	begin("b")
	begin("c") // spills over
	stop("a")
	begin("d") // takes its place, though as many run as when c came
	for _, p := range []string{"b", "c", "d"} {
		stop(p)
	}
	invoke("f", "", "x") // what is unpublished has none
	invoke("reserved", "1", "x")
	invoke("fails", "1", "x") // none has come up
	b.want(t, map[string]float64{
		"ProvisionedConcurrencyInvocations map[FunctionName:f Resource:f:1]":                  3,
		"ProvisionedConcurrencyInvocations map[FunctionName:f]":                               3,
		"ProvisionedConcurrencyInvocations map[FunctionName:f Resource:f]":                    0,
		"ProvisionedConcurrencyInvocations map[]":                                             4,
		"ProvisionedConcurrencySpilloverInvocations map[FunctionName:f Resource:f:1]":         1,
		"ProvisionedConcurrencySpilloverInvocations map[FunctionName:f]":                      1,
		"ProvisionedConcurrencySpilloverInvocations map[]":                                    2,
		"ProvisionedConcurrentExecutions map[FunctionName:f Resource:f:1]":                    1 + 2 + 2 + 2,
		"ProvisionedConcurrencyUtilization map[FunctionName:f Resource:f:1]":                  .5 + 1 + 1 + 1,
		"ProvisionedConcurrencyUtilization map[FunctionName:reserved Resource:reserved:1]":    .5,
		"ProvisionedConcurrencySpilloverInvocations map[FunctionName:fails Resource:fails:1]": 1,
		"ProvisionedConcurrencyUtilization map[FunctionName:fails Resource:fails:1]":          0,
		"ConcurrentExecutions map[FunctionName:f Resource:f:1]":                               1 + 2 + 3 + 3,
		"UnreservedConcurrentExecutions map[]":                                                0 + 0 + 1 + 1 + 1 + 0 + 1,
		"ClaimedAccountConcurrency map[]":                                                     7*(2+10+2) + 4,
		"PostRuntimeExtensionsDuration map[FunctionName:f Resource:f:1]":                      12,
		"PostRuntimeExtensionsDuration map[]":                                                 21,
	})
	// What is allocated is not there for invocations on demand.
	if left, err := b.r.unallocated(b.ctx, servicetest.Scope); err != nil || left != accounts-14 {
		t.Fatal(left, err)
	}
	if _, err := b.r.deleteProvisioned(b.ctx, &api.DeleteProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("1")}); err != nil {
		t.Fatal(err)
	}
	invoke("f", "1", "x")
	b.want(t, map[string]float64{
		"ProvisionedConcurrencySpilloverInvocations map[FunctionName:f]": 1, "ClaimedAccountConcurrency map[]": 7*14 + 4 + 13,
	})
	in := &api.PutProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("1"), ProvisionedConcurrentExecutions: new(int32(accounts - 100 - 11))}
	_, err := b.r.putProvisioned(b.ctx, in)
	wantError(t, err, "InvalidParameterValueException", "below its minimum value of [100]")
}

// want compares what was recorded of metrics, summed.
func (b *bench) want(t *testing.T, all map[string]float64) {
	t.Helper()
	for series, want := range all {
		if got := b.rec.sum(series); got != want {
			t.Errorf("%s: %v, want %v", series, got, want)
		}
	}
}
