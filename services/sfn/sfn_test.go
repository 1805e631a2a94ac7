package sfn

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
)

// orders is the order workflow with functions that behave like those of a shop.
func orders(w *world) string {
	text, err := os.ReadFile("testdata/orders.asl.json")
	if err != nil {
		w.t.Fatal(err)
	}
	merge := func(in string, kv map[string]any) string {
		var o map[string]any
		_ = json.Unmarshal([]byte(in), &o)
		for k, v := range kv {
			o[k] = v
		}
		b, _ := json.Marshal(o)
		return string(b)
	}
	attempts := 0
	w.function("validateOrder", func(in string) (string, error) {
		if !strings.Contains(in, `"sku"`) {
			return "", errors.New("InvalidOrder: an order needs an orderId and at least one item")
		}
		return merge(in, map[string]any{"validated": true}), nil
	})
	w.function("checkInventory", func(in string) (string, error) {
		return merge(in, map[string]any{"inStock": !strings.Contains(in, "gone")}), nil
	})
	w.function("processPayment", func(in string) (string, error) {
		attempts++
		if strings.Contains(in, `"paymentErrors":2`) && attempts <= 2 || strings.Contains(in, `"paymentErrors":9`) {
			return "", fmt.Errorf("PaymentError: attempt %d failed", attempts)
		}
		return merge(in, map[string]any{"paymentApproved": !strings.Contains(in, "paymentDeclines")}), nil
	})
	for _, f := range []string{"shipOrder", "notifyOutOfStock", "handlePaymentFailure"} {
		w.function(f, func(in string) (string, error) { return merge(in, map[string]any{f: true}), nil })
	}
	return w.create("orders", string(text))
}

func TestOrdersInAllTheirEndings(t *testing.T) {
	for _, c := range []struct{ name, input, status, detail, called string }{
		{"shipped", `{"orderId":"1","items":[{"sku":"a"}]}`, "SUCCEEDED", "MessageId", `sns Publish {"TopicArn":"arn:aws:sns:us-east-1:111122223333:updates","Message":"{\"orderId\":\"1\",\"status\":\"shipped\"}"}`},
		{"invalid", `{"orderId":"2","items":[]}`, "FAILED", "OrderFailed: Order processing failed", ""},
		{"out of stock", `{"orderId":"3","items":[{"sku":"gone"}]}`, "FAILED", "OrderFailed", ""},
		{"payment fails twice, then works", `{"orderId":"4","items":[{"sku":"a"}],"paymentErrors":2}`, "SUCCEEDED", "MessageId", "sns Publish"},
		{"payment never works", `{"orderId":"5","items":[{"sku":"a"}],"paymentErrors":9}`, "FAILED", "PaymentError: ", ""},
		{"payment declined", `{"orderId":"6","items":[{"sku":"a"}],"paymentDeclines":1}`, "FAILED", "OrderFailed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(string, string, json.RawMessage) (json.RawMessage, error) {
				return json.RawMessage(`{"MessageId":"m-1"}`), nil
			}
			x := w.start(orders(w), c.input)
			w.settle(time.Minute)
			w.wants(x, c.status, c.detail)
			if got := strings.Join(w.calls, "\n"); !strings.Contains(got, c.called) || c.called == "" && got != "" {
				t.Errorf("called %s; want %s", got, c.called)
			}
		})
	}
}

