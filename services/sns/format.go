package sns

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"sundog/cloud"
	"sundog/engine/bus"
)

// attribute is a message attribute in a notification.
type attribute struct {
	Type  string `json:"Type"`
	Value string `json:"Value"`
}

// notification is the JSON that a queue gets, in the order in which the service writes it.
type notification struct {
	Type             string               `json:"Type"`
	MessageID        string               `json:"MessageId"`
	SequenceNumber   string               `json:"SequenceNumber,omitempty"`
	Token            string               `json:"Token,omitempty"` // of confirmations, as SubscribeURL
	TopicArn         string               `json:"TopicArn"`
	Subject          *string              `json:"Subject,omitempty"`
	Message          string               `json:"Message"`
	SubscribeURL     string               `json:"SubscribeURL,omitempty"`
	Timestamp        string               `json:"Timestamp"`
	SignatureVersion string               `json:"SignatureVersion,omitempty"`
	Signature        string               `json:"Signature,omitempty"`
	SigningCertURL   string               `json:"SigningCertURL,omitempty"`
	UnsubscribeURL   string               `json:"UnsubscribeURL,omitempty"`
	Attributes       map[string]attribute `json:"MessageAttributes,omitempty"`
}

// lambdaEvent is what a function gets (Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications").
type lambdaEvent struct {
	Records []lambdaRecord `json:"Records"`
}

type lambdaRecord struct {
	EventSource          string    `json:"EventSource"`
	EventVersion         string    `json:"EventVersion"`
	EventSubscriptionArn string    `json:"EventSubscriptionArn"`
	Sns                  lambdaSNS `json:"Sns"`
}

type lambdaSNS struct {
	Type              string               `json:"Type"`
	MessageID         string               `json:"MessageId"`
	TopicArn          string               `json:"TopicArn"`
	Subject           *string              `json:"Subject"`
	Message           string               `json:"Message"`
	Timestamp         string               `json:"Timestamp"`
	SignatureVersion  string               `json:"SignatureVersion"`
	Signature         string               `json:"Signature"`
	SigningCertURL    string               `json:"SigningCertUrl"`
	UnsubscribeURL    string               `json:"UnsubscribeUrl"`
	MessageAttributes map[string]attribute `json:"MessageAttributes"`
}

// deliveries makes one delivery for each subscription whose filter lets the message, which is a new one, pass.
func (r *snsRoom) deliveries(ctx context.Context, c cloud.Call, t *topic, m *message) ([]bus.Delivery, error) {
	var out []bus.Delivery
	m.signatures = signatures{}
	for i := range t.subs {
		s := &t.subs[i]
		if s.replaying() || !s.passes(m) {
			continue
		}
		d, err := r.delivery(ctx, c, t, s, m)
		if err != nil {
			return nil, err
		}
		d.Fresh = true
		out = append(out, d)
	}
	return out, nil
}

// delivery makes the delivery of a message for one subscription.
func (r *snsRoom) delivery(ctx context.Context, c cloud.Call, t *topic, s *compiled, m *message) (d bus.Delivery, err error) {
	d = bus.Delivery{
		ID: m.id + "/" + s.ID, Scope: t.name.Scope, Source: t.name.arn(), Target: s.target, DeadLetter: s.dead, Trace: c.Trace,
		As: cloud.ServicePrincipal("sns.amazonaws.com", t.name.arn()), Retry: bus.Retry{Max: -1},
	}
	if t.record.fifo() {
		d.OrderKey = m.group
		if strings.HasSuffix(s.target.Resource, ".fifo") {
			d.Parameters = map[string]string{"MessageGroupId": m.group, "MessageDeduplicationId": m.dedup}
		}
	} else if m.group != "" && s.Protocol == "sqs" {
		d.Parameters = map[string]string{"MessageGroupId": m.group}
	}
	if c.TraceHeader != "" && s.Protocol == "sqs" {
		d.Parameters = with(d.Parameters, "AWSTraceHeader", c.TraceHeader)
	}
	if s.raw() {
		d.Payload, d.Attributes = []byte(m.bodyFor(s.Protocol)), m.attrs
	} else if d.Payload, d.Letter, err = r.payload(ctx, t, s, m); err != nil {
		return d, err
	}
	if outside(s.Protocol) {
		r.sendOutside(&d, s, m)
	}
	if s.status != (feedback{}) {
		s.status.ask(&d, s, m)
	}
	return d, nil
}

