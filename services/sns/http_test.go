package sns

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/egress"
	"sundog/engine/telemetry"
)

const hook = "https://example.com/hook"

// anonymous is the context of an unsigned request.
func (b *bench) anonymous() context.Context {
	c := cloud.CallFrom(b.ctx)
	c.Principal = cloud.Principal{Kind: cloud.Anonymous}
	return cloud.WithCall(context.Background(), c)
}

// requests waits until nothing is under way, and gives what went outside.
func (b *bench) requests() []egress.Request {
	b.t.Helper()
	b.Settle()
	return b.Egress.Requests()
}

// last gives the newest request and its message.
func (b *bench) last() (egress.Request, notification) {
	b.t.Helper()
	all := b.requests()
	if len(all) == 0 {
		b.t.Fatal("nothing went outside")
	}
	r := all[len(all)-1]
	var n notification
	if err := json.Unmarshal(r.Body, &n); err != nil {
		b.t.Fatalf("%v: %s", err, r.Body)
	}
	return r, n
}

func (b *bench) attributes(subscription string) map[string]string {
	b.t.Helper()
	out, err := b.r.getSubscriptionAttributes(b.ctx, &api.GetSubscriptionAttributesInput{SubscriptionArn: &subscription})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Attributes
}

func (b *bench) topicAttributes(topic *string) map[string]string {
	b.t.Helper()
	out, err := b.r.getTopicAttributes(b.ctx, &api.GetTopicAttributesInput{TopicArn: topic})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.Attributes
}

// confirmed subscribes an endpoint and confirms with the token that it got.
func (b *bench) confirmed(topic *string, protocol, endpoint string, attrs map[string]string) string {
	b.t.Helper()
	b.subscribe(topic, protocol, endpoint, attrs)
	_, n := b.last()
	out, err := b.r.confirmSubscription(b.ctx, &api.ConfirmSubscriptionInput{TopicArn: topic, Token: &n.Token})
	if err != nil {
		b.t.Fatal(err)
	}
	return *out.SubscriptionArn
}

// verify checks a message's signature as a subscriber does.
func (b *bench) verify(n notification) {
	b.t.Helper()
	line := func(k, v string) string {
		if v == "" {
			return ""
		}
		return k + "\n" + v + "\n"
	}
	signed := line("Message", n.Message) + line("MessageId", n.MessageID) + line("Subject", text(n.Subject)) + line("SubscribeURL", n.SubscribeURL) +
		line("Timestamp", n.Timestamp) + line("Token", n.Token) + line("TopicArn", n.TopicArn) + line("Type", n.Type)
	block, _ := pem.Decode(b.r.signer.cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		b.t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(n.Signature)
	if err != nil {
		b.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(signed))
	if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], sig); err != nil {
		b.t.Errorf("%s does not verify: %v", n.Type, err)
	}
}

func TestHTTPSubscription(t *testing.T) {
	b := open(t)
	topic := b.topic("t", map[string]string{"SignatureVersion": "2"})
	if arn := b.subscribe(topic, "https", hook, nil); *arn != "pending confirmation" {
		t.Errorf("Subscribe gives %s", *arn)
	}
	b.publish(topic, "too early", nil)
	r, n := b.last()
	h := r.Header
	if r.Method != "POST" || r.URL != hook || n.Type != confirmationType || h["x-amz-sns-message-type"][0] != confirmationType || h["x-amz-sns-message-id"][0] != n.MessageID ||
		h["x-amz-sns-topic-arn"][0] != *topic || h["Content-Type"][0] != defaultContentType || h["x-amz-sns-subscription-arn"] != nil {
		t.Errorf("%+v", r)
	}
	b.verify(n)
	if !strings.HasPrefix(n.SubscribeURL, "http://localhost:4566/?Action=ConfirmSubscription&TopicArn="+*topic+"&Token=") {
		t.Error(n.SubscribeURL)
	}
	if a := b.topicAttributes(topic); a["SubscriptionsPending"] != "1" || a["SubscriptionsConfirmed"] != "0" {
		t.Errorf("%v", a)
	}
	list, err := b.r.listSubscriptionsByTopic(b.ctx, &api.ListSubscriptionsByTopicInput{TopicArn: topic})
	if err != nil || *list.Subscriptions[0].SubscriptionArn != "PendingConfirmation" {
		t.Errorf("%v %v", list, err)
	}
	in := &api.ConfirmSubscriptionInput{TopicArn: topic, Token: new("nonsense")}
	if _, err := b.r.accessConfirm(b.anonymous(), in); !cloud.IsCode(err, "InvalidParameter") {
		t.Errorf("a wrong token gives %v", err)
	}
	in.Token = &n.Token
	if needs, err := b.r.accessConfirm(b.anonymous(), in); err != nil || len(needs) != 0 {
		t.Errorf("an unsigned confirmation needs %v, %v", needs, err)
	}
	out, err := b.r.confirmSubscription(b.anonymous(), in)
	if err != nil {
		t.Fatal(err)
	}
	if a := b.attributes(*out.SubscriptionArn); a["PendingConfirmation"] != "false" || a["ConfirmationWasAuthenticated"] != "false" || !strings.Contains(a["EffectiveDeliveryPolicy"], `"numRetries":3`) {
		t.Errorf("%v", a)
	}
	b.publish(topic, "hello", nil)
	r, n = b.last()
	if n.Type != notificationType || n.Message != "hello" || r.Header["x-amz-sns-subscription-arn"][0] != *out.SubscriptionArn || !strings.Contains(n.UnsubscribeURL, *out.SubscriptionArn) {
		t.Errorf("%+v", n)
	}
	b.verify(n)
	if len(b.requests()) != 2 {
		t.Errorf("%d requests", len(b.requests()))
	}
}

