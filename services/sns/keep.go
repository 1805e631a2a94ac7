package sns

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/internal/pattern"
)

// Mail and text messages: the platform has no mail server and no carrier. What would be sent is kept in a log group, and says so.

var (
	emailAddress = pattern.New(`^[^@\s,;<>]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	phoneNumber  = pattern.New(`^\+?[0-9]+(?:[./-][0-9]+)*$`)
	fullNumber   = pattern.New(`^\+[1-9][0-9]{1,14}$`) // E.164
)

// kept is one line of the log group.
type kept struct {
	Status    string                   `json:"status"`
	Protocol  string                   `json:"protocol"`
	To        string                   `json:"to"`
	Type      string                   `json:"type"`
	MessageID string                   `json:"messageId"`
	Subject   string                   `json:"subject,omitempty"`
	Body      string                   `json:"body"`
	Link      string                   `json:"link,omitempty"` // confirms or unsubscribes
	Token     string                   `json:"token,omitempty"`
	Options   map[string]bus.Attribute `json:"options,omitempty"` // AWS.SNS.SMS.*
}

const (
	noMail    = "kept, not sent: this platform has no mail server"
	noCarrier = "kept, not sent: this platform has no carrier for text messages"
)

func notSent(protocol string) string {
	if protocol == "sms" {
		return noCarrier
	}
	return noMail
}

// directTopic stands for a topic in the names of log groups, for messages to phone numbers.
const directTopic = "DirectPublishToPhoneNumber"

// keptGroup is the log group of what a topic's endpoints would have got.
func keptGroup(sc cloud.Scope, topic string) telemetry.LogGroup {
	return telemetry.LogGroup{Scope: sc, Name: "/aws/sns/" + sc.Region + "/" + sc.Account + "/" + topic}
}

// keep writes a delivery for a mailbox or telephone into the log group, once by its id.
func (r *snsRoom) keep(ctx context.Context, n name, s *compiled, d bus.Delivery) error {
	var seen []byte
	err := r.d.Store.View(ctx, func(rd store.Reader) (err error) {
		seen, err = rd.Get(n.once("given").Rows.Clone().Str(d.ID))
		return err
	})
	if err != nil || seen != nil {
		return err
	}
	var m notification
	if err := json.Unmarshal(d.Payload, &m); err != nil {
		return err
	}
	k := kept{
		Status: notSent(s.Protocol), Protocol: s.Protocol, To: s.Endpoint, Type: m.Type, MessageID: m.MessageID, Subject: text(m.Subject), Body: m.Message,
		Link: m.SubscribeURL + m.UnsubscribeURL, Token: m.Token,
	}
	switch {
	case s.Protocol == "email-json":
		k.Body = string(d.Payload)
	case s.Protocol == "sms":
		defaults, err := r.smsAttributes(ctx, n.Scope)
		if err != nil {
			return err
		}
		k.Subject, k.Link, k.Options = "", "", textOptions(hidden(m.Attributes), defaults)
	case k.Subject == "" && m.Type == notificationType:
		k.Subject = "AWS Notification Message"
	case k.Subject == "":
		k.Subject = "AWS Notification - Subscription Confirmation"
	}
	if err := r.write(ctx, keptGroup(n.Scope, n.Topic), k); err != nil {
		return err
	}
	now := r.d.Clock.Now().UnixMilli()
	return r.d.Store.Update(ctx, func(tx store.Tx) error {
		_, err := n.once("given").Accept(tx, d, now)
		return err
	})
}

// write appends to the stream of an address.
func (r *snsRoom) write(ctx context.Context, g telemetry.LogGroup, k kept) error {
	line, err := encode(k)
	if err != nil {
		return err
	}
	now := r.d.Clock.Now()
	stream := k.Protocol + "/" + strings.NewReplacer(":", "_", "*", "_").Replace(k.To)
	return r.d.Telemetry.LogDurable(ctx, g, stream, telemetry.LogEvent{Time: now, Ingested: now, Message: string(line)})
}

const maxText = 1600 // characters of a text message (API reference, Publish)

// publishText takes a message to a phone number.
func (r *snsRoom) publishText(ctx context.Context, in *api.PublishInput) (*api.PublishOutput, error) {
	if in.TopicArn != nil || in.TargetArn != nil {
		return nil, errInvalid("PhoneNumber Reason: only one of TopicArn, TargetArn and PhoneNumber may be given")
	}
	if !fullNumber.MatchString(*in.PhoneNumber) {
		return nil, errInvalid("PhoneNumber Reason: %s is not valid to publish to", *in.PhoneNumber)
	}
	m, err := r.read(in.Message, in.Subject, in.MessageStructure, in.MessageAttributes)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(m.bodyFor("sms")) > maxText {
		return nil, errInvalid("Message too long")
	}
	sc := cloud.CallFrom(ctx).Scope
	defaults, err := r.smsAttributes(ctx, sc)
	if err != nil {
		return nil, err
	}
	k := kept{
		Status: noCarrier, Protocol: "sms", To: *in.PhoneNumber, Type: notificationType, MessageID: m.id, Body: m.bodyFor("sms"), Options: textOptions(m.attrs, defaults),
	}
	if err := r.write(ctx, keptGroup(sc, directTopic), k); err != nil {
		return nil, err
	}
	return &api.PublishOutput{MessageId: &m.id}, nil
}
