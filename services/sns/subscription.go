package sns

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

// subscription is a subscription's row.
type subscription struct {
	ID         string            `json:"id"`
	Protocol   string            `json:"protocol"` // lambda, sqs, http, https, email, email-json, sms
	Endpoint   string            `json:"endpoint"` // ARN, URL, address or number
	Owner      string            `json:"owner"`
	Principal  string            `json:"principal"`            // ARN of who subscribed
	Attributes map[string]string `json:"attributes,omitempty"` // as set
	Host       string            `json:"host,omitempty"`       // the platform's endpoint as the subscriber used it, for links in messages
	Pending    bool              `json:"pending,omitempty"`    // the endpoint has not confirmed
	Asked      int64             `json:"asked,omitempty"`      // when it was last asked to, unix ms
	Unsigned   bool              `json:"unsigned,omitempty"`   // it was confirmed by an unsigned request
	Locked     bool              `json:"locked,omitempty"`     // unsigned requests do not unsubscribe it
	Replay     *replay           `json:"replay,omitempty"`
}

func (n name) subscriptionARN(id string) string { return n.arn().String() + ":" + id }

// shownARN is the ARN in answers: none before the subscription is confirmed.
func (s *subscription) shownARN(n name) string {
	if s.Pending {
		return "PendingConfirmation"
	}
	return n.subscriptionARN(s.ID)
}

func (s *subscription) raw() bool { return s.Attributes["RawMessageDelivery"] == "true" }

var accountNumber = pattern.New(`^\d{12}$`)

// checkEndpoint checks protocol and endpoint.
func checkEndpoint(protocol, endpoint string) error {
	a, err := cloud.ParseARN(endpoint)
	switch protocol {
	case "sqs":
		if err != nil || a.Service != "sqs" || !accountNumber.MatchString(a.Account) {
			return errInvalid("SQS endpoint ARN")
		}
	case "lambda":
		if err != nil || a.Service != "lambda" {
			return errInvalid("Lambda endpoint ARN")
		}
	default:
		return checkOutside(protocol, endpoint)
	}
	return nil
}

func (r *snsRoom) subscribe(ctx context.Context, in *api.SubscribeInput) (*api.SubscribeOutput, error) {
	n, err := topicOf(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	c := cloud.CallFrom(ctx)
	s := subscription{ID: r.d.IDs.UUID(), Protocol: text(in.Protocol), Endpoint: text(in.Endpoint), Owner: c.Principal.Account, Principal: subscriber(c.Principal), Attributes: map[string]string{}, Host: c.Endpoint}
	rec, err := r.record(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := checkEndpoint(s.Protocol, s.Endpoint); err != nil {
		return nil, err
	}
	if s.Protocol == "sqs" && !rec.fifo() && isFIFO(s.Endpoint) {
		return nil, errInvalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	}
	if err := s.setAll(rec.fifo(), in.Attributes); err != nil {
		return nil, err
	}
	var q *question
	switch {
	case s.Protocol == "application" || s.Protocol == "firehose":
		return nil, cloud.NotImplementedf("Subscriptions with the protocol %q are not served by this platform.", s.Protocol)
	case rec.fifo() && s.Protocol != "sqs":
		return nil, errInvalid("Invalid protocol type: %s", s.Protocol)
	case needsConfirmation(s.Protocol):
		if q, err = r.ask(ctx, n, rec, &s, confirmationType); err != nil {
			return nil, err
		}
	}
	if s, err = r.join(ctx, n, s, q); err != nil {
		return nil, prefixed(inAttributes, err)
	}
	out := &api.SubscribeOutput{SubscriptionArn: new(n.subscriptionARN(s.ID))}
	if s.Pending && (in.ReturnSubscriptionArn == nil || !*in.ReturnSubscriptionArn) {
		out.SubscriptionArn = new("pending confirmation")
	}
	return out, nil
}

// setAll applies the attributes of Subscribe.
func (s *subscription) setAll(fifo bool, attrs map[string]string) error {
	for _, a := range slices.Sorted(maps.Keys(attrs)) {
		if !slices.Contains(subscriptionAttributes, a) {
			return errInvalid(inAttributes+"Unknown attribute %s", a)
		}
		if err := s.checkAttribute(fifo, a, attrs[a]); err != nil {
			return prefixed(inAttributes, err)
		}
	}
	if attrs["FilterPolicyScope"] != "" { // before the policy, which would take it away if it were empty
		s.set("FilterPolicyScope", attrs["FilterPolicyScope"])
	}
	for a, v := range attrs {
		s.set(a, v)
	}
	_, err := s.filter()
	return prefixed(inAttributes, err)
}

// join writes a subscription, or gives the one that the topic has of the same endpoint. q asks the endpoint, also again; nil: nobody is asked.
func (r *snsRoom) join(ctx context.Context, n name, s subscription, q *question) (made subscription, err error) {
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		have, err := subscriptions(tx, n)
		if err != nil {
			return err
		}
		made = s
		made.Pending = q != nil
		for _, o := range have {
			if o.Protocol != s.Protocol || o.Endpoint != s.Endpoint {
				continue
			}
			if !o.has(s.Attributes) {
				return errInvalid("Subscription already exists with different attributes")
			}
			if made = o; !o.Pending {
				return nil
			}
		}
		if q != nil {
			made.Asked = q.asked.UnixMilli()
			if err := r.sendQuestion(ctx, tx, n, &made, q, nil); err != nil {
				return err
			}
		}
		return r.writeSubscription(tx, n, made)
	})
	return made, err
}

