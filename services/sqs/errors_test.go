package sqs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "sundog/api/sqs"
	"sundog/cloud"
)

// refusal is a call that is refused, and how.
type refusal struct {
	name    string
	call    func(b *bench) error
	code    string
	message string // its beginning
}

func (b *bench) refuses(t *testing.T, list []refusal) {
	t.Helper()
	for _, c := range list {
		e := cloud.AsError(c.call(b))
		if e.Code != c.code || !strings.HasPrefix(e.Message, c.message) {
			t.Errorf("%s: %s %q, want %s %q", c.name, e.Code, e.Message, c.code, c.message)
		}
	}
}

func creates(queue string, pairs ...string) func(*bench) error {
	return func(b *bench) error {
		attrs := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			attrs[pairs[i]] = pairs[i+1]
		}
		_, err := b.r.createQueue(b.ctx, &api.CreateQueueInput{QueueName: &queue, Attributes: attrs})
		return err
	}
}

func TestRefusedQueues(t *testing.T) {
	b := open(t)
	b.create("q", map[string]string{"DelaySeconds": "5"})
	b.create("strict", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
	b.create("picky", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:eu-west-1:000000000000:friend"]}`})
	redrive := func(arn string) string { return `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":"3"}` }
	const badName = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = ""
	}
	tagged := func(tags map[string]string) func(*bench) error {
		return func(b *bench) error {
			_, err := b.r.createQueue(b.ctx, &api.CreateQueueInput{QueueName: new("tagged"), Tags: tags})
			return err
		}
	}
	b.refuses(t, []refusal{
		{"no name", func(b *bench) error { _, err := b.r.createQueue(b.ctx, &api.CreateQueueInput{}); return err }, "MissingRequiredParameterException", "The request must contain the parameter QueueName."},
		{"blank", creates("a b"), "InvalidParameterValueException", badName},
		{"long", creates(strings.Repeat("x", 81)), "InvalidParameterValueException", badName},
		{"long with suffix", creates(strings.Repeat("x", 76)+".fifo", "FifoQueue", "true"), "InvalidParameterValueException", badName},
		{"fifo by name only", creates("a.fifo"), "InvalidParameterValueException", badName},
		{"fifo by attribute only", creates("a", "FifoQueue", "true"), "InvalidParameterValueException", "The name of a FIFO queue can only include"},
		{"other value", creates("q", "DelaySeconds", "6"), "QueueNameExists", "A queue already exists with the same name and a different value for attribute DelaySeconds"},
		{"other than the default", creates("q", "VisibilityTimeout", "31"), "QueueNameExists", "A queue already exists with the same name and a different value for attribute VisibilityTimeout"},
		{"unknown", creates("a", "Colour", "red"), "InvalidAttributeName", "Unknown Attribute Colour."},
		{"read only", creates("a", "QueueArn", "x"), "InvalidAttributeName", "Unknown Attribute QueueArn."},
		{"too long a delay", creates("a", "DelaySeconds", "901"), "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."},
		{"no number", creates("a", "VisibilityTimeout", ""), "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."},
		{"too short a retention", creates("a", "MessageRetentionPeriod", "59"), "InvalidAttributeValue", "Invalid value for the parameter MessageRetentionPeriod."},
		{"too small a message", creates("a", "MaximumMessageSize", "1023"), "InvalidAttributeValue", "Invalid value for the parameter MaximumMessageSize."},
		{"too big a message", creates("a", "MaximumMessageSize", "1048577"), "InvalidAttributeValue", "Invalid value for the parameter MaximumMessageSize."},
		{"no policy", creates("a", "Policy", "{"), "InvalidAttributeValue", "Invalid value for the parameter Policy."},
		{"limit per group without scope", creates("a.fifo", "FifoQueue", "true", "FifoThroughputLimit", "perMessageGroupId"), "InvalidAttributeValue", "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only"},
		{"two encryptions", creates("a", "KmsMasterKeyId", "k", "SqsManagedSseEnabled", "true"), "InvalidAttributeName", "You can use one type of server-side encryption"},
		{"redrive without count", creates("a", "RedrivePolicy", `{"deadLetterTargetArn":"`+here+`q"}`), "InvalidParameterValueException", `Value {"deadLetterTargetArn":"` + here + `q"} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: maxReceiveCount.`},
		{"redrive without target", creates("a", "RedrivePolicy", `{"maxReceiveCount":1}`), "InvalidParameterValueException", `Value {"maxReceiveCount":1} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: deadLetterTargetArn.`},
		{"redrive of no count", creates("a", "RedrivePolicy", strings.Replace(redrive(here+"q"), `"3"`, "0", 1)), "InvalidParameterValueException", ""},
		{"redrive to another account", creates("a", "RedrivePolicy", redrive("arn:aws:sqs:eu-west-1:111111111111:q")), "InvalidParameterValueException", "Value " + redrive("arn:aws:sqs:eu-west-1:111111111111:q") + " for parameter RedrivePolicy is invalid. Reason: Dead letter target owner should be same as the source."},
		{"redrive to nothing", creates("a", "RedrivePolicy", redrive(here+"none")), "InvalidParameterValueException", "Value " + redrive(here+"none") + " for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."},
		{"redrive denied", creates("a", "RedrivePolicy", redrive(here+"strict")), "InvalidParameterValueException", ""},
		{"redrive denied to a stranger", creates("a", "RedrivePolicy", redrive(here+"picky")), "InvalidParameterValueException", ""},
		{"allowed by queue without queues", creates("a", "RedriveAllowPolicy", `{"redrivePermission":"byQueue"}`), "InvalidAttributeValue", "Invalid value for the parameter RedriveAllowPolicy."},
		{"allowed somehow", creates("a", "RedriveAllowPolicy", `{"redrivePermission":"maybe"}`), "InvalidAttributeValue", "Invalid value for the parameter RedriveAllowPolicy."},
		{"many tags", tagged(many), "InvalidParameterValueException", "Too many tags added for queue tagged. Maximum number of tags allowed per queue is 50."},
		{"empty tag", tagged(map[string]string{"": "x"}), "InvalidParameterValueException", "Tag keys must be between 1 and 128 characters in length."},
		{"reserved tag", tagged(map[string]string{"aws:x": "x"}), "InvalidParameterValueException", "Tag keys cannot start with 'aws:'"},
	})
	for _, ok := range []func(*bench) error{
		creates("q"), creates("q", "DelaySeconds", "5", "VisibilityTimeout", "30", "SqsManagedSseEnabled", "true"), creates("friend", "RedrivePolicy", redrive(here+"picky")),
		creates("friend", "RedrivePolicy", `{ "maxReceiveCount": "3", "deadLetterTargetArn": "`+here+`picky" }`),
		creates(strings.Repeat("x", 75)+".fifo", "FifoQueue", "true"), creates("a.fifo", "FifoQueue", "true", "FifoThroughputLimit", "perMessageGroupId", "DeduplicationScope", "messageGroup"),
	} {
		if err := ok(b); err != nil {
			t.Error(err)
		}
	}
}

// A name can be used again a minute after its queue was deleted.
func TestDeletedRecently(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	b.send(url, "old")
	if _, err := b.r.deleteQueue(b.ctx, &api.DeleteQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	_, err := b.r.deleteQueue(b.ctx, &api.DeleteQueueInput{QueueUrl: url})
	wantCode(t, err, "QueueDoesNotExist")
	b.advance(59 * time.Second)
	wantCode(t, creates("q")(b), "QueueDeletedRecently")
	b.create("other", nil)
	b.advance(time.Second)
	b.create("q", nil)
	if got := b.receive(url, 10); len(got) != 0 {
		t.Fatalf("a new queue has messages of the old one: %s", bodies(got))
	}
}

func TestRefusedMessages(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	fifo := b.create("q.fifo", map[string]string{"FifoQueue": "true"})
	send := func(url *string, body string, more ...func(*api.SendMessageInput)) func(*bench) error {
		return func(b *bench) error {
			in := &api.SendMessageInput{QueueUrl: url, MessageBody: &body}
			for _, m := range more {
				m(in)
			}
			_, err := b.r.sendMessage(b.ctx, in)
			return err
		}
	}
	with := func(name, kind, value string) func(*api.SendMessageInput) {
		return func(in *api.SendMessageInput) {
			in.MessageAttributes = map[string]api.MessageAttributeValue{name: {DataType: optional(kind), StringValue: &value}}
		}
	}
	system := func(name, kind, value string) func(*api.SendMessageInput) {
		return func(in *api.SendMessageInput) {
			in.MessageSystemAttributes = map[string]api.MessageSystemAttributeValue{name: {DataType: &kind, StringValue: &value}}
		}
	}
	eleven := func(in *api.SendMessageInput) {
		in.MessageAttributes = map[string]api.MessageAttributeValue{}
		for i := range 11 {
			in.MessageAttributes[fmt.Sprint(i)] = api.MessageAttributeValue{DataType: new("String"), StringValue: new("x")}
		}
	}
	lists := func(in *api.SendMessageInput) {
		in.MessageAttributes = map[string]api.MessageAttributeValue{"l": {DataType: new("String"), StringListValues: []string{"x"}}}
	}
	const value = "InvalidParameterValueException"
	b.refuses(t, []refusal{
		{"empty", send(url, ""), "MissingRequiredParameterException", "The request must contain the parameter MessageBody."},
		{"characters", send(url, "a\uffff"), "InvalidMessageContents", "Invalid binary character '#xFFFF' was found in the message body, the set of allowed characters is #x9 | #xA"},
		{"no UTF-8", send(url, "a\xff"), "InvalidMessageContents", "Invalid binary character '#xFF' was found"},
		{"too long", send(url, strings.Repeat("x", maxMessage+1)), value, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."},
		{"attributes count", send(url, strings.Repeat("x", maxMessage), with("a", "String", "x")), value, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."},
		{"delay", send(url, "x", func(in *api.SendMessageInput) { in.DelaySeconds = new(int32(901)) }), value, "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		{"delay of a fifo", send(fifo, "x", inGroup("g", "d"), func(in *api.SendMessageInput) { in.DelaySeconds = new(int32(1)) }), value, "Value 1 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."},
		{"deduplication of a standard queue", send(url, "x", inGroup("g", "d")), value, "Value d for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."},
		{"no group", send(fifo, "x"), "MissingRequiredParameterException", "The request must contain the parameter MessageGroupId."},
		{"no deduplication", send(fifo, "x", func(in *api.SendMessageInput) { in.MessageGroupId = new("g") }), value, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		{"group with blanks", send(url, "x", func(in *api.SendMessageInput) { in.MessageGroupId = new("a b") }), value, "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include"},
		{"eleven attributes", send(url, "x", eleven), value, "Number of message attributes [11] exceeds the allowed maximum [10]."},
		{"attribute name", send(url, "x", with("a b", "String", "x")), value, "Message (user) attribute name 'a b' is invalid."},
		{"reserved name", send(url, "x", with("AWS.x", "String", "x")), value, "Message (user) attribute name 'AWS.x' is invalid. You can't use message attribute names beginning with 'AWS.' or 'Amazon.'."},
		{"periods", send(url, "x", with("a..b", "String", "x")), value, "Message (user) attribute name 'a..b' is invalid."},
		{"no type", send(url, "x", with("a", "", "x")), value, "The message attribute 'a' must contain non-empty message attribute type."},
		{"type", send(url, "x", with("a", "string", "x")), value, "The type of message (user) attribute 'a' is invalid. You must use only the following supported type prefixes: Binary, Number, String."},
		{"number", send(url, "x", with("a", "Number.int", "12x")), value, "Could not cast message (user) attribute 'a' value to number."},
		{"empty value", send(url, "x", with("a", "String", "")), value, "Message (user) attribute 'a' must contain a non-empty value of type 'String'."},
		{"empty binary", send(url, "x", with("a", "Binary", "x")), value, "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'."},
		{"value's characters", send(url, "x", with("a", "String", "\x01")), value, "Invalid binary character '#x1' was found in the value of message (user) attribute 'a'"},
		{"lists", send(url, "x", lists), "UnsupportedOperation", ""},
		{"system attribute", send(url, "x", system("Other", "String", "x")), value, ""},
		{"trace header's type", send(url, "x", system("AWSTraceHeader", "Number", "1")), value, ""},
	})
}

func TestRefusedReceives(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	fifo := b.create("q.fifo", map[string]string{"FifoQueue": "true"})
	receive := func(in api.ReceiveMessageInput) func(*bench) error {
		return func(b *bench) error {
			if in.QueueUrl == nil {
				in.QueueUrl = url
			}
			_, err := b.r.receiveMessage(b.ctx, &in)
			return err
		}
	}
	const value = "InvalidParameterValueException"
	b.refuses(t, []refusal{
		{"none", receive(api.ReceiveMessageInput{MaxNumberOfMessages: new(int32(0))}), value, "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		{"wait", receive(api.ReceiveMessageInput{WaitTimeSeconds: new(int32(21))}), value, "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
		{"visibility", receive(api.ReceiveMessageInput{VisibilityTimeout: new(int32(43_201))}), value, "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."},
		{"attribute", receive(api.ReceiveMessageInput{AttributeNames: []string{"All", "Foo"}}), "InvalidAttributeName", "Unknown Attribute Foo."},
		{"attempt of a standard queue", receive(api.ReceiveMessageInput{ReceiveRequestAttemptId: new("a")}), value, "Value a for parameter ReceiveRequestAttemptId is invalid."},
		{"attempt with blanks", receive(api.ReceiveMessageInput{QueueUrl: fifo, ReceiveRequestAttemptId: new("a b")}), value, "Value a b for parameter ReceiveRequestAttemptId is invalid."},
		{"no queue's address", receive(api.ReceiveMessageInput{QueueUrl: new("http://localhost:4566/queues/q")}), "InvalidAddress", "The address http://localhost:4566/queues/q is not valid for this endpoint."},
		{"queue attributes are accepted", receive(api.ReceiveMessageInput{QueueUrl: new("http://localhost/000000000000/none"), AttributeNames: []string{"Policy"}}), "QueueDoesNotExist", ""},
	})
}

func TestRefusedPermissions(t *testing.T) {
	b := open(t)
	url := b.create("q", nil)
	add := func(label string, accounts []string, actions ...string) func(*bench) error {
		return func(b *bench) error {
			_, err := b.r.addPermission(b.ctx, &api.AddPermissionInput{QueueUrl: url, Label: &label, AWSAccountIds: accounts, Actions: actions})
			return err
		}
	}
	who := []string{"111111111111"}
	if err := add("there", who, "*")(b); err != nil {
		t.Fatal(err)
	}
	b.refuses(t, []refusal{
		{"again", add("there", who, "SendMessage"), "InvalidParameterValueException", "Value there for parameter Label is invalid. Reason: Already exists."},
		{"label", add("a b", who, "SendMessage"), "InvalidParameterValueException", "Value a b for parameter Label is invalid."},
		{"no action", add("x", who), "MissingRequiredParameterException", "The request must contain the parameter Actions."},
		{"no account", add("x", nil, "SendMessage"), "MissingRequiredParameterException", "The request must contain the parameter AWSAccountIds."},
		{"account", add("x", []string{"12"}, "SendMessage"), "InvalidParameterValueException", "Value [12] for parameter PrincipalId is invalid. Reason: Unable to verify."},
		{"owner's", add("x", who, "DeleteQueue"), "InvalidParameterValueException", "Value SQS:DeleteQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."},
		{"unknown", add("x", who, "Sing"), "InvalidParameterValueException", "Value SQS:Sing for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions."},
		{"many", add("x", who, "SendMessage", "SendMessage", "SendMessage", "SendMessage", "SendMessage", "SendMessage", "SendMessage", "SendMessage"), "OverLimit", "8 Actions were found, maximum allowed is 7."},
	})
}
