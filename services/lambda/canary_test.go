package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
	"sundog/engine/compute/computetest"
	"sundog/services/room"
	"sundog/services/servicetest"
)

const canaryFunction = `{"FunctionName":"f","Runtime":"nodejs20.x","Handler":"index.h","Role":"` + role + `","Code":{"ZipFile":"exports.h = 1"},"Environment":{"Variables":{"V":"%s"}}}`

// canaryBench has a function, one, that is being changed to two.
type canaryBench struct {
	*bench
	t    *testing.T
	runs map[string]*atomic.Int64 // by the variable V
	fail atomic.Bool              // what has V=two fails
}

func openCanary(t *testing.T, prepare ...func(*servicetest.Kit)) *canaryBench {
	c := &canaryBench{t: t, runs: map[string]*atomic.Int64{"one": {}, "two": {}}}
	b, _, m := templates(t, prepare...)
	c.bench = b
	m.run = func(v compute.Version, _ *compute.Invocation) (compute.Result, error) {
		c.runs[v.Env["V"]].Add(1)
		if v.Env["V"] == "two" && c.fail.Load() {
			return compute.Result{Kind: compute.Unhandled, Payload: []byte(`{}`)}, nil
		}
		return text(`"` + v.Env["V"] + " " + v.Qualifier + " " + v.ARN.Resource + `"`)
	}
	b.put("Function", "", "", fmt.Sprintf(canaryFunction, "one"))
	return c
}

// change updates the function's resource, as a canary deployment does, or back.
func (c *canaryBench) change(from, to string, back bool) {
	c.t.Helper()
	req := room.Request{
		StackName: "s", LogicalID: "F", Physical: "f", Token: "t", Metadata: `{"Sundog::Canary":true}`, Reverts: back,
		Old: props(c.t, fmt.Sprintf(canaryFunction, from)), New: props(c.t, fmt.Sprintf(canaryFunction, to)),
	}
	if _, err := c.typ("Function").Update(c.ctx, req); err != nil {
		c.t.Fatal(err)
	}
}

// shift runs the resource that shifts, in steps of an hour.
func (c *canaryBench) shift(ctx context.Context, token string, limit float64) chan error {
	req := room.Request{
		StackName: "s", StackID: "id", LogicalID: "Canary", Token: token,
		New: props(c.t, fmt.Sprintf(`{"Functions":["f"],"Steps":[{"Percent":25,"Seconds":3600},{"Percent":75,"Seconds":3600}],"MaxErrorRate":%v}`, limit)),
	}
	over := make(chan error, 1)
	go func() {
		_, err := c.r.canaryType().Create(ctx, req)
		over <- err
	}()
	return over
}

func (c *canaryBench) advance(d time.Duration) {
	c.t.Helper()
	if _, err := c.Clock.Advance(c.ctx, d); err != nil {
		c.t.Fatal(err)
	}
}

func (c *canaryBench) weights() string {
	a, err := c.r.getAlias(c.ctx, &api.GetAliasInput{FunctionName: new("f"), Name: new(canaryAlias)})
	if err != nil {
		return "none"
	}
	b, err := json.Marshal(a.RoutingConfig)
	if err != nil {
		c.t.Fatal(err)
	}
	return str(a.FunctionVersion) + " " + string(b)
}

func (c *canaryBench) becomes(want string) {
	c.t.Helper()
	computetest.Eventually(c.t, want, func() bool { return c.weights() == want })
}

func (c *canaryBench) answers(want string) {
	c.t.Helper()
	if got := string(c.invoke("f", "1").Payload); got != want {
		c.t.Fatalf("%s, want %s", got, want)
	}
}

// count tells how many of n calls run each version.
func (c *canaryBench) count(n int, call func()) (one, two int64) {
	was1, was2 := c.runs["one"].Load(), c.runs["two"].Load()
	for range n {
		call()
	}
	return c.runs["one"].Load() - was1, c.runs["two"].Load() - was2
}

func TestCanaryShiftsWhoeverCalls(t *testing.T) {
	q := newQueue()
	c := openCanary(t, withQueue(q))
	c.mapping(func(in *api.CreateEventSourceMappingInput) { in.BatchSize = new(int32(1)) })
	c.change("one", "two", false)
	c.answers(`"one 1 function:f"`) // nothing moves before the shift does
	if x := c.invoke("f:$LATEST", "1"); string(x.Payload) != `"two $LATEST function:f:$LATEST"` {
		t.Fatal(string(x.Payload))
	}
	ctx, stop := context.WithCancel(c.ctx)
	over := c.shift(ctx, "a", 1)
	c.becomes(`1 {"AdditionalVersionWeights":{"2":0.25}}`)
	if one, two := c.count(400, func() { c.invoke("f", "1") }); one+two != 400 || two < 50 || two > 150 {
		t.Fatal(one, two)
	}
	sent := 0
	one, two := c.count(200, func() {
		q.send(fmt.Sprint("m", sent))
		sent++
		computetest.Eventually(t, "a message's run", func() bool { return strings.Count(q.state(), "r-m") == sent && strings.HasSuffix(q.state(), "| ") })
	})
	if one+two != 200 || two < 20 || two > 90 {
		t.Fatal(one, two)
	}
	// A process that dies and another that goes on.
	stop()
	if err := <-over; cloud.AsError(err).Code == "CanaryFailed" || err == nil {
		t.Fatal(err)
	}
	over = c.shift(c.ctx, "a", 1)
	c.advance(61 * time.Minute)
	c.becomes(`1 {"AdditionalVersionWeights":{"2":0.75}}`)
	c.advance(time.Hour)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	c.becomes("none")
	c.answers(`"two $LATEST function:f"`)
	if v := c.invoke("f", "1").ExecutedVersion; v != "$LATEST" {
		t.Fatal(v)
	}
	// Again with the same token: there is nothing left to do.
	if err := <-c.shift(c.ctx, "a", 1); err != nil {
		t.Fatal(err)
	}
}

