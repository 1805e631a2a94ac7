package sfn

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/telemetry"
	"sundog/services/room"
)

func TestHistoryShowsDetails(t *testing.T) {
	w := newWorld(t)
	fn := w.function("f", func(in string) (string, error) { return `{"got":` + in + `}`, nil })
	m := w.create("m", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+fn+`","TimeoutSeconds":9,"Assign":{"v.$":"$.got"},"Next":"M"},
		"M":{"Type":"Map","ItemsPath":"$v","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}},"End":true}}}`)
	x := w.start(m, `[1]`)
	w.settle(0)
	w.wants(x, "SUCCEEDED", `[{"got":1}]`)
	out, err := w.sfn.getHistory(w.ctx, &api.GetExecutionHistoryInput{ExecutionArn: &x})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(out.Events)
	for _, want := range []string{
		`"LambdaFunctionScheduledEventDetails":{"Resource":"` + fn + `","Input":"[1]","InputDetails":{"Truncated":false},"TimeoutInSeconds":9`,
		`"AssignedVariables":{"v":"[1]"},"AssignedVariablesDetails":{"Truncated":false}`,
		`"MapStateStartedEventDetails":{"Length":1}`, `"MapIterationStartedEventDetails":{"Name":"M","Index":0}`,
		`"TaskScheduledEventDetails":{"ResourceType":"lambda","Resource":"invoke","Region":"us-east-1","Parameters":"{\"FunctionName\":\"f\",\"Payload\":1}"`,
		`"ExecutionStartedEventDetails":{"Input":"[1]","InputDetails":{"Truncated":false},"RoleArn":"` + testRole + `"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
	rev, err := w.sfn.getHistory(w.ctx, &api.GetExecutionHistoryInput{ExecutionArn: &x, ReverseOrder: ptr(true), MaxResults: ptr(int32(2)), IncludeExecutionData: ptr(false)})
	if err != nil || *rev.Events[0].Type != "ExecutionSucceeded" || rev.Events[0].ExecutionSucceededEventDetails.Output != nil || rev.NextToken == nil {
		t.Fatal(rev, err)
	}
	next, err := w.sfn.getHistory(w.ctx, &api.GetExecutionHistoryInput{ExecutionArn: &x, ReverseOrder: ptr(true), NextToken: rev.NextToken})
	if err != nil || *next.Events[0].Id != *rev.Events[1].Id-1 || *next.Events[len(next.Events)-1].Id != 1 {
		t.Error(next, err)
	}
	if _, err := w.sfn.getHistory(w.ctx, &api.GetExecutionHistoryInput{ExecutionArn: ptr("invalid_execution_arn")}); err == nil {
		t.Error("a history of nothing")
	}
}

func TestTestState(t *testing.T) {
	w := newWorld(t)
	w.function("f", func(string) (string, error) { return "", errBoom })
	for _, c := range []struct {
		in   api.TestStateInput
		want string
	}{
		{api.TestStateInput{Definition: ptr(`{"Type":"Pass","Result":1,"Next":"B"}`)}, `"1" "B" SUCCEEDED`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"Catch":[{"ErrorEquals":["Boom"],"Next":"H"}],"End":true}`), RoleArn: ptr(testRole)}, `"{\"Error\":\"Boom\"`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":7}]}`), Mock: &api.MockInput{ErrorOutput: &api.MockErrorOutput{Error: ptr("E")}}, InspectionLevel: ptr("DEBUG")}, `RETRIABLE 7`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}`)}, `ValidationException: RoleArn must be specified`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Pass","End":true}`), Mock: &api.MockInput{Result: ptr("1")}}, `State type 'Pass' is not supported when a mock is specified`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}],"End":true}`), Mock: &api.MockInput{Result: ptr("[1,2]")}}, `the same number of items`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Pass","Parameters":{"v.$":"$x"},"End":true}`), Variables: ptr(`{"x":5}`)}, `{\"v\":5}`},
		{api.TestStateInput{Definition: ptr(`{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`), StateName: ptr("Z")}, `State not found in definition`},
		{api.TestStateInput{Definition: ptr(`{"Type":"Pass","End":true}`), Context: ptr(`{"Pokedex":1}`)}, `Field 'Pokedex' is not allowed`},
	} {
		out, err := w.sfn.testState(w.ctx, &c.in)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			b, _ := json.Marshal(deref(out.Output))
			n, _ := json.Marshal(deref(out.NextState))
			got = string(b) + " " + string(n) + " " + deref(out.Status)
			if out.InspectionData != nil && out.InspectionData.ErrorDetails != nil {
				b, _ := json.Marshal(out.InspectionData.ErrorDetails.RetryBackoffIntervalSeconds)
				got += " " + string(b)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %s", *c.in.Definition, got, c.want)
		}
	}
}