// Whoever has the link may unsubscribe; the endpoint gets a message whose link takes it back.
func TestUnsubscribeUnsigned(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	arn := b.confirmed(topic, "http", "http://example.com/", nil)
	in := &api.UnsubscribeInput{SubscriptionArn: &arn}
	if needs, err := b.r.accessUnsubscribe(b.anonymous(), in); err != nil || len(needs) != 0 {
		t.Fatalf("%v %v", needs, err)
	}
	if _, err := b.r.unsubscribe(b.anonymous(), in); err != nil {
		t.Fatal(err)
	}
	r, n := b.last()
	if n.Type != unsubscribeType || r.URL != "http://example.com/" || r.Header["x-amz-sns-message-type"][0] != unsubscribeType {
		t.Fatalf("%+v", r)
	}
	b.publish(topic, "nobody hears", nil)
	if again, err := b.r.confirmSubscription(b.anonymous(), &api.ConfirmSubscriptionInput{TopicArn: topic, Token: &n.Token}); err != nil || *again.SubscriptionArn != arn {
		t.Fatalf("%v %v", again, err)
	}
	b.publish(topic, "back", nil)
	if _, n = b.last(); n.Message != "back" || len(b.requests()) != 3 {
		t.Errorf("%+v", n)
	}
	locked := &api.ConfirmSubscriptionInput{TopicArn: topic, Token: &n.Token, AuthenticateOnUnsubscribe: new("true")}
	if needs, err := b.r.accessConfirm(b.anonymous(), locked); err != nil || len(needs) != 1 {
		t.Errorf("%v %v", needs, err)
	}
}

func TestAuthenticateOnUnsubscribe(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.subscribe(topic, "https", hook, nil)
	_, n := b.last()
	out, err := b.r.confirmSubscription(b.ctx, &api.ConfirmSubscriptionInput{TopicArn: topic, Token: &n.Token, AuthenticateOnUnsubscribe: new("true")})
	if err != nil {
		t.Fatal(err)
	}
	if needs, err := b.r.accessUnsubscribe(b.anonymous(), &api.UnsubscribeInput{SubscriptionArn: out.SubscriptionArn}); err != nil || len(needs) != 1 {
		t.Errorf("%v %v", needs, err)
	}
}

