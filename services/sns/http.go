package sns

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/egress"
)

// Deliveries to endpoints outside of the platform go to the subscription's own ARN, which this room serves: so that they have the bus's
// retries, dead letters and spans.

// outside tells whether a protocol's endpoints are outside of the platform.
func outside(protocol string) bool { return needsConfirmation(protocol) || protocol == "sms" }

func overHTTP(protocol string) bool { return protocol == "http" || protocol == "https" }

// checkOutside checks protocol and endpoint of a subscription to the outside.
func checkOutside(protocol, endpoint string) error {
	switch protocol {
	case "http", "https":
		u, err := url.Parse(endpoint)
		if err != nil || u.Hostname() == "" || len(endpoint) > 2048 {
			return errInvalid("Endpoint must be a valid URL")
		}
		if u.Scheme != protocol {
			return errInvalid("Endpoint must match the specified protocol")
		}
	case "email", "email-json":
		if !emailAddress.MatchString(endpoint) || len(endpoint) > 320 {
			return errInvalid("Email address")
		}
	case "sms":
		if !phoneNumber.MatchString(endpoint) {
			return errInvalid("Invalid SMS endpoint: %s", endpoint)
		}
	case "application", "firehose": // subscribe refuses them
	default:
		return errInvalid("Amazon SNS does not support this protocol string: %s", protocol)
	}
	return nil
}

// sendOutside makes what is delivered fit for the outside: what the room's own Target needs to know, and the endpoint's pace.
func (r *snsRoom) sendOutside(d *bus.Delivery, s *compiled, m *message) {
	d.Parameters = map[string]string{"Type": notificationType, "MessageId": m.id}
	if s.raw() {
		d.Parameters["Raw"] = "true"
	}
	now := r.d.Clock.Now()
	if at := r.paced(d.Target, s, now); at.After(now) {
		d.NotBefore = at
	}
}

// paced gives the moment from which a subscription may get its next delivery.
func (r *snsRoom) paced(a cloud.ARN, s *compiled, from time.Time) time.Time {
	if s.policy.Throttle == nil || s.policy.Throttle.PerSecond == nil {
		return from
	}
	return r.pace.slot(a, from, *s.policy.Throttle.PerSecond)
}

// deliverOutside hands a delivery to a subscription's endpoint.
func (r *snsRoom) deliverOutside(ctx context.Context, d bus.Delivery) (bus.Outcome, error) {
	topic, id, _ := strings.Cut(d.Target.Resource, ":")
	n := name{d.Target.Scope(), topic}
	if d.As.Kind != cloud.Service || d.As.Service != "sns.amazonaws.com" || d.Source != n.arn() {
		return bus.Outcome{Kind: bus.Permanent, Code: "InvalidParameter", Reason: "A subscription is no target; its topic is."}, nil
	}
	s, err := r.recipient(ctx, n, id, d)
	if err != nil || s == nil {
		return bus.Outcome{}, err
	}
	if !overHTTP(s.Protocol) {
		return bus.Outcome{}, r.keep(ctx, n, s, d)
	}
	o := r.post(ctx, n, s, d)
	if o.Kind != bus.Again {
		return o, nil
	}
	if err := ctx.Err(); err != nil { // the platform closes: no failure of the endpoint's
		return bus.Outcome{}, err
	}
	if d.Attempt >= *s.policy.Retry.Retries {
		o.Kind = bus.Permanent
		return o, nil
	}
	now := r.d.Clock.Now()
	o.After = max(r.paced(d.Target, s, now.Add(s.policy.Retry.delay(d.Attempt))).Sub(now), time.Nanosecond) // 0 would be the bus's own
	return o, nil
}

// recipient finds the subscription that a delivery is for; nil when there is nothing to deliver any more: it was removed, or confirmed
// before it could be asked.
func (r *snsRoom) recipient(ctx context.Context, n name, id string, d bus.Delivery) (*compiled, error) {
	if d.Parameters["Type"] == notificationType {
		t, err := r.compile(ctx, n)
		if cloud.IsCode(err, "NotFound") {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return t.outside[id], nil
	}
	s, err := r.subscription(ctx, n, id)
	if err != nil {
		return nil, err
	}
	if d.Parameters["Type"] == unsubscribeType {
		s = &subscription{ID: id, Protocol: d.Parameters["Protocol"], Endpoint: d.Parameters["Endpoint"]}
	}
	if s == nil || d.Parameters["Type"] == confirmationType && !s.Pending {
		return nil, nil
	}
	rec, err := r.record(ctx, n)
	if cloud.IsCode(err, "NotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &compiled{subscription: *s}
	c.policy, err = rec.effective(s)
	return c, err
}

// post sends one message (Developer Guide, "Amazon SNS message and JSON formats", "HTTP/HTTPS headers").
func (r *snsRoom) post(ctx context.Context, n name, s *compiled, d bus.Delivery) bus.Outcome {
	raw := d.Parameters["Raw"] == "true"
	h := map[string][]string{
		"x-amz-sns-message-type": {d.Parameters["Type"]}, "x-amz-sns-message-id": {d.Parameters["MessageId"]}, "x-amz-sns-topic-arn": {n.arn().String()},
		"Content-Type": {*s.policy.Request.ContentType}, "User-Agent": {"Amazon Simple Notification Service Agent"}, "Accept-Encoding": {"gzip,deflate"},
	}
	if d.Parameters["Type"] != confirmationType {
		h["x-amz-sns-subscription-arn"] = []string{n.subscriptionARN(s.ID)}
	}
	if raw {
		h["x-amz-sns-rawdelivered"] = []string{"true"}
	}
	if !d.Trace.IsZero() {
		h["X-Amzn-Trace-Id"] = []string{d.Trace.String()}
	}
	resp, err := r.d.Egress.Do(ctx, egress.Request{Method: "POST", URL: s.Endpoint, Header: h, Body: d.Payload, MaxBody: 4096})
	return outcomeOf(resp, err)
}

// outcomeOf judges an answer: 2xx is delivered; 5xx, 429 and no answer are tried again; all else is the endpoint's last word (Developer
// Guide, "Amazon SNS message delivery retries").
func outcomeOf(resp egress.Response, err error) bus.Outcome {
	var refused *egress.Refused
	var invalid *egress.Invalid
	switch {
	case errors.As(err, &refused):
		return bus.Outcome{Kind: bus.Permanent, Code: "AddressRefused", Reason: err.Error()}
	case errors.As(err, &invalid):
		return bus.Outcome{Kind: bus.Permanent, Code: "InvalidEndpoint", Reason: err.Error()}
	case err != nil:
		return bus.Outcome{Kind: bus.Again, Code: "EndpointUnreachable", Reason: err.Error()}
	case resp.Status/100 == 2:
		return bus.Outcome{Code: fmt.Sprint(resp.Status)}
	}
	o := bus.Outcome{Kind: bus.Permanent, Code: fmt.Sprint(resp.Status), Reason: fmt.Sprintf("The endpoint answered with the status %d.", resp.Status)}
	if resp.Status >= 500 || resp.Status == 429 {
		o.Kind = bus.Again
	}
	return o
}
