package app

import (
	"context"

	"sundog/cloud"
	"sundog/edge/admin"
	"sundog/services/sqs"
)

// QueueMessage is one message of a queue, for commands.
type QueueMessage = admin.QueueMessage

// peek shows a queue's messages without changing them.
func (p *Platform) peek(ctx context.Context, sc cloud.Scope, queue string, limit int) ([]admin.QueueMessage, error) {
	if sc.Account == "" {
		sc.Account = p.o.Account
	}
	if sc.Region == "" {
		sc.Region = p.o.Region
	}
	list, err := sqs.Peek(ctx, p.store, p.Clock.Now(), cloud.NewARN("sqs", sc, queue), limit)
	if err != nil {
		return nil, err
	}
	out := make([]admin.QueueMessage, len(list))
	for i, m := range list {
		out[i] = admin.QueueMessage{ID: m.ID, Body: m.Body, State: m.State, Sent: m.Sent, Visible: m.Visible, Receives: m.Receives, Group: m.Group}
		for name, a := range m.Attributes {
			if out[i].Attributes == nil {
				out[i].Attributes = map[string]string{}
			}
			if out[i].Attributes[name] = a.Value; a.Binary != nil {
				out[i].Attributes[name] = "(binary)"
			}
		}
	}
	return out, nil
}
