package sdkruns

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func TestQueue(t *testing.T) {
	ctx, c := context.Background(), sqs.NewFromConfig(right(t))
	q := must[*sqs.CreateQueueOutput](t)(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name())})).QueueUrl
	t.Cleanup(func() { must[*sqs.DeleteQueueOutput](t)(c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: q})) })
	must[*sqs.SendMessageOutput](t)(c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("grüße"),
		MessageAttributes: map[string]types.MessageAttributeValue{"b": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}}}}))
	got := must[*sqs.ReceiveMessageOutput](t)(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, WaitTimeSeconds: 5, MessageAttributeNames: []string{"All"}}))
	if len(got.Messages) != 1 || *got.Messages[0].Body != "grüße" || len(got.Messages[0].MessageAttributes["b"].BinaryValue) != 2 {
		t.Fatalf("got %+v", got.Messages)
	}
	out := must[*sqs.DeleteMessageBatchOutput](t)(c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: q, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("a"), ReceiptHandle: got.Messages[0].ReceiptHandle}, {Id: aws.String("b"), ReceiptHandle: aws.String("nonsense")}}}))
	if len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatalf("got %+v", out)
	}
	_, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(name())})
	refused(t, err, "AWS.SimpleQueueService.NonExistentQueue")
}

func TestFIFO(t *testing.T) {
	ctx, c := context.Background(), sqs.NewFromConfig(right(t))
	q := must[*sqs.CreateQueueOutput](t)(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name() + ".fifo"), Attributes: map[string]string{"FifoQueue": "true"}})).QueueUrl
	t.Cleanup(func() { must[*sqs.DeleteQueueOutput](t)(c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: q})) })
	var last string
	for i := range 10 {
		out := must[*sqs.SendMessageOutput](t)(c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String(fmt.Sprint(i)),
			MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String(fmt.Sprint("d", i))}))
		if *out.SequenceNumber <= last {
			t.Fatalf("sequence numbers must rise: %s after %s", *out.SequenceNumber, last)
		}
		last = *out.SequenceNumber
	}
	for i := 0; i < 10; {
		got := must[*sqs.ReceiveMessageOutput](t)(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, MaxNumberOfMessages: 4, WaitTimeSeconds: 5}))
		if len(got.Messages) == 0 {
			t.Fatal("no messages")
		}
		for _, m := range got.Messages {
			if *m.Body != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", *m.Body, i)
			}
			must[*sqs.DeleteMessageOutput](t)(c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: m.ReceiptHandle}))
			i++
		}
	}
}

// The SDK verifies the digests of what it sends and receives by itself; here the whole life of dead letters, and errors by their types.
func TestDeadLetters(t *testing.T) {
	ctx, c := context.Background(), sqs.NewFromConfig(right(t))
	queue := func(attributes map[string]string) (url *string, arn string) {
		t.Helper()
		url = must[*sqs.CreateQueueOutput](t)(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name()), Attributes: attributes})).QueueUrl
		t.Cleanup(func() { must[*sqs.DeleteQueueOutput](t)(c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url})) })
		out := must[*sqs.GetQueueAttributesOutput](t)(c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}}))
		return url, out.Attributes["QueueArn"]
	}
	dead, deadARN := queue(nil)
	source, sourceARN := queue(map[string]string{"VisibilityTimeout": "0", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":2}`, deadARN)})
	must[*sqs.SendMessageOutput](t)(c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: source, MessageBody: aws.String("poison"),
		MessageAttributes:       map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: aws.String("1")}},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")}}}))
	receive := func(url *string, wait int32) []types.Message {
		t.Helper()
		return must[*sqs.ReceiveMessageOutput](t)(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: wait, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})).Messages
	}
	for i := range 2 {
		if got := receive(source, 5); len(got) != 1 || got[0].Attributes["ApproximateReceiveCount"] != fmt.Sprint(i+1) {
			t.Fatalf("receive %d: %+v", i+1, got)
		}
	}
	if got := receive(source, 0); len(got) != 0 {
		t.Fatalf("received a third time: %+v", got)
	}
	got := receive(dead, 10)
	if len(got) != 1 || got[0].Attributes["DeadLetterQueueSourceArn"] != sourceARN || got[0].Attributes["AWSTraceHeader"] == "" || *got[0].MessageAttributes["n"].StringValue != "1" {
		t.Fatalf("dead letters %+v", got)
	}
	must[*sqs.ChangeMessageVisibilityOutput](t)(c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: dead, ReceiptHandle: got[0].ReceiptHandle}))
	sources := must[*sqs.ListDeadLetterSourceQueuesOutput](t)(c.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead}))
	if len(sources.QueueUrls) != 1 || sources.QueueUrls[0] != *source {
		t.Fatalf("sources %v", sources.QueueUrls)
	}
	must[*sqs.StartMessageMoveTaskOutput](t)(c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &deadARN}))
	if got := receive(source, 10); len(got) != 1 || *got[0].Body != "poison" || got[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("after the move %+v", got)
	}
	tasks := must[*sqs.ListMessageMoveTasksOutput](t)(c.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &deadARN}))
	if len(tasks.Results) != 1 || tasks.Results[0].ApproximateNumberOfMessagesMoved != 1 {
		t.Fatalf("tasks %+v", tasks.Results)
	}
	_, err := c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &sourceARN})
	refused(t, err, "InvalidParameterValue")
}

func TestQueueErrors(t *testing.T) {
	ctx, c := context.Background(), sqs.NewFromConfig(right(t))
	queue := name()
	create := func(attributes map[string]string) (*string, error) {
		out, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &queue, Attributes: attributes})
		if err != nil {
			return nil, err
		}
		return out.QueueUrl, nil
	}
	q := must[*string](t)(create(nil))
	_, err := create(map[string]string{"DelaySeconds": "7"})
	refused(t, err, "QueueAlreadyExists")
	_, err = c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"FifoQueue": "true"}})
	refused(t, err, "InvalidAttributeName")
	_, err = c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q, MessageBody: aws.String("\x01")})
	refused(t, err, "InvalidMessageContents")
	_, err = c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: q, MaxNumberOfMessages: 11})
	refused(t, err, "InvalidParameterValue")
	_, err = c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q, ReceiptHandle: aws.String("nonsense")})
	refused(t, err, "ReceiptHandleIsInvalid")
	must[*sqs.DeleteQueueOutput](t)(c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: q}))
	_, err = create(nil)
	refused(t, err, "AWS.SimpleQueueService.QueueDeletedRecently")
}
