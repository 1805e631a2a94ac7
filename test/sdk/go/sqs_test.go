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
