package app

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sundog/api/sns"
	"sundog/engine/egress"
	"sundog/engine/telemetry"
)

type snsMessage struct{ Type, Message, SubscribeURL, UnsubscribeURL string }

// hook is a web server that hands on what SNS sends to it.
func hook(t *testing.T) (url string, got chan snsMessage) {
	got = make(chan snsMessage, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m snsMessage
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil || m.Type != r.Header.Get("X-Amz-Sns-Message-Type") {
			t.Errorf("%v: %s", err, body)
		}
		got <- m
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func next(t *testing.T, got chan snsMessage) snsMessage {
	t.Helper()
	select {
	case m := <-got:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
	return snsMessage{}
}

// visit follows a link of a message, unsigned, as a person does.
func visit(t *testing.T, link string) string {
	t.Helper()
	resp, err := http.Get(link) //nolint:gosec,noctx // the platform's own link
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s gives %s %s %v", link, resp.Status, body, err)
	}
	return string(body)
}

func TestHTTPSubscription(t *testing.T) {
	p := open(t, Options{Durability: Memory, AllowPrivate: true, Enforce: true})
	c := dial(t, p, "secret")
	url, got := hook(t)
	var topic sns.CreateTopicOutput
	if err := c.Call(t.Context(), sns.CreateTopicOp, &sns.CreateTopicInput{Name: new("news")}, &topic); err != nil {
		t.Fatal(err)
	}
	var sub sns.SubscribeOutput
	if err := c.Call(t.Context(), sns.SubscribeOp, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: new("http"), Endpoint: &url}, &sub); err != nil {
		t.Fatal(err)
	}
	m := next(t, got)
	if answer := visit(t, m.SubscribeURL); m.Type != "SubscriptionConfirmation" || !strings.Contains(answer, *topic.TopicArn+":") {
		t.Fatalf("%+v %s", m, answer)
	}
	publish := func(text string) {
		t.Helper()
		if err := c.Call(t.Context(), sns.PublishOp, &sns.PublishInput{TopicArn: topic.TopicArn, Message: &text}, &sns.PublishOutput{}); err != nil {
			t.Fatal(err)
		}
	}
	publish("hello")
	if m = next(t, got); m.Type != "Notification" || m.Message != "hello" {
		t.Fatalf("%+v", m)
	}
	visit(t, m.UnsubscribeURL)
	if m = next(t, got); m.Type != "UnsubscribeConfirmation" {
		t.Fatalf("%+v", m)
	}
	publish("nobody")
	visit(t, m.SubscribeURL)
	publish("back")
	if m = next(t, got); m.Message != "back" {
		t.Fatalf("%+v", m)
	}
}

// Without leave, nothing goes to loopback, and nothing ever to the platform itself.
func TestEgressPolicy(t *testing.T) {
	url, got := hook(t)
	for name, o := range map[string]Options{"serve": {Durability: Memory}, "itself": {Durability: Memory, AllowPrivate: true}} {
		p := open(t, o)
		c := dial(t, p, "secret")
		if name == "itself" {
			url = p.Endpoint
		}
		var topic sns.CreateTopicOutput
		if err := c.Call(t.Context(), sns.CreateTopicOp, &sns.CreateTopicInput{Name: new("news")}, &topic); err != nil {
			t.Fatal(err)
		}
		in := &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: new("http"), Endpoint: &url}
		if err := c.Call(t.Context(), sns.SubscribeOp, in, &sns.SubscribeOutput{}); err != nil {
			t.Fatal(err)
		}
		refusedSpan(t, p)
	}
	if len(got) != 0 {
		t.Error("the message went out")
	}
}

// refusedSpan waits for the span of a delivery that the address policy did not let out.
func refusedSpan(t *testing.T, p *Platform) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := p.Telemetry.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		roots, err := p.Telemetry.Traces(t.Context(), telemetry.SpanQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range roots {
			spans, err := p.Telemetry.Trace(t.Context(), r.Trace)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range spans {
				if s.Kind == "delivery" && strings.HasPrefix(s.Fault, "AddressRefused: ") {
					return
				}
			}
		}
	}
	t.Error("no delivery was refused")
}

// Names of clouds and the platform's own address lead to its data planes, and to nothing else of it.
func TestInward(t *testing.T) {
	p := open(t, Options{Durability: Memory, AllowPrivate: true, Dev: true})
	for url, served := range map[string]bool{
		"https://abcdefghij.execute-api.us-east-1.amazonaws.com/hook": true,
		"https://abcdefghij.lambda-url.us-east-1.on.aws/":             true,
		p.Endpoint + "/SimpleNotificationService-none.pem":            true,
		"https://sqs.us-east-1.amazonaws.com/":                        false,
		"https://bucket.s3.amazonaws.com/key":                         false,
		p.Endpoint + "/_sundog/status":                                false,
		p.Endpoint + "/?Action=ListTopics":                            false,
		strings.Replace(p.Endpoint, "127.0.0.1", "127.0.0.2", 1):      false,
		strings.Replace(p.Endpoint, "127.0.0.1", "localhost", 1):      false,
	} {
		r, err := p.inward.Do(t.Context(), egress.Request{Method: "POST", URL: url, Body: []byte("{}")})
		var refused *egress.Refused
		if served && (err != nil || r.Status < 400) || !served && !errors.As(err, &refused) {
			t.Errorf("%s: %+v %v", url, r, err)
		}
	}
}
