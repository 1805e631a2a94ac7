package lambda

import (
	"testing"

	api "sundog/api/lambda"
	"sundog/cloud"
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
	for series, want := range map[string]float64{
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
	} {
		if got := b.rec.sum(series); got != want {
			t.Errorf("%s: %v, want %v", series, got, want)
		}
	}
}