func TestRestartResumesTasksWaitsAndTokens(t *testing.T) {
	w := newWorld(t)
	started, goOn := make(chan struct{}, 4), make(chan struct{})
	fn := w.function("slow", func(in string) (string, error) {
		started <- struct{}{}
		<-goOn
		return in, nil
	})
	m := w.create("flow", `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":30,"End":true}}},
		{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+fn+`","End":true}}},
		{"StartAt":"Q","States":{"Q":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"u","MessageBody":{"token.$":"$$.Task.Token"}},"End":true}}}]}}}`)
	x := w.start(m, `{"n":1}`)
	<-started
	for len(w.token()) == 0 {
		w.await("TaskSubmitted", x)
	}
	close(goOn) // the first run's answer is lost below, for its process ends first
	w.sfn.e.cancel()
	w.halt()
	w.boot()
	<-started
	w.settle(time.Minute)
	w.wants(x, "RUNNING", "")
	if _, err := w.sfn.sendTaskSuccess(w.ctx, &api.SendTaskSuccessInput{TaskToken: ptr(w.token()), Output: ptr(`"called back"`)}); err != nil {
		t.Fatal(err)
	}
	w.wants(x, "SUCCEEDED", `[{"n":1},{"n":1},"called back"]`)
	if _, err := w.sfn.sendTaskSuccess(w.ctx, &api.SendTaskSuccessInput{TaskToken: ptr(w.token()), Output: ptr(`1`)}); !cloud.IsCode(err, "TaskTimedOut") {
		t.Errorf("a used token: %v", err)
	}
	w.nothingLeft(x)
}

func TestStartIsIdempotentByName(t *testing.T) {
	w := newWorld(t)
	m := w.create("wait", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"End":true}}}`)
	start := func(input string) (string, error) {
		out, err := w.sfn.startExecution(w.ctx, &api.StartExecutionInput{StateMachineArn: &m, Name: ptr("n"), Input: &input})
		if err != nil {
			return "", err
		}
		return *out.ExecutionArn, nil
	}
	a, err1 := start(`{"a":1}`)
	b, err2 := start(`{"a":1}`)
	if a != b || err1 != nil || err2 != nil {
		t.Error(a, b, err1, err2)
	}
	if _, err := start(`{"a":2}`); !cloud.IsCode(err, "ExecutionAlreadyExists") {
		t.Error(err)
	}
	w.settle(time.Minute)
	if _, err := start(`{"a":1}`); !cloud.IsCode(err, "ExecutionAlreadyExists") {
		t.Error(err)
	}
	if _, err := start(`{`); !cloud.IsCode(err, "InvalidExecutionInput") && !cloud.IsCode(err, "ExecutionAlreadyExists") {
		t.Error(err)
	}
}

func TestTimeoutsCancelAndStop(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	defer close(release)
	fn := w.function("hang", func(string) (string, error) { <-release; return "1", nil })
	m := w.create("m", `{"StartAt":"T","TimeoutSeconds":100,"States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","HeartbeatSeconds":5,
		"Parameters":{"QueueUrl":"u","MessageBody.$":"$$.Task.Token"},"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Slept"}],"End":true},"Slept":{"Type":"Pass","Result":"slept","End":true}}}`)
	x := w.start(m, `{}`)
	w.settle(4 * time.Second)
	if _, err := w.sfn.sendTaskHeartbeat(w.ctx, &api.SendTaskHeartbeatInput{TaskToken: ptr(w.token())}); err != nil {
		t.Error(err)
	}
	w.settle(4 * time.Second)
	w.wants(x, "RUNNING", "")
	w.settle(2 * time.Second)
	w.wants(x, "SUCCEEDED", "slept")

	y := w.start(w.create("h", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+fn+`","End":true}}}`), `{}`)
	if _, err := w.sfn.stopExecution(w.ctx, &api.StopExecutionInput{ExecutionArn: &y, Error: ptr("E"), Cause: ptr("C")}); err != nil {
		t.Error(err)
	}
	w.wants(y, "ABORTED", "E: C")
	w.nothingLeft(y)
	z := w.start(w.create("o", `{"StartAt":"W","TimeoutSeconds":3,"States":{"W":{"Type":"Wait","Seconds":50,"End":true}}}`), `{}`)
	w.settle(10 * time.Second)
	w.wants(z, "TIMED_OUT", "")
}

