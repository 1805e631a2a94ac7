package sns

import (
	"strings"
	"testing"

	api "sundog/api/sns"
	"sundog/cloud"
)

// words is the error of an operation as the service words it: code, colon, message.
func words(err error) string {
	if err == nil {
		return ""
	}
	e := cloud.AsError(err)
	return e.Code + ": " + e.Message
}

func TestTopicWords(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	create := func(name string, attrs map[string]string, tags ...string) error {
		in := &api.CreateTopicInput{Name: &name, Attributes: attrs}
		for _, k := range tags {
			in.Tags = append(in.Tags, api.Tag{Key: new(k), Value: new("v")})
		}
		return second(b.r.createTopic(b.ctx, in))
	}
	absent := new(*topic + "-absent")
	for want, err := range map[string]error{
		"InvalidParameter: Invalid parameter: Attributes Reason: Unknown attribute Colour":                       create("a", map[string]string{"Colour": "red"}),
		"InvalidParameter: Invalid parameter: Attributes Reason: DisplayName":                                    create("a", map[string]string{"DisplayName": strings.Repeat("x", 101)}),
		"InvalidParameter: Invalid parameter: Attributes Reason: Policy Error: null":                             create("a", map[string]string{"Policy": "{"}),
		"InvalidParameter: Invalid parameter: Attributes Reason: Topic already exists with different attributes": create("t", map[string]string{"DisplayName": "other"}),
		"InvalidParameter: Invalid parameter: Tags Reason: Topic already exists with different tags":             create("t", nil, "k"),
		"InvalidParameter: Invalid parameter: Duplicated keys are not allowed.":                                  create("b", nil, "k", "k"),
		"InvalidParameter: Invalid parameter: AttributeName":                                                     b.setTopic(topic, "Colour", "red"),
		"InvalidParameter: Invalid parameter: DeliveryPolicy: failed to parse JSON.":                             b.setTopic(topic, "DeliveryPolicy", "{"),
		"InvalidParameter: Invalid parameter: DeliveryPolicy: invalid JSON. Attribute x is unknown.":             b.setTopic(topic, "DeliveryPolicy", `{"x":1}`),
		"ResourceNotFound: Resource does not exist":                                                              second(b.r.listTags(b.ctx, &api.ListTagsForResourceInput{ResourceArn: absent})),
		"NotFound: Topic does not exist":                                                                         second(b.r.getTopicAttributes(b.ctx, &api.GetTopicAttributesInput{TopicArn: absent})),
		"NotImplemented: The topic attribute DataProtectionPolicy is not served by this platform.":               b.setTopic(topic, "DataProtectionPolicy", "{}"),
	} {
		if got := words(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestDeliveryPolicyWords(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	const in = "InvalidParameter: Invalid parameter: DeliveryPolicy: http."
	for policy, want := range map[string]string{
		`{"defaultHealthyRetryPolicy":{"numRetries":1,"maxDelayTarget":1}}`:                                             "defaultHealthyRetryPolicy.minDelayTarget must be specified",
		`{"defaultHealthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":1}}`:                                         "defaultHealthyRetryPolicy.numRetries must be specified",
		`{"defaultHealthyRetryPolicy":{"numRetries":1,"minDelayTarget":0,"maxDelayTarget":1}}`:                          "defaultHealthyRetryPolicy.minDelayTarget must be greater than or equal to 1",
		`{"defaultHealthyRetryPolicy":{"numRetries":101,"minDelayTarget":1,"maxDelayTarget":1}}`:                        "defaultHealthyRetryPolicy.numRetries must be less than or equal to 100",
		`{"defaultHealthyRetryPolicy":{"numRetries":1,"minDelayTarget":30,"maxDelayTarget":20}}`:                        "defaultHealthyRetryPolicy.maxDelayTarget must be greater than or equal to http.defaultHealthyRetryPolicy.minDelayTarget",
		`{"defaultHealthyRetryPolicy":{"numRetries":1,"numNoDelayRetries":2,"minDelayTarget":1,"maxDelayTarget":1}}`:    "defaultHealthyRetryPolicy.numRetries must be greater than or equal to the sum of numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries",
		`{"defaultHealthyRetryPolicy":{"numRetries":1,"minDelayTarget":1,"maxDelayTarget":1,"backoffFunction":"none"}}`: "defaultHealthyRetryPolicy.backoffFunction must be one of linear, arithmetic, geometric, exponential",
		`{"defaultThrottlePolicy":{"maxReceivesPerSecond":0}}`:                                                          "defaultThrottlePolicy.maxReceivesPerSecond must be greater than or equal to 1",
		`{"defaultRequestPolicy":{"headerContentType":"nonsense"}}`:                                                     "defaultRequestPolicy.headerContentType is not supported: nonsense",
	} {
		if got := words(b.setTopic(topic, "DeliveryPolicy", `{"http":`+policy+`}`)); got != in+want {
			t.Errorf("got  %s\nwant %s", got, in+want)
		}
	}
	long := `{"http":{"defaultHealthyRetryPolicy":{"numRetries":100,"minDelayTarget":3600,"maxDelayTarget":3600}}}`
	if got := words(b.setTopic(topic, "DeliveryPolicy", long)); !strings.Contains(got, "3600 seconds") {
		t.Error(got)
	}
}

func TestSubscriptionWords(t *testing.T) {
	b := open(t)
	topic, fifo := b.topic("t", nil), b.topic("t.fifo", map[string]string{"FifoTopic": "true"})
	sub := *b.subscribe(topic, "sqs", queue, nil)
	orderly := *b.subscribe(fifo, "sqs", queue+".fifo", nil)
	subscribe := func(topic *string, protocol, endpoint string, attrs ...string) error {
		in := &api.SubscribeInput{TopicArn: topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: map[string]string{}}
		for i := 0; i < len(attrs); i += 2 {
			in.Attributes[attrs[i]] = attrs[i+1]
		}
		return second(b.r.subscribe(b.ctx, in))
	}
	letters := func(q string) string { return `{"deadLetterTargetArn":"` + q + `"}` }
	const invalid, reason = "InvalidParameter: Invalid parameter: ", "InvalidParameter: Invalid parameter: Attributes Reason: "
	for want, err := range map[string]error{
		invalid + "Amazon SNS does not support this protocol string: pigeon": subscribe(topic, "pigeon", "x"),
		invalid + "SQS endpoint ARN":                                         subscribe(topic, "sqs", "http://q"),
		invalid + "Lambda endpoint ARN":                                      subscribe(topic, "lambda", queue),
		invalid + "Endpoint must match the specified protocol":               subscribe(topic, "https", "http://x.example"),
		invalid + "Invalid protocol type: lambda":                            subscribe(fifo, "lambda", function),
		invalid + "Invalid protocol type: sms":                               subscribe(fifo, "sms", "+15550100"),
		invalid + "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics": subscribe(topic, "sqs", queue+".fifo"),
		reason + "Unknown attribute Colour": subscribe(topic, "sqs", queue, "Colour", "red"),
		reason + "FilterPolicyScope: Invalid value [Body]. Please use either MessageBody or MessageAttributes": subscribe(topic, "sqs", queue, "FilterPolicyScope", "Body"),
		reason + "RawMessageDelivery: Invalid value [yes]. Must be true or false.":                             subscribe(topic, "sqs", queue, "RawMessageDelivery", "yes"),
		reason + "RawMessageDelivery: Delivery protocol [lambda] does not support raw message delivery.":       subscribe(topic, "lambda", function, "RawMessageDelivery", "true"),
		reason + "Filter policy scope MessageAttributes does not support nested filter policy":                 subscribe(topic, "sqs", queue, "FilterPolicy", `{"a":{"b":["c"]}}`),
		reason + "RedrivePolicy: invalid JSON. Attribute maxReceiveCount is unknown.":                          subscribe(topic, "sqs", queue, "RedrivePolicy", `{"maxReceiveCount":3}`),
		reason + "RedrivePolicy: deadLetterTargetArn is an invalid arn":                                        subscribe(topic, "sqs", queue, "RedrivePolicy", letters("q")),
		reason + "DeliveryPolicy: Delivery protocol [sqs] does not support delivery policies.":                 subscribe(topic, "sqs", queue, "DeliveryPolicy", "{}"),
		reason + "DeliveryPolicy: healthyRetryPolicy.minDelayTarget must be greater than or equal to 1":        subscribe(topic, "https", "https://x.example", "DeliveryPolicy", `{"healthyRetryPolicy":{"numRetries":0,"minDelayTarget":0,"maxDelayTarget":0}}`),
		reason + "Subscription already exists with different attributes":                                       subscribe(topic, "sqs", queue, "RawMessageDelivery", "true"),
		reason + "ReplayPolicy: the topic has no ArchivePolicy":                                                subscribe(fifo, "sqs", queue, "ReplayPolicy", `{"PointType":"Timestamp","StartingPoint":"2020-01-01T00:00:00Z"}`),
		invalid + "AttributeName": b.set(sub, "Colour", "red"),
		invalid + "RawMessageDelivery: Invalid value [yes]. Must be true or false.":                      b.set(sub, "RawMessageDelivery", "yes"),
		invalid + "RedrivePolicy: failed to parse JSON.":                                                 b.set(sub, "RedrivePolicy", "{"),
		invalid + "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.": b.set(orderly, "RedrivePolicy", letters(queue)),
		invalid + "RedrivePolicy: must use a standard queue as DLQ for a standard subscription.":         b.set(sub, "RedrivePolicy", letters(queue+".fifo")),
		invalid + "FilterPolicy: Filter policy can not have more than 5 keys":                            b.set(sub, "FilterPolicy", `{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`),
		"NotFound: Subscription does not exist":                                                          b.set(*topic+":b0000000-0000-4000-8000-000000000000", "RawMessageDelivery", "true"),
		invalid + "SubscriptionId":                                                                       second(b.r.unsubscribe(b.ctx, &api.UnsubscribeInput{SubscriptionArn: topic})),
		invalid + "SubscriptionArn Reason: no value for required parameter":                              second(b.r.unsubscribe(b.ctx, &api.UnsubscribeInput{})),
		invalid + "Topic": second(b.r.confirmSubscription(b.ctx, &api.ConfirmSubscriptionInput{TopicArn: new("t"), Token: new("x")})),
		invalid + "Token": second(b.r.confirmSubscription(b.ctx, &api.ConfirmSubscriptionInput{TopicArn: new(*topic + "-absent"), Token: new("x")})),
		"NotImplemented: The subscription attribute SubscriptionRoleArn is not served by this platform: it is for firehose.": b.set(sub, "SubscriptionRoleArn", "x"),
	} {
		if got := words(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestPublishWords(t *testing.T) {
	b := open(t)
	topic, fifo := b.topic("t", nil), b.topic("t.fifo", map[string]string{"FifoTopic": "true"})
	const invalid = "InvalidParameter: Invalid parameter: "
	m := new("m")
	for want, in := range map[string]api.PublishInput{
		invalid + "TopicArn or TargetArn Reason: no value for required parameter":    {Message: m},
		invalid + "TargetArn Reason: No endpoint found for the target arn specified": {Message: m, TargetArn: new(strings.Replace(*topic, ":t", ":endpoint/APNS/a/b", 1))},
		invalid + "TopicArn":         {Message: m, TopicArn: new(strings.Replace(*topic, "eu-west-1", "eu-west-2", 1))},
		invalid + "Empty message":    {Message: new(""), TopicArn: topic},
		invalid + "Subject":          {Message: m, Subject: new(""), TopicArn: topic},
		invalid + "Message too long": {Message: new(strings.Repeat("x", maxMessage+1)), TopicArn: topic},
		invalid + "Message Structure - JSON message body failed to parse":                                                                      {Message: m, MessageStructure: new("json"), TopicArn: topic},
		invalid + "Message Structure - No default entry in JSON message body":                                                                  {Message: new(`{"sqs":"x"}`), MessageStructure: new("json"), TopicArn: topic},
		invalid + "The MessageGroupId parameter is required for FIFO topics":                                                                   {Message: m, TopicArn: fifo},
		invalid + "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly":               {Message: m, MessageGroupId: new("g"), TopicArn: fifo},
		invalid + "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type": {Message: m, MessageDeduplicationId: new("d"), TopicArn: topic},
		invalid + "PhoneNumber Reason: +12 3 is not valid to publish to":                                                                       {Message: m, PhoneNumber: new("+12 3")},
		"NotFound: Topic does not exist": {Message: m, TopicArn: new(*topic + "-absent")},
		"ParameterValueInvalid: The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.": {Message: m, TopicArn: topic, MessageAttributes: map[string]api.MessageAttributeValue{"a": {DataType: new("String")}}},
	} {
		if got := words(second(b.r.publish(b.ctx, &in))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestMobileAndTextWords(t *testing.T) {
	b := open(t)
	account := strings.TrimSuffix(*b.topic("t", nil), "t")
	app, endpoint := account+"app/ADM/none", account+"endpoint/ADM/none/id"
	create := func(name, platform string, attrs map[string]string) error {
		return second(b.r.createPlatformApplication(b.ctx, &api.CreatePlatformApplicationInput{Name: &name, Platform: &platform, Attributes: attrs}))
	}
	access := func(arn string) error {
		return second(onApplication("GetPlatformApplicationAttributes", func(in *string) *string { return in })(b.ctx, &arn))
	}
	attrs := map[string]string{"PlatformCredential": "x"}
	const invalid, null = "InvalidParameter: Invalid parameter: ", "ValidationError: 1 validation error detected: Value null at 'attributes' failed to satisfy constraint: Member must not be null"
	for _, c := range []struct {
		err  error
		want string
	}{
		{create("a b", "ADM", attrs), invalid + "a b Reason: must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'"},
		{create("a", "AAA", attrs), invalid + "Platform Reason: AAA is not supported"},
		{create("a", "ADM", nil), null},
		{create("a", "ADM", attrs), "NotImplemented: Platform applications of ADM are not served by this platform: it reaches no push service."},
		{access("invalid-arn"), invalid + "PlatformApplicationArn Reason: An ARN must have at least 6 elements, not 1"},
		{access(account + "app/x"), invalid + "PlatformApplicationArn Reason: Wrong number of slashes in relative portion of the ARN."},
		{second(b.r.getPlatformApplicationAttributes(b.ctx, &api.GetPlatformApplicationAttributesInput{PlatformApplicationArn: &app})), "NotFound: PlatformApplication does not exist"},
		{second(b.r.createPlatformEndpoint(b.ctx, &api.CreatePlatformEndpointInput{PlatformApplicationArn: &app, Token: new("x")})), "NotFound: PlatformApplication does not exist"},
		{second(b.r.setPlatformApplicationAttributes(b.ctx, &api.SetPlatformApplicationAttributesInput{PlatformApplicationArn: &app})), null},
		{second(b.r.getEndpointAttributes(b.ctx, &api.GetEndpointAttributesInput{EndpointArn: &endpoint})), "NotFound: Endpoint does not exist"},
		{second(b.r.deleteEndpoint(b.ctx, &api.DeleteEndpointInput{EndpointArn: &endpoint})), ""},
		{second(b.r.setSMSAttributes(b.ctx, &api.SetSMSAttributesInput{Attributes: map[string]string{"Colour": "x"}})), "InvalidParameter: Colour is not a valid attribute"},
		{second(b.r.setSMSAttributes(b.ctx, &api.SetSMSAttributesInput{Attributes: map[string]string{"DefaultSMSType": "x"}})), "InvalidParameter: DefaultSMSType is invalid"},
		{second(b.r.setSMSAttributes(b.ctx, &api.SetSMSAttributesInput{Attributes: map[string]string{"UsageReportS3Bucket": "x"}})), "NotImplemented: The SMS attribute UsageReportS3Bucket is not served by this platform."},
		{second(b.r.optInPhoneNumber(b.ctx, &api.OptInPhoneNumberInput{PhoneNumber: new("invalid")})), invalid + "PhoneNumber Reason: input incorrectly formatted"},
	} {
		if got := words(c.err); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// The account's defaults for text messages hold for what does not say otherwise.
func TestTextDefaults(t *testing.T) {
	b := open(t)
	if _, err := b.r.setSMSAttributes(b.ctx, &api.SetSMSAttributesInput{Attributes: map[string]string{"DefaultSMSType": "Transactional", "DefaultSenderID": "Sundog"}}); err != nil {
		t.Fatal(err)
	}
	out, err := b.r.getSMSAttributes(b.ctx, &api.GetSMSAttributesInput{Attributes: []string{"DefaultSMSType"}})
	if err != nil || len(out.Attributes) != 1 || out.Attributes["DefaultSMSType"] != "Transactional" {
		t.Errorf("%v %v", out, err)
	}
	in := &api.PublishInput{PhoneNumber: new("+15550100"), Message: new("hi"), MessageAttributes: map[string]api.MessageAttributeValue{
		"AWS.SNS.SMS.SenderID": {DataType: new("String"), StringValue: new("Mine")}, "other": {DataType: new("String"), StringValue: new("x")},
	}}
	if _, err := b.r.publish(b.ctx, in); err != nil {
		t.Fatal(err)
	}
	lines := b.lines(directTopic)
	if len(lines) != 1 || lines[0].Options["AWS.SNS.SMS.SMSType"].Value != "Transactional" || lines[0].Options["AWS.SNS.SMS.SenderID"].Value != "Mine" || len(lines[0].Options) != 2 {
		t.Errorf("%+v", lines)
	}
}
