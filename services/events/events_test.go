package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/services/room"
	"sundog/services/servicetest"
)

type bench struct {
	*servicetest.Kit
	*testing.T
	room    room.Room
	ctx     context.Context
	queues  *servicetest.Recorder
	lambdas *servicetest.Recorder
}

func open(t *testing.T) *bench {
	t.Helper()
	k := servicetest.New(t)
	b := &bench{Kit: k, T: t, queues: k.Record("sqs", "sqs:SendMessage"), lambdas: k.Record("lambda", "lambda:InvokeFunction")}
	b.room = New(k.Deps)
	k.Caller.Answer = func(c servicetest.Call) (any, error) { return b.op(b.ctx, c.Op, c.In) }
	b.ctx = k.Context()
	k.Begin(t, b.room)
	return b
}

// op calls an operation with its input as JSON.
func (b *bench) op(ctx context.Context, name string, in []byte) (any, error) {
	for _, o := range b.room.Operations {
		if o.Name == name {
			v := o.New()
			if err := json.Unmarshal(in, v); err != nil {
				return nil, err
			}
			if o.Access != nil {
				if _, err := o.Access(ctx, v); err != nil {
					return nil, err
				}
			}
			return o.Call(ctx, v)
		}
	}
	return nil, cloud.NotImplementedf("%s", name)
}

// do calls an operation and gives the output's JSON, or "code: message".
func (b *bench) do(name, in string) string {
	b.Helper()
	out, err := b.op(b.ctx, name, []byte(in))
	if err != nil {
		e := cloud.AsError(err)
		return e.Code + ": " + e.Message
	}
	s, err := json.Marshal(out)
	if err != nil {
		b.Fatal(err)
	}
	return string(s)
}

func (b *bench) ok(name, in string) {
	b.Helper()
	if got := b.do(name, in); !strings.HasPrefix(got, "{") {
		b.Fatalf("%s %s: %s", name, in, got)
	}
}

const (
	queue  = "arn:aws:sqs:eu-west-1:000000000000:q"
	lambda = "arn:aws:lambda:eu-west-1:000000000000:function:f"
)

func put(bus, detail string) string {
	d, _ := json.Marshal(detail)
	return fmt.Sprintf(`{"Entries":[{"Source":"shop","DetailType":"Order","Detail":%s,"EventBusName":%q}]}`, d, bus)
}

func TestPutEventsReachesTargets(t *testing.T) {
	b := open(t)
	b.ok("PutRule", `{"Name":"orders","EventPattern":"{\"source\":[\"shop\"],\"detail\":{\"n\":[{\"numeric\":[\">\",1]}]}}"}`)
	b.ok("PutTargets", `{"Rule":"orders","Targets":[{"Id":"q","Arn":"`+queue+`","DeadLetterConfig":{"Arn":"`+queue+`-dead"},"RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":60}},
		{"Id":"f","Arn":"`+lambda+`","InputPath":"$.detail"}]}`)
	b.ok("PutEvents", put("default", `{"n": 1}`))
	b.ok("PutEvents", put("default", `{"n": 2, "html": "<&>"}`))
	b.Settle()
	got := b.queues.Deliveries()
	if len(got) != 1 || len(b.lambdas.Deliveries()) != 1 {
		t.Fatalf("got %d and %d deliveries", len(got), len(b.lambdas.Deliveries()))
	}
	if s := string(b.lambdas.Deliveries()[0].Payload); s != `{"n":2,"html":"<&>"}` {
		t.Errorf("input %s", s)
	}
	d := got[0]
	want := `"detail-type":"Order","source":"shop","account":"000000000000","time":"2030-01-02T03:04:05Z","region":"eu-west-1","resources":[],"detail":{"n":2,"html":"<&>"}}`
	if s := string(d.Payload); !strings.HasPrefix(s, `{"version":"0","id":"`) || !strings.HasSuffix(s, want) {
		t.Errorf("event %s", s)
	}
	if d.Retry.Max != 3 || !d.Expires.Equal(b.Clock.Now().Add(time.Minute)) || d.DeadLetter.Resource != "q-dead" || d.As.Service != "events.amazonaws.com" || d.As.Source.Resource != "rule/orders" {
		t.Errorf("delivery %+v", d)
	}
	b.ok("DisableRule", `{"Name":"orders"}`)
	b.ok("PutEvents", put("default", `{"n": 2}`))
	b.Settle()
	if n := len(b.queues.Deliveries()); n != 1 {
		t.Errorf("a disabled rule delivered: %d", n)
	}
}

