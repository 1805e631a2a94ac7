package sns

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 is SHA-1
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/services/servicetest"
)

// sink is a target that notes what it gets.
type sink struct{ got chan bus.Delivery }

func (s sink) Action(cloud.ARN) string { return "sqs:SendMessage" }

func (s sink) Deliver(_ context.Context, d bus.Delivery) (bus.Outcome, error) {
	s.got <- d
	return bus.Outcome{}, nil
}

type bench struct {
	*servicetest.Kit
	r    *snsRoom
	ctx  context.Context
	sink sink
	t    *testing.T
}

func open(t *testing.T) *bench {
	k := servicetest.New(t)
	rm := New(k.Deps)
	b := &bench{Kit: k, r: rm.Target.(target).snsRoom, ctx: k.Context(), sink: sink{make(chan bus.Delivery, 100)}, t: t}
	k.Targets["sqs"], k.Targets["lambda"] = b.sink, b.sink
	k.Begin(t, rm)
	return b
}

func (b *bench) topic(n string, attrs map[string]string) *string {
	b.t.Helper()
	out, err := b.r.createTopic(b.ctx, &api.CreateTopicInput{Name: &n, Attributes: attrs})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.TopicArn
}

func (b *bench) subscribe(topic *string, protocol, endpoint string, attrs map[string]string) *string {
	b.t.Helper()
	out, err := b.r.subscribe(b.ctx, &api.SubscribeInput{TopicArn: topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attrs})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.SubscriptionArn
}

func (b *bench) publish(topic *string, body string, attrs map[string]api.MessageAttributeValue) {
	b.t.Helper()
	if _, err := b.r.publish(b.ctx, &api.PublishInput{TopicArn: topic, Message: &body, MessageAttributes: attrs}); err != nil {
		b.t.Fatal(err)
	}
}

const (
	queue    = "arn:aws:sqs:eu-west-1:000000000000:q"
	function = "arn:aws:lambda:eu-west-1:000000000000:function:f"
)

func TestNotificationVerifies(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.subscribe(topic, "sqs", queue, nil)
	b.publish(topic, "hello", nil)
	d := <-b.sink.got
	var n notification
	if err := json.Unmarshal(d.Payload, &n); err != nil {
		t.Fatal(err)
	}
	if n.Type != "Notification" || n.Message != "hello" || n.TopicArn != *topic || d.As.Service != "sns.amazonaws.com" || d.As.Source.String() != *topic {
		t.Fatalf("%+v as %+v", n, d.As)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", n.SigningCertURL, nil)
	f := front{&b.r.signer}
	if !f.Claims(req) {
		t.Fatalf("the certificate at %s is nobody's", n.SigningCertURL)
	}
	f.ServeHTTP(w, req)
	block, _ := pem.Decode(w.Body.Bytes())
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(n.Signature)
	if err != nil {
		t.Fatal(err)
	}
	signed := "Message\nhello\nMessageId\n" + n.MessageID + "\nTimestamp\n" + n.Timestamp + "\nTopicArn\n" + n.TopicArn + "\nType\nNotification\n"
	sum := sha1.Sum([]byte(signed)) //nolint:gosec // signature version 1 is SHA-1
	if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA1, sum[:], sig); err != nil {
		t.Fatal(err)
	}
}

func TestLambdaEvent(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	sub := b.subscribe(topic, "lambda", function, nil)
	b.publish(topic, "x", map[string]api.MessageAttributeValue{"k": {DataType: new("String"), StringValue: new("v")}})
	var e lambdaEvent
	if err := json.Unmarshal((<-b.sink.got).Payload, &e); err != nil {
		t.Fatal(err)
	}
	r := e.Records[0]
	if r.EventSource != "aws:sns" || r.EventSubscriptionArn != *sub || r.Sns.Message != "x" || r.Sns.MessageAttributes["k"].Value != "v" || r.Sns.Subject != nil {
		t.Fatalf("%+v", r)
	}
}

