package sdkruns

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fed makes a topic and a queue that it feeds; suffix is ".fifo" or nothing.
func fed(t *testing.T, suffix string, topicAttributes, subscription map[string]string) (topic, queue, sub *string) {
	t.Helper()
	ctx, topics, queues := context.Background(), sns.NewFromConfig(right(t)), sqs.NewFromConfig(right(t))
	topic = must[*sns.CreateTopicOutput](t)(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(name() + suffix), Attributes: topicAttributes})).TopicArn
	var fifo map[string]string
	if suffix != "" {
		fifo = map[string]string{"FifoQueue": "true"}
	}
	queue = must[*sqs.CreateQueueOutput](t)(queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(name() + suffix), Attributes: fifo})).QueueUrl
	arn := must[*sqs.GetQueueAttributesOutput](t)(queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: queue, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})).Attributes["QueueArn"]
	policy := fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}]}`, arn, *topic)
	must[*sqs.SetQueueAttributesOutput](t)(queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: queue, Attributes: map[string]string{"Policy": policy}}))
	sub = must[*sns.SubscribeOutput](t)(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: subscription, ReturnSubscriptionArn: true})).SubscriptionArn
	t.Cleanup(func() {
		_, _ = topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("ArchivePolicy"), AttributeValue: aws.String("{}")})
		must[*sns.DeleteTopicOutput](t)(topics.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: topic}))
		must[*sqs.DeleteQueueOutput](t)(queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: queue}))
	})
	return topic, queue, sub
}

// take receives and deletes n messages.
func take(t *testing.T, queue *string, n int) (out []sqstypes.Message) {
	t.Helper()
	ctx, queues := context.Background(), sqs.NewFromConfig(right(t))
	for len(out) < n {
		got := must[*sqs.ReceiveMessageOutput](t)(queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 5, MessageAttributeNames: []string{"All"}})).Messages
		if len(got) == 0 {
			t.Fatalf("%d of %d messages came", len(out), n)
		}
		for _, m := range got {
			must[*sqs.DeleteMessageOutput](t)(queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle}))
		}
		out = append(out, got...)
	}
	return out
}

func TestTopic(t *testing.T) {
	ctx, c := context.Background(), sns.NewFromConfig(right(t))
	topic, queue, sub := fed(t, "", nil, map[string]string{"RawMessageDelivery": "true", "FilterPolicy": `{"kind":[{"prefix":"a"}],"n":[{"numeric":[">",1]}]}`})
	entry := func(id, kind, n string) types.PublishBatchRequestEntry {
		return types.PublishBatchRequestEntry{Id: &id, Message: aws.String(`{"default":"other","sqs":"for queues"}`), MessageStructure: aws.String("json"), MessageAttributes: map[string]types.MessageAttributeValue{
			"kind": {DataType: aws.String("String"), StringValue: &kind}, "n": {DataType: aws.String("Number"), StringValue: &n}}}
	}
	out := must[*sns.PublishBatchOutput](t)(c.PublishBatch(ctx, &sns.PublishBatchInput{TopicArn: topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		entry("a", "b", "5"), entry("b", "ab", "1"), entry("c", "ab", "1.5")}}))
	if len(out.Successful) != 3 {
		t.Fatalf("got %+v", out)
	}
	m := take(t, queue, 1)[0]
	if *m.Body != "for queues" || *m.MessageAttributes["n"].StringValue != "1.5" {
		t.Fatalf("got %s %v", *m.Body, m.MessageAttributes)
	}
	_, err := c.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("FilterPolicy"), AttributeValue: aws.String(`{"k":[{"numeric":[">"]}]}`)})
	refused(t, err, "InvalidParameter")
	_, err = c.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(*topic + "-none"), Message: aws.String("x")})
	refused(t, err, "NotFound")
}

func TestReplay(t *testing.T) {
	ctx, c := context.Background(), sns.NewFromConfig(right(t))
	topic, queue, sub := fed(t, ".fifo", map[string]string{"FifoTopic": "true", "ContentBasedDeduplication": "true", "ArchivePolicy": `{"MessageRetentionPeriod":"1"}`}, nil)
	from := must[*sns.GetTopicAttributesOutput](t)(c.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: topic})).Attributes["BeginningArchiveTime"]
	for i := range 3 {
		must[*sns.PublishOutput](t)(c.Publish(ctx, &sns.PublishInput{TopicArn: topic, Message: aws.String(fmt.Sprint(i)), MessageGroupId: aws.String("g")}))
	}
	texts := func(n int) string {
		var out []string
		for _, m := range take(t, queue, n) {
			var n struct{ Message string }
			if err := json.Unmarshal([]byte(*m.Body), &n); err != nil {
				t.Fatal(err)
			}
			out = append(out, n.Message)
		}
		return strings.Join(out, " ")
	}
	if got := texts(3); got != "0 1 2" {
		t.Fatalf("got %s", got)
	}
	must[*sns.SetSubscriptionAttributesOutput](t)(c.SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: sub, AttributeName: aws.String("ReplayPolicy"),
		AttributeValue: aws.String(fmt.Sprintf(`{"PointType":"Timestamp","StartingPoint":%q}`, from))}))
	if got := texts(3); got != "0 1 2" {
		t.Fatalf("replayed %s", got)
	}
	for end := time.Now().Add(20 * time.Second); ; {
		a := must[*sns.GetSubscriptionAttributesOutput](t)(c.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: sub})).Attributes
		if a["ReplayStatus"] == "Completed" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("got %v", a)
		}
	}
	_, err := c.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: topic})
	refused(t, err, "InvalidState")
}
