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
	"fmt"
	"net/http/httptest"
	"slices"
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

// A message of a batch that repeats an earlier one does not take those behind it along.
func TestBatchWithRepeats(t *testing.T) {
	b := open(t)
	topic := b.topic("t.fifo", map[string]string{"FifoTopic": "true"})
	b.subscribe(topic, "sqs", queue+".fifo", map[string]string{"RawMessageDelivery": "true"})
	in := &api.PublishBatchInput{TopicArn: topic}
	for i, dedup := range []string{"a", "a", "b"} {
		in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, api.PublishBatchRequestEntry{
			Id: new(fmt.Sprint(i)), Message: new(fmt.Sprint(i)), MessageGroupId: new("g"), MessageDeduplicationId: &dedup,
		})
	}
	out, err := b.r.publishBatch(b.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if s := out.Successful; len(s) != 3 || *s[0].MessageId != *s[1].MessageId || *s[0].SequenceNumber != *s[1].SequenceNumber || *s[2].SequenceNumber <= *s[1].SequenceNumber {
		t.Errorf("%+v", s)
	}
	b.Settle()
	if got := b.texts(); !slices.Equal(got, []string{"0", "2"}) {
		t.Errorf("%v", got)
	}
}

// texts gives the payloads that have arrived.
func (b *bench) texts() (out []string) {
	for len(b.sink.got) > 0 {
		out = append(out, string((<-b.sink.got).Payload))
	}
	return out
}

// Many endpoints of one message share a signature, also where some get another text.
func TestSignatures(t *testing.T) {
	b := open(t)
	topic := b.topic("t", map[string]string{"SignatureVersion": "2"})
	for i := range 3 {
		b.subscribe(topic, "sqs", fmt.Sprint(queue, i), nil)
		b.subscribe(topic, "lambda", fmt.Sprint(function, i), nil)
	}
	body, structure := `{"default":"d","lambda":"l"}`, "json"
	if _, err := b.r.publish(b.ctx, &api.PublishInput{TopicArn: topic, Message: &body, MessageStructure: &structure}); err != nil {
		t.Fatal(err)
	}
	b.Settle()
	seen := map[string]string{}
	for range 6 {
		d := <-b.sink.got
		var n notification
		if d.Target.Service == "lambda" {
			var e lambdaEvent
			if err := json.Unmarshal(d.Payload, &e); err != nil {
				t.Fatal(err)
			}
			s := e.Records[0].Sns
			n = notification{Type: s.Type, MessageID: s.MessageID, TopicArn: s.TopicArn, Message: s.Message, Timestamp: s.Timestamp, SignatureVersion: s.SignatureVersion, Signature: s.Signature, SigningCertURL: s.SigningCertURL}
		} else if err := json.Unmarshal(d.Payload, &n); err != nil {
			t.Fatal(err)
		}
		b.verify(n)
		if s := seen[n.Message]; s != "" && s != n.Signature {
			t.Errorf("%s is signed twice", n.Message)
		}
		seen[n.Message] = n.Signature
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
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