func TestEntriesThatAreRefused(t *testing.T) {
	b := open(t)
	got := b.do("PutEvents", `{"Entries":[{"Source":"shop","DetailType":"x","Detail":"NotJSON"},{"Source":"aws.s3","DetailType":"x","Detail":"{}"},{"Source":"shop","Detail":"{}"}]}`)
	for _, want := range []string{`"FailedEntryCount":3`, `"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."`, `"NotAuthorizedForSourceException"`, `DetailType is a required argument.`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	big := put("default", `{"p":"`+strings.Repeat("p", maxEntries)+`"}`)
	if got := b.do("PutEvents", big); got != "ValidationException: Total size of the entries in the request is over the limit." {
		t.Errorf("got %s", got)
	}
}

func TestBusToBus(t *testing.T) {
	b := open(t)
	b.ok("CreateEventBus", `{"Name":"other"}`)
	b.ok("PutRule", `{"Name":"forward","EventPattern":"{\"source\":[\"shop\"]}"}`)
	b.ok("PutTargets", `{"Rule":"forward","Targets":[{"Id":"bus","Arn":"arn:aws:events:eu-west-1:000000000000:event-bus/other"}]}`)
	b.ok("PutRule", `{"Name":"back","EventBusName":"other","EventPattern":"{\"source\":[\"shop\"]}"}`)
	b.ok("PutTargets", `{"Rule":"back","EventBusName":"arn:aws:events:eu-west-1:000000000000:event-bus/other","Targets":[{"Id":"q","Arn":"`+queue+`"},{"Id":"bus","Arn":"arn:aws:events:eu-west-1:000000000000:event-bus/default"}]}`)
	b.ok("PutEvents", put("default", `{"n":1}`))
	b.Settle()
	got := b.queues.Deliveries()
	if len(got) == 0 || len(got) > maxHops {
		t.Fatalf("an endless circle of rules delivered %d times", len(got))
	}
	first, last := got[0], got[len(got)-1]
	if string(first.Payload) != string(last.Payload) || !strings.Contains(string(first.Payload), `"detail":{"n":1}`) {
		t.Errorf("the event changed on its way: %s %s", first.Payload, last.Payload)
	}
}

func TestSchedules(t *testing.T) {
	b := open(t)
	b.ok("PutRule", `{"Name":"often","ScheduleExpression":"rate(5 minutes)"}`)
	b.ok("PutRule", `{"Name":"nightly","ScheduleExpression":"cron(0 2 * * ? *)"}`)
	b.ok("PutTargets", `{"Rule":"often","Targets":[{"Id":"q","Arn":"`+queue+`"}]}`)
	b.ok("PutTargets", `{"Rule":"nightly","Targets":[{"Id":"f","Arn":"`+lambda+`"}]}`)
	b.Advance(16 * time.Minute)
	got := b.queues.Deliveries()
	if len(got) != 3 {
		t.Fatalf("delivered %d times", len(got))
	}
	want := `"detail-type":"Scheduled Event","source":"aws.events","account":"000000000000","time":"2030-01-02T03:19:05Z","region":"eu-west-1","resources":["arn:aws:events:eu-west-1:000000000000:rule/often"],"detail":{}}`
	if s := string(got[2].Payload); !strings.HasSuffix(s, want) {
		t.Errorf("event %s", s)
	}
	b.ok("DisableRule", `{"Name":"often"}`)
	b.Advance(24 * time.Hour)
	if n := len(b.queues.Deliveries()); n != 3 {
		t.Errorf("a disabled schedule delivered: %d", n)
	}
	night := b.lambdas.Deliveries()
	if len(night) != 1 || !strings.Contains(string(night[0].Payload), `"time":"2030-01-03T02:00:00Z"`) {
		t.Errorf("got %v", night)
	}
	b.ok("RemoveTargets", `{"Rule":"nightly","Ids":["f"]}`)
	b.ok("DeleteRule", `{"Name":"nightly"}`)
	b.Advance(48 * time.Hour)
	if n := len(b.lambdas.Deliveries()); n != 1 {
		t.Errorf("a deleted schedule delivered: %d", n)
	}
}

func TestInputs(t *testing.T) {
	event := `{"version":"0","id":"1","detail-type":"T","source":"s","resources":[],"detail":{"cmd":"up","acc":"0a78","payload":{"acc_id":"0a78","sf":"baz"},"one":["HIGH"],"many":["A","B"],"valid":true,"q":"say \"hi\""}}`
	paths := map[string]string{"acc": "$.detail.acc", "payload": "$.detail.payload", "one": "$.detail.one", "many": "$.detail.many", "valid": "$.detail.valid", "none": "$.detail.none", "q": "$.detail.q"}
	for _, c := range [][2]string{
		{`"<many> items"`, `"[A,B] items"`},
		{`"Payload of <payload> and <acc>"`, `"Payload of {acc_id:0a78,sf:baz} and 0a78"`},
		{`{"path": "users/<acc>/second/<acc>", "list": [<acc>, "x"], "one": <one>}`, `{"path": "users/0a78/second/0a78", "list": ["0a78", "x"], "one": ["HIGH"]}`},
		{`{"valid": <valid>, "none": <none>, "text": "<none>", "q": "<q>"}`, `{"valid": true, "none": "", "text": "", "q": "say \"hi\""}`},
		{`{"rule": "<aws.events.rule-name>", "event": <aws.events.event>}`, `{"rule": "r", "event": {"version":"0","id":"1","detailType":"T","source":"s","resources":[]}}`},
		{`<aws.events.event.json>`, event},
	} {
		target := api.Target{InputTransformer: &api.InputTransformer{InputPathsMap: paths, InputTemplate: &c[0]}}
		got, err := source{json: []byte(event), ruleName: "r"}.input(target)
		if err != nil || string(got) != c[1] {
			t.Errorf("%s\n got %s %v\nwant %s", c[0], got, err, c[1])
		}
	}
}

func TestErrors(t *testing.T) {
	b := open(t)
	b.ok("CreateEventBus", `{"Name":"mine"}`)
	b.ok("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`)
	for _, c := range [][3]string{
		{"CreateEventBus", `{"Name":"mine"}`, "ResourceAlreadyExistsException: Event bus mine already exists."},
		{"DescribeEventBus", `{"Name":"gone"}`, "ResourceNotFoundException: Event bus gone does not exist."},
		{"DescribeRule", `{"Name":"gone"}`, "ResourceNotFoundException: Rule gone does not exist on EventBus default."},
		{"PutRule", `{"Name":"x"}`, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."},
		{"PutRule", `{"Name":"x","ScheduleExpression":"cron(0 dummy ? * MON-FRI *)"}`, "ValidationException: Parameter ScheduleExpression is not valid."},
		{"PutRule", `{"Name":"x","EventBusName":"mine","ScheduleExpression":"rate(1 minute)"}`, "ValidationException: ScheduleExpression is supported only on the default event bus."},
		{"RemovePermission", `{"EventBusName":"mine","StatementId":"no"}`, "ResourceNotFoundException: Statement with the provided id does not exist."},
		{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"` + queue + `","InputPath":"$.detail","Input":"{}"}]}`, "ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target t."},
		{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"` + queue + `","InputTransformer":{"InputPathsMap":{},"InputTemplate":"\"<nokey>\""}}]}`, "ValidationException: InputTemplate for target t contains invalid placeholder nokey."},
		{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:ecs:eu-west-1:000000000000:cluster/c"}]}`, "NotImplemented: Targets such as arn:aws:ecs:eu-west-1:000000000000:cluster/c are not implemented; implemented are functions, queues, topics, state machines, data streams and event buses."},
		{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:kinesis:eu-west-1:000000000000:stream/s"}]}`, "ValidationException: RoleArn is required for target t."},
		{"ListTagsForResource", `{"ResourceARN":"arn:aws:events:eu-west-1:000000000000:event-bus/gone"}`, "ResourceNotFoundException: Event bus gone does not exist."},
		{"TestEventPattern", `{"Event":"[1]","EventPattern":"{\"a\":[1]}"}`, "ValidationException: Parameter Event is not valid."},
		{"TestEventPattern", `{"Event":"{\"a\":1}","EventPattern":"{\"a\":[1]}"}`, `{"Result":true}`},
		{"DeleteEventBus", `{"Name":"default"}`, "ValidationException: Cannot delete event bus default."},
	} {
		if got := b.do(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s\n got %s\nwant %s", c[0], c[1], got, c[2])
		}
	}
	if got := b.do("PutRule", `{"Name":"x","EventPattern":"{\"source\":\"a\"}"}`); !strings.HasPrefix(got, `InvalidEventPatternException: Event pattern is not valid. Reason: "source" must be an object or an array`) {
		t.Errorf("got %s", got)
	}
}

func TestPermissionsAndLists(t *testing.T) {
	b := open(t)
	b.ok("CreateEventBus", `{"Name":"mine","Tags":[{"Key":"k","Value":"v"}]}`)
	b.ok("PutPermission", `{"EventBusName":"mine","Action":"events:PutEvents","Principal":"000000000002","StatementId":"two"}`)
	arn := cloud.MustARN("arn:aws:events:eu-west-1:000000000000:event-bus/mine")
	p, err := b.room.ResourcePolicy(b.ctx, arn)
	if err != nil || len(p.Statements) != 1 || p.Statements[0].Principals[0].Value != "arn:aws:iam::000000000002:root" {
		t.Errorf("policy %+v %v", p, err)
	}
	b.ok("RemovePermission", `{"EventBusName":"mine","RemoveAllPermissions":true}`)
	if p, err := b.room.ResourcePolicy(b.ctx, arn); p != nil || err != nil {
		t.Errorf("policy %+v %v", p, err)
	}
	if got := b.do("ListEventBuses", `{}`); strings.Count(got, `"Arn"`) != 2 {
		t.Errorf("got %s", got)
	}
	if got := b.do("ListTagsForResource", `{"ResourceARN":"`+arn.String()+`"}`); got != `{"Tags":[{"Key":"k","Value":"v"}]}` {
		t.Errorf("got %s", got)
	}
	for i := range 5 {
		b.ok("PutRule", fmt.Sprintf(`{"Name":"r%d","EventPattern":"{\"source\":[\"a\"]}"}`, i))
		b.ok("PutTargets", fmt.Sprintf(`{"Rule":"r%d","Targets":[{"Id":"q","Arn":%q}]}`, i, queue))
	}
	if got := b.do("DeleteRule", `{"Name":"r1"}`); got != "ValidationException: Rule can't be deleted since it has targets." {
		t.Errorf("got %s", got)
	}
	names, next := "", ""
	for range 3 {
		var out struct {
			RuleNames []string
			NextToken string
		}
		if err := json.Unmarshal([]byte(b.do("ListRuleNamesByTarget", fmt.Sprintf(`{"TargetArn":%q,"Limit":2,"NextToken":%q}`, queue, next))), &out); err != nil {
			t.Fatal(err)
		}
		names, next = names+strings.Join(out.RuleNames, ""), out.NextToken
	}
	if names != "r0r1r2r3r4" || next != "" {
		t.Errorf("got %s, next %q", names, next)
	}
}

func TestResources(t *testing.T) {
	b := open(t)
	types := map[string]room.ResourceType{}
	for _, r := range b.room.Resources {
		types[r.Type] = r
	}
	props := func(s string) (p room.Props) {
		if err := json.Unmarshal([]byte(s), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ru := types["AWS::Events::Rule"]
	req := room.Request{StackName: "app", LogicalID: "Rule", Token: "create/Rule/0123456789ab", Tags: map[string]string{"stack": "app"},
		New: props(`{"ScheduleExpression":"cron(0 2 * * ? *)","State":"ENABLED","Targets":[{"Arn":"` + lambda + `","Id":"a","RetryPolicy":{"MaximumRetryAttempts":"2"}},{"Arn":"` + queue + `","Id":"b"}]}`)}
	made, err := ru.Create(b.ctx, req)
	if err != nil || made.Physical != "app-Rule-0123456789AB" || made.Attributes["Arn"] != "arn:aws:events:eu-west-1:000000000000:rule/app-Rule-0123456789AB" {
		t.Fatalf("got %+v %v", made, err)
	}
	if again, err := ru.Create(b.ctx, req); err != nil || again.Physical != made.Physical {
		t.Errorf("created again: %+v %v", again, err)
	}
	next := req
	next.Physical, next.Old, next.Token = made.Physical, req.New, "update/Rule/ffff"
	next.New = props(`{"EventPattern":{"source":["shop"]},"Targets":[{"Arn":"` + queue + `","Id":"b"}]}`)
	if res, err := ru.Update(b.ctx, next); err != nil || res.Physical != made.Physical {
		t.Fatalf("updated: %+v %v", res, err)
	}
	if got := b.do("ListTargetsByRule", `{"Rule":"`+made.Physical+`"}`); strings.Count(got, `"Id"`) != 1 {
		t.Errorf("targets %s", got)
	}
	b.ok("PutEvents", put("default", `{}`))
	b.Settle()
	if n := len(b.queues.Deliveries()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	for range 2 {
		if err := ru.Delete(b.ctx, room.Request{Physical: made.Physical}); err != nil {
			t.Fatal(err)
		}
	}
	eb := types["AWS::Events::EventBus"]
	bus := room.Request{StackName: "app", LogicalID: "Bus", Token: "create/Bus/1", New: props(`{"Name":"mine","Description":"d"}`)}
	for range 2 {
		if res, err := eb.Create(b.ctx, bus); err != nil || res.Physical != "mine" {
			t.Fatalf("got %+v %v", res, err)
		}
	}
	bus.Token = "create/Bus/2"
	if _, err := eb.Create(b.ctx, bus); !cloud.IsCode(err, "ResourceAlreadyExistsException") {
		t.Errorf("took over another's bus: %v", err)
	}
	pol := types["AWS::Events::EventBusPolicy"]
	one, err := pol.Create(b.ctx, room.Request{New: props(`{"EventBusName":"mine","StatementId":"s1","Statement":{"Effect":"Allow","Principal":"*","Action":"events:PutEvents","Resource":"*"}}`)})
	if err != nil || one.Physical != "mine|s1" {
		t.Fatalf("got %+v %v", one, err)
	}
	if got := b.do("DescribeEventBus", `{"Name":"mine"}`); !strings.Contains(got, `\"Sid\":\"s1\"`) {
		t.Errorf("got %s", got)
	}
	if err := pol.Delete(b.ctx, room.Request{Physical: one.Physical}); err != nil {
		t.Error(err)
	}
	if err := eb.Delete(b.ctx, room.Request{Physical: "mine"}); err != nil {
		t.Error(err)
	}
}

func TestDeliveriesToABusOnce(t *testing.T) {
	b := open(t)
	b.ok("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}"}`)
	b.ok("PutTargets", `{"Rule":"r","Targets":[{"Id":"q","Arn":"`+queue+`"}]}`)
	d := bus.Delivery{ID: "d1", Target: cloud.MustARN("arn:aws:events:eu-west-1:000000000000:event-bus/default"), Payload: []byte(`{"source":"shop","detail-type":"x","detail":{}}`)}
	for range 2 {
		if out, err := b.room.Target.Deliver(b.ctx, d); err != nil || out.Kind != bus.Done {
			t.Fatalf("got %+v %v", out, err)
		}
	}
	b.Settle()
	if n := len(b.queues.Deliveries()); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}