func TestActivities(t *testing.T) {
	w := newWorld(t)
	a, err := w.sfn.createActivity(w.ctx, &api.CreateActivityInput{Name: ptr("job")})
	if err != nil {
		t.Fatal(err)
	}
	m := w.create("m", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"`+*a.ActivityArn+`","End":true}}}`)
	x := w.start(m, `{"do":"it"}`)
	task, err := w.sfn.getActivityTask(w.ctx, &api.GetActivityTaskInput{ActivityArn: a.ActivityArn, WorkerName: ptr("bob")})
	if err != nil || deref(task.Input) != `{"do":"it"}` {
		t.Fatal(task, err)
	}
	if _, err := w.sfn.sendTaskFailure(w.ctx, &api.SendTaskFailureInput{TaskToken: task.TaskToken, Error: ptr("Tired"), Cause: ptr("of it")}); err != nil {
		t.Fatal(err)
	}
	w.wants(x, "FAILED", "Tired: of it")
	if h := w.history(x); !strings.Contains(h, "3 ActivityScheduled\n4 ActivityStarted\n5 ActivityFailed\n6 ExecutionFailed") {
		t.Error(h)
	}
}

func TestNestedExecutions(t *testing.T) {
	w := newWorld(t)
	child := w.create("child", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":20,"Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.ok","BooleanEquals":true,"Next":"S"}],"Default":"F"},
		"S":{"Type":"Succeed"},"F":{"Type":"Fail","Error":"Child"}}}`)
	parent := w.create("parent", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2",
		"Parameters":{"StateMachineArn":"`+child+`","Input":{"ok.$":"$.ok"}},"OutputPath":"$.Output","End":true}}}`)
	good, bad := w.start(parent, `{"ok":true}`), w.start(parent, `{"ok":false}`)
	w.settle(30 * time.Second)
	w.wants(good, "SUCCEEDED", `{"ok":true}`)
	w.wants(bad, "FAILED", `States.TaskFailed: {`)
	if h := w.history(good); !strings.Contains(h, "TaskSubmitted\n") {
		t.Error(h)
	}
}

func TestExpress(t *testing.T) {
	w := newWorld(t)
	fn := w.function("echo", func(in string) (string, error) { return in, nil })
	out, err := w.sfn.createStateMachine(w.ctx, &api.CreateStateMachineInput{Name: ptr("e"), Type: ptr("EXPRESS"), RoleArn: ptr(testRole),
		Definition: ptr(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + fn + `","End":true}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.sfn.startSync(w.ctx, &api.StartSyncExecutionInput{StateMachineArn: out.StateMachineArn, Input: ptr(`{"a": 1}`)})
	if err != nil || *got.Status != "SUCCEEDED" || *got.Output != `{"a": 1}` || !strings.Contains(*got.ExecutionArn, ":express:e:") {
		t.Error(got, err)
	}
	async, err := w.sfn.startExecution(w.ctx, &api.StartExecutionInput{StateMachineArn: out.StateMachineArn})
	if err != nil {
		t.Fatal(err)
	}
	w.settle(0)
	w.nothingLeft(*async.ExecutionArn)
	if _, err := w.sfn.describeExecution(w.ctx, &api.DescribeExecutionInput{ExecutionArn: async.ExecutionArn}); !cloud.IsCode(err, "StateMachineTypeNotSupported") {
		t.Error(err)
	}
	if _, err := w.sfn.startSync(w.ctx, &api.StartSyncExecutionInput{StateMachineArn: ptr(w.create("s", `{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}`))}); !cloud.IsCode(err, "StateMachineTypeNotSupported") {
		t.Error(err)
	}
}