func TestCanaryIsTakenBack(t *testing.T) {
	c := openCanary(t)
	before, err := c.r.getConfiguration(c.ctx, &api.GetFunctionConfigurationInput{FunctionName: new("f")})
	if err != nil {
		t.Fatal(err)
	}
	c.change("one", "two", false)
	c.fail.Store(true)
	over := c.shift(c.ctx, "a", 20)
	c.becomes(`1 {"AdditionalVersionWeights":{"2":0.25}}`)
	for failed := int64(0); failed < 3; failed = c.runs["two"].Load() { // the third is more than a fifth of ten
		c.invoke("f", "1")
	}
	err = <-over
	wantError(t, err, "CanaryFailed", "version 2 of f failed")
	wantError(t, err, "CanaryFailed", "20% may fail")
	c.becomes(`1 null`) // until the resources are put back, all calls run what they ran before
	if one, two := c.count(20, func() { c.invoke("f", "1") }); one != 20 || two != 0 {
		t.Fatal(one, two)
	}
	// The step that failed fails the same way when a process runs it again.
	wantError(t, <-c.shift(c.ctx, "a", 20), "CanaryFailed", "version 2 of f failed")
	c.change("two", "one", true)
	c.becomes("none")
	c.answers(`"one $LATEST function:f"`)
	after, err := c.r.getConfiguration(c.ctx, &api.GetFunctionConfigurationInput{FunctionName: new("f")})
	if err != nil {
		t.Fatal(err)
	}
	after.RevisionId = before.RevisionId
	if a, b := fmt.Sprint(asJSON(t, before)), fmt.Sprint(asJSON(t, after)); a != b {
		t.Fatalf("%s\n%s", a, b)
	}
	// The next one begins from there: the versions that are as $LATEST was and is are found, not made anew.
	c.fail.Store(false)
	c.change("one", "two", false)
	over = c.shift(c.ctx, "b", 0)
	c.becomes(`1 {"AdditionalVersionWeights":{"2":0.25}}`)
	c.advance(3 * time.Hour)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	c.answers(`"two $LATEST function:f"`)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An alias of the template moves in the same steps; a name that is taken is refused.
func TestCanaryOfAliases(t *testing.T) {
	c := openCanary(t)
	c.r.mustPublish(t, c.ctx)
	al := `{"FunctionName":"f","Name":"live","FunctionVersion":"%d"}`
	a := c.put("Alias", "", "", fmt.Sprintf(al, 1))
	c.change("one", "two", false)
	c.r.mustPublish(t, c.ctx)
	req := room.Request{StackName: "s", LogicalID: "A", Physical: a.Physical, Metadata: `{"Sundog::Canary":true}`, Old: props(t, fmt.Sprintf(al, 1)), New: props(t, fmt.Sprintf(al, 2))}
	if _, err := c.typ("Alias").Update(c.ctx, req); err != nil {
		t.Fatal(err)
	}
	if one, two := c.count(20, func() { c.invoke("f:live", "1") }); one != 20 || two != 0 {
		t.Fatal(one, two)
	}
	over := c.shift(c.ctx, "a", 1)
	c.becomes(`1 {"AdditionalVersionWeights":{"2":0.25}}`)
	computetest.Eventually(t, "calls by the alias that run the new version", func() bool { _, two := c.count(1, func() { c.invoke("f:live", "1") }); return two == 1 })
	c.advance(3 * time.Hour)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if got, err := c.r.getAlias(c.ctx, &api.GetAliasInput{FunctionName: new("f"), Name: new("live")}); err != nil || *got.FunctionVersion != "2" || got.RoutingConfig != nil {
		t.Fatal(got, err)
	}
	if _, err := c.r.createAlias(c.ctx, &api.CreateAliasInput{FunctionName: new("f"), Name: new(canaryAlias), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	wantError(t, c.r.hold(c.ctx, ref{Scope: servicetest.Scope, name: "f"}), "ResourceConflictException", "has an alias named canary of its own")
}

func (r *lambdaRoom) mustPublish(t *testing.T, ctx context.Context) {
	t.Helper()
	if _, err := r.publishVersion(ctx, &api.PublishVersionInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
}
