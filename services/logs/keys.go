package logs

import (
	"context"
	"strings"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/engine/telemetry"
	"sundog/services/room"
)

// name is a log group's full name.
type name struct {
	cloud.Scope
	Group string
}

// arn gives the group's ARN as logGroupArn has it; what is called "arn" ends in ":*" besides.
func (n name) arn() cloud.ARN { return cloud.NewARN(service, n.Scope, "log-group:"+n.Group) }

// stream gives the ARN of a stream. That of the stream "" stands for the group in permissions, as the service has it.
func (n name) stream(s string) cloud.ARN {
	return cloud.NewARN(service, n.Scope, "log-group:"+n.Group+":log-stream:"+s)
}

func (n name) group() telemetry.LogGroup {
	return telemetry.LogGroup{Scope: n.Scope, Name: n.Group}
}

func shardOf(sc cloud.Scope) store.Shard { return store.ShardOf(service, sc.Account, sc.Region) }

func scopeKey(sc cloud.Scope, table string) store.Key {
	return store.K(shardOf(sc), service, table).Str(sc.Account).Str(sc.Region)
}

func (n name) key() store.Key { return scopeKey(n.Scope, "group").Str(n.Group) }

func (n name) streams() store.Key { return scopeKey(n.Scope, "stream").Str(n.Group) }

func made(sc cloud.Scope) room.Once {
	return room.Once{Rows: scopeKey(sc, "made"), Due: scopeKey(sc, "madedue")}
}

// groupOf reads the two ways of naming a group: logGroupName, and logGroupIdentifier (a name or an ARN). One of them must be given.
func groupOf(ctx context.Context, group, identifier *string) (name, error) {
	switch {
	case group != nil && identifier != nil:
		return name{}, errParameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
	case group != nil:
		return name{cloud.CallFrom(ctx).Scope, *group}, nil
	case identifier == nil:
		return name{}, errParameter("Exactly one of logGroupName or logGroupIdentifier must be specified.")
	case !strings.HasPrefix(*identifier, "arn:"):
		return name{cloud.CallFrom(ctx).Scope, *identifier}, nil
	}
	return byARN(ctx, *identifier)
}

// byARN reads a group's ARN, with or without ":*" at its end.
func byARN(ctx context.Context, s string) (name, error) {
	a, err := cloud.ParseARN(s)
	if err != nil || a.Service != service {
		return name{}, errParameter("The specified ARN is not a valid log group ARN: %s", s)
	}
	group, ok := strings.CutPrefix(a.Resource, "log-group:")
	group = strings.TrimSuffix(group, ":*")
	if !ok || group == "" || strings.Contains(group, ":") {
		return name{}, errParameter("The specified ARN is not a valid log group ARN: %s", s)
	}
	if region := cloud.CallFrom(ctx).Scope.Region; region != "" && a.Region != region {
		return name{}, errParameter("The specified ARN is of another region: %s", s)
	}
	return name{a.Scope(), group}, nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func number(p *int32, def int) int {
	if p == nil {
		return def
	}
	return int(*p)
}