func TestErrorsOfServicesAreNamed(t *testing.T) {
	w := newWorld(t)
	w.answer = func(service, op string, _ json.RawMessage) (json.RawMessage, error) {
		if service == "sns" {
			return nil, cloud.Errorf(cloud.NotFound, "NotFound", "Topic does not exist")
		}
		if service == "events" {
			return json.RawMessage(`{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InvalidArgument"}]}`), nil
		}
		return nil, cloud.Errorf(cloud.Invalid, "ValidationException", "bad")
	}
	for resource, want := range map[string]string{
		"sns:publish":              "SNS.NotFoundException: Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: ",
		"dynamodb:putItem":         "DynamoDB.AmazonDynamoDBException: bad (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException;",
		"aws-sdk:dynamodb:putItem": "DynamoDb.DynamoDbException: bad (Service: DynamoDb, Status Code: 400, Request ID: ",
		"events:putEvents":         `EventBridge.FailedEntry: {"FailedEntryCount":1`,
		"lambda:invoke":            "Lambda.ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:111122223333:function:none",
	} {
		m := w.create(strings.ReplaceAll(resource, ":", "-"), `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::`+resource+`","Parameters":{"FunctionName":"none"},"End":true}}}`)
		if resource != "lambda:invoke" {
			m = w.create(strings.ReplaceAll(resource, ":", "-")+"2", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::`+resource+`","Parameters":{},"End":true}}}`)
		}
		x := w.start(m, `{}`)
		w.settle(0)
		w.wants(x, "FAILED", want)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for definition, code := range map[string]string{
		`{"StartAt":"P","QueryLanguage":"JSONata","States":{"P":{"Type":"Succeed"}}}`:                                                                                         "NotImplemented",
		`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{},"End":true}}}`:                                            "NotImplemented",
		`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:rekognition:detectLabels","Parameters":{},"End":true}}}`:                            "NotImplemented",
		`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::dynamodb:query","Parameters":{},"End":true}}}`:                                              "InvalidDefinition",
		`{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true}}}`: "NotImplemented",
	} {
		_, err := w.sfn.createStateMachine(w.ctx, &api.CreateStateMachineInput{Name: ptr("m"), RoleArn: ptr(testRole), Definition: &definition})
		if !cloud.IsCode(err, code) {
			t.Errorf("%s: %v, want %s", definition, err, code)
		}
	}
	_, err := w.sfn.createStateMachine(w.ctx, &api.CreateStateMachineInput{Name: ptr("m"), RoleArn: ptr(testRole), Definition: ptr(`{"StartAt":"P","States":{"P":{"Type":"Succeed"}}}`),
		LoggingConfiguration: &api.LoggingConfiguration{Level: ptr("ALL"), Destinations: []api.LogDestination{{}}}})
	if !cloud.IsCode(err, "InvalidLoggingConfiguration") {
		t.Error(err)
	}
}

func TestVersionsAndAliases(t *testing.T) {
	w := newWorld(t)
	m := w.create("m", `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":1,"End":true}}}`)
	v1, err := w.sfn.publishVersion(w.ctx, &api.PublishStateMachineVersionInput{StateMachineArn: &m})
	if err != nil || *v1.StateMachineVersionArn != m+":1" {
		t.Fatal(v1, err)
	}
	if _, err := w.sfn.updateStateMachine(w.ctx, &api.UpdateStateMachineInput{StateMachineArn: &m, Definition: ptr(`{"StartAt":"P","States":{"P":{"Type":"Pass","Result":2,"End":true}}}`)}); err != nil {
		t.Fatal(err)
	}
	a, err := w.sfn.createAlias(w.ctx, &api.CreateStateMachineAliasInput{Name: ptr("live"), RoutingConfiguration: []api.RoutingConfigurationListItem{{StateMachineVersionArn: v1.StateMachineVersionArn, Weight: ptr(int32(100))}}})
	if err != nil {
		t.Fatal(err)
	}
	w.wants(w.start(m, `{}`), "SUCCEEDED", "2")
	old := w.start(*a.StateMachineAliasArn, `{}`)
	w.wants(old, "SUCCEEDED", "1")
	if d := w.describe(old); *d.StateMachineAliasArn != m+":live" || *d.StateMachineVersionArn != m+":1" || *d.StateMachineArn != m {
		t.Error(d)
	}
	if _, err := w.sfn.deleteVersion(w.ctx, &api.DeleteStateMachineVersionInput{StateMachineVersionArn: v1.StateMachineVersionArn}); !cloud.IsCode(err, "ConflictException") {
		t.Error(err)
	}
	list, err := w.sfn.listExecutions(w.ctx, &api.ListExecutionsInput{StateMachineArn: &m, MaxResults: ptr(int32(1))})
	if err != nil || len(list.Executions) != 1 || list.NextToken == nil {
		t.Fatal(list, err)
	}
	list, err = w.sfn.listExecutions(w.ctx, &api.ListExecutionsInput{StateMachineArn: &m, NextToken: list.NextToken, StatusFilter: ptr("SUCCEEDED")})
	if err != nil || len(list.Executions) != 1 || list.NextToken != nil {
		t.Fatal(list, err)
	}
	if _, err := w.sfn.deleteStateMachine(w.ctx, &api.DeleteStateMachineInput{StateMachineArn: &m}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sfn.describeStateMachine(w.ctx, &api.DescribeStateMachineInput{StateMachineArn: &m}); !cloud.IsCode(err, "StateMachineDoesNotExist") {
		t.Error(err)
	}
}
