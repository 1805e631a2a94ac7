package sns

import (
	"context"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/services/room"
)

// name is a topic's full name.
type name struct {
	cloud.Scope
	Topic string
}

func (n name) arn() cloud.ARN { return cloud.NewARN("sns", n.Scope, n.Topic) }

func (n name) shard() store.Shard { return store.ShardOf("sns", n.Account, n.Region, n.Topic) }

func (n name) key(table string) store.Key {
	return store.K(n.shard(), "sns", table).Str(n.Account).Str(n.Region).Str(n.Topic)
}

func (n name) subKey(id string) store.Key { return n.key("sub").Str(id) }

func (n name) once(table string) room.Once {
	return room.Once{Rows: n.key(table), Due: n.key(table + "due")}
}

func listKey(sc cloud.Scope, table string) store.Key {
	return store.K(store.ShardOf("sns", sc.Account, sc.Region), "sns", table).Str(sc.Account).Str(sc.Region)
}

// parseARN reads an ARN parameter of the caller's region.
func parseARN(ctx context.Context, s *string, parameter string) (cloud.ARN, error) {
	if s == nil {
		return cloud.ARN{}, errInvalid("%s Reason: no value for required parameter", parameter)
	}
	if n := strings.Count(*s, ":") + 1; n < 6 {
		return cloud.ARN{}, errInvalid("%s Reason: An ARN must have at least 6 elements, not %d", parameter, n)
	}
	a, err := cloud.ParseARN(*s)
	if err != nil || a.Service != service {
		return a, errInvalid("%s", parameter)
	}
	c := cloud.CallFrom(ctx) // an unsigned link may lead to any region
	if region := c.Scope.Region; region != "" && a.Region != region && c.Principal.Kind != cloud.Anonymous {
		return a, errInvalid("%s", parameter)
	}
	return a, nil
}

func topicOf(ctx context.Context, s *string) (name, error) {
	a, err := parseARN(ctx, s, "TopicArn")
	return name{a.Scope(), a.Resource}, err
}

// subscriptionOf reads a subscription's ARN: that of its topic, and an id.
func subscriptionOf(ctx context.Context, s *string) (n name, id string, err error) {
	a, err := parseARN(ctx, s, "SubscriptionArn")
	if err != nil {
		return n, "", err
	}
	topic, id, ok := strings.Cut(a.Resource, ":")
	if !ok {
		return n, "", errInvalid("SubscriptionId")
	}
	return name{a.Scope(), topic}, id, nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