func TestPendingExpires(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.subscribe(topic, "https", hook, nil)
	_, first := b.last()
	b.Advance(47 * time.Hour)
	b.subscribe(topic, "https", hook, nil) // asks again
	b.Advance(2 * time.Hour)
	if a := b.topicAttributes(topic); a["SubscriptionsPending"] != "1" {
		t.Errorf("the second question did not count: %v", a)
	}
	if _, err := b.r.confirmSubscription(b.ctx, &api.ConfirmSubscriptionInput{TopicArn: topic, Token: &first.Token}); !cloud.IsCode(err, "InvalidParameter") {
		t.Errorf("an old token gives %v", err)
	}
	b.Advance(47 * time.Hour)
	if a := b.topicAttributes(topic); a["SubscriptionsPending"] != "0" {
		t.Errorf("%v", a)
	}
	if n := len(b.requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestRawHTTP(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.confirmed(topic, "https", hook, map[string]string{
		"RawMessageDelivery": "true", "DeliveryPolicy": `{"requestPolicy":{"headerContentType":"application/json"}}`, "FilterPolicy": `{"k":["v"]}`,
	})
	b.publish(topic, "filtered out", nil)
	b.publish(topic, `{"a":1}`, map[string]api.MessageAttributeValue{"k": {DataType: new("String"), StringValue: new("v")}})
	all := b.requests()
	r := all[len(all)-1]
	if len(all) != 2 || string(r.Body) != `{"a":1}` || r.Header["x-amz-sns-rawdelivered"][0] != "true" || r.Header["Content-Type"][0] != "application/json" {
		t.Errorf("%+v", r)
	}
}

// clocked answers with the statuses in order, and notes when it was asked.
type clocked struct {
	mu       sync.Mutex
	b        *bench
	statuses []int
	times    []time.Duration
	start    time.Time
}

func (c *clocked) answer(_ context.Context, r egress.Request) (egress.Response, error) {
	if strings.Contains(string(r.Body), `"Token"`) {
		return egress.Response{Status: 200}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, c.b.Clock.Now().Sub(c.start).Round(time.Second))
	status := c.statuses[min(len(c.times), len(c.statuses))-1]
	if status == 0 {
		return egress.Response{}, errors.New("connection refused")
	}
	return egress.Response{Status: status}, nil
}

func TestRetries(t *testing.T) {
	const phases = `{"healthyRetryPolicy":{"numRetries":6,"numNoDelayRetries":1,"numMinDelayRetries":1,"numMaxDelayRetries":1,"minDelayTarget":10,"maxDelayTarget":30,"backoffFunction":"%s"}}`
	cases := []struct {
		name, policy string
		statuses     []int
		times        []int // seconds
		dead         bool
	}{
		{"default", "", []int{500}, []int{0, 20, 40, 60}, true},
		{"passes", "", []int{503, 0, 200}, []int{0, 20, 40}, false},
		{"429", "", []int{429, 200}, []int{0, 20}, false},
		{"400", "", []int{400}, []int{0}, true},
		{"redirect", "", []int{302}, []int{0}, true},
		{"linear", fmt.Sprintf(phases, "linear"), []int{500}, []int{0, 0, 10, 20, 40, 70, 100}, true},
		{"arithmetic", fmt.Sprintf(phases, "arithmetic"), []int{500}, []int{0, 0, 10, 20, 37, 67, 97}, true},
		{"geometric", fmt.Sprintf(phases, "geometric"), []int{500}, []int{0, 0, 10, 20, 37, 67, 97}, true},
		{"exponential", fmt.Sprintf(phases, "exponential"), []int{500}, []int{0, 0, 10, 20, 37, 67, 97}, true},
		{"none", `{"healthyRetryPolicy":{"numRetries":0,"minDelayTarget":1,"maxDelayTarget":1}}`, []int{500}, []int{0}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			topic := b.topic("t", nil)
			attrs := map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queue + `"}`}
			if c.policy != "" {
				attrs["DeliveryPolicy"] = c.policy
			}
			played := &clocked{b: b, statuses: c.statuses}
			b.Egress.Answer = played.answer
			b.confirmed(topic, "https", hook, attrs)
			played.start = b.Clock.Now()
			b.publish(topic, "m", nil)
			b.Settle()
			b.Advance(10 * time.Minute)
			var got []int
			for _, d := range played.times {
				got = append(got, int(d/time.Second))
			}
			if !slices.Equal(got, c.times) {
				t.Errorf("attempts at %v, want %v", got, c.times)
			}
			if dead := len(b.sink.got) == 1; dead != c.dead {
				t.Errorf("dead letter: %v, want %v", dead, c.dead)
			}
		})
	}
}

func TestRefusedAddress(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	arn := b.confirmed(topic, "https", hook, map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queue + `"}`})
	b.Egress.Answer = func(context.Context, egress.Request) (egress.Response, error) {
		return egress.Response{}, &egress.Refused{Address: "169.254.169.254:80", Reason: "never"}
	}
	b.publish(topic, "m", nil)
	b.Settle()
	if len(b.requests()) != 2 || len(b.sink.got) != 1 {
		t.Errorf("%d requests, %d letters", len(b.requests()), len(b.sink.got))
	}
	if !strings.Contains(b.attributes(arn)["RedrivePolicy"], queue) {
		t.Error("no redrive policy")
	}
}