func TestFilterAndRaw(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.subscribe(topic, "sqs", queue, map[string]string{"FilterPolicy": `{"kind":["a"]}`, "RawMessageDelivery": "true"})
	b.publish(topic, "no", map[string]api.MessageAttributeValue{"kind": {DataType: new("String"), StringValue: new("b")}})
	b.publish(topic, "yes", map[string]api.MessageAttributeValue{"kind": {DataType: new("String"), StringValue: new("a")}})
	if d := <-b.sink.got; string(d.Payload) != "yes" || d.Attributes["kind"].Value != "a" {
		t.Fatalf("%s %v", d.Payload, d.Attributes)
	}
}

func TestBodyFilter(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.subscribe(topic, "sqs", queue, map[string]string{"FilterPolicy": `{"n":[{"numeric":[">",5]}]}`, "FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"})
	for _, body := range []string{`{"n":1}`, "no json", `{"n":7}`} {
		b.publish(topic, body, nil)
	}
	if d := <-b.sink.got; string(d.Payload) != `{"n":7}` {
		t.Fatalf("%s", d.Payload)
	}
}

func TestFIFO(t *testing.T) {
	b := open(t)
	topic := b.topic("t.fifo", map[string]string{"FifoTopic": "true"})
	b.subscribe(topic, "sqs", queue+".fifo", nil)
	send := func(body, dedup string) *api.PublishOutput {
		out, err := b.r.publish(b.ctx, &api.PublishInput{TopicArn: topic, Message: &body, MessageGroupId: new("g"), MessageDeduplicationId: &dedup})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	one, again, two := send("1", "a"), send("1", "a"), send("2", "b")
	if *one.MessageId != *again.MessageId || *one.SequenceNumber >= *two.SequenceNumber {
		t.Fatalf("%v %v %v", one, again, two)
	}
	for _, want := range []string{"1", "2"} {
		d := <-b.sink.got
		if !strings.Contains(string(d.Payload), `"Message":"`+want+`"`) || d.Parameters["MessageGroupId"] != "g" {
			t.Fatalf("%s", d.Payload)
		}
	}
}

func TestErrors(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	cases := []struct {
		err  error
		code string
	}{
		{second(b.r.publish(b.ctx, &api.PublishInput{TopicArn: new("randomstring"), Message: new("x")})), "InvalidParameter"},
		{second(b.r.publish(b.ctx, &api.PublishInput{TopicArn: new(*topic + "x"), Message: new("x")})), "NotFound"},
		{second(b.r.publish(b.ctx, &api.PublishInput{PhoneNumber: new("+1"), Message: new("x")})), "InvalidParameter"},
		{second(b.r.subscribe(b.ctx, &api.SubscribeInput{TopicArn: topic, Protocol: new("firehose"), Endpoint: new("arn:aws:firehose:eu-west-1:000000000000:deliverystream/x")})), "NotImplemented"},
		{second(b.r.subscribe(b.ctx, &api.SubscribeInput{TopicArn: topic, Protocol: new("https"), Endpoint: new("http://x")})), "InvalidParameter"},
		{second(b.r.subscribe(b.ctx, &api.SubscribeInput{TopicArn: topic, Protocol: new("email"), Endpoint: new("nobody")})), "InvalidParameter"},
		{second(b.r.subscribe(b.ctx, &api.SubscribeInput{TopicArn: topic, Protocol: new("sqs"), Endpoint: new("http://x")})), "InvalidParameter"},
		{second(b.r.createTopic(b.ctx, &api.CreateTopicInput{Name: new("")})), "InvalidParameter"},
	}
	for i, c := range cases {
		if !cloud.IsCode(c.err, c.code) {
			t.Errorf("%d: %v, want %s", i, c.err, c.code)
		}
	}
}

func second[T any](_ T, err error) error { return err }