var errBoom = cloud.Errorf(cloud.Internal, "Boom", "boom")

func TestResourceTypes(t *testing.T) {
	w := newWorld(t)
	w.answer = func(string, string, json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }
	types := map[string]room.ResourceType{}
	for _, rt := range w.room.Resources {
		types[rt.Type] = rt
	}
	machine := types["AWS::StepFunctions::StateMachine"]
	props := func(s string) room.Props {
		var p room.Props
		if err := json.Unmarshal([]byte(s), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	req := room.Request{StackName: "s", LogicalID: "Flow", Token: "tok-123456789abc", Tags: map[string]string{"stack": "s"},
		New: props(`{"DefinitionString":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"Result\":\"${what}\",\"End\":true}}}","DefinitionSubstitutions":{"what":"first"},"RoleArn":"` + testRole + `","Tags":[{"Key":"k","Value":"v"}]}`)}
	made, err := machine.Create(w.ctx, req)
	if err != nil || !strings.HasPrefix(made.Physical, "arn:aws:states:us-east-1:111122223333:stateMachine:s-Flow-") {
		t.Fatal(made, err)
	}
	if again, err := machine.Create(w.ctx, req); err != nil || again.Physical != made.Physical {
		t.Error("not idempotent", again, err)
	}
	w.wants(w.start(made.Physical, `{}`), "SUCCEEDED", `"first"`)
	tags, err := w.sfn.listTags(w.ctx, &api.ListTagsForResourceInput{ResourceArn: &made.Physical})
	if err != nil || len(tags.Tags) != 2 {
		t.Error(tags, err)
	}
	req.Physical, req.Old = made.Physical, req.New
	req.New = props(`{"Definition":{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"second","End":true}}},"RoleArn":"` + testRole + `"}`)
	if changed, err := machine.Update(w.ctx, req); err != nil || changed.Physical != made.Physical {
		t.Error(changed, err)
	}
	w.wants(w.start(made.Physical, `{}`), "SUCCEEDED", `"second"`)
	v, err := types["AWS::StepFunctions::StateMachineVersion"].Create(w.ctx, room.Request{New: props(`{"StateMachineArn":"` + made.Physical + `"}`)})
	if err != nil || v.Physical != made.Physical+":1" {
		t.Error(v, err)
	}
	live := room.Request{New: props(`{"Name":"live","DeploymentPreference":{"StateMachineVersionArn":"` + v.Physical + `","Type":"ALL_AT_ONCE"}}`)}
	al, err := types["AWS::StepFunctions::StateMachineAlias"].Create(w.ctx, live)
	if err != nil || al.Physical != made.Physical+":live" {
		t.Error(al, err)
	}
	w.wants(w.start(al.Physical, `{}`), "SUCCEEDED", `"second"`)
	if err := machine.Delete(w.ctx, req); err != nil {
		t.Error(err)
	}
	if err := machine.Delete(w.ctx, req); err != nil {
		t.Error("absent:", err)
	}
	a, err := types["AWS::StepFunctions::Activity"].Create(w.ctx, room.Request{StackName: "s", LogicalID: "A", Token: "t", New: props(`{"Name":"act"}`)})
	if err != nil || a.Physical != "arn:aws:states:us-east-1:111122223333:activity:act" {
		t.Error(a, err)
	}
}

func TestDeliveriesStartOnce(t *testing.T) {
	w := newWorld(t)
	m := w.create("m", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}`)
	d := bus.Delivery{ID: "rule/1:2", Scope: testScope, Target: cloud.MustARN(m), Payload: []byte(`{"detail":1}`)}
	for range 2 {
		if out, err := w.room.Target.Deliver(w.ctx, d); err != nil || out.Kind != bus.Done {
			t.Fatal(out, err)
		}
		w.settle(time.Minute)
	}
	list, err := w.sfn.listExecutions(w.ctx, &api.ListExecutionsInput{StateMachineArn: &m})
	if err != nil || len(list.Executions) != 1 || *list.Executions[0].Name != "rule-1-2" {
		t.Fatal(list, err)
	}
	d.Target = cloud.MustARN(m + "x")
	if out, err := w.room.Target.Deliver(w.ctx, d); err != nil || out.Kind != bus.Permanent || out.Code != "StateMachineDoesNotExist" {
		t.Error(out, err)
	}
}

// recorder keeps what is logged.
type recorder struct {
	telemetry.Recorder
	mu    sync.Mutex
	lines []string
	spans []telemetry.Span
}

func (r *recorder) Log(g telemetry.LogGroup, stream string, events ...telemetry.LogEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		r.lines = append(r.lines, g.Name+" "+e.Message)
	}
}

func (r *recorder) Span(s ...telemetry.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s...)
}

func (r *recorder) Metric(...telemetry.Metric) {}

// groups knows one log group.
type groups struct{ cloud.Directory }

func (groups) Describe(_ context.Context, a cloud.ARN) (cloud.Description, error) {
	if a.Resource != "log-group:flows" {
		return cloud.Description{}, cloud.Errorf(cloud.NotFound, "ResourceNotFoundException", "no such group")
	}
	return cloud.Description{}, nil
}

func TestLoggingAndSpans(t *testing.T) {
	w := newWorld(t)
	rec := &recorder{}
	w.sfn.d.Directory, w.sfn.e.d.Telemetry = groups{}, rec
	w.ctx = cloud.WithCall(w.ctx, cloud.Call{Principal: cloud.RootOf(testScope.Account), Scope: testScope, Trace: cloud.NewTrace(w.clock.Now(), w.sfn.d.IDs)})
	fn := w.function("f", func(in string) (string, error) { return in, nil })
	create := func(name, level, group string) (string, error) {
		out, err := w.sfn.createStateMachine(w.ctx, &api.CreateStateMachineInput{Name: &name, RoleArn: ptr(testRole),
			Definition: ptr(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + fn + `","Next":"F"},"F":{"Type":"Fail","Error":"E"}}}`),
			LoggingConfiguration: &api.LoggingConfiguration{Level: &level, Destinations: []api.LogDestination{{CloudWatchLogsLogGroup: &api.CloudWatchLogsLogGroup{
				LogGroupArn: ptr("arn:aws:logs:us-east-1:111122223333:log-group:" + group + ":*")}}}}})
		if err != nil {
			return "", err
		}
		return *out.StateMachineArn, nil
	}
	if _, err := create("none", "ALL", "nowhere"); !cloud.IsCode(err, "InvalidLoggingConfiguration") {
		t.Error(err)
	}
	for level, want := range map[string]int{"ALL": 8, "ERROR": 1, "FATAL": 1} {
		m, err := create(level, level, "flows")
		if err != nil {
			t.Fatal(err)
		}
		rec.lines, rec.spans = nil, nil
		x := w.start(m, `{"secret":1}`)
		w.settle(0)
		if len(rec.lines) != want || strings.Contains(strings.Join(rec.lines, "\n"), "secret") || !strings.Contains(rec.lines[want-1], `"type":"ExecutionFailed"`) ||
			!strings.Contains(rec.lines[want-1], x) {
			t.Errorf("%s: %d lines\n%s", level, len(rec.lines), strings.Join(rec.lines, "\n"))
		}
		if len(rec.spans) != 2 || rec.spans[0].Kind != "state" || rec.spans[1].Kind != "workflow" || rec.spans[0].Parent != rec.spans[1].ID {
			t.Errorf("%+v", rec.spans)
		}
		w.settle(91 * 24 * time.Hour)
		if _, err := w.sfn.describeExecution(w.ctx, &api.DescribeExecutionInput{ExecutionArn: &x}); !cloud.IsCode(err, "ExecutionDoesNotExist") {
			t.Error("not forgotten", err)
		}
	}
}