func TestThrottle(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	played := &clocked{b: b, statuses: []int{200}}
	b.Egress.Answer = played.answer
	b.confirmed(topic, "https", hook, map[string]string{"DeliveryPolicy": `{"throttlePolicy":{"maxReceivesPerSecond":1}}`})
	played.start = b.Clock.Now()
	for range 4 {
		b.publish(topic, "m", nil)
	}
	b.Settle()
	b.Advance(time.Minute)
	slices.Sort(played.times)
	if want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(played.times, want) {
		t.Errorf("delivered at %v", played.times)
	}
}

func TestTopicDeliveryPolicy(t *testing.T) {
	b := open(t)
	topic := b.topic("t", map[string]string{"DeliveryPolicy": `{"http":{"defaultHealthyRetryPolicy":{"numRetries":5,"minDelayTarget":20,"maxDelayTarget":20},"disableSubscriptionOverrides":true,"defaultThrottlePolicy":{"maxReceivesPerSecond":9}}}`})
	if p := b.topicAttributes(topic)["EffectiveDeliveryPolicy"]; !strings.Contains(p, `"numRetries":5`) || !strings.Contains(p, `"maxReceivesPerSecond":9`) || !strings.Contains(p, `"minDelayTarget":20`) {
		t.Error(p)
	}
	arn := b.confirmed(topic, "https", hook, map[string]string{"DeliveryPolicy": `{"healthyRetryPolicy":{"numRetries":7,"minDelayTarget":20,"maxDelayTarget":20}}`})
	if p := b.attributes(arn)["EffectiveDeliveryPolicy"]; !strings.Contains(p, `"numRetries":5`) || !strings.Contains(p, `"maxReceivesPerSecond":9`) {
		t.Error(p)
	}
}

// lines gives what is kept for a topic.
func (b *bench) lines(topic string) []kept {
	b.t.Helper()
	return logged[kept](b, keptGroup(cloud.CallFrom(b.ctx).Scope, topic).Name)
}

// logged gives the lines of a log group when nothing is under way.
func logged[T any](b *bench, group string) (out []T) {
	b.t.Helper()
	b.Settle()
	if err := b.Telemetry.Flush(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	events, err := b.Telemetry.Logs(b.ctx, telemetry.LogQuery{Group: telemetry.LogGroup{Scope: cloud.CallFrom(b.ctx).Scope, Name: group}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range events {
		var line T
		if err := json.Unmarshal([]byte(e.Message), &line); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, line)
	}
	return out
}

// What would be sent by mail or as a text is kept in a log group.
func TestKept(t *testing.T) {
	b := open(t)
	topic := b.topic("t", nil)
	b.subscribe(topic, "email", "me@example.com", nil)
	phone := b.subscribe(topic, "sms", "+4915112345678", nil)
	if !strings.Contains(b.attributes(*phone)["SundogDelivery"], "not sent") {
		t.Errorf("%v", b.attributes(*phone))
	}
	got := b.lines("t")
	if len(got) != 1 || got[0].To != "me@example.com" || got[0].Status != noMail || got[0].Token == "" || !strings.Contains(got[0].Link, got[0].Token) {
		t.Fatalf("%+v", got)
	}
	if _, err := b.r.confirmSubscription(b.ctx, &api.ConfirmSubscriptionInput{TopicArn: topic, Token: &got[0].Token}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.r.publish(b.ctx, &api.PublishInput{TopicArn: topic, Message: new("news"), Subject: new("s")}); err != nil {
		t.Fatal(err)
	}
	got = b.lines("t")
	slices.SortFunc(got[1:], func(a, b kept) int { return strings.Compare(a.Protocol, b.Protocol) })
	if len(got) != 3 || got[1].Body != "news" || got[1].Subject != "s" || got[1].Link == "" || got[2].Status != noCarrier || got[2].To != "+4915112345678" || got[2].Body != "news" {
		t.Fatalf("%+v", got)
	}
	out, err := b.r.publish(b.ctx, &api.PublishInput{PhoneNumber: new("+4915112345678"), Message: new("direct")})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.lines(directTopic); len(got) != 1 || got[0].Body != "direct" || got[0].MessageID != *out.MessageId {
		t.Errorf("%+v", got)
	}
	if len(b.Egress.Requests()) != 0 {
		t.Error("something went outside")
	}
}
