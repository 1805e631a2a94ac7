package crash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sundog/api/dynamodb"
	"sundog/api/iam"
	"sundog/api/s3"
	"sundog/api/sfn"
)

// items are puts of new items, and of one item for each worker that is written again and again.
type items struct {
	p *platform
	record
	next  atomic.Int64
	tried [3]atomic.Int64 // by worker: the last value that was sent, and that was acknowledged
	kept  [3]atomic.Int64
}

const table = "crash"

func newItems(p *platform) *items {
	must[dynamodb.CreateTableOutput](p, dynamodb.CreateTableOp, &dynamodb.CreateTableInput{
		TableName: new(table), BillingMode: new("PAY_PER_REQUEST"),
		AttributeDefinitions: []dynamodb.AttributeDefinition{{AttributeName: new("id"), AttributeType: new("S")}},
		KeySchema:            []dynamodb.KeySchemaElement{{AttributeName: new("id"), KeyType: new("HASH")}},
	})
	return &items{p: p}
}

func (w *items) String() string { return fmt.Sprintf("%d items", len(w.acked)) }

func (w *items) workers() []func(context.Context) {
	var out []func(context.Context)
	for i := range w.tried {
		out = append(out, func(ctx context.Context) { w.put(ctx, i) })
	}
	return out
}

func (w *items) put(ctx context.Context, worker int) {
	for ctx.Err() == nil {
		n := w.next.Add(1)
		key := strconv.FormatInt(n, 10)
		if w.p.gone("PutItem", w.write(ctx, key, n)) {
			return
		}
		w.ack(key)
		w.tried[worker].Store(n)
		if w.p.gone("PutItem", w.write(ctx, counter(worker), n)) {
			return
		}
		w.kept[worker].Store(n)
	}
}

func counter(worker int) string { return "worker-" + strconv.Itoa(worker) }

func (w *items) write(ctx context.Context, key string, n int64) error {
	_, err := call[dynamodb.PutItemOutput](ctx, w.p, dynamodb.PutItemOp, &dynamodb.PutItemInput{TableName: new(table), Item: map[string]dynamodb.AttributeValue{
		"id": {S: &key}, "n": {N: new(strconv.FormatInt(n, 10))},
	}})
	return err
}

func (w *items) read(key string) (n int64, found bool) {
	out := must[dynamodb.GetItemOutput](w.p, dynamodb.GetItemOp, &dynamodb.GetItemInput{
		TableName: new(table), ConsistentRead: new(true), Key: map[string]dynamodb.AttributeValue{"id": {S: &key}}})
	if out.Item == nil || out.Item["n"].N == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(*out.Item["n"].N, 10, 64)
	return n, err == nil
}

func (w *items) check() {
	w.each(func(key string) {
		if n, ok := w.read(key); !ok || strconv.FormatInt(n, 10) != key {
			w.p.t.Errorf("the item %s was acknowledged; now found %v, n %d", key, ok, n)
		}
	})
	for i := range w.tried {
		n, _ := w.read(counter(i))
		if kept, tried := w.kept[i].Load(), w.tried[i].Load(); n != kept && n != tried {
			w.p.t.Errorf("%s holds %d; acknowledged last was %d, sent last %d", counter(i), n, kept, tried)
		}
	}
}

// objects are puts of objects whose content follows from their key.
type objects struct {
	p *platform
	record
	next atomic.Int64
}

const bucket = "crash-objects"

func newObjects(p *platform) *objects {
	must[s3.CreateBucketOutput](p, s3.CreateBucketOp, &s3.CreateBucketInput{Bucket: new(bucket)})
	return &objects{p: p}
}

func (w *objects) String() string { return fmt.Sprintf("%d objects", len(w.acked)) }

func content(key string) string { return strings.Repeat(key+" ", 300) }

func (w *objects) workers() []func(context.Context) {
	return []func(context.Context){w.put, w.put}
}

func (w *objects) put(ctx context.Context) {
	for ctx.Err() == nil {
		key := strconv.FormatInt(w.next.Add(1), 10)
		body := content(key)
		_, err := call[s3.PutObjectOutput](ctx, w.p, s3.PutObjectOp, &s3.PutObjectInput{
			Bucket: new(bucket), Key: &key, Body: strings.NewReader(body), ContentLength: new(int64(len(body)))})
		if w.p.gone("PutObject", err) {
			return
		}
		w.ack(key)
	}
}

func (w *objects) check() {
	w.each(func(key string) {
		out, err := call[s3.GetObjectOutput](context.Background(), w.p, s3.GetObjectOp, &s3.GetObjectInput{Bucket: new(bucket), Key: &key})
		if err != nil {
			w.p.t.Errorf("the object %s was acknowledged: %v", key, err)
			return
		}
		defer out.Body.Close()
		if b, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(b, []byte(content(key))) {
			w.p.t.Errorf("the object %s has %d bytes that are not its own (%v)", key, len(b), err)
		}
	})
}

// executions are workflows that were started: each must be known, and end.
type executions struct {
	p *platform
	record
	machine string
	next    atomic.Int64
}

const workflow = `{"StartAt": "First", "States": {
	"First": {"Type": "Pass", "Result": {"steps": 1}, "Next": "Rest"},
	"Rest": {"Type": "Wait", "Seconds": 1, "Next": "Last"},
	"Last": {"Type": "Pass", "End": true}}}`

func newExecutions(p *platform) *executions {
	role := must[iam.CreateRoleOutput](p, iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: new("crash"),
		AssumeRolePolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`)})
	out := must[sfn.CreateStateMachineOutput](p, sfn.CreateStateMachineOp, &sfn.CreateStateMachineInput{
		Name: new("crash"), Definition: new(workflow), RoleArn: role.Role.Arn})
	return &executions{p: p, machine: *out.StateMachineArn}
}

func (w *executions) String() string { return fmt.Sprintf("%d executions", len(w.acked)) }

func (w *executions) workers() []func(context.Context) { return []func(context.Context){w.run} }

func (w *executions) run(ctx context.Context) {
	for ctx.Err() == nil {
		name := "run-" + strconv.FormatInt(w.next.Add(1), 10)
		out, err := call[sfn.StartExecutionOutput](ctx, w.p, sfn.StartExecutionOp, &sfn.StartExecutionInput{StateMachineArn: &w.machine, Name: &name})
		if w.p.gone("StartExecution", err) {
			return
		}
		w.ack(*out.ExecutionArn)
	}
}

func (w *executions) check() {
	deadline := time.Now().Add(20 * time.Second)
	w.each(func(arn string) {
		for {
			out, err := call[sfn.DescribeExecutionOutput](context.Background(), w.p, sfn.DescribeExecutionOp, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
			if err != nil {
				w.p.t.Errorf("the execution %s was acknowledged: %v", arn, err)
				return
			}
			if *out.Status == "SUCCEEDED" {
				return
			}
			if *out.Status != "RUNNING" || time.Now().After(deadline) {
				w.p.t.Errorf("the execution %s is %s", arn, *out.Status)
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}
