package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"sundog/api/iam"
	"sundog/api/lambda"
	"sundog/api/sqs"
)

// Asynchronous invocations that were accepted run, and their records arrive, whenever the platform is killed.
func TestEventsOfFunctionsHold(t *testing.T) {
	eachMode(t, 2, func(p *platform) []load { return []load{newInvocations(p)} })
}

// invocations are asynchronous ones of a function, each of which ends as a record in a queue.
type invocations struct {
	record
	p     *platform
	queue string
	next  atomic.Int64
}

func newInvocations(p *platform) *invocations {
	role := must[iam.CreateRoleOutput](p, iam.CreateRoleOp, &iam.CreateRoleInput{RoleName: new("crash"),
		AssumeRolePolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`)})
	must[iam.PutRolePolicyOutput](p, iam.PutRolePolicyOp, &iam.PutRolePolicyInput{RoleName: new("crash"), PolicyName: new("records"),
		PolicyDocument: new(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}`)})
	queue := must[sqs.CreateQueueOutput](p, sqs.CreateQueueOp, &sqs.CreateQueueInput{QueueName: new("records")})
	of := must[sqs.GetQueueAttributesOutput](p, sqs.GetQueueAttributesOp, &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []string{"QueueArn"}})
	must[lambda.CreateFunctionOutput](p, lambda.CreateFunctionOp, &lambda.CreateFunctionInput{
		FunctionName: new("worker"), Runtime: new("python3.12"), Handler: new("index.handler"), Role: role.Role.Arn,
		Code: &lambda.FunctionCode{ZipFile: archive(p.t, "index.py", "def handler(event, context): return event")},
	})
	must[lambda.PutFunctionEventInvokeConfigOutput](p, lambda.PutFunctionEventInvokeConfigOp, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: new("worker"), DestinationConfig: &lambda.DestinationConfig{OnSuccess: &lambda.OnSuccess{Destination: new(of.Attributes["QueueArn"])}},
	})
	return &invocations{p: p, queue: *queue.QueueUrl}
}

func (w *invocations) String() string {
	return fmt.Sprintf("%d asynchronous invocations", len(w.acked))
}

func (w *invocations) workers() []func(context.Context) { return []func(context.Context){w.run} }

func (w *invocations) run(ctx context.Context) {
	for ctx.Err() == nil {
		id := strconv.FormatInt(w.next.Add(1), 10)
		_, err := call[lambda.InvokeOutput](ctx, w.p, lambda.InvokeOp, &lambda.InvokeInput{FunctionName: new("worker"), InvocationType: new("Event"), Payload: []byte(id)})
		if w.p.gone("Invoke", err) {
			return
		}
		w.ack(id)
		time.Sleep(5 * time.Millisecond) // a machine of two cores runs as many
	}
}

func (w *invocations) check() {
	seen := map[string]bool{}
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline) && !w.all(seen); {
		out := must[sqs.ReceiveMessageOutput](w.p, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &w.queue, MaxNumberOfMessages: new(int32(10)), WaitTimeSeconds: new(int32(1))})
		for _, m := range out.Messages {
			var r struct {
				RequestPayload json.RawMessage `json:"requestPayload"`
			}
			if err := json.Unmarshal([]byte(*m.Body), &r); err != nil {
				w.p.t.Fatal(err)
			}
			seen[string(r.RequestPayload)] = true
			must[sqs.DeleteMessageOutput](w.p, sqs.DeleteMessageOp, &sqs.DeleteMessageInput{QueueUrl: &w.queue, ReceiptHandle: m.ReceiptHandle})
		}
	}
	for _, id := range w.acked {
		if !seen[id] {
			w.p.t.Errorf("the asynchronous invocation %s was acknowledged and left no record", id)
		}
	}
}

// all tells whether a record of each has been seen.
func (w *invocations) all(seen map[string]bool) bool {
	return !slices.ContainsFunc(w.acked, func(id string) bool { return !seen[id] })
}