// has tells whether a subscription has these attributes, set or by default.
func (s *subscription) has(attrs map[string]string) bool {
	defaults := map[string]string{"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"}
	for a, v := range attrs {
		if v != cmp.Or(s.Attributes[a], defaults[a]) {
			return false
		}
	}
	return true
}

// subscriber is the ARN of an identity: for a session that of its role.
func subscriber(p cloud.Principal) string {
	if p.Kind == cloud.AssumedRole {
		return p.Role.String()
	}
	return p.ARN
}

func (r *snsRoom) writeSubscription(tx store.Tx, n name, s subscription) error {
	if err := r.settleReplay(tx, n, &s); err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := tx.Put(listKey(n.Scope, "sublist").Str(n.Topic).Str(s.ID), nil); err != nil {
		return err
	}
	tx.AfterCommit(func(store.Stamp) { r.forget(n) })
	return tx.Put(n.subKey(s.ID), b)
}

// subscriptions reads a topic's subscriptions.
func subscriptions(rd store.Reader, n name) (out []subscription, err error) {
	it := rd.Scan(store.Prefix(n.key("sub")))
	defer func() { _ = it.Close() }()
	for it.Next() {
		var s subscription
		if err := json.Unmarshal(it.Value(), &s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, it.Err()
}

func (r *snsRoom) subscriptions(ctx context.Context, n name) (out []subscription, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		out, err = subscriptions(rd, n)
		return err
	})
	return out, err
}

func readSubscription(rd store.Reader, n name, id string) (*subscription, error) {
	b, err := rd.Get(n.subKey(id))
	if err != nil || b == nil {
		return nil, err
	}
	s := &subscription{}
	return s, json.Unmarshal(b, s)
}

// subscription reads one; nil when there is none.
func (r *snsRoom) subscription(ctx context.Context, n name, id string) (s *subscription, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		s, err = readSubscription(rd, n, id)
		return err
	})
	return s, err
}

func (r *snsRoom) unsubscribe(ctx context.Context, in *api.UnsubscribeInput) (*api.UnsubscribeOutput, error) {
	n, id, err := subscriptionOf(ctx, in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	q, gone, err := r.askBack(ctx, n, id)
	if err != nil {
		return nil, err
	}
	return &api.UnsubscribeOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		if q != nil {
			if err := r.sendQuestion(ctx, tx, n, gone, q, gone); err != nil {
				return err
			}
		}
		return r.removeSubscription(tx, n, id)
	})
}

func (r *snsRoom) setSubscriptionAttributes(ctx context.Context, in *api.SetSubscriptionAttributesInput) (*api.SetSubscriptionAttributesOutput, error) {
	n, id, err := subscriptionOf(ctx, in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	return &api.SetSubscriptionAttributesOutput{}, r.d.Store.Update(ctx, func(tx store.Tx) error {
		s, err := readSubscription(tx, n, id)
		if err != nil {
			return err
		}
		if s == nil {
			return errNoSubscription()
		}
		rec, err := readRecord(tx, n)
		if err != nil {
			return err
		}
		if rec == nil {
			return errNoTopic()
		}
		if err := s.checkAttribute(rec.fifo(), text(in.AttributeName), text(in.AttributeValue)); err != nil {
			return err
		}
		s.set(text(in.AttributeName), text(in.AttributeValue))
		if _, err := s.filter(); err != nil {
			return err
		}
		return r.writeSubscription(tx, n, *s)
	})
}

func (r *snsRoom) getSubscriptionAttributes(ctx context.Context, in *api.GetSubscriptionAttributesInput) (*api.GetSubscriptionAttributesOutput, error) {
	n, id, err := subscriptionOf(ctx, in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	s, err := r.subscription(ctx, n, id)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errNoSubscription()
	}
	out := map[string]string{
		"SubscriptionArn": n.subscriptionARN(id), "TopicArn": n.arn().String(), "Owner": s.Owner, "Protocol": s.Protocol, "Endpoint": s.Endpoint,
		"PendingConfirmation": "false", "ConfirmationWasAuthenticated": "true", "RawMessageDelivery": "false",
		"SubscriptionPrincipal": s.Principal,
	}
	if s.Replay != nil {
		out["ReplayStatus"] = s.Replay.Status
	}
	if s.Attributes["FilterPolicy"] != "" {
		out["FilterPolicyScope"] = "MessageAttributes"
	}
	if err := r.showOutside(ctx, n, s, out); err != nil {
		return nil, err
	}
	maps.Copy(out, s.Attributes)
	if s.Attributes["FilterPolicy"] == "" {
		delete(out, "FilterPolicyScope") // shown only with the policy that it is about
	}
	return &api.GetSubscriptionAttributesOutput{Attributes: out}, nil
}