func with(m map[string]string, k, v string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[k] = v
	return m
}

// payload writes the notification for one subscription, and what its dead letter holds where that is another text: the bare notification of
// a function.
func (r *snsRoom) payload(ctx context.Context, t *topic, s *compiled, m *message) (payload, letter []byte, err error) {
	n := notification{
		Type: "Notification", MessageID: m.id, SequenceNumber: m.sequence, TopicArn: t.name.arn().String(), Subject: m.subject, Message: m.bodyFor(s.Protocol),
		Timestamp: stamp(m.time), Attributes: shown(m.attrs),
		UnsubscribeURL: s.Host + "/?Action=Unsubscribe&SubscriptionArn=" + t.name.subscriptionARN(s.ID),
	}
	if !t.record.fifo() { // whose messages the service does not sign
		host := s.Host
		if s.Protocol == "lambda" { // a name of the cloud's, the only one that verifiers take: it leads to this platform there
			host = "https://sns." + t.name.arn().Region + ".amazonaws.com"
		}
		if err := r.signer.sign(ctx, &n, host, t.record.Attributes["SignatureVersion"], m.signatures); err != nil {
			return nil, nil, err
		}
	}
	if s.Protocol != "lambda" {
		payload, err = encode(n)
		return payload, nil, err
	}
	if !s.dead.IsZero() {
		if letter, err = encode(n); err != nil {
			return nil, nil, err
		}
	}
	rec := lambdaRecord{EventSource: "aws:sns", EventVersion: "1.0", EventSubscriptionArn: t.name.subscriptionARN(s.ID), Sns: lambdaSNS{
		Type: n.Type, MessageID: n.MessageID, TopicArn: n.TopicArn, Subject: n.Subject, Message: n.Message, Timestamp: n.Timestamp,
		SignatureVersion: n.SignatureVersion, Signature: n.Signature, SigningCertURL: n.SigningCertURL, UnsubscribeURL: n.UnsubscribeURL, MessageAttributes: n.Attributes,
	}}
	if rec.Sns.MessageAttributes == nil {
		rec.Sns.MessageAttributes = map[string]attribute{}
	}
	payload, err = encode(lambdaEvent{Records: []lambdaRecord{rec}})
	return payload, letter, err
}

// encode writes JSON without the escapes for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func shown(attrs map[string]bus.Attribute) map[string]attribute {
	if len(attrs) == 0 {
		return nil
	}
	out := make(map[string]attribute, len(attrs))
	for n, a := range attrs {
		v := a.Value
		if strings.HasPrefix(a.Type, "Binary") {
			v = base64.StdEncoding.EncodeToString(a.Binary)
		}
		out[n] = attribute{a.Type, v}
	}
	return out
}

// hidden is the opposite of shown, but for binary values.
func hidden(attrs map[string]attribute) map[string]bus.Attribute {
	out := make(map[string]bus.Attribute, len(attrs))
	for n, a := range attrs {
		out[n] = bus.Attribute{Type: a.Type, Value: a.Value}
	}
	return out
}

// passes evaluates the filter policy, on the attributes or on the body. A body that is no JSON object does not pass a filter on it.
func (s *compiled) passes(m *message) bool {
	if s.filter == nil {
		return true
	}
	if s.Attributes["FilterPolicyScope"] == "MessageBody" {
		ok, err := s.filter.MatchJSON([]byte(m.bodyFor(s.Protocol)))
		return err == nil && ok
	}
	event := map[string]any{}
	for n, a := range m.attrs {
		kind, _, _ := strings.Cut(a.Type, ".")
		switch {
		case a.Type == "String.Array":
			var list any
			if json.Unmarshal([]byte(a.Value), &list) == nil {
				event[n] = list
			}
		case kind == "Number":
			event[n] = json.Number(a.Value)
		case kind == "String":
			event[n] = a.Value
		}
	}
	return s.filter.Match(event)
}
