package sns

import (
	"context"
	"encoding/base64"

	api "sundog/api/sns"
	"sundog/cloud"
	"sundog/engine/store"
)

const pageSize = 100 // of all three lists (API reference)

// page walks over the rows under a prefix after a token, and gives the token for the rest.
func (r *snsRoom) page(ctx context.Context, prefix store.Key, token *string, fn func(rd store.Reader, rest []byte) error) (next *string, err error) {
	o := store.Prefix(prefix)
	if text(token) != "" {
		after, err := base64.URLEncoding.DecodeString(*token)
		if err != nil {
			return nil, errInvalid("NextToken")
		}
		o.Lo = append(prefix.Clone().Raw(after), 0)
	}
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		next = nil
		it := rd.Scan(o)
		defer func() { _ = it.Close() }()
		var last []byte
		for n := 0; it.Next(); n++ {
			if n == pageSize {
				next = new(base64.URLEncoding.EncodeToString(last))
				return nil
			}
			last = append(last[:0], it.Key()[len(prefix):]...)
			if err := fn(rd, last); err != nil {
				return err
			}
		}
		return it.Err()
	})
	return next, err
}

func (r *snsRoom) listTopics(ctx context.Context, in *api.ListTopicsInput) (*api.ListTopicsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	out := &api.ListTopicsOutput{Topics: []api.Topic{}}
	var err error
	out.NextToken, err = r.page(ctx, listKey(sc, "list"), in.NextToken, func(_ store.Reader, rest []byte) error {
		topic, _, err := store.CutStr(rest)
		out.Topics = append(out.Topics, api.Topic{TopicArn: new(name{sc, topic}.arn().String())})
		return err
	})
	return out, err
}

func (r *snsRoom) listSubscriptions(ctx context.Context, in *api.ListSubscriptionsInput) (*api.ListSubscriptionsOutput, error) {
	sc := cloud.CallFrom(ctx).Scope
	out := &api.ListSubscriptionsOutput{Subscriptions: []api.Subscription{}}
	var err error
	out.NextToken, err = r.page(ctx, listKey(sc, "sublist"), in.NextToken, func(rd store.Reader, rest []byte) error {
		topic, rest, err := store.CutStr(rest)
		if err != nil {
			return err
		}
		id, _, err := store.CutStr(rest)
		if err != nil {
			return err
		}
		return appendSubscription(rd, name{sc, topic}, id, &out.Subscriptions)
	})
	return out, err
}

func (r *snsRoom) listSubscriptionsByTopic(ctx context.Context, in *api.ListSubscriptionsByTopicInput) (*api.ListSubscriptionsByTopicOutput, error) {
	n, err := topicOf(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	if _, err := r.record(ctx, n); err != nil {
		return nil, err
	}
	out := &api.ListSubscriptionsByTopicOutput{Subscriptions: []api.Subscription{}}
	out.NextToken, err = r.page(ctx, n.key("sub"), in.NextToken, func(rd store.Reader, rest []byte) error {
		id, _, err := store.CutStr(rest)
		if err != nil {
			return err
		}
		return appendSubscription(rd, n, id, &out.Subscriptions)
	})
	return out, err
}

func appendSubscription(rd store.Reader, n name, id string, out *[]api.Subscription) error {
	s, err := readSubscription(rd, n, id)
	if err != nil || s == nil {
		return err
	}
	*out = append(*out, api.Subscription{
		SubscriptionArn: new(s.shownARN(n)), TopicArn: new(n.arn().String()), Owner: &s.Owner, Protocol: &s.Protocol, Endpoint: &s.Endpoint,
	})
	return nil
}
